"""X-Wing (draft-connolly-cfrg-xwing-kem-10): ML-KEM-768 beside X25519, joined by SHA3-256."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from tests.reference import mlkem

# The combiner's last input, a drawing of an X-wing: "\.//^\".
LABEL = bytes.fromhex("5c2e2f2f5e5c")


def _x25519(private: bytes, public: bytes | None = None) -> bytes:
    key = X25519PrivateKey.from_private_bytes(private)
    if public is None:
        return key.public_key().public_bytes_raw()
    return key.exchange(X25519PublicKey.from_public_bytes(public))


def _combine(ss_m: bytes, ss_x: bytes, ct_x: bytes, pk_x: bytes) -> bytes:
    return hashlib.sha3_256(ss_m + ss_x + ct_x + pk_x + LABEL).digest()


def expand(seed: bytes) -> tuple[bytes, bytes, bytes]:
    """(ML-KEM decapsulation key, X25519 private key, 1216-byte public key) of a 32-byte seed."""
    expanded = hashlib.shake_256(seed).digest(96)
    public_m, private_m = mlkem.key_pair(expanded[:64])
    private_x = expanded[64:]
    return private_m, private_x, public_m + _x25519(private_x)


def public_key(seed: bytes) -> bytes:
    return expand(seed)[2]


def encapsulate(public: bytes, randomness: bytes) -> tuple[bytes, bytes]:
    """(32-byte shared secret, 1120-byte ciphertext) from 64 random bytes."""
    public_m, public_x = public[:1184], public[1184:]
    ss_m, ct_m = mlkem.encapsulate(public_m, randomness[:32])
    ct_x = _x25519(randomness[32:])
    return _combine(ss_m, _x25519(randomness[32:], public_x), ct_x, public_x), ct_m + ct_x


def decapsulate(seed: bytes, ciphertext: bytes) -> bytes:
    """The 32-byte shared secret."""
    private_m, private_x, public = expand(seed)
    ct_m, ct_x = ciphertext[:1088], ciphertext[1088:]
    return _combine(mlkem.decapsulate(private_m, ct_m), _x25519(private_x, ct_x), ct_x, public[1184:])
