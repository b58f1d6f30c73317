"""HPKE base mode (RFC 9180 section 5), one message.

KEM 0x647a (X-Wing), KDF 1 (HKDF-SHA256), AEAD 2 (AES-256-GCM).
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.reference import xwing
from tests.reference.hashing import hkdf_expand, hkdf_extract

SUITE_ID = b"HPKE" + bytes.fromhex("647a00010002")
ENCAPSULATION_SIZE = 1120


def key_and_nonce(
    shared_secret: bytes, info: bytes, *, suite_id: bytes = SUITE_ID, key_size: int = 32
) -> tuple[bytes, bytes]:
    """KeySchedule in mode 0: (key, 12-byte base nonce). The first message uses the base nonce itself."""

    def labelled_extract(salt: bytes, label: bytes, secret: bytes) -> bytes:
        return hkdf_extract(salt, b"HPKE-v1" + suite_id + label + secret)

    def labelled_expand(prk: bytes, label: bytes, context: bytes, length: int) -> bytes:
        return hkdf_expand(prk, length.to_bytes(2, "big") + b"HPKE-v1" + suite_id + label + context, length)

    context = b"\x00" + labelled_extract(b"", b"psk_id_hash", b"") + labelled_extract(b"", b"info_hash", info)
    secret = labelled_extract(shared_secret, b"secret", b"")
    return labelled_expand(secret, b"key", context, key_size), labelled_expand(
        secret, b"base_nonce", context, 12
    )


def seal(public_key: bytes, info: bytes, plaintext: bytes, randomness: bytes) -> bytes:
    """Encapsulation, ciphertext and tag, from 64 given random bytes."""
    shared_secret, encapsulation = xwing.encapsulate(public_key, randomness)
    key, nonce = key_and_nonce(shared_secret, info)
    return encapsulation + AESGCM(key).encrypt(nonce, plaintext, b"")


def open_sealed(seed: bytes, info: bytes, sealed: bytes) -> bytes:
    """The plaintext; cryptography's InvalidTag if it does not open."""
    encapsulation, ciphertext = sealed[:ENCAPSULATION_SIZE], sealed[ENCAPSULATION_SIZE:]
    key, nonce = key_and_nonce(xwing.decapsulate(seed, encapsulation), info)
    return AESGCM(key).decrypt(nonce, ciphertext, b"")
