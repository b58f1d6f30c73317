"""What owners and custodians say to each other without the host: receipts, and accounts of what is held."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Final

from kms.crypto import labels, sealing
from kms.crypto.hashing import H, equal, u16
from kms.errors import BadSignature, Invalid, Stale
from kms.statements.codec import SignerRole, decode, encode, message
from kms.statements.envelope import Signed, open_named, open_signed
from kms.statements.ids import GrantId, KeyringId, ManifestHash, Thumbprint
from kms.statements.manifest import Keyring, check_binding
from kms.statements.release import recipient_hash
from kms.wire.v1 import consent_pb2, keyring_pb2

FRESH_SECONDS: Final = 300
"""How far a question's date may be from the custodian's clock, either way."""
MAX_NOTICES: Final = 200
"""In one account."""


@message(consent_pb2.ConsentReceipt, name="consent-receipt", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class ConsentReceipt:
    """A custodian's word that it lives by the statement of this hash since `at` (unix seconds)."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    statement_hash: bytes
    at: int
    log_index: int


def open_receipt(
    envelope: bytes | keyring_pb2.Envelope, keyring: Keyring, index: int, statement_hash: bytes
) -> Signed[ConsentReceipt]:
    """A receipt by custodian `index` for this very statement. It may have been given under an earlier manifest."""
    signed = open_signed(ConsentReceipt, envelope, keyring.custodian(index).identity_key, "receipt")
    receipt = signed.statement
    if not equal(receipt.keyring_id, keyring.keyring_id) or receipt.index != index:
        raise BadSignature("a receipt of another custodian", reason="WRONG_CUSTODIAN")
    if not equal(receipt.statement_hash, statement_hash):
        raise BadSignature("a receipt for another statement", reason="WRONG_STATEMENT")
    return signed


@message(consent_pb2.AccountQuestion, name="account-question", role=SignerRole.OWNER)
@dataclass(frozen=True, slots=True)
class AccountQuestion:
    """`asker_thumbprint` asks a custodian what it holds about an owner; the answer is sealed to `recipient_key`."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    owner_thumbprint: Thumbprint
    asker_thumbprint: Thumbprint
    grant_ids: tuple[GrantId, ...]
    recipient_key: bytes
    created_at: int
    notices_after: int = 0


def open_question(
    envelope: bytes | keyring_pb2.Envelope, keyring: Keyring, index: int, now: int
) -> Signed[AccountQuestion]:
    """A question signed by who asks, to this custodian, asked just now. Who may ask is not looked at here."""
    signed = open_named(AccountQuestion, envelope, lambda q: q.asker_thumbprint, "question")
    question = signed.statement
    check_binding(keyring, question.keyring_id, question.manifest_hash)
    if question.index != index:
        raise Invalid("a question to another custodian", reason="WRONG_CUSTODIAN")
    if abs(now - question.created_at) > FRESH_SECONDS:
        raise Stale("the question is not of just now: ask again", reason="QUESTION_NOT_FRESH")
    return signed


@message(consent_pb2.AccountAnswer, name="account-answer", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class AccountAnswer:
    """A custodian signs what it sealed, for which question."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    question_hash: bytes
    blob_hash: bytes
    at: int


@message(consent_pb2.GrantUse)
@dataclass(frozen=True, slots=True)
class GrantUse:
    """How many key releases a grant covered at one custodian, and whether it was taken back there."""

    grant_id: GrantId
    uses: int
    revoked: bool


class NoticeKind(enum.IntEnum):
    OWNER_KEY_ADDED = 1
    GUARDIAN_ADDED = 2
    KEY_REVOKED = 3
    READ_BY_GRANT = 4
    READ_BY_GUARDIAN = 5
    RECOVERY_BEGUN = 6
    RECOVERY_STOPPED = 7
    EMERGENCY = 8
    READ_BY_OTHERS = 9
    EMERGENCY_ASKED = 10
    DESTROY_SCHEDULED = 11
    DESTROY_CANCELLED = 12
    DESTROYED = 13


@message(consent_pb2.Notice)
@dataclass(frozen=True, slots=True)
class Notice:
    """What an owner is to know: when (unix seconds), about which statement or request, whose key, how many records.

    Of records that are to be destroyed: when, by this custodian's clock, and for which `DestroyReason`; else 0.
    """

    number: int
    at: int
    kind: NoticeKind
    subject_hash: bytes
    key_thumbprint: Thumbprint
    count: int
    due_at: int = 0
    destroy_reason: int = 0


@message(consent_pb2.Recovery)
@dataclass(frozen=True, slots=True)
class Recovery:
    """A key that is to count for an owner, since when it waits and from when on it counts; 0 if it was stopped."""

    key_thumbprint: Thumbprint
    begun_at: int
    counts_from: int


@message(consent_pb2.Account)
@dataclass(frozen=True, slots=True)
class Account:
    """What one custodian holds about an owner."""

    grants: tuple[GrantUse, ...] = ()
    mandates: tuple[keyring_pb2.Envelope, ...] = field(default=(), repr=False)
    """Signed OwnerKeys and Guardians that it took, ended ones included."""
    revoked_keys: tuple[Thumbprint, ...] = ()
    notices: tuple[Notice, ...] = ()
    """The next ones, oldest first, at most 200."""
    recoveries: tuple[Recovery, ...] = ()

    def to_bytes(self) -> bytes:
        return encode(self)


def account_info(question: Signed[AccountQuestion]) -> bytes:
    """HPKE info of an answer: it opens for the question that it answers, and for no other."""
    asked = question.statement
    return H(
        labels.SEAL_ACCOUNT,
        asked.keyring_id,
        u16(asked.index),
        asked.owner_thumbprint,
        question.hash,
        recipient_hash(asked.recipient_key),
    )


def open_account(
    envelope: bytes | keyring_pb2.Envelope,
    sealed: bytes,
    keyring: Keyring,
    question: Signed[AccountQuestion],
    recipient: sealing.SealingPrivateKey,
) -> Account:
    """What the custodian that was asked answers to this very question; BadSignature or CryptoError else."""
    index = question.statement.index
    signed = open_signed(AccountAnswer, envelope, keyring.custodian(index).identity_key, "answer")
    answer = signed.statement
    if answer.index != index or not equal(answer.question_hash, question.hash):
        raise BadSignature("an answer to another question", reason="WRONG_QUESTION")
    if not equal(answer.blob_hash, sealing.blob_hash(sealed)):
        raise BadSignature("the answer's signature is for another blob", reason="WRONG_BLOB")
    return decode(Account, recipient.open(account_info(question), sealed), "account")
