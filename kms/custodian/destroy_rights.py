"""Who may order the end of keys at one custodian, and of how many a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kms.crypto import labels
from kms.crypto.hashing import H, equal
from kms.crypto.signing import thumbprint
from kms.custodian.context import NodeContext
from kms.custodian.owners import Standing, standings
from kms.custodian.resharing import check_described
from kms.custodian.retaining import category_of, check_due
from kms.custodian.tombstones import held_keys
from kms.custodian.vouching import key_is_killed, vouch
from kms.errors import Denied, Exhausted, NotFound, Stale
from kms.policy.attributes import (
    OWNER,
    Credential,
    ReleaseAttributes,
    controllers,
    is_clinical,
    principal_class,
)
from kms.statements.destroyed import scheduled_words
from kms.statements.destruction import DAY, DEFAULT_WAIT, MAX_ORDER_AGE, Order, is_current
from kms.statements.envelope import Envelope
from kms.statements.ids import KeyId, Thumbprint
from kms.statements.keys import Descriptor, parse_descriptor

ADMINS: Final = "admins"
"""The group of control that an admins' order comes from."""
MESSENGERS: Final = frozenset({"operator", "service"})
"""Classes of those who may bring orders by age."""
_ALL: Final = H(labels.PRINCIPAL, b"destroy")
_BY_AGE: Final = H(labels.PRINCIPAL, b"destroy by age")


@dataclass(frozen=True, slots=True)
class Submission:
    """A statement as it came, with what came beside it: credentials, descriptors, others' words, the order."""

    statement: Envelope
    credentials: tuple[str, ...] = ()
    descriptors: tuple[bytes, ...] = ()
    words: tuple[Envelope, ...] = ()
    order: Envelope | None = None


def describe(node: NodeContext, order: Order, given: Sequence[bytes]) -> list[Descriptor]:
    """The order's keys in its order: as they are here, or as the caller describes those that are not."""
    here = node.store.keys(order.key_ids)
    described: dict[KeyId, Descriptor] = {}
    for position, payload in enumerate(given):
        parsed = parse_descriptor(payload, f"descriptors[{position}]")
        described[parsed.key_id] = parsed
    keys = []
    for key_id in order.key_ids:
        descriptor = here[key_id].descriptor if key_id in here else described.get(key_id)
        if descriptor is None:
            # A tombstone without C_0 would not keep the same secret from coming back under another name.
            raise NotFound("a key of the order is not here, and nobody described it", reason="KEYS_MISSING")
        if key_id not in here:
            check_described(node, descriptor)
        keys.append(descriptor)
    return keys


def check_right(
    node: NodeContext, order: Order, keys: Sequence[Descriptor], submission: Submission, now: int
) -> list[bytes]:
    """Denied unless this is for the signer to order now. Names of the people who order, for counting."""
    if now > order.created_at + MAX_ORDER_AGE:
        raise Stale("an order from more than 90 days ago: sign a new one", reason="ORDER_TOO_OLD")
    # One of t custodians is honest, and has checked what can be checked no more: credentials live for minutes.
    vouched = len(scheduled_words(submission.words, node.keyring, order)) >= node.keyring.threshold
    if order.by_rule:
        if not vouched:
            check_messenger(node, order.signer, submission.credentials, now)
        check_due(node, order, keys, submission.words, now)
        return []
    if order.signer is None:
        if not (vouched or is_current(order, node.keyring)):
            raise Stale("an order under another manifest: sign it anew", reason="STALE_MANIFEST")
        _ask_policy(node, keys, "operator", frozenset({ADMINS}), False, now)
        return []
    sides = sides_of(node, keys, now)
    # Whom the owner revoked here, or who was killed here, orders nothing here, whatever others say.
    if not all(side.acts(order.signer) for side in sides.values()) or key_is_killed(node, order.signer):
        raise Denied("only an owner orders the end of their keys", reason="NOT_OWNER")
    if vouched:
        return []
    credentials = vouch(node, submission.credentials, order.signer, now)
    groups = controllers(credentials) | {OWNER}
    _ask_policy(node, keys, principal_class(credentials), groups, True, now)
    return _people(credentials)


def check_messenger(
    node: NodeContext, signer: Thumbprint | None, credentials: Sequence[str], now: int
) -> bool:
    """Whether it is an admin's key; Denied unless it is that, or an issuer calls its holder an operator or a service.

    Messengers bring orders by age and see what is due. It must be known who does, so that strangers learn from no
    refusal how old a key is and of what kind; a right to end anything they have not.
    """
    if signer is None or key_is_killed(node, signer):
        raise Denied("this key was ended", reason="NOT_A_MESSENGER")
    if any(equal(thumbprint(admin), signer) for admin in node.keyring.manifest.admins):
        return True
    if principal_class(vouch(node, credentials, signer, now)) not in MESSENGERS:
        raise Denied("admins, operators and services see to what is due", reason="NOT_A_MESSENGER")
    return False


