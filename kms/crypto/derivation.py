"""What follows from a key's secret and its description: name, check value, data key, inbox seed.

Names come from hashes of exact bytes, keys from HKDF with those names in `info`: a share that is deposited
under another description opens nothing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from kms.crypto import labels
from kms.crypto.hashing import H, equal, expand, extract
from kms.crypto.secret import DataKey, KeySecret, Secret

KEY_CHECK_SIZE: Final = 32


def core_hash(core: bytes) -> bytes:
    """H("core", exact bytes of the core); 32 bytes."""
    return H(labels.CORE, core)


def key_id(descriptor: bytes) -> bytes:
    """H("key", exact bytes of the descriptor); 32 bytes: the key's name."""
    return H(labels.KEY, descriptor)


def prk(secret: bytes) -> bytes:
    """HKDF-Extract("TKMS1 secret", s); 32 bytes, as secret as s itself."""
    return extract(labels.HKDF_SECRET, secret)


def key_check_value(secret_prk: bytes, core_digest: bytes) -> bytes:
    """32 bytes that tell the right secret from a wrong one, and commit to it."""
    return expand(secret_prk, labels.HKDF_KCV + core_digest, KEY_CHECK_SIZE)


def matches(secret: bytes, core_digest: bytes, expected: bytes) -> bool:
    """Whether `secret` has the key check value `expected`; constant time."""
    return equal(key_check_value(prk(secret), core_digest), expected)


def data_key(secret: KeySecret, key: bytes) -> DataKey:
    """The DEK of the key named `key` (32-byte key id)."""
    return data_key_from(prk(secret.reveal()), key)


def data_key_from(secret_prk: bytes, key: bytes) -> DataKey:
    """The DEK of the key named `key`, from the PRK of its secret."""
    return DataKey(expand(secret_prk, labels.HKDF_DEK + key, 32))


def inbox_seed(secret: KeySecret, core_digest: bytes) -> Secret:
    """The 32-byte X-Wing seed of an inbox key."""
    return Secret(expand(prk(secret.reveal()), labels.HKDF_XWING + core_digest, 32))


def context_commitment(salt: bytes, context: bytes) -> bytes:
    """H("ctx", salt, exact bytes of the context); hides it, since salt is 32 random bytes."""
    return H(labels.CONTEXT, salt, context)


def batch_root(key_ids: list[bytes]) -> bytes:
    """H("batch", key ids in the deposit's order)."""
    return H(labels.BATCH, *key_ids)


@lru_cache(maxsize=64)
def dealt_version(keyring_id: bytes, manifest_hash: bytes) -> bytes:
    """The version of shares as they were first dealt under a manifest; later ones are named by their plan."""
    return H(labels.DEALT_VERSION, keyring_id, manifest_hash)
