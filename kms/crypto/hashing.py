"""Hashing and key derivation: `H(label, parts)` and HKDF-SHA256 (RFC 5869)."""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

_SHA256 = hashes.SHA256()
_SHORT: Final = 4096
"""Bytes. Joined and hashed at once, parts up to this size cost half of what they cost one by one."""
_LENGTHS: Final = tuple(n.to_bytes(8, "big") for n in range(_SHORT + 1))


@lru_cache(maxsize=256)
def _prefix(label: str) -> bytes:
    encoded = label.encode("ascii")
    return b"TKMS1" + bytes([len(encoded)]) + encoded


def H(label: str, *parts: bytes) -> bytes:
    """SHA-256("TKMS1" || u8 len(label) || label || for each part: u64be length || part); 32 bytes.

    Length prefixes make the encoding injective: no two lists of parts hash the same bytes.
    """
    pieces = [_prefix(label)]
    h = None
    for part in parts:
        size = len(part)
        if size <= _SHORT:
            pieces += _LENGTHS[size], part
            continue
        if h is None:
            h = hashlib.sha256()
        pieces.append(size.to_bytes(8, "big"))
        h.update(b"".join(pieces))
        h.update(part)
        pieces = []
    last = b"".join(pieces)
    if h is None:
        return hashlib.sha256(last).digest()
    h.update(last)
    return h.digest()


def u16(value: int) -> bytes:
    """2 bytes big-endian, for use as a hashed part."""
    return value.to_bytes(2, "big")


def u64(value: int) -> bytes:
    """8 bytes big-endian, for use as a hashed part."""
    return value.to_bytes(8, "big")


def extract(salt: bytes, secret: bytes) -> bytes:
    """HKDF-Extract (RFC 5869 section 2.2): a 32-byte pseudorandom key."""
    return HKDF.extract(_SHA256, salt, secret)


def expand(prk: bytes, info: bytes, length: int) -> bytes:
    """HKDF-Expand (RFC 5869 section 2.3): `length` bytes."""
    return HKDFExpand(_SHA256, length, info).derive(prk)


def hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    """HKDF, both steps: `length` bytes."""
    return HKDF(_SHA256, length, salt, info).derive(secret)


def equal(a: bytes, b: bytes) -> bool:
    """Constant-time comparison; every comparison of a secret or an authenticator goes through here."""
    return hmac.compare_digest(a, b)
