"""What an owner is told of their records by one custodian: entries of its log, each with its proof.

An answer proves itself: the custodian signed the checkpoint, each entry stands under it, and the owner's own leaf
stands under the entry. So what was told can be shown to others later, and cannot be told otherwise to them. What is not
told is another matter: that comes out where another custodian tells of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kms.crypto import labels, merkle, sealing
from kms.crypto.hashing import H, equal, u16, u64
from kms.errors import BadSignature, Invalid, Stale
from kms.statements.audit import LogEntry
from kms.statements.checkpoint import log_origin, read_note, verify_checkpoint
from kms.statements.codec import SignerRole, decode, encode, message
from kms.statements.consent import FRESH_SECONDS
from kms.statements.details import OwnerDetail, OwnerLeaf
from kms.statements.envelope import Signed, open_named, open_signed
from kms.statements.ids import KeyringId, ManifestHash, Thumbprint
from kms.statements.manifest import Keyring, check_binding
from kms.statements.release import recipient_hash
from kms.wire.v1 import history_pb2, keyring_pb2

MAX_EVENTS: Final = 200
"""In one answer."""


@message(history_pb2.HistoryQuestion, name="history-question", role=SignerRole.OWNER)
@dataclass(frozen=True, slots=True)
class HistoryQuestion:
    """`asker_thumbprint` asks for the entries after number `after` that concern an owner, sealed to `recipient_key`."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    owner_thumbprint: Thumbprint
    asker_thumbprint: Thumbprint
    after: int
    recipient_key: bytes
    created_at: int


@message(history_pb2.HistoryAnswer, name="history-answer", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class HistoryAnswer:
    """A custodian signs what it sealed, for which question."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    question_hash: bytes
    blob_hash: bytes
    at: int


@message(history_pb2.HistoryEvent)
@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """An entry's exact bytes, its audit path, and the owner's leaf under it."""

    entry: bytes
    proof: tuple[bytes, ...]
    leaf: bytes


@message(history_pb2.OwnerHistory)
@dataclass(frozen=True, slots=True)
class OwnerHistory:
    """Some entries that concern an owner, oldest first, under one checkpoint; `more` if others follow."""

    checkpoint: bytes
    events: tuple[HistoryEvent, ...]
    more: bool

    def to_bytes(self) -> bytes:
        return encode(self)


@dataclass(frozen=True, slots=True)
class Told:
    """An entry of custodian `index`'s log that stands there, and what it means to the owner."""

    index: int
    entry: LogEntry
    detail: OwnerDetail


def open_question(
    envelope: bytes | keyring_pb2.Envelope, keyring: Keyring, index: int, now: int
) -> Signed[HistoryQuestion]:
    """A question signed by who asks, to this custodian, asked just now. Who may ask is not looked at here."""
    signed = open_named(HistoryQuestion, envelope, lambda q: q.asker_thumbprint, "question")
    question = signed.statement
    check_binding(keyring, question.keyring_id, question.manifest_hash)
    if question.index != index:
        raise Invalid("a question to another custodian", reason="WRONG_CUSTODIAN")
    if abs(now - question.created_at) > FRESH_SECONDS:
        raise Stale("the question is not of just now: ask again", reason="QUESTION_NOT_FRESH")
    return signed


def history_info(question: Signed[HistoryQuestion]) -> bytes:
    """HPKE info of an answer: it opens for the question that it answers, and for no other."""
    asked = question.statement
    return H(
        labels.SEAL_HISTORY,
        asked.keyring_id,
        u16(asked.index),
        asked.owner_thumbprint,
        u64(asked.after),
        question.hash,
        recipient_hash(asked.recipient_key),
    )


def open_answer(
    envelope: bytes | keyring_pb2.Envelope,
    sealed: bytes,
    keyring: Keyring,
    question: Signed[HistoryQuestion],
    recipient: sealing.SealingPrivateKey,
) -> bytes:
    """The exact bytes of the OwnerHistory that the custodian answers to this very question, not looked into."""
    index = question.statement.index
    signed = open_signed(HistoryAnswer, envelope, keyring.custodian(index).identity_key, "answer")
    answer = signed.statement
    if answer.index != index or not equal(answer.question_hash, question.hash):
        raise BadSignature("an answer to another question", reason="WRONG_QUESTION")
    if not equal(answer.blob_hash, sealing.blob_hash(sealed)):
        raise BadSignature("the answer's signature is for another blob", reason="WRONG_BLOB")
    return recipient.open(history_info(question), sealed)


def read_history(
    payload: bytes, keyring: Keyring, index: int, owner: Thumbprint
) -> tuple[tuple[Told, ...], int, bool]:
    """(what custodian `index` tells, how long its log is, whether there is more), each event proved.

    BadSignature or Invalid if the custodian did not sign the checkpoint, an entry does not stand under it, or what it
    is said to mean to the owner does not stand in the entry.
    """
    said = decode(OwnerHistory, payload, "history")
    key = keyring.custodian(index).identity_key
    checkpoint = verify_checkpoint(read_note(said.checkpoint), log_origin(keyring.keyring_id, index), key)
    told: list[Told] = []
    for event in said.events:
        entry = decode(LogEntry, event.entry, "entry")
        leaf = merkle.leaf_hash(event.entry)
        merkle.check_inclusion(leaf, entry.index, checkpoint.size, event.proof, checkpoint.root)
        # Else a custodian could tell one thing twice, or in an order of its own.
        if told and entry.index <= told[-1].entry.index:
            raise Invalid("the history is not in the order of the log", reason="HISTORY_DISORDERED")
        told.append(Told(index, entry, decode(OwnerLeaf, event.leaf, "leaf").opened(entry, owner)))
    return tuple(told), checkpoint.size, said.more
