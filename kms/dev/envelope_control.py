"""The control: ordinary server-side envelope encryption, the design that the product is measured against.

A key process holds a master key and hands out data keys, in clear and wrapped (what a cloud KMS calls
GenerateDataKey and Decrypt). The back end gets the record in clear, encrypts it with a fresh data key,
stores ciphertext and wrapped key, and asks the key process again to read. Nothing is wrong with the
cryptography: disk and database hold ciphertext alone. But plaintext and data keys pass through the back
end's memory, and that is what the verdict shows. Done with care, so that the comparison is with a good
implementation; never for use.

Stored form: `TKE1` || u16be length of wrapped key || wrapped key || nonce (12) || AES-256-GCM ciphertext
with tag.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kms.errors import CryptoError

KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_MAGIC = b"TKE1"
_WRAP_LABEL = b"envelope control"


@dataclass(frozen=True, slots=True)
class DataKey:
    """A data key in clear (32 bytes) and as the key process wrapped it (60 bytes)."""

    plaintext: bytes = field(repr=False)
    wrapped: bytes


class KeyProcess:
    """The separate key process: it keeps the master key, and unwraps for whoever may call it."""

    def __init__(self, master_key: bytes | None = None) -> None:
        """`master_key` is 32 bytes, a fresh one if None. Raises `CryptoError` for another length."""
        if master_key is not None and len(master_key) != KEY_BYTES:
            raise CryptoError(f"a master key is {KEY_BYTES} bytes, not {len(master_key)}")
        self._master = AESGCM(master_key if master_key is not None else os.urandom(KEY_BYTES))

    def generate_data_key(self) -> DataKey:
        """A fresh data key, in clear and wrapped."""
        plaintext = os.urandom(KEY_BYTES)
        nonce = os.urandom(_NONCE_BYTES)
        return DataKey(plaintext, nonce + self._master.encrypt(nonce, plaintext, _WRAP_LABEL))

    def unwrap(self, wrapped: bytes) -> bytes:
        """The 32 bytes of a data key. Raises `CryptoError` if this process did not wrap it."""
        if len(wrapped) != _NONCE_BYTES + KEY_BYTES + _TAG_BYTES:
            raise CryptoError(
                f"a wrapped key is {_NONCE_BYTES + KEY_BYTES + _TAG_BYTES} bytes, not {len(wrapped)}"
            )
        return _opened(self._master, wrapped, _WRAP_LABEL, "the wrapped key is not of this master key")


@dataclass(frozen=True, slots=True)
class ServerSideEnvelope:
    """A stored record: what the back end's database holds."""

    wrapped_key: bytes
    sealed: bytes = field(repr=False)

    @classmethod
    def encrypt(cls, record: bytes, record_id: str, key: DataKey) -> ServerSideEnvelope:
        """Encrypt one record under a data key that is used for nothing else, bound to the record's id."""
        nonce = os.urandom(_NONCE_BYTES)
        return cls(key.wrapped, nonce + AESGCM(key.plaintext).encrypt(nonce, record, record_id.encode()))

    def decrypt(self, record_id: str, plaintext_key: bytes) -> bytes:
        """The record. Raises `CryptoError` for another key, another id or altered bytes."""
        cipher = AESGCM(plaintext_key)
        return _opened(
            cipher, self.sealed, record_id.encode(), "the record does not open under this key and id"
        )

    def to_bytes(self) -> bytes:
        """The stored form (see the module)."""
        return _MAGIC + len(self.wrapped_key).to_bytes(2, "big") + self.wrapped_key + self.sealed

    @classmethod
    def from_bytes(cls, stored: bytes) -> ServerSideEnvelope:
        """Parse the stored form. Raises `CryptoError` if it is not one."""
        if stored[:4] != _MAGIC:
            raise CryptoError("not an envelope: it does not start with TKE1")
        end = 6 + int.from_bytes(stored[4:6], "big")
        if len(stored) < end + _NONCE_BYTES + _TAG_BYTES:
            raise CryptoError("an envelope is cut short")
        return cls(stored[6:end], stored[end:])


def _opened(cipher: AESGCM, sealed: bytes, bound: bytes, otherwise: str) -> bytes:
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound)
    except InvalidTag:
        raise CryptoError(otherwise) from None
