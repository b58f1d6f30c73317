"""DSSE envelopes: sign exact bytes, verify exact bytes, and only then parse those same bytes.

The verifier always says whom it expects. The envelope's key id is a hint: it never makes a key trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

from kms.crypto import labels, signing
from kms.crypto.hashing import H, equal
from kms.crypto.signing import Signer
from kms.errors import BadSignature, FieldProblem, Invalid
from kms.statements.codec import S, decode, encode, parse_strict, payload_type
from kms.statements.ids import Thumbprint
from kms.wire.v1 import keyring_pb2

Envelope = keyring_pb2.Envelope
"""An envelope as it came: nothing in it is verified yet."""


@dataclass(frozen=True, slots=True)
class Signed(Generic[S]):
    """A statement that was verified (or just signed), with the exact bytes of payload and envelope."""

    statement: S
    payload: bytes
    signers: tuple[bytes, ...]
    envelope: bytes

    @property
    def message(self) -> keyring_pb2.Envelope:
        """The envelope as a protobuf message, for an RPC."""
        return keyring_pb2.Envelope.FromString(self.envelope)

    @property
    def hash(self) -> bytes:
        """H("statement", payload type, payload); 32 bytes."""
        return statement_hash(payload_type(type(self.statement)), self.payload)


def statement_hash(kind: str, payload: bytes) -> bytes:
    """H("statement", payload type, payload); 32 bytes."""
    return H(labels.STATEMENT, kind.encode(), payload)


def sign(statement: S, *keys: Signer) -> Signed[S]:
    """Encode once, sign those bytes with every key."""
    return sign_payload(statement, encode(statement), *keys)


def sign_payload(statement: S, payload: bytes, *keys: Signer) -> Signed[S]:
    """Sign the given exact bytes of `statement`."""
    kind = payload_type(type(statement))
    envelope = keyring_pb2.Envelope(
        payload_type=kind,
        payload=payload,
        signatures=[keyring_pb2.Signature(keyid=k.public, sig=k.sign(kind, payload)) for k in keys],
    )
    return Signed(
        statement, payload, tuple(k.public for k in keys), envelope.SerializeToString(deterministic=True)
    )


def pack(kind: str, payload: bytes, signatures: Sequence[tuple[bytes, bytes]]) -> bytes:
    """An envelope's bytes from its parts: payload type, exact payload, (32-byte key, 64-byte signature) pairs."""
    return keyring_pb2.Envelope(
        payload_type=kind,
        payload=payload,
        signatures=[keyring_pb2.Signature(keyid=key, sig=sig) for key, sig in signatures],
    ).SerializeToString(deterministic=True)


def unpack(envelope: bytes, path: str = "envelope") -> tuple[str, bytes, tuple[tuple[bytes, bytes], ...]]:
    """The parts that `pack` takes; nothing in them is verified. Invalid if the bytes are no envelope."""
    parsed = parse_strict(keyring_pb2.Envelope, envelope, path)
    return parsed.payload_type, parsed.payload, tuple((s.keyid, s.sig) for s in parsed.signatures)


def open_signed(
    cls: type[S], envelope: bytes | keyring_pb2.Envelope, signer: bytes, path: str = "envelope"
) -> Signed[S]:
    """The statement, if it is signed by exactly `signer` (32-byte public key), else BadSignature."""
    parsed, raw = _parse(cls, envelope, path)
    key, signature = _only_signature(parsed, path)
    if not equal(key, signer):
        raise BadSignature(f"{path} is signed by another key than the one expected", reason="WRONG_SIGNER")
    signing.verify(signer, parsed.payload_type, parsed.payload, signature)
    return Signed(decode(cls, parsed.payload, f"{path}.payload"), parsed.payload, (signer,), raw)


def open_named(
    cls: type[S],
    envelope: bytes | keyring_pb2.Envelope,
    thumbprint_of: Callable[[S], Thumbprint],
    path: str = "envelope",
) -> Signed[S]:
    """The statement, if it is signed by the key whose thumbprint stands inside the signed bytes.

    That the thumbprint is somebody's is for evidence to show: this says only that its holder signed.
    """
    parsed, raw = _parse(cls, envelope, path)
    key, signature = _only_signature(parsed, path)
    signing.verify(key, parsed.payload_type, parsed.payload, signature)
    statement = decode(cls, parsed.payload, f"{path}.payload")
    if not equal(signing.thumbprint(key), thumbprint_of(statement)):
        raise BadSignature(f"{path} is not signed by the key that it names", reason="WRONG_SIGNER")
    return Signed(statement, parsed.payload, (key,), raw)


def open_by_all(
    cls: type[S],
    envelope: bytes | keyring_pb2.Envelope,
    signers_of: Callable[[S], set[bytes]],
    path: str = "envelope",
) -> Signed[S]:
    """The statement, if each key that it itself demands has signed it; other signatures are refused."""

    def check(statement: S, signers: frozenset[bytes]) -> None:
        needed = signers_of(statement)
        if needed != signers:
            raise BadSignature(
                f"{path} needs the signatures of {len(needed)} parties, all and only them; "
                f"{len(needed - signers)} are missing",
                reason="SIGNATURES_MISSING",
            )

    return open_by_quorums(cls, envelope, check, path)


def open_by_quorums(
    cls: type[S],
    envelope: bytes | keyring_pb2.Envelope,
    check_signers: Callable[[S, frozenset[bytes]], None],
    path: str = "envelope",
) -> Signed[S]:
    """The statement, if `check_signers` accepts the set of keys that signed it; every signature must be good."""
    parsed, raw = _parse(cls, envelope, path)
    signatures = {s.keyid: s.sig for s in parsed.signatures}
    if len(signatures) != len(parsed.signatures):
        raise BadSignature(f"{path} carries two signatures of one key", reason="DUPLICATE_SIGNATURE")
    for key, signature in signatures.items():
        signing.verify(key, parsed.payload_type, parsed.payload, signature)
    statement = decode(cls, parsed.payload, f"{path}.payload")
    check_signers(statement, frozenset(signatures))
    return Signed(statement, parsed.payload, tuple(signatures), raw)


def _parse(
    cls: type[S], envelope: bytes | keyring_pb2.Envelope, path: str
) -> tuple[keyring_pb2.Envelope, bytes]:
    if isinstance(envelope, bytes):
        raw, parsed = envelope, parse_strict(keyring_pb2.Envelope, envelope, path)
    else:  # its shape was checked when the message around it was parsed
        raw, parsed = envelope.SerializeToString(deterministic=True), envelope
    expected = payload_type(cls)
    if parsed.payload_type != expected:
        raise Invalid(
            f"{path}.payload_type must be {expected}",
            reason="WRONG_TYPE",
            fields=(FieldProblem(f"{path}.payload_type", f"must be {expected}"),),
        )
    return parsed, raw


def _only_signature(parsed: keyring_pb2.Envelope, path: str) -> tuple[bytes, bytes]:
    if len(parsed.signatures) != 1:
        raise BadSignature(f"{path} must carry exactly one signature", reason="DUPLICATE_SIGNATURE")
    if len(parsed.signatures[0].keyid) != signing.PUBLIC_KEY_SIZE:
        raise BadSignature(f"{path} names no key", reason="WRONG_SIGNER")
    return parsed.signatures[0].keyid, parsed.signatures[0].sig
