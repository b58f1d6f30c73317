"""What admins write down before a ceremony, and the manifest or order that is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from kms.ceremony.golden import refuse_failing
from kms.errors import ConfigError
from kms.policy.engine import default_policy, default_schema
from kms.statements import quorums
from kms.statements.budgets import Budget, BudgetExcess, BudgetScope, BudgetWindow
from kms.statements.ceremony import ReshareOrder
from kms.statements.chain import Chain
from kms.statements.enrolment import Enrolment
from kms.statements.manifest import (
    Custodian,
    HolderClass,
    Issuer,
    IssuerKey,
    IssuerKeyType,
    Manifest,
    golden_hash,
)
from kms.statements.pool import PoolOrder
from kms.storage.config import read

E = TypeVar("E", HolderClass, IssuerKeyType, BudgetScope, BudgetWindow, BudgetExcess)
DAY: Final = 86400
KEY_DELAY: Final = DAY
MAX_KEY_AGE: Final = DAY
REHEARSAL: Final = "REHEARSAL"
"""How the name of a keyring begins that holds throwaway keys."""


@dataclass(frozen=True, slots=True)
class IssuerKeyDraft:
    """`type` is ed25519 (32-byte key), p256 (65 bytes) or rsa (DER)."""

    kid: str
    type: str
    public_key: bytes


@dataclass(frozen=True, slots=True)
class IssuerDraft:
    """An issuer; `classes` are device, professional, service, operator.

    `trust_anchors` and `authorities` are PEM files beside the draft; see `kms.statements.manifest.Issuer`.
    """

    iss: str
    controlled_by: str
    classes: tuple[str, ...]
    keys: tuple[IssuerKeyDraft, ...] = ()
    trust_anchors: tuple[Path, ...] = ()
    audience: str = ""
    nonce_bound: bool = False
    key_delay_seconds: int | None = None
    max_key_age_seconds: int | None = None
    authorities: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class BudgetDraft:
    """`scope` is principal, organisation, owner or keyring; `window` hour, day or month; `on_excess` hold or deny."""

    scope: str
    window: str
    limit: int
    on_excess: str


@dataclass(frozen=True, slots=True)
class Draft:
    """Keys of a draft's TOML file. What a draft of a next manifest leaves out stays as it was.

    `admins` are 32-byte public keys; `policy` is a file beside the draft (the default policy if a genesis names
    none), `golden` the table of decisions that it must pass; `remove` are organisations; `emergency` marks an eviction.
    """

    name: str | None = None
    threshold: int | None = None
    durable_quorum: int | None = None
    admins: tuple[bytes, ...] | None = None
    admin_quorum: int | None = None
    issuers: tuple[IssuerDraft, ...] | None = None
    policy: Path | None = None
    golden: Path | None = None
    budgets: tuple[BudgetDraft, ...] | None = None
    change_delay_days: int | None = None
    recovery_delay_days: int | None = None
    destruction_delay_days: int | None = None
    valid_days: int = 365
    remove: tuple[str, ...] = ()
    emergency: bool = False

    def __post_init__(self) -> None:
        if (self.name or "").upper().startswith(REHEARSAL):
            raise ConfigError(f"name: {REHEARSAL!r} is how `kms ceremony rehearse` marks its own")
        delays = (self.change_delay_days, self.recovery_delay_days, self.destruction_delay_days)
        if self.valid_days <= 0 or min(delay or 0 for delay in delays) < 0:
            raise ConfigError(
                "valid_days must be positive, change_delay_days, recovery_delay_days and destruction_delay_days not"
                " negative"
            )

    def policy_text(self) -> str | None:
        """The named policy; None if none is named."""
        if self.policy is None:
            return None
        try:
            return self.policy.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"policy: cannot read {self.policy}: {error}") from None

    def golden_hash(self) -> bytes:
        """Of the named table of golden decisions; empty if none is named."""
        return golden_hash(read(self.golden)) if self.golden else b""


def genesis(draft: Draft, enrolments: Sequence[Enrolment], now: int) -> Manifest:
    """The first manifest: custodians get indices 1, 2, ... in the order of their enrolments."""
    for name in ("name", "threshold", "admins", "admin_quorum", "issuers"):
        if getattr(draft, name) is None:
            raise ConfigError(f"{name} is missing: a first manifest has nothing to take it from")
    if draft.remove or draft.emergency:
        raise ConfigError("remove and emergency are for a next manifest: name its chain with --chain")
    threshold = draft.threshold or 0
    manifest = Manifest(
        name=draft.name or "",
        sequence=0,
        previous_hash=b"",
        keyring_id=b"",
        threshold=threshold,
        durable_quorum=draft.durable_quorum or _durable(threshold),
        custodians=tuple(enrolment.as_custodian(i) for i, enrolment in enumerate(enrolments, 1)),
        admins=draft.admins or (),
        admin_quorum=draft.admin_quorum or 0,
        issuers=_issuers(draft.issuers or ()),
        policy=draft.policy_text() or default_policy(),
        policy_schema=default_schema(),
        created_at=now,
        expires_at=now + draft.valid_days * DAY,
        change_delay=(draft.change_delay_days or 0) * DAY,
        recovery_delay=(draft.recovery_delay_days or 0) * DAY,
        destruction_delay=(draft.destruction_delay_days or 0) * DAY,
        golden_hash=draft.golden_hash(),
        budgets=_budgets(draft.budgets or ()),
    )
    _refuse_untested(draft, manifest)
    return manifest


def successor(draft: Draft, chain: Chain, enrolments: Sequence[Enrolment], now: int) -> Manifest:
    """The manifest after the chain's last: that one, with the draft's changes and the enrolled organisations.

    An organisation that is in it already and enrols anew keeps its index; a new one gets the next free index.
    """
    before = chain.last.manifest
    custodians = _committee(draft, chain, enrolments)
    if draft.emergency:
        return _eviction(draft, chain, custodians, now)
    threshold = before.threshold if draft.threshold is None else draft.threshold
    kept = min(before.durable_quorum, len(custodians))
    quorum = kept if threshold == before.threshold else _durable(threshold)
    policy = draft.policy_text()
    delay, recovery = draft.change_delay_days, draft.recovery_delay_days
    destruction = draft.destruction_delay_days
    manifest = replace(
        before,
        name=draft.name or before.name,
        sequence=before.sequence + 1,
        previous_hash=chain.last.manifest_hash,
        keyring_id=chain.keyring_id,
        threshold=threshold,
        durable_quorum=draft.durable_quorum or quorum,
        custodians=custodians,
        admins=before.admins if draft.admins is None else draft.admins,
        admin_quorum=draft.admin_quorum or before.admin_quorum,
        issuers=before.issuers if draft.issuers is None else _issuers(draft.issuers),
        policy=policy or before.policy,
        policy_schema=default_schema(),
        created_at=now,
        expires_at=now + draft.valid_days * DAY,
        change_delay=before.change_delay if delay is None else delay * DAY,
        emergency=False,
        recovery_delay=before.recovery_delay if recovery is None else recovery * DAY,
        destruction_delay=before.destruction_delay if destruction is None else destruction * DAY,
        golden_hash=before.golden_hash if draft.golden is None else draft.golden_hash(),
        budgets=before.budgets if draft.budgets is None else _budgets(draft.budgets),
    )
    _refuse_untested(draft, manifest, before)
    return manifest


def pool_order(chain: Chain, count: int, reason: str, now: int) -> PoolOrder:
    """An order to the committee in force to make `count` keys that nobody knows."""
    current = chain.current(now)
    return PoolOrder(chain.keyring_id, current.manifest_hash, count, reason, now)


def order(chain: Chain, sequence: int, reason: str, now: int) -> ReshareOrder:
    """An order to deal every key anew to the committee of the manifest in force."""
    current = chain.current(now)
    return ReshareOrder(chain.keyring_id, current.manifest_hash, sequence, reason, now)


def _durable(threshold: int) -> int:
    return max(quorums.durable(threshold), threshold + 1)


def _committee(draft: Draft, chain: Chain, enrolments: Sequence[Enrolment]) -> tuple[Custodian, ...]:
    committee = {c.organisation: c for c in chain.last.manifest.custodians}
    for organisation in draft.remove:
        if committee.pop(organisation, None) is None:
            raise ConfigError(f"remove: the manifest before has no custodian {organisation!r}")
    # Also of those who left: an index means one organisation for the life of the keyring.
    indices = {c.organisation: c.index for link in chain.links for c in link.manifest.custodians}
    for enrolment in enrolments:
        index = indices.setdefault(enrolment.organisation, max(indices.values()) + 1)
        committee[enrolment.organisation] = enrolment.as_custodian(index)
    return tuple(sorted(committee.values(), key=lambda custodian: custodian.index))


def _eviction(draft: Draft, chain: Chain, custodians: tuple[Custodian, ...], now: int) -> Manifest:
    allowed = {"remove", "emergency"}
    unchanged = Draft()
    for field in fields(draft):
        if field.name not in allowed and getattr(draft, field.name) != getattr(unchanged, field.name):
            raise ConfigError(f"{field.name}: an emergency takes custodians out and changes nothing else")
    before = chain.last.manifest
    return replace(
        before,
        sequence=before.sequence + 1,
        previous_hash=chain.last.manifest_hash,
        keyring_id=chain.keyring_id,
        custodians=custodians,
        durable_quorum=min(before.durable_quorum, len(custodians)),
        created_at=now,
        emergency=True,
    )


def _issuers(drafts: Sequence[IssuerDraft]) -> tuple[Issuer, ...]:
    return tuple(
        Issuer(
            draft.iss,
            draft.controlled_by,
            tuple(_member(HolderClass, name, f"issuers[{n}].classes") for name in draft.classes),
            tuple(
                IssuerKey(k.kid, _member(IssuerKeyType, k.type, f"issuers[{n}].keys.type"), k.public_key)
                for k in draft.keys
            ),
            _certificates(draft.trust_anchors),
            draft.audience,
            draft.nonce_bound,
            _seconds(draft, draft.key_delay_seconds, KEY_DELAY),
            _seconds(draft, draft.max_key_age_seconds, MAX_KEY_AGE),
            _certificates(draft.authorities),
        )
        for n, draft in enumerate(drafts)
    )


def _refuse_untested(draft: Draft, manifest: Manifest, before: Manifest | None = None) -> None:
    # A changed policy wants its table named anew, so that who proposes it has run it.
    if draft.golden is not None:
        refuse_failing(manifest, read(draft.golden), draft.golden)
    elif before is not None and manifest.golden_hash and manifest.policy != before.policy:
        raise ConfigError(
            "golden is missing: the policy changes, so name the table of decisions that it passes"
        )


def _budgets(drafts: Sequence[BudgetDraft]) -> tuple[Budget, ...]:
    return tuple(
        Budget(
            _member(BudgetScope, draft.scope, f"budgets[{n}].scope"),
            _member(BudgetWindow, draft.window, f"budgets[{n}].window"),
            draft.limit,
            _member(BudgetExcess, draft.on_excess, f"budgets[{n}].on_excess"),
        )
        for n, draft in enumerate(drafts)
    )


def _seconds(draft: IssuerDraft, given: int | None, usual: int) -> int:
    return given if given is not None else usual if draft.trust_anchors else 0


def _certificates(files: Sequence[Path]) -> tuple[bytes, ...]:
    found: list[bytes] = []
    for file in files:
        try:
            certificates = x509.load_pem_x509_certificates(file.read_bytes())
        except OSError as error:
            raise ConfigError(f"cannot read {file}: {error.strerror}") from None
        except ValueError:
            raise ConfigError(f"{file} holds no certificates in PEM") from None
        found += [certificate.public_bytes(Encoding.DER) for certificate in certificates]
    return tuple(found)


def _member(kind: type[E], name: str, at: str) -> E:
    try:
        return kind[name.upper()]
    except KeyError:
        known = ", ".join(member.lower() for member in kind.__members__)
        raise ConfigError(f"{at}: {name!r} is none of {known}") from None
