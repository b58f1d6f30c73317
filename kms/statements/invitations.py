"""Who joins and leaves a custodian's approvers: statements that approvers sign, and how such a registry begins."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from typing import Final

from kms.crypto import labels
from kms.crypto.hashing import H, u16
from kms.errors import Invalid
from kms.statements.approver import ApproverKey, is_address
from kms.statements.codec import SignerRole, encode, message, require
from kms.statements.ids import KeyringId, ManifestHash, Thumbprint
from kms.statements.keys import MAX_CLOCK_SKEW
from kms.statements.manifest import Keyring, check_binding
from kms.wire.v1 import approver_pb2

MAX_INVITATION: Final = 14 * 86400
"""Seconds for which an invitation may be open."""


@message(approver_pb2.InvitationTerms)
@dataclass(frozen=True, slots=True)
class InvitationTerms:
    """Who is invited, as whom they ask for keys, and the hash of the one-time token that they must bring."""

    name: str
    email: str
    language: str
    subjects: tuple[str, ...]
    token_hash: bytes
    not_after: int

    def __post_init__(self) -> None:
        require(self.name.isprintable() and bool(self.name.strip()), "name", "must be printable")
        require(is_address(self.email), "email", "must be an address")
        require(all(s.isprintable() and "|" in s for s in self.subjects), "subjects", "must be iss|sub")

    @property
    def hash(self) -> bytes:
        """H("invitation", exact bytes): what an invitation is called."""
        return H(labels.INVITATION, encode(self))


@message(approver_pb2.Invitation, name="invitation", role=SignerRole.APPROVER)
@dataclass(frozen=True, slots=True)
class Invitation:
    """An approver wants these terms to hold."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    approver_thumbprint: Thumbprint
    terms: InvitationTerms
    created_at: int


@message(approver_pb2.Acceptance, name="acceptance", role=SignerRole.APPROVER)
@dataclass(frozen=True, slots=True)
class Acceptance:
    """The invited one's key says yes."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    approver_thumbprint: Thumbprint
    terms_hash: bytes
    created_at: int


@message(approver_pb2.ApproverRevocation, name="approver-revocation", role=SignerRole.APPROVER)
@dataclass(frozen=True, slots=True)
class ApproverRevocation:
    """An approver takes one off the list: another, or themself."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    approver_thumbprint: Thumbprint
    revoked_thumbprint: Thumbprint
    reason: str
    created_at: int


@message(approver_pb2.InvitationWithdrawal, name="invitation-withdrawal", role=SignerRole.APPROVER)
@dataclass(frozen=True, slots=True)
class InvitationWithdrawal:
    """An approver calls an open invitation off, whoever made it."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    approver_thumbprint: Thumbprint
    terms_hash: bytes
    created_at: int


@message(approver_pb2.FoundingApprover)
@dataclass(frozen=True, slots=True)
class FoundingApprover:
    """An approver whom the configuration named at the beginning."""

    name: str
    email: str
    language: str
    subjects: tuple[str, ...]
    public_key: bytes

    @property
    def key(self) -> ApproverKey:
        return ApproverKey.of_key(self.public_key)


@message(approver_pb2.Founding, name="approvers-founding", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class Founding:
    """How a registry begins: with the configuration's approvers, or with one invitation by the administrator."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    approvers: tuple[FoundingApprover, ...]
    invited: tuple[InvitationTerms, ...]
    approvals_needed: int
    invitations_needed: int
    founded_at: int

    def __post_init__(self) -> None:
        require(bool(self.approvers) != bool(self.invited), "approvers", "either approvers or an invitation")


def new_token() -> str:
    """A one-time token, 43 characters of base64url: to be handed to the invited one by a way of the inviter's own."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


def read_token(text: str) -> bytes:
    """Its 32 bytes; Invalid if it is none."""
    try:
        token = base64.b64decode(text.strip() + "=", altchars=b"-_", validate=True)
    except ValueError:
        token = b""
    if len(token) != 32:
        raise Invalid("that is no invitation's token", reason="INVITATION_UNKNOWN")
    return token


def token_hash(token: str | bytes) -> bytes:
    """H("invitation token", token): what the inviter signs. Who reads it in a store cannot accept with it."""
    return H(labels.INVITATION_TOKEN, read_token(token) if isinstance(token, str) else token)


def registration_challenge(keyring_id: KeyringId, index: int, terms_hash: bytes, token: bytes) -> bytes:
    """What the authenticator of the invited one is asked with: this invitation, at this custodian, by its token."""
    return H(labels.REGISTRATION, keyring_id, u16(index), terms_hash, token)


def check_made_here(
    statement: Invitation | Acceptance | ApproverRevocation | InvitationWithdrawal,
    keyring: Keyring,
    index: int,
    now: int,
) -> None:
    """Whether a statement is for this custodian, under the manifest in force, and of now: not one kept from before."""
    check_binding(keyring, statement.keyring_id, statement.manifest_hash)
    if statement.index != index:
        raise Invalid("a statement for another custodian", reason="WRONG_CUSTODIAN")
    require(abs(statement.created_at - now) <= 2 * MAX_CLOCK_SKEW, "created_at", "must be of now")