def _people(credentials: Sequence[Credential]) -> list[bytes]:
    return [H(labels.PRINCIPAL, b"destroy subject", f"{c.iss}|{c.subject}".encode()) for c in credentials]


def sides_of(node: NodeContext, keys: Sequence[Descriptor], now: int) -> Mapping[Thumbprint, Standing]:
    return standings(node, {d.core.owner_thumbprint for d in keys}, now)


def _ask_policy(
    node: NodeContext,
    keys: Sequence[Descriptor],
    klass: str,
    groups: frozenset[str],
    owned: bool,
    now: int,
) -> None:
    """Denied unless policy lets an owner destroy each of the keys, or if one of its rules forbids it the admins."""
    here = node.store.keys([d.key_id for d in keys])
    categories = {""} if len(here) < len(keys) else set()
    for key in here.values():
        categories.add(category_of(node, key))
    for category in sorted(categories):
        outcome = node.policy.decide_destroy(
            ReleaseAttributes(
                principal_class=klass,
                controllers=groups,
                is_owner=owned,
                granted=False,
                approvals=0,
                category=category,
                clinical=is_clinical(category),
                purpose="unspecified",
                batch_count=len(keys),
                released_last_hour_principal=0,
                released_last_hour_owner=0,
                released_last_day_principal=0,
            )
        )
        # Rules permit on evidence, of which admins show none: their quorum is it. What is forbidden is so for all.
        if outcome.verdict != "allow" and (owned or outcome.reason != "NO_RULE_ALLOWS"):
            raise Denied(
                f"policy does not let this party destroy keys ({outcome.reason})", reason=outcome.reason
            )


def check_holds(node: NodeContext, keys: Sequence[Descriptor], now: int) -> None:
    held = held_keys(node, keys, now)
    if held:
        raise Denied(
            f"a legal hold lies on {len(held)} of the keys: they are kept until it ends",
            reason="LEGAL_HOLD",
            details={"keys": ",".join(sorted(key_id.hex() for key_id in held)[:16])},
        )


def check_room(
    node: NodeContext, order: Order, keys: Sequence[Descriptor], persons: Sequence[bytes], now: int
) -> None:
    """Exhausted beyond a day's keys: whoever stole a key or a quorum gets no further in a day."""
    limits, counted = node.destroying, node.counters
    if counted.total(_ALL, now, DAY) + len(keys) > limits.keys_a_day:
        raise Exhausted(
            f"this custodian takes orders for {limits.keys_a_day} keys a day: try again tomorrow",
            reason="DESTROY_LIMIT",
        )
    # A day on which much is due must leave room for owners who want theirs gone.
    if order.by_rule and counted.total(_BY_AGE, now, DAY) + len(keys) > limits.keys_a_day // 2:
        raise Exhausted(
            f"this custodian takes orders by age for {limits.keys_a_day // 2} keys a day: try again tomorrow",
            reason="DESTROY_LIMIT",
        )
    by_owner = Counter(_owner_name(d.core.owner_thumbprint) for d in keys)
    for name, n in (*by_owner.items(), *((person, len(keys)) for person in persons)):
        if counted.total(name, now, DAY) + n > limits.keys_a_day_of_owner:
            raise Exhausted(
                f"orders for {limits.keys_a_day_of_owner} keys of one owner a day are taken: try again tomorrow",
                reason="DESTROY_LIMIT",
            )


def count(
    node: NodeContext, order: Order, keys: Sequence[Descriptor], persons: Sequence[bytes], now: int
) -> None:
    """Remember that these keys were ordered; inside the caller's transaction, so that a restart forgets none."""
    node.counters.add(_ALL, now, len(keys))
    if order.by_rule:
        node.counters.add(_BY_AGE, now, len(keys))
    for name, n in Counter(_owner_name(d.core.owner_thumbprint) for d in keys).items():
        node.counters.add(name, now, n)
    for person in persons:
        node.counters.add(person, now, len(keys))


def _owner_name(owner: Thumbprint) -> bytes:
    return H(labels.PRINCIPAL, b"destroy owner", owner)


def wait_of(node: NodeContext, order: Order) -> int:
    """Seconds from when an order came here: as it says, and no less than manifest and this custodian say."""
    manifest = node.keyring.manifest.destruction_delay or DEFAULT_WAIT
    return max(order.waiting, manifest, node.destroying.floor)
