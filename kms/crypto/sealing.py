"""HPKE base mode (RFC 9180) with X-Wing (ML-KEM-768 + X25519), HKDF-SHA256 and AES-256-GCM.

Base mode authenticates nobody: a sealed blob always travels inside a signed payload that holds its hash, and
`info` is always `H(label, everything that the message means)`, so a blob opens only where it was meant to.
One message per encapsulation.
"""

from __future__ import annotations

import hashlib
import secrets
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from kms.crypto import labels
from kms.crypto.hashing import H
from kms.crypto.secret import Secret
from kms.errors import CryptoError

SEED_SIZE: Final = 32
PUBLIC_KEY_SIZE: Final = 1216
_MLKEM_PUBLIC: Final = 1184
ENCAPSULATION_SIZE: Final = 1120
TAG_SIZE: Final = 16

_SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class SealingPrivateKey:
    """An X-Wing private key, expanded from its 32-byte seed (draft-connolly-cfrg-xwing-kem)."""

    __slots__ = ("_key", "public", "seed")

    def __init__(self, seed: Secret) -> None:
        if len(seed) != SEED_SIZE:
            raise CryptoError("an X-Wing seed must be 32 bytes", reason="INVALID_KEY")
        expanded = hashlib.shake_256(seed.reveal()).digest(96)
        kem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        curve = X25519PrivateKey.from_private_bytes(expanded[64:])
        self.seed = seed
        self._key = MLKEM768X25519PrivateKey(kem, curve)
        self.public: bytes = kem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> SealingPrivateKey:
        return cls(Secret(secrets.token_bytes(SEED_SIZE)))

    def open(self, info: bytes, sealed: bytes) -> bytes:
        """The plaintext; CryptoError if sealed to another key, under another `info`, or altered."""
        try:
            return _SUITE.decrypt(sealed, self._key, info)
        except (InvalidTag, ValueError):
            raise CryptoError("a sealed message does not open", reason="CANNOT_OPEN") from None

    def __repr__(self) -> str:
        return "<sealing private key>"


def seal(public_key: bytes, info: bytes, plaintext: bytes) -> bytes:
    """1120-byte encapsulation || ciphertext || tag. CryptoError if the 1216-byte key is not one."""
    if len(public_key) != PUBLIC_KEY_SIZE:
        raise CryptoError("an X-Wing public key must be 1216 bytes", reason="INVALID_KEY")
    try:
        return _SUITE.encrypt(plaintext, _public(public_key), info)
    except ValueError:
        raise CryptoError("not an X-Wing public key", reason="INVALID_KEY") from None


@lru_cache(maxsize=128)
def _public(public_key: bytes) -> MLKEM768X25519PublicKey:
    return MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(public_key[:_MLKEM_PUBLIC]),
        X25519PublicKey.from_public_bytes(public_key[_MLKEM_PUBLIC:]),
    )


def blob_hash(sealed: bytes) -> bytes:
    """H("blob", sealed): what the signed payload around a blob holds."""
    return H(labels.BLOB, sealed)
