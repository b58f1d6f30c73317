"""Ed25519 (RFC 8032) over DSSE's pre-authentication encoding, and RFC 7638 key thumbprints."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from collections import OrderedDict
from functools import lru_cache
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kms.crypto.secret import Secret
from kms.errors import BadSignature, CryptoError

SIGNATURE_SIZE: Final = 64
PUBLIC_KEY_SIZE: Final = 32
_VERIFIED_LIMIT: Final = 8192
_verified: OrderedDict[bytes, None] = OrderedDict()
_verified_lock = threading.Lock()


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE v1 pre-authentication encoding: the type is inside what is signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


class Signer(Protocol):
    """Whoever can sign: a key in memory (`SigningKey`), or one on a token."""

    public: bytes
    thumbprint: bytes

    def sign(self, payload_type: str, payload: bytes) -> bytes: ...


class SigningKey:
    """An Ed25519 private key, kept as its 32-byte seed."""

    __slots__ = ("_key", "public", "seed", "thumbprint")

    def __init__(self, seed: Secret) -> None:
        if len(seed) != 32:
            raise CryptoError("an Ed25519 seed must be 32 bytes", reason="INVALID_KEY")
        self.seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed.reveal())
        self.public: bytes = self._key.public_key().public_bytes_raw()
        self.thumbprint: bytes = thumbprint(self.public)

    @classmethod
    def generate(cls) -> SigningKey:
        return cls(Secret(secrets.token_bytes(32)))

    def sign(self, payload_type: str, payload: bytes) -> bytes:
        """64 bytes over PAE(type, payload)."""
        signed = pae(payload_type, payload)
        signature = self._key.sign(signed)
        _remember(_name(self.public, signature, signed))
        return signature

    def sign_text(self, text: bytes) -> bytes:
        """64 bytes over a note's text as it is. CryptoError if that could be read as a statement's encoding."""
        _refuse_statement(text)
        return self._key.sign(text)

    def __repr__(self) -> str:
        return "<signing key>"


def verify(public_key: bytes, payload_type: str, payload: bytes, signature: bytes) -> None:
    """BadSignature unless `signature` is by `public_key` over exactly this type and payload.

    A signature that verified is remembered by the hash of all its inputs: the same decision comes alone, in a
    certificate, and again on a retry. Failures are not remembered.
    """
    if len(public_key) != PUBLIC_KEY_SIZE or len(signature) != SIGNATURE_SIZE:
        # Before the memory is asked: a byte moved from key to signature would have the same name there.
        raise BadSignature("a signature does not verify")
    signed = pae(payload_type, payload)
    name = _name(public_key, signature, signed)
    with _verified_lock:
        if name in _verified:
            return
    try:
        _public(public_key).verify(signature, signed)
    except (InvalidSignature, ValueError):
        raise BadSignature("a signature does not verify") from None
    _remember(name)


def verify_text(public_key: bytes, text: bytes, signature: bytes) -> None:
    """BadSignature unless `signature` is by `public_key` over exactly this text of a note."""
    _refuse_statement(text)
    try:
        _public(public_key).verify(signature, text)
    except (InvalidSignature, ValueError):
        raise BadSignature("a note's signature does not verify") from None


def _refuse_statement(text: bytes) -> None:
    # One key signs both: whoever could choose a text would otherwise have a statement signed as a note.
    if text.startswith(b"DSSEv1 "):
        raise CryptoError("a note does not begin as a statement does", reason="NOTE_IS_STATEMENT")


def _name(public_key: bytes, signature: bytes, signed: bytes) -> bytes:
    return hashlib.sha256(b"".join((public_key, signature, hashlib.sha256(signed).digest()))).digest()


def _remember(name: bytes) -> None:
    with _verified_lock:
        _verified[name] = None
        if len(_verified) > _VERIFIED_LIMIT:
            _verified.popitem(last=False)


@lru_cache(maxsize=1024)
def _public(public_key: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public_key)


@lru_cache(maxsize=4096)
def thumbprint(public_key: bytes) -> bytes:
    """RFC 7638 thumbprint (SHA-256) of an Ed25519 key as the OKP JWK of RFC 8037; 32 bytes."""
    if len(public_key) != PUBLIC_KEY_SIZE:
        raise CryptoError("an Ed25519 public key must be 32 bytes", reason="INVALID_KEY")
    x = base64.urlsafe_b64encode(public_key).rstrip(b"=").decode()
    return hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest()
