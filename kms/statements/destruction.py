"""Who may end keys, and what they say: orders, cancellations, legal holds.

An order names keys and never a person. The owner signs it, or the admin quorum does with a reason; each custodian then
waits by its own clock, so that whoever is robbed of a key, or mistaken, can still call it off.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kms.crypto import labels
from kms.crypto.hashing import H, equal
from kms.errors import BadSignature, Invalid, NotFound, Stale
from kms.statements.chain import Chain
from kms.statements.codec import S, SignerRole, message, parse_strict, payload_type, require
from kms.statements.envelope import Signed, open_by_quorums, open_named
from kms.statements.ids import KeyId, KeyringId, ManifestHash, Thumbprint
from kms.statements.keys import MAX_CLOCK_SKEW
from kms.statements.manifest import Keyring, check_lasting_binding
from kms.statements.retention import RetentionOrder
from kms.wire.v1 import destruction_pb2, keyring_pb2

DAY: Final = 86400
DEFAULT_WAIT: Final = 7 * DAY
"""Seconds between an order and its execution, where the manifest says nothing."""
MAX_ORDER_AGE: Final = 90 * DAY
"""Seconds. An order that somebody kept for longer begins nothing any more."""
MAX_HOLD: Final = 3653 * DAY
MAX_ORDER_KEYS: Final = 1024
Bytes = bytes | keyring_pb2.Envelope


class DestroyReason(enum.IntEnum):
    """Why keys are destroyed."""

    OWNER_WISH = 1
    MISTAKE = 2
    RETENTION = 3
    LEGAL_DUTY = 4
    COMPROMISED = 5
    OTHER = 6


def reason_hash(subject_id: bytes, text: str) -> bytes:
    """H("destroy reason", id of the order or hold, text): what is signed of the words that stay with who signs."""
    return H(labels.DESTROY_REASON, subject_id, text.encode())


def _check_keys(key_ids: Sequence[bytes]) -> None:
    require(list(key_ids) == sorted(set(key_ids)), "key_ids", "must be sorted and unique")


@message(destruction_pb2.DestroyOrder, name="destroy-order", role=SignerRole.OWNER)
@dataclass(frozen=True, slots=True)
class DestroyOrder:
    """An owner's order to destroy keys; `waiting` in seconds, `order_id` 16 random bytes."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    order_id: bytes
    key_ids: tuple[KeyId, ...]
    reason: DestroyReason
    text_hash: bytes
    waiting: int
    created_at: int
    signer_thumbprint: Thumbprint

    def __post_init__(self) -> None:
        _check_keys(self.key_ids)


@message(destruction_pb2.AdminDestroyOrder, name="admin-destroy-order", role=SignerRole.ADMINS)
@dataclass(frozen=True, slots=True)
class AdminDestroyOrder:
    """The admin quorum's order to destroy keys, for a reason of which the hash is signed."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    order_id: bytes
    key_ids: tuple[KeyId, ...]
    reason: DestroyReason
    text_hash: bytes
    waiting: int
    created_at: int

    def __post_init__(self) -> None:
        _check_keys(self.key_ids)


@message(destruction_pb2.DestroyCancellation, name="destroy-cancellation", role=SignerRole.OWNER)
@dataclass(frozen=True, slots=True)
class DestroyCancellation:
    """A key that acts for an owner calls an owner's order off."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    order_hash: bytes
    signer_thumbprint: Thumbprint
    created_at: int


@message(destruction_pb2.AdminDestroyCancellation, name="admin-destroy-cancellation", role=SignerRole.ADMINS)
@dataclass(frozen=True, slots=True)
class AdminDestroyCancellation:
    """The admin quorum calls an order off, whoever gave it."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    order_hash: bytes
    created_at: int


@message(destruction_pb2.LegalHold, name="legal-hold", role=SignerRole.ADMINS)
@dataclass(frozen=True, slots=True)
class LegalHold:
    """Keys, or all keys of an owner, that nothing destroys until then (unix seconds), or until it is lifted."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    hold_id: bytes
    key_ids: tuple[KeyId, ...]
    owner_thumbprint: bytes
    until: int
    lifted: bool
    text_hash: bytes
    created_at: int

    def __post_init__(self) -> None:
        _check_keys(self.key_ids)
        require(len(self.owner_thumbprint) in (0, 32), "owner_thumbprint", "must be 32 bytes or none")
        require(bool(self.key_ids) != bool(self.owner_thumbprint), "key_ids", "or an owner, and not both")
        # Whoever orders one must think of it again: a record that can never be erased is nobody's right.
        require(0 < self.until - self.created_at <= MAX_HOLD, "until", "must be within ten years")


