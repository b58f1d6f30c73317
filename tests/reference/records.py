"""The record format: header, commitment, 64 KiB chunks, each by one AES-256-GCM call."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.reference import hpke
from tests.reference.hashing import hash_labelled, hkdf_expand, hkdf_extract

CHUNK = 65536
FIXED = 127


@dataclass(frozen=True, slots=True)
class Fields:
    """What stands in a record's header."""

    key_id: bytes
    salt: bytes
    context_hash: bytes
    record_id: bytes
    version: int
    inbox: bool = False
    sealed_key: bytes = b""


def header(fields: Fields) -> bytes:
    """127 bytes, and the sealed content key of a record to an inbox."""
    return (
        b"TKR1"
        + bytes([1, 1 if fields.inbox else 0, 16])
        + fields.key_id
        + fields.salt
        + fields.context_hash
        + fields.record_id
        + fields.version.to_bytes(8, "big")
        + fields.sealed_key
    )


def keys(key: bytes, salt: bytes, header_bytes: bytes) -> tuple[bytes, bytes]:
    """(AES key, commitment)."""
    info = b"TKMS1 record" + hashlib.sha256(header_bytes).digest()
    okm = hkdf_expand(hkdf_extract(salt, key), info, 64)
    return okm[:32], okm[32:]


def nonce(counter: int, last: bool) -> bytes:
    return counter.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def chunks(plaintext: bytes) -> list[bytes]:
    """64 KiB pieces; nothing at all is one empty piece."""
    return [plaintext[i : i + CHUNK] for i in range(0, len(plaintext), CHUNK)] or [b""]


def body(aes_key: bytes, pieces: Sequence[bytes]) -> bytes:
    last = len(pieces) - 1
    return b"".join(
        AESGCM(aes_key).encrypt(nonce(i, i == last), piece, b"") for i, piece in enumerate(pieces)
    )


def encrypt(key: bytes, fields: Fields, plaintext: bytes) -> bytes:
    """The whole record."""
    head = header(fields)
    aes_key, commitment = keys(key, fields.salt, head)
    return head + commitment + body(aes_key, chunks(plaintext))


def seal_to_inbox(fields: Fields, public_key: bytes, content_key: bytes, randomness: bytes) -> Fields:
    """The header with the content key sealed in; `info` is H("inbox", key id, the first 127 bytes)."""
    open_fields = replace(fields, inbox=True, sealed_key=b"")
    info = hash_labelled("inbox", fields.key_id, header(open_fields))
    return replace(open_fields, sealed_key=hpke.seal(public_key, info, content_key, randomness))


def context_hash(commitment: bytes, associated_data: bytes) -> bytes:
    return hash_labelled("record context", commitment, associated_data)
