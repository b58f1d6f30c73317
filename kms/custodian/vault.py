"""What makes a store unreadable without its root: row keys, and sealing of the node's own secrets.

Each share row has a random key of its own, wrapped (RFC 3394) under a key derived from the storage root.
Erasing a share is erasing 40 bytes, and no copy of the rest in a free page or journal opens again.
"""

from __future__ import annotations

import secrets
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from kms.crypto import labels
from kms.crypto.hashing import expand
from kms.crypto.secret import Secret
from kms.errors import StoreError

_SHARE: Final = bytes(11) + b"\x00"
_OPENING: Final = bytes(11) + b"\x01"


class SealedRow(NamedTuple):
    """A share and its context's opening, each under the row's own key (AES-256-GCM, bound to the key id)."""

    wrapped_key: bytes
    share: bytes
    opening: bytes

    def __repr__(self) -> str:
        return "<sealed row>"


class Vault:
    """Holds the storage root's derived keys."""

    __slots__ = ("_root", "_row_key")

    def __init__(self, root: Secret) -> None:
        self._root = root
        self._row_key = expand(root.reveal(), labels.HKDF_STORE + b" rows", 32)

    def seal_row(self, key_id: bytes, share: bytes, opening: bytes) -> SealedRow:
        """64-byte share and an opening of any length; the key id is authenticated with both."""
        row_key = secrets.token_bytes(32)
        aead = AESGCM(row_key)
        # The row key is used for exactly these two messages, so fixed nonces are distinct nonces.
        return SealedRow(
            aes_key_wrap(self._row_key, row_key),
            aead.encrypt(_SHARE, share, key_id),
            aead.encrypt(_OPENING, opening, key_id),
        )

    def seal_share(self, key_id: bytes, version: bytes, share: bytes) -> tuple[bytes, bytes]:
        """(wrapped row key, sealed 64-byte share); key id and version are authenticated with it."""
        row_key = secrets.token_bytes(32)
        return aes_key_wrap(self._row_key, row_key), AESGCM(row_key).encrypt(_SHARE, share, key_id + version)

    def open_reshared(self, key_id: bytes, version: bytes, wrapped: bytes, sealed: bytes) -> bytes:
        """A share that `seal_share` sealed; StoreError if it was altered or is another key's or version's."""
        return self._open(key_id + version, wrapped, _SHARE, sealed)

    def reseal_opening(self, key_id: bytes, row: SealedRow) -> SealedRow:
        """The row without its share, under a new row key: what was sealed under the old one opens no more."""
        kept = self.seal_row(key_id, b"", self.open_opening(key_id, row))
        return SealedRow(kept.wrapped_key, b"", kept.opening)

    def open_share(self, key_id: bytes, row: SealedRow) -> bytes:
        return self._open(key_id, row.wrapped_key, _SHARE, row.share)

    def open_opening(self, key_id: bytes, row: SealedRow) -> bytes:
        return self._open(key_id, row.wrapped_key, _OPENING, row.opening)

    def _open(self, key_id: bytes, wrapped: bytes, nonce: bytes, sealed: bytes) -> bytes:
        try:
            return AESGCM(aes_key_unwrap(self._row_key, wrapped)).decrypt(nonce, sealed, key_id)
        except (InvalidTag, InvalidUnwrap):
            raise StoreError("a row of the store was altered or is of another root") from None

    def seal(self, purpose: str, data: bytes) -> bytes:
        """12-byte nonce || ciphertext, under a key for this purpose alone."""
        nonce = secrets.token_bytes(12)
        return nonce + AESGCM(self._key(purpose)).encrypt(nonce, data, None)

    def open(self, purpose: str, sealed: bytes) -> bytes:
        try:
            return AESGCM(self._key(purpose)).decrypt(sealed[:12], sealed[12:], None)
        except (InvalidTag, ValueError):
            raise StoreError(f"the store's {purpose} was altered or is of another root") from None

    def tag(self, purpose: str, data: bytes) -> bytes:
        """32 bytes that only who has the root can make for this data (HKDF-Expand as a MAC)."""
        return expand(self._root.reveal(), labels.HKDF_STORE + b" tag " + purpose.encode() + b" " + data, 32)

    def _key(self, purpose: str) -> bytes:
        return expand(self._root.reveal(), labels.HKDF_STORE + b" " + purpose.encode(), 32)

    def __repr__(self) -> str:
        return "<vault>"
