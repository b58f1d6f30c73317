"""Evidence that people and owners sign: grants, revocations, approvals, and the sealed bundle they travel in.

Credentials are JWTs of outside issuers; `kms.policy.credentials` verifies them.
"""

from __future__ import annotations

import base64
import enum
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from kms.crypto import labels
from kms.crypto.hashing import H, equal
from kms.errors import EvidenceRefused, Invalid
from kms.statements.codec import SignerRole, decode, encode, message, require
from kms.statements.envelope import Signed, open_named
from kms.statements.ids import GrantId, KeyId, KeyringId, ManifestHash, RequestHash, Thumbprint
from kms.statements.manifest import Keyring, check_binding, check_lasting_binding
from kms.statements.release import Purpose, Verdict
from kms.wire.v1 import evidence_pb2, keyring_pb2

MAX_GRANT_LIFETIME: Final = 90 * 86400
"""Seconds."""


@message(evidence_pb2.Evidence)
@dataclass(frozen=True, slots=True)
class Evidence:
    """What a party shows to one custodian, sealed to it: the host neither sees nor reuses it."""

    credentials: tuple[str, ...] = field(repr=False)
    grants: tuple[keyring_pb2.Envelope, ...] = field(default=(), repr=False)
    justification_salt: bytes = field(default=b"", repr=False)
    justification: str = field(default="", repr=False)

    def to_bytes(self) -> bytes:
        return encode(self)

    @classmethod
    def parse(cls, data: bytes) -> Evidence:
        return decode(cls, data, "evidence")


def credential_nonce(keyring_id: bytes, key_thumbprint: bytes) -> str:
    """What a nonce-bound ID token's `nonce` must be: base64url of H("nonce", keyring id, thumbprint of the key)."""
    hashed = H(labels.NONCE, keyring_id, key_thumbprint)
    return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()


class GrantAction(enum.IntEnum):
    RELEASE = 1


@message(evidence_pb2.Grant, name="grant", role=SignerRole.OWNER)
@dataclass(frozen=True, slots=True)
class Grant:
    """An owner lets `grantee_thumbprint` have keys released: these keys, or one category of the owner's keys."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    grant_id: GrantId
    owner_thumbprint: Thumbprint
    grantee_thumbprint: Thumbprint
    key_ids: tuple[KeyId, ...]
    category: str
    actions: tuple[GrantAction, ...]
    purposes: tuple[Purpose, ...]
    not_before: int
    not_after: int
    max_count: int
    sequence: int

    def __post_init__(self) -> None:
        require(bool(self.key_ids) != bool(self.category), "key_ids", "either keys or a category")
        lifetime = self.not_after - self.not_before
        require(0 < lifetime <= MAX_GRANT_LIFETIME, "not_after", "must be within 90 days of not_before")

    def covers(
        self, granters: Collection[Thumbprint], key_id: KeyId, category: str, purpose: Purpose
    ) -> bool:
        """Whether it speaks about this key, whose owner `granters` act for, for this purpose.

        Dates, count and revocation apart.
        """
        return (
            self.owner_thumbprint in granters
            and GrantAction.RELEASE in self.actions
            and purpose in self.purposes
            and (key_id in self.key_ids if self.key_ids else category == self.category)
        )


def open_grant(
    envelope: bytes | keyring_pb2.Envelope, keyring: Keyring, grantee: Thumbprint, now: int
) -> Signed[Grant]:
    """A grant signed by the owner that it names, to `grantee`, valid now; EvidenceRefused with the reason else.

    Whether that owner owns a key stands in the key's descriptor: `Grant.covers` compares.
    """
    signed = open_named(Grant, envelope, lambda g: g.owner_thumbprint, "grant")
    grant = signed.statement
    if not equal(grant.keyring_id, keyring.keyring_id):
        raise EvidenceRefused("a grant for another keyring", reason="GRANT_WRONG_KEYRING")
    if not equal(grant.grantee_thumbprint, grantee):
        raise EvidenceRefused("a grant to somebody else", reason="GRANT_WRONG_GRANTEE")
    if not grant.not_before <= now < grant.not_after:
        raise EvidenceRefused("a grant that is not valid now", reason="GRANT_EXPIRED")
    return signed


@message(evidence_pb2.Revocation, name="revocation", role=SignerRole.OWNER)
@dataclass(frozen=True, slots=True)
class Revocation:
    """An owner takes back one grant by id, or every grant up to a sequence."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    owner_thumbprint: Thumbprint
    grant_id: bytes
    up_to_sequence: int
    created_at: int

    def __post_init__(self) -> None:
        require(len(self.grant_id) in (0, 16), "grant_id", "must be 16 bytes or empty")
        require(bool(self.grant_id) != bool(self.up_to_sequence), "grant_id", "either a grant or a sequence")


def open_revocation(envelope: bytes | keyring_pb2.Envelope, keyring: Keyring) -> Signed[Revocation]:
    """A revocation signed by the owner that it names."""
    signed = open_named(Revocation, envelope, lambda r: r.owner_thumbprint, "revocation")
    check_lasting_binding(keyring, signed.statement.keyring_id, signed.statement.manifest_hash)
    return signed


@message(evidence_pb2.Approval, name="approval", role=SignerRole.APPROVER)
@dataclass(frozen=True, slots=True)
class Approval:
    """A human's answer to one request at one custodian, over the very text that was shown."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    request_hash: RequestHash
    approver_thumbprint: Thumbprint
    verdict: Verdict
    purpose: Purpose
    count: int
    text_hash: bytes
    not_after: int


def approval_text_hash(text: str) -> bytes:
    """H("approval text", text): what was shown is what was signed."""
    return H(labels.APPROVAL_TEXT, text.encode())


def check_approval(approval: Approval, keyring: Keyring, index: int, now: int) -> None:
    """Whether an approval that was verified is for this custodian, and still valid."""
    check_binding(keyring, approval.keyring_id, approval.manifest_hash)
    if approval.index != index:
        raise Invalid("an approval for another custodian", reason="WRONG_CUSTODIAN")
    if now >= approval.not_after:
        raise EvidenceRefused("the approval has expired", reason="APPROVAL_EXPIRED")
