"""What custodians say about the end of keys: scheduled, cancelled, held, destroyed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from kms.crypto.hashing import equal
from kms.errors import BadSignature, Invalid, KmsError, Stale
from kms.statements.ceremony import statement_index
from kms.statements.codec import SignerRole, message, payload_type, require
from kms.statements.destruction import Bytes, Order
from kms.statements.envelope import Signed, open_signed
from kms.statements.ids import KeyId, KeyringId, ManifestHash
from kms.statements.manifest import Keyring, check_binding, check_lasting_binding
from kms.wire.v1 import destruction_pb2, keyring_pb2

FRESH_SECONDS: Final = 300
"""By which a question's date may be from the clock of who is asked."""


@message(destruction_pb2.DestroyScheduled, name="destroy-scheduled", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class DestroyScheduled:
    """A custodian's word that it checked an order, and when it will destroy the keys by its own clock."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    order_hash: bytes
    count: int
    due_at: int
    scheduled_at: int
    log_index: int


@message(destruction_pb2.DestroyCancelled, name="destroy-cancelled", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class DestroyCancelled:
    """A custodian's word that it will never act on an order."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    order_hash: bytes
    cancellation_hash: bytes
    cancelled_at: int
    log_index: int


@message(destruction_pb2.HoldTaken, name="hold-taken", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class HoldTaken:
    """A custodian's word that it lives by a hold, or by its end."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    hold_hash: bytes
    taken_at: int
    log_index: int


@message(destruction_pb2.LivePeriod)
@dataclass(frozen=True, slots=True)
class LivePeriod:
    """A sealing period whose key still opens what was sealed to it, and its end (unix seconds)."""

    period: int
    not_after: int


@message(destruction_pb2.Destroyed, name="destroyed", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class Destroyed:
    """A custodian's word that it erased its shares of these keys in every version, and never takes one again.

    `releases` says how often it had released each of them, in their order.
    """

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    order_hash: bytes
    key_ids: tuple[KeyId, ...]
    releases: tuple[int, ...]
    destroyed_at: int
    live_periods: tuple[LivePeriod, ...]
    log_index: int
    at_once: bool

    def __post_init__(self) -> None:
        require(len(self.releases) == len(self.key_ids), "releases", "must be as many as the keys")


@message(destruction_pb2.DestructionQuestion, name="destruction-question", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class DestructionQuestion:
    """Custodian `index` asks custodian `of_index` what it has of destructions."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    of_index: int
    after: int
    created_at: int


W = TypeVar("W", DestroyScheduled, DestroyCancelled, HoldTaken, Destroyed, DestructionQuestion)


def open_destroyed(
    envelope: Bytes, keyring: Keyring, order: Order, path: str = "destroyed"
) -> Signed[Destroyed]:
    """A member's word, under exactly this manifest, that this order's keys are destroyed."""
    signed = _open_word(Destroyed, envelope, keyring, path)
    said = signed.statement
    check_binding(keyring, said.keyring_id, said.manifest_hash)
    if not equal(said.order_hash, order.hash) or said.key_ids != order.key_ids:
        raise Invalid("a word on another order", reason="WRONG_ORDER")
    return signed


def open_scheduled(
    envelope: Bytes, keyring: Keyring, order: Order, path: str = "scheduled"
) -> Signed[DestroyScheduled]:
    """A present member's word, under this manifest or one before, that it checked this order."""
    signed = _open_word(DestroyScheduled, envelope, keyring, path)
    said = signed.statement
    check_lasting_binding(keyring, said.keyring_id, said.manifest_hash)
    if not equal(said.order_hash, order.hash):
        raise Invalid("a word on another order", reason="WRONG_ORDER")
    return signed


def destroyed_words(
    envelopes: Iterable[keyring_pb2.Envelope], keyring: Keyring, order: Order
) -> dict[int, Signed[Destroyed]]:
    """By custodian: those of the envelopes that are good words under this manifest on this order; others are left out.

    By custodian and not by envelope: one that signs twice is one.
    """
    return _good_words(envelopes, Destroyed, lambda e: open_destroyed(e, keyring, order))


def scheduled_words(
    envelopes: Iterable[keyring_pb2.Envelope], keyring: Keyring, order: Order
) -> dict[int, Signed[DestroyScheduled]]:
    """The same of those who checked the order and wait."""
    return _good_words(envelopes, DestroyScheduled, lambda e: open_scheduled(e, keyring, order))


def open_cancelled(
    envelope: Bytes, keyring: Keyring, index: int, order_hash: bytes
) -> Signed[DestroyCancelled]:
    """Custodian `index`'s word that it will not act on this order."""
    signed = _of(_open_word(DestroyCancelled, envelope, keyring, "cancelled"), index)
    check_lasting_binding(keyring, signed.statement.keyring_id, signed.statement.manifest_hash)
    if not equal(signed.statement.order_hash, order_hash):
        raise Invalid("a word on another order", reason="WRONG_ORDER")
    return signed


def open_hold_taken(envelope: Bytes, keyring: Keyring, index: int, hold_hash: bytes) -> Signed[HoldTaken]:
    """Custodian `index`'s word on this hold."""
    signed = _of(_open_word(HoldTaken, envelope, keyring, "hold"), index)
    check_lasting_binding(keyring, signed.statement.keyring_id, signed.statement.manifest_hash)
    if not equal(signed.statement.hold_hash, hold_hash):
        raise Invalid("a word on another hold", reason="WRONG_ORDER")
    return signed


def open_destruction_question(
    envelope: Bytes, keyring: Keyring, index: int, now: int
) -> Signed[DestructionQuestion]:
    """A question by a member of the manifest in force to custodian `index`, asked just now."""
    signed = _open_word(DestructionQuestion, envelope, keyring, "question")
    said = signed.statement
    check_binding(keyring, said.keyring_id, said.manifest_hash)
    if said.of_index != index:
        raise Invalid("a question to another custodian", reason="WRONG_CUSTODIAN")
    if abs(now - said.created_at) > FRESH_SECONDS:
        raise Stale("the question is not of just now: ask again", reason="QUESTION_NOT_FRESH")
    return signed


def _of(signed: Signed[W], index: int) -> Signed[W]:
    if signed.statement.index != index:
        raise Invalid("a word of another custodian", reason="WRONG_CUSTODIAN")
    return signed


def _good_words(
    envelopes: Iterable[keyring_pb2.Envelope], cls: type[W], read: Callable[[keyring_pb2.Envelope], Signed[W]]
) -> dict[int, Signed[W]]:
    found: dict[int, Signed[W]] = {}
    for envelope in envelopes:
        if envelope.payload_type == payload_type(cls):
            with contextlib.suppress(KmsError):
                signed = read(envelope)
                found[signed.statement.index] = signed
    return found


def _open_word(cls: type[W], envelope: Bytes, keyring: Keyring, path: str) -> Signed[W]:
    if isinstance(envelope, bytes):
        envelope = keyring_pb2.Envelope.FromString(envelope)
    by_key = {custodian.identity_key: custodian.index for custodian in keyring.manifest.custodians}
    index = statement_index(by_key, envelope)
    if index is None:
        raise BadSignature(f"{path} is not signed by a custodian of the manifest", reason="WRONG_SIGNER")
    signed = open_signed(cls, envelope, keyring.custodian(index).identity_key, path)
    if signed.statement.index != index:
        raise Invalid(f"{path} names another custodian than its signer", reason="WRONG_CUSTODIAN")
    return signed
