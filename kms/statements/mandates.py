"""Who acts for an owner: further keys of the owner, guardians; and that a key does so no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kms.statements.codec import SignerRole, message, require
from kms.statements.envelope import Signed, open_named
from kms.statements.ids import KeyringId, ManifestHash, Thumbprint
from kms.statements.manifest import Keyring, check_lasting_binding
from kms.statements.release import Purpose
from kms.wire.v1 import consent_pb2, keyring_pb2

MAX_GUARDIANSHIP: Final = 18 * 366 * 86400
"""Seconds: a child's, from the first day until it is of age."""


@message(consent_pb2.OwnerKey, name="owner-key", role=SignerRole.OWNER)
@dataclass(frozen=True, slots=True)
class OwnerKey:
    """The owner's key lets another act for it in everything but naming further keys, until `not_after` (0: no end)."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    owner_thumbprint: Thumbprint
    key_thumbprint: Thumbprint
    not_after: int
    sequence: int

    def __post_init__(self) -> None:
        require(self.owner_thumbprint != self.key_thumbprint, "key_thumbprint", "must be another key")

    def holds(self, now: int) -> bool:
        """Whether its dates let it count."""
        return not self.not_after or now < self.not_after


def open_owner_key(envelope: bytes | keyring_pb2.Envelope, keyring: Keyring) -> Signed[OwnerKey]:
    """Signed by the owner's own key: a key that was let in lets in no other."""
    signed = open_named(OwnerKey, envelope, lambda k: k.owner_thumbprint, "owner_key")
    check_lasting_binding(keyring, signed.statement.keyring_id, signed.statement.manifest_hash)
    return signed


@message(consent_pb2.Guardian, name="guardian", role=SignerRole.OWNER)
@dataclass(frozen=True, slots=True)
class Guardian:
    """The owner's key lets a guardian read within bounds, and grant within them if it says so."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    owner_thumbprint: Thumbprint
    key_thumbprint: Thumbprint
    categories: tuple[str, ...]
    purposes: tuple[Purpose, ...]
    may_grant: bool
    not_before: int
    not_after: int
    sequence: int

    def __post_init__(self) -> None:
        require(self.owner_thumbprint != self.key_thumbprint, "key_thumbprint", "must be another key")
        lifetime = self.not_after - self.not_before
        require(0 < lifetime <= MAX_GUARDIANSHIP, "not_after", "must be within 18 years of not_before")

    def holds(self, now: int) -> bool:
        """Whether its dates let it count."""
        return self.not_before <= now < self.not_after

    def covers(self, category: str, purpose: Purpose) -> bool:
        """Whether it speaks about this category and purpose."""
        return purpose in self.purposes and (not self.categories or category in self.categories)


def open_guardian(envelope: bytes | keyring_pb2.Envelope, keyring: Keyring) -> Signed[Guardian]:
    """Signed by the owner's own key."""
    signed = open_named(Guardian, envelope, lambda g: g.owner_thumbprint, "guardian")
    check_lasting_binding(keyring, signed.statement.keyring_id, signed.statement.manifest_hash)
    return signed


@message(consent_pb2.OwnerKeyRevocation, name="owner-key-revocation", role=SignerRole.OWNER)
@dataclass(frozen=True, slots=True)
class OwnerKeyRevocation:
    """A key acts for an owner no more, the owner's own key included: another key that acts for the owner says so."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    owner_thumbprint: Thumbprint
    signer_thumbprint: Thumbprint
    key_thumbprint: Thumbprint
    created_at: int

    def __post_init__(self) -> None:
        # Else one slip leaves an owner without any key.
        require(self.signer_thumbprint != self.key_thumbprint, "key_thumbprint", "must be another key")


def open_key_revocation(
    envelope: bytes | keyring_pb2.Envelope, keyring: Keyring
) -> Signed[OwnerKeyRevocation]:
    """Signed by who says so. Whether that key acts for the owner is not looked at here."""
    signed = open_named(OwnerKeyRevocation, envelope, lambda r: r.signer_thumbprint, "revocation")
    check_lasting_binding(keyring, signed.statement.keyring_id, signed.statement.manifest_hash)
    return signed
