"""Core, Descriptor, and what follows from them. The protobuf encoding is written by hand."""

from __future__ import annotations

from collections.abc import Sequence

from tests.reference.hashing import hash_labelled, hkdf_expand, hkdf_extract

SPEC_DATA = 1
SPEC_INBOX = 2


def varint(value: int) -> bytes:
    """Base 128, least significant group first."""
    out = b""
    while value > 127:
        out += bytes([value % 128 + 128])
        value //= 128
    return out + bytes([value])


def number_field(number: int, value: int) -> bytes:
    """Wire type 0; proto3 leaves a zero out."""
    return varint(number * 8) + varint(value) if value else b""


def bytes_field(number: int, value: bytes, repeated: bool = False) -> bytes:
    """Wire type 2; proto3 leaves an empty singular field out."""
    return varint(number * 8 + 2) + varint(len(value)) + value if value or repeated else b""


def core(
    *,
    keyring_id: bytes,
    manifest_hash: bytes,
    threshold: int,
    spec: int,
    owner_thumbprint: bytes,
    creator_thumbprint: bytes,
    created_at: int,
    context_commitment: bytes,
    commitments: Sequence[bytes],
) -> bytes:
    """Exact bytes of a Core of suite 1."""
    return (
        number_field(1, 1)
        + bytes_field(2, keyring_id)
        + bytes_field(3, manifest_hash)
        + number_field(4, threshold)
        + number_field(5, spec)
        + bytes_field(6, owner_thumbprint)
        + bytes_field(7, creator_thumbprint)
        + number_field(8, created_at)
        + bytes_field(9, context_commitment)
        + b"".join(bytes_field(10, point, repeated=True) for point in commitments)
    )


def descriptor(core_bytes: bytes, check_value: bytes, public_key: bytes = b"") -> bytes:
    """Exact bytes of a Descriptor."""
    return bytes_field(1, core_bytes) + bytes_field(2, check_value) + bytes_field(3, public_key)


def core_hash(core_bytes: bytes) -> bytes:
    return hash_labelled("core", core_bytes)


def key_id(descriptor_bytes: bytes) -> bytes:
    return hash_labelled("key", descriptor_bytes)


def pseudorandom_key(secret: bytes) -> bytes:
    return hkdf_extract(b"TKMS1 secret", secret)


def key_check_value(secret: bytes, core_digest: bytes) -> bytes:
    return hkdf_expand(pseudorandom_key(secret), b"TKMS1 kcv" + core_digest, 32)


def data_key(secret: bytes, name: bytes) -> bytes:
    return hkdf_expand(pseudorandom_key(secret), b"TKMS1 dek" + name, 32)


def inbox_seed(secret: bytes, core_digest: bytes) -> bytes:
    return hkdf_expand(pseudorandom_key(secret), b"TKMS1 xwing" + core_digest, 32)