@dataclass(frozen=True, slots=True)
class Order:
    """An order as custodians live by it: whose it is (None: the admins'), and its hash.

    `by_rule`: the policy's own, and the signer only brings it.
    """

    hash: bytes
    key_ids: tuple[KeyId, ...]
    signer: Thumbprint | None
    reason: DestroyReason
    waiting: int
    created_at: int
    manifest_hash: ManifestHash
    envelope: bytes
    by_rule: bool = False


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Which order is called off, and by whom (None: the admins)."""

    hash: bytes
    order_hash: bytes
    signer: Thumbprint | None
    envelope: bytes


def kind_of(envelope: Bytes) -> str:
    """The payload type of an envelope; nothing in it is verified."""
    if isinstance(envelope, bytes):
        envelope = parse_strict(keyring_pb2.Envelope, envelope, "statement")
    return envelope.payload_type


def open_destroy_order(envelope: Bytes, chain: Chain, keyring: Keyring, now: int) -> Order:
    """An order, by the key that it names or by the admin quorum of the manifest that it names.

    Whether a signer that is named has the right is for the custodian to know.

    `is_current` says whether that manifest still gives the admins the right. Invalid, BadSignature or NotFound if it
    is none.
    """
    if kind_of(envelope) == payload_type(AdminDestroyOrder):
        admins = open_by_admins_then(AdminDestroyOrder, envelope, chain)
        said = admins.statement
        require(said.created_at <= now + MAX_CLOCK_SKEW, "order.created_at", "lies in the future")
        return Order(
            admins.hash,
            said.key_ids,
            None,
            said.reason,
            said.waiting,
            said.created_at,
            said.manifest_hash,
            admins.envelope,
        )
    if kind_of(envelope) == payload_type(RetentionOrder):
        return _open_retention_order(envelope, keyring, now)
    signed = open_named(DestroyOrder, envelope, lambda order: order.signer_thumbprint, "order")
    own = signed.statement
    check_lasting_binding(keyring, own.keyring_id, own.manifest_hash)
    require(len(own.text_hash) in (0, 32), "order.text_hash", "must be 32 bytes or none")
    require(own.created_at <= now + MAX_CLOCK_SKEW, "order.created_at", "lies in the future")
    return Order(
        signed.hash,
        own.key_ids,
        own.signer_thumbprint,
        own.reason,
        own.waiting,
        own.created_at,
        own.manifest_hash,
        signed.envelope,
    )


def _open_retention_order(envelope: Bytes, keyring: Keyring, now: int) -> Order:
    signed = open_named(RetentionOrder, envelope, lambda order: order.signer_thumbprint, "order")
    said = signed.statement
    check_lasting_binding(keyring, said.keyring_id, said.manifest_hash)
    require(said.created_at <= now + MAX_CLOCK_SKEW, "order.created_at", "lies in the future")
    return Order(
        signed.hash,
        said.key_ids,
        said.signer_thumbprint,
        DestroyReason.RETENTION,
        said.waiting,
        said.created_at,
        said.manifest_hash,
        signed.envelope,
        by_rule=True,
    )


def is_current(order: Order, keyring: Keyring) -> bool:
    """Whether an admins' order is of the manifest in force; an owner's outlives manifests, a rule's is asked anew."""
    return order.signer is not None or equal(order.manifest_hash, keyring.manifest_hash)


def open_destroy_cancellation(envelope: Bytes, chain: Chain, keyring: Keyring, now: int) -> Cancellation:
    """A cancellation by the key that it names, or by the admin quorum of the manifest in force.

    Whether that key acts for an owner of the order's keys is for the custodian to know.
    """
    if kind_of(envelope) == payload_type(AdminDestroyCancellation):
        admins = open_by_admins_now(AdminDestroyCancellation, envelope, chain, keyring, now)
        return Cancellation(admins.hash, admins.statement.order_hash, None, admins.envelope)
    signed = open_named(DestroyCancellation, envelope, lambda c: c.signer_thumbprint, "cancellation")
    said = signed.statement
    check_lasting_binding(keyring, said.keyring_id, said.manifest_hash)
    return Cancellation(signed.hash, said.order_hash, said.signer_thumbprint, signed.envelope)


def open_hold(envelope: Bytes, chain: Chain, keyring: Keyring, now: int) -> Signed[LegalHold]:
    """A hold, or its end, by the admin quorum of the manifest that it names."""
    signed = open_by_admins_then(LegalHold, envelope, chain)
    said = signed.statement
    require(said.created_at <= now + MAX_CLOCK_SKEW, "hold.created_at", "lies in the future")
    # To keep longer is the safe side: a hold outlives its manifest. Its end needs those who are admins now.
    if said.lifted and not equal(said.manifest_hash, keyring.manifest_hash):
        raise Stale("the end of a hold under another manifest: sign it anew", reason="STALE_MANIFEST")
    return signed


def open_by_admins_then(cls: type[S], envelope: Bytes, chain: Chain) -> Signed[S]:
    """A statement by the admin quorum of the manifest of this chain that it names, and nobody else."""

    def check(statement: S, signers: frozenset[bytes]) -> None:
        said: LegalHold = statement  # type: ignore[assignment]
        if not equal(said.keyring_id, chain.keyring_id):
            raise NotFound("a statement for another keyring", reason="WRONG_KEYRING")
        manifest = chain.of(said.manifest_hash).manifest
        if not signers <= frozenset(manifest.admins):
            raise BadSignature("signed by somebody else than the admins", reason="WRONG_SIGNER")
        missing = manifest.admin_quorum - len(signers)
        if missing > 0:
            raise BadSignature(f"{missing} more admins must sign", reason="SIGNATURES_MISSING")

    return open_by_quorums(cls, envelope, check, "statement")


def open_by_admins_now(cls: type[S], envelope: Bytes, chain: Chain, keyring: Keyring, now: int) -> Signed[S]:
    """The same, of the manifest in force."""
    signed = open_by_admins_then(cls, envelope, chain)
    said: AdminDestroyCancellation = signed.statement  # type: ignore[assignment]
    if not equal(said.manifest_hash, keyring.manifest_hash):
        raise Stale("a statement under another manifest: sign it anew", reason="STALE_MANIFEST")
    if said.created_at > now + MAX_CLOCK_SKEW:
        raise Invalid("a statement from the future", reason="INVALID_FIELD")
    return signed
