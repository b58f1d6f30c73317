"""What is said of records whose time is over: who brings the order to end them, and who asks what is due.

Neither gives a right. The right to end these keys is the policy's, which the manifest's signers certified; each
custodian asks it for each key, by its own clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kms.errors import Invalid, Stale
from kms.statements.codec import SignerRole, message, require
from kms.statements.envelope import Envelope, Signed, open_named
from kms.statements.ids import KeyId, KeyringId, ManifestHash, Thumbprint
from kms.statements.manifest import Keyring, check_binding
from kms.wire.v1 import retention_pb2

FRESH_SECONDS: Final = 300
"""By which a question's date may be from the clock of who is asked."""


@message(retention_pb2.RetentionOrder, name="retention-order", role=SignerRole.REQUESTER)
@dataclass(frozen=True, slots=True)
class RetentionOrder:
    """Keys of one owner that are due by the policy, named by whoever answers for bringing it.

    `order_id` 16 random bytes; `waiting` in seconds.
    """

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    order_id: bytes
    key_ids: tuple[KeyId, ...]
    waiting: int
    created_at: int
    signer_thumbprint: Thumbprint

    def __post_init__(self) -> None:
        require(list(self.key_ids) == sorted(set(self.key_ids)), "key_ids", "must be sorted and unique")


@message(retention_pb2.RetentionQuestion, name="retention-question", role=SignerRole.REQUESTER)
@dataclass(frozen=True, slots=True)
class RetentionQuestion:
    """Asks custodian `index` what is kept for how long: under the policy in force, or (for admins) another one."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    policy: str
    created_at: int
    signer_thumbprint: Thumbprint


def open_retention_question(
    envelope: bytes | Envelope, keyring: Keyring, index: int, now: int
) -> Signed[RetentionQuestion]:
    """A question to custodian `index`, asked just now by the key that it names. Who may ask is not looked at here."""
    signed = open_named(RetentionQuestion, envelope, lambda q: q.signer_thumbprint, "question")
    asked = signed.statement
    check_binding(keyring, asked.keyring_id, asked.manifest_hash)
    if asked.index != index:
        raise Invalid("a question to another custodian", reason="WRONG_CUSTODIAN")
    if abs(now - asked.created_at) > FRESH_SECONDS:
        raise Stale("the question is not of just now: ask again", reason="QUESTION_NOT_FRESH")
    return signed
