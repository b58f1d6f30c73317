"""When an owner's key is lost: who its holder was said to be, and a new key that two issuers vouch for."""

from __future__ import annotations

from dataclasses import dataclass, field

from kms.errors import Invalid, Stale
from kms.statements.codec import SignerRole, message, require
from kms.statements.consent import FRESH_SECONDS
from kms.statements.envelope import Signed, open_named
from kms.statements.ids import KeyringId, ManifestHash, Thumbprint
from kms.statements.manifest import Keyring, check_binding, check_lasting_binding
from kms.wire.v1 import consent_pb2, keyring_pb2


@message(consent_pb2.OwnerBinding, name="owner-binding", role=SignerRole.OWNER)
@dataclass(frozen=True, slots=True)
class OwnerBinding:
    """The owner's key says as whom issuers know its holder, by hash; the latest counts, an empty one takes it back."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    owner_thumbprint: Thumbprint
    subjects: tuple[bytes, ...]
    sequence: int


def open_binding(envelope: bytes | keyring_pb2.Envelope, keyring: Keyring) -> Signed[OwnerBinding]:
    """Signed by the owner's own key."""
    signed = open_named(OwnerBinding, envelope, lambda b: b.owner_thumbprint, "binding")
    check_lasting_binding(keyring, signed.statement.keyring_id, signed.statement.manifest_hash)
    return signed


@message(consent_pb2.RecoveryRequest, name="recovery-request", role=SignerRole.REQUESTER)
@dataclass(frozen=True, slots=True)
class RecoveryRequest:
    """A new key asks custodian `index` to count for an owner whose own is lost; its credentials are bound to it."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    owner_thumbprint: Thumbprint
    key_thumbprint: Thumbprint
    credentials: tuple[str, ...] = field(repr=False)
    created_at: int

    def __post_init__(self) -> None:
        require(self.owner_thumbprint != self.key_thumbprint, "key_thumbprint", "must be another key")


def open_recovery(
    envelope: bytes | keyring_pb2.Envelope, keyring: Keyring, index: int, now: int
) -> Signed[RecoveryRequest]:
    """Signed by the new key, for this custodian, just now. Who vouches for its holder is not looked at here."""
    signed = open_named(RecoveryRequest, envelope, lambda r: r.key_thumbprint, "recovery")
    request = signed.statement
    check_binding(keyring, request.keyring_id, request.manifest_hash)
    if request.index != index:
        raise Invalid("a recovery at another custodian", reason="WRONG_CUSTODIAN")
    if abs(now - request.created_at) > FRESH_SECONDS:
        raise Stale("the recovery is not of just now: ask again", reason="QUESTION_NOT_FRESH")
    return signed
