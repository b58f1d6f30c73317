"""What may no longer open anything: a key, a person at an issuer, one credential.

Two may say so. Whoever holds a key kills it: nobody else is harmed by that, and nobody need be asked while a stolen
laptop is on its way. And the admin quorum, which could take the whole issuer out of the manifest anyway: a kill is the
smaller, faster part of that power. One admin alone, an issuer or the host cannot lock anybody out.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from kms.crypto import labels
from kms.crypto.hashing import H, equal
from kms.errors import Invalid
from kms.statements.ceremony import open_by_admins
from kms.statements.chain import Chain
from kms.statements.codec import SignerRole, message, parse_strict, payload_type, require
from kms.statements.envelope import Signed, open_named, open_signed
from kms.statements.ids import KeyringId, ManifestHash, Thumbprint
from kms.statements.keys import MAX_CLOCK_SKEW
from kms.statements.manifest import Keyring, check_binding, check_lasting_binding
from kms.wire.v1 import keyring_pb2, kill_pb2

MAX_PERSON_SECONDS: Final = 90 * 86400


class KillKind(enum.IntEnum):
    """What is killed."""

    KEY = 1
    PERSON = 2
    CREDENTIAL = 3


@message(kill_pb2.KeyKill, name="key-kill", role=SignerRole.REQUESTER)
@dataclass(frozen=True, slots=True)
class KeyKill:
    """The holder of a key ends it, for good."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    key_thumbprint: Thumbprint
    created_at: int


@message(kill_pb2.KillOrder, name="kill-order", role=SignerRole.ADMINS)
@dataclass(frozen=True, slots=True)
class KillOrder:
    """The admin quorum ends what `name` names; `until` in unix seconds, 0 for good."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    kind: KillKind
    name: bytes
    until: int
    reason: str
    created_at: int

    def __post_init__(self) -> None:
        # People come back with other devices; an order that nobody remembers must not keep them out for ever.
        bounded = 0 < self.until - self.created_at <= MAX_PERSON_SECONDS
        require(
            bounded or (self.until == 0 and self.kind is not KillKind.PERSON),
            "until",
            "must be within 90 days, or 0 for a key or a credential",
        )


@message(kill_pb2.Killed, name="killed", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class Killed:
    """A custodian's word that it decides and releases nothing more for what the statement names."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    statement_hash: bytes
    killed_at: int
    log_index: int


@dataclass(frozen=True, slots=True)
class Kill:
    """What is killed and until when (0: for good); who says so, if it is one key; the statement's hash."""

    kind: KillKind
    name: bytes
    until: int
    by: bytes
    statement_hash: bytes


def open_kill(envelope: bytes | keyring_pb2.Envelope, chain: Chain, keyring: Keyring, now: int) -> Kill:
    """A KeyKill by the key that it names, or a KillOrder by the admin quorum of the manifest in force."""
    parsed = parse_strict(keyring_pb2.Envelope, envelope, "kill") if isinstance(envelope, bytes) else envelope
    if parsed.payload_type == payload_type(KillOrder):
        order = open_by_admins(KillOrder, envelope, chain, now)
        said = order.statement
        if said.until and now >= said.until:
            raise Invalid("that order has ended already", reason="KILL_ENDED")
        return Kill(said.kind, said.name, said.until, b"", order.hash)
    signed = open_named(KeyKill, envelope, lambda k: k.key_thumbprint, "kill")
    own = signed.statement
    check_lasting_binding(keyring, own.keyring_id, own.manifest_hash)
    require(own.created_at <= now + MAX_CLOCK_SKEW, "kill.created_at", "lies in the future")
    return Kill(KillKind.KEY, own.key_thumbprint, 0, own.key_thumbprint, signed.hash)


def open_killed(
    envelope: keyring_pb2.Envelope, keyring: Keyring, index: int, statement_hash: bytes
) -> Signed[Killed]:
    """Custodian `index`'s word on exactly this statement."""
    signed = open_signed(Killed, envelope, keyring.custodian(index).identity_key, "killed")
    said = signed.statement
    check_binding(keyring, said.keyring_id, said.manifest_hash)
    if said.index != index or not equal(said.statement_hash, statement_hash):
        raise Invalid("a custodian's word on another kill", reason="WRONG_KILL")
    return signed


def person_name(keyring_id: bytes, iss: str, subject: str) -> bytes:
    """H("subject", keyring id, iss, sub): kills travel and are logged without names."""
    return H(labels.SUBJECT, keyring_id, iss.encode(), subject.encode())


def credential_name(token: str) -> bytes:
    """H("credential", what its issuer signed: header, point, claims, as they are spelled).

    Without the signature: who holds a token signed by ES256 can make another good signature of that one, with no key.
    """
    return H(labels.CREDENTIAL, token.rpartition(".")[0].encode())
