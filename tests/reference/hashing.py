"""H(label, ...) and HKDF-SHA256, spelled out (RFC 2104, RFC 5869)."""

from __future__ import annotations

import hashlib


def hash_labelled(label: str, *parts: bytes) -> bytes:
    """SHA-256 over "TKMS1", the label behind its length byte, each part behind its 8-byte length."""
    message = b"TKMS1"
    message += len(label).to_bytes(1, "big") + label.encode("ascii")
    for part in parts:
        message += len(part).to_bytes(8, "big") + part
    return hashlib.sha256(message).digest()


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """RFC 2104 with SHA-256 (64-byte blocks)."""
    if len(key) > 64:
        key = hashlib.sha256(key).digest()
    key = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(k ^ 0x36 for k in key) + message).digest()
    return hashlib.sha256(bytes(k ^ 0x5C for k in key) + inner).digest()


def hkdf_extract(salt: bytes, secret: bytes) -> bytes:
    """RFC 5869 section 2.2; an empty salt is 32 zero bytes."""
    return hmac_sha256(salt or bytes(32), secret)


def hkdf_expand(prk: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 section 2.3."""
    output, block, counter = b"", b"", 1
    while len(output) < length:
        block = hmac_sha256(prk, block + info + bytes([counter]))
        output += block
        counter += 1
    return output[:length]
