"""A custodian's node as one object: every step that it can be asked for, and its start-up checks.

No gRPC and no SQL: a test runs five of these and a lying coordinator in one process. Steps run one at a time
(the service keeps them on one thread), so no step sees another half done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kms.crypto.hashing import equal
from kms.crypto.signing import SigningKey
from kms.custodian import approvals, decisions, deposits, releases
from kms.custodian.check import damaged_keys
from kms.custodian.context import Approver, NodeContext, Recent
from kms.custodian.decisions import Decided
from kms.custodian.ledger import Ledger
from kms.custodian.sealing_keys import DEFAULT_PERIOD, SealingKeys
from kms.custodian.store import WAITING, CustodianStore
from kms.custodian.vault import Vault
from kms.errors import ConfigError, StoreError, Unavailable
from kms.policy.counters import Counters
from kms.policy.credentials import CredentialCache, issuer_keys
from kms.policy.engine import PolicyEngine
from kms.policy.lint import refuse_unsafe
from kms.statements.audit import LogEntry, LogKind
from kms.statements.codec import decode
from kms.statements.envelope import Envelope, Signed
from kms.statements.ids import KeyId, RequestHash
from kms.statements.manifest import Keyring, SealingKey, advance

LOG_CHECKED_AT_START = 1000
"""Entries. `check` follows the whole chain."""
SKEW = 300
MAX_ABSENCE = 30 * 86400
"""Seconds after the last log entry within which a clock is believed at the start."""
SHARES_CHECKED_AT_START = 200
"""Keys, drawn at random and held against their commitments. `check` does all."""


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """What an operator may set: seconds of a sealing period, own `forbid` rules, keys per dealer and hour.

    Also denials an hour to callers without a valid credential (to all, to one key), and whether to believe a clock
    that is far ahead of the log.
    """

    sealing_period: int = DEFAULT_PERIOD
    extra_forbids: str = ""
    deposit_quota_per_hour: int = 1_000_000
    denials_per_hour: int = 1000
    denials_per_key_per_hour: int = 60
    accept_clock: bool = False


class CustodianNode:
    """One custodian. Statements come in as envelopes and go out as envelope bytes."""

    def __init__(
        self,
        keyring: Keyring,
        identity: SigningKey,
        store: CustodianStore,
        vault: Vault,
        approvers: Sequence[Approver],
        now: Callable[[], int],
        options: NodeOptions | None = None,
    ) -> None:
        options = options or NodeOptions()
        manifest = keyring.manifest
        keyring_id, index = store.identity()
        if not equal(keyring_id, keyring.keyring_id):
            raise StoreError("the store is of another keyring", reason="STORE_FOREIGN")
        me = keyring.custodian(index)
        if not equal(me.identity_key, identity.public):
            raise ConfigError(f"the identity key is not that of custodian {index} in the manifest")
        refuse_unsafe(manifest)
        ledger = Ledger(store, vault)
        _check_clock(store, now(), options.accept_clock)
        with store.transaction():
            store.set_seen(advance(store.seen(), keyring))
        ledger.check(LOG_CHECKED_AT_START)
        _check_shares(store, vault, index)
        # A node that was killed between erasing a sealing key and this left the seed in the journal.
        store.empty_journal()
        self.context = NodeContext(
            keyring=keyring,
            me=me,
            identity=identity,
            store=store,
            vault=vault,
            ledger=ledger,
            sealing=SealingKeys(keyring, index, identity, store, vault, ledger, options.sealing_period),
            policy=PolicyEngine(manifest.policy, manifest.policy_schema, options.extra_forbids),
            counters=Counters(store),
            issuers=tuple(issuer_keys(issuer) for issuer in manifest.issuers),
            credential_cache=CredentialCache(),
            approvers={approver.thumbprint: approver for approver in approvers},
            now=now,
            recent=Recent(),
            deposit_quota_per_hour=options.deposit_quota_per_hour,
            denials_per_hour=options.denials_per_hour,
            denials_per_key_per_hour=options.denials_per_key_per_hour,
        )
        with store.transaction():
            ledger.append(LogKind.STARTED, now(), keyring.manifest_hash)
        self.sealing_key()

    def sealing_key(self) -> Signed[SealingKey]:
        """The key to seal to now; rotates and erases as time goes on."""
        return self.context.sealing.rotate(self.context.now())

    def deposit(self, envelope: Envelope, sealed: bytes, sealed_evidence: bytes) -> bytes:
        """A receipt's envelope."""
        self._check_manifest()
        return deposits.take_deposit(self.context, envelope, sealed, sealed_evidence)

    def decide(self, envelope: Envelope, sealed_evidence: bytes) -> Decided:
        """A decision's envelope, and whether humans may still change it."""
        self._check_manifest()
        return decisions.decide(self.context, envelope, sealed_evidence)

    def release(self, request: RequestHash, certificate: bytes) -> tuple[bytes, bytes]:
        """(envelope of the ShareRelease, sealed shares)."""
        self._check_manifest()
        return releases.release_shares(self.context, request, certificate)

    def cancel(self, envelope: Envelope) -> RequestHash:
        return releases.cancel_request(self.context, envelope)

    def revoke(self, envelope: Envelope) -> int:
        """This custodian's index, for the owner to tick off."""
        releases.revoke_grant(self.context, envelope)
        return self.context.me.index

    def descriptors(self, key_ids: Sequence[KeyId]) -> list[bytes]:
        """Exact bytes of those descriptors that are here: a coordinator that loses its directory destroys nothing."""
        return [key.payload for key in self.context.store.keys(key_ids).values()]

    def waiting(self) -> list[approvals.Waiting]:
        return approvals.list_waiting(self.context)

    def show(self, request: RequestHash) -> approvals.Waiting:
        return approvals.show_waiting(self.context, request)

    def answer(self, envelope: Envelope) -> tuple[RequestHash, Decided]:
        return approvals.answer(self.context, envelope)

    def latest(self, request: RequestHash) -> Decided | None:
        """The latest decision on a request."""
        stored = self.context.store.request(request)
        return Decided(stored.decision, stored.state == WAITING) if stored else None

    def tick(self) -> list[RequestHash]:
        """What time alone brings: new sealing keys, old ones erased, unanswered requests denied."""
        self.sealing_key()
        return decisions.expire(self.context)

    def close(self) -> None:
        self.context.store.close()

    def _check_manifest(self) -> None:
        if self.context.now() >= self.context.keyring.manifest.expires_at:
            raise Unavailable("the manifest has expired: admins must renew it", reason="MANIFEST_EXPIRED")


def _check_clock(store: CustodianStore, now: int, accept: bool) -> None:
    size, _ = store.log_head()
    if size == 0:
        return
    last = decode(LogEntry, store.log_entries(size - 1, 1)[0][0], "log")
    if now < last.at - SKEW:
        raise StoreError(
            f"the clock says {now}, but the log's last entry is of {last.at}: set the clock",
            reason="CLOCK_BEHIND",
        )
    # A clock in the far future would erase every sealing key, and log what no later entry could follow.
    if now > last.at + MAX_ABSENCE and not accept:
        raise StoreError(
            f"the clock says {now}, but the log's last entry is of {last.at}: set the clock, or start with "
            "--accept-clock if the node really was away so long",
            reason="CLOCK_AHEAD",
        )


def _check_shares(store: CustodianStore, vault: Vault, index: int) -> None:
    damaged = damaged_keys(store.sample_keys(SHARES_CHECKED_AT_START), vault, index)
    if damaged:
        raise StoreError(
            f"{len(damaged)} of the shares that were looked at are damaged, the first that of key {damaged[0]}: "
            "let `kms custodian check` find all",
            reason="STORE_DAMAGED",
        )
