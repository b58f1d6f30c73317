"""What makes a store unreadable without its roots: row keys, and sealing of the node's own secrets.

Each share row has a random key of its own, wrapped (RFC 3394) under the *row root*, as is all else that must be
possible to destroy (`seal_erasable`). A row root is rolled (`rolling.py`): rows that are left are wrapped anew, and the
old root is destroyed, so that whatever was erased opens no more, wherever copies of it may lie. The storage
root itself stays: under it lie the identity, the log's and the registry's tags, and what nobody needs to lose.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from kms.crypto import labels
from kms.crypto.hashing import expand
from kms.crypto.secret import Secret
from kms.errors import StoreError
from kms.storage import erasable

WRAPPED_SIZE: Final = 44
"""Bytes of a wrapped row key: u32be generation of its row root || RFC 3394."""
BARE_SIZE: Final = 40
"""Without the generation: under the storage root itself, as before there were row roots."""
BARE: Final = 0
"""The generation of what lies under the storage root itself."""
_SHARE: Final = bytes(11) + b"\x00"
_OPENING: Final = bytes(11) + b"\x01"


class SealedRow(NamedTuple):
    """A share and its context's opening, each under the row's own key (AES-256-GCM, bound to the key id)."""

    wrapped_key: bytes
    share: bytes
    opening: bytes

    def __repr__(self) -> str:
        return "<sealed row>"


@dataclass(frozen=True, slots=True)
class RowRoot:
    """One generation's root: 32 bytes, of which wrapping keys are derived."""

    generation: int
    key: Secret


@dataclass(frozen=True, slots=True)
class _Keys:
    """What is derived of a row root: the key that wraps row keys, and the root for what is sealed whole."""

    wrapping: bytes = field(repr=False)
    root: bytes = field(repr=False)


class Vault:
    """Holds what is derived of the storage root and of the row roots: one, or two while one is being rolled.

    Without a row root it seals and opens only what never needs to be destroyed.
    """

    __slots__ = ("_generation", "_purposes", "_root", "_rows")

    def __init__(self, root: Secret, rows: RowRoot | None = None) -> None:
        self._root = root
        self._generation = BARE
        self._rows: dict[int, _Keys] = {}
        self._purposes: dict[str, bytes] = {}
        """Keys that were derived of the storage root."""
        if rows is not None:
            self.add(rows)

    def add(self, rows: RowRoot) -> None:
        """Know this row root too, and seal under it from now on if it is the newest."""
        key = rows.key.reveal()
        self._rows[rows.generation] = _Keys(expand(key, labels.HKDF_STORE + b" rows", 32), key)
        self._generation = max(self._rows)

    def add_bare(self) -> None:
        """Open rows that lie under the storage root itself, until they are wrapped anew."""
        root = self._root.reveal()
        self._rows[BARE] = _Keys(expand(root, labels.HKDF_STORE + b" rows", 32), root)

    def drop(self, generation: int) -> None:
        """Know a row root no more."""
        self._rows.pop(generation, None)

    def row_root_in(self, path: Path) -> RowRoot:
        """The row root in this file; ConfigError if it is missing, damaged or of another storage root."""
        return RowRoot(*erasable.read(path, self._root))

    def make_row_root(self, path: Path, generation: int) -> RowRoot:
        """A new one in a new file; ConfigError if the file exists."""
        return RowRoot(generation, erasable.make(path, self._root, generation))

    @property
    def newest(self) -> int:
        """Generation of the row root that is sealed under now."""
        return self._generation

    @property
    def oldest(self) -> int:
        """Generation of the oldest row root that is still known: what lies under one before it opens no more."""
        return min(self._rows, default=self._generation)

    def with_opener(self, opener: type[Vault]) -> Vault:
        """The same roots in a vault of another kind."""
        other = opener(self._root)
        other._rows, other._generation = self._rows, self._generation
        return other

    def seal_row(self, key_id: bytes, share: bytes, opening: bytes) -> SealedRow:
        """64-byte share and an opening of any length; the key id is authenticated with both."""
        row_key = secrets.token_bytes(32)
        aead = AESGCM(row_key)
        # The row key is used for exactly these two messages, so fixed nonces are distinct nonces.
        return SealedRow(
            self._wrap(row_key),
            aead.encrypt(_SHARE, share, key_id),
            aead.encrypt(_OPENING, opening, key_id),
        )

    def seal_share(self, key_id: bytes, version: bytes, share: bytes) -> tuple[bytes, bytes]:
        """(wrapped row key, sealed 64-byte share); key id and version are authenticated with it."""
        row_key = secrets.token_bytes(32)
        return self._wrap(row_key), AESGCM(row_key).encrypt(_SHARE, share, key_id + version)

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
            return AESGCM(self._unwrap(wrapped)).decrypt(nonce, sealed, key_id)
        except InvalidTag:
            raise StoreError("a row of the store was altered or is of another root") from None

    def is_newest(self, purpose: str, value: bytes) -> bool:
        """Whether a wrapped row key, or a value sealed for a purpose, lies under the newest row root."""
        found = int.from_bytes(value[:4], "big") if purpose else generation_of(value)
        return found == self._generation

    def rewrap(self, wrapped: bytes) -> bytes:
        """The same row key under the newest row root; StoreError if it was altered."""
        return self._wrap(self._unwrap(wrapped))

    def _wrap(self, row_key: bytes) -> bytes:
        generation = self._generation
        return _u32(generation) + aes_key_wrap(self._keys(generation).wrapping, row_key)

    def _unwrap(self, wrapped: bytes) -> bytes:
        generation, bare = generation_of(wrapped), wrapped[-BARE_SIZE:]
        try:
            return aes_key_unwrap(self._keys(generation).wrapping, bare)
        except InvalidUnwrap:
            raise StoreError("a row of the store was altered or is of another root") from None

    def _keys(self, generation: int) -> _Keys:
        keys = self._rows.get(generation)
        if keys is None:
            raise StoreError(
                f"row root {generation} is not here: it was rolled, or this store is older than its row root",
                reason="ROW_ROOT_GONE",
            )
        return keys

    def seal_erasable(self, purpose: str, data: bytes) -> bytes:
        """u32be generation || 12-byte nonce || ciphertext: what opens no more once it is erased and the root rolled."""
        generation, nonce = self._generation, secrets.token_bytes(12)
        key = _purpose(self._keys(generation).root, purpose)
        return _u32(generation) + nonce + AESGCM(key).encrypt(nonce, data, None)

    def open_erasable(self, purpose: str, sealed: bytes) -> bytes:
        """StoreError if it was altered, is of another purpose, or its row root is gone."""
        key = _purpose(self._keys(int.from_bytes(sealed[:4], "big")).root, purpose)
        return _open(key, purpose, sealed[4:])

    def reseal(self, purpose: str, sealed: bytes) -> bytes:
        """The same under the newest row root."""
        return self.seal_erasable(purpose, self.open_erasable(purpose, sealed))

    def seal(self, purpose: str, data: bytes) -> bytes:
        """For what may outlive every roll. 12-byte nonce || ciphertext, under a key for this purpose alone."""
        nonce = secrets.token_bytes(12)
        return nonce + AESGCM(self._key(purpose)).encrypt(nonce, data, None)

    def open(self, purpose: str, sealed: bytes) -> bytes:
        return _open(self._key(purpose), purpose, sealed)

    def tag(self, purpose: str, data: bytes) -> bytes:
        """32 bytes that only who has the root can make for this data (HKDF-Expand as a MAC)."""
        return expand(self._root.reveal(), labels.HKDF_STORE + b" tag " + purpose.encode() + b" " + data, 32)

    def tag_of_copy(self, pieces: Iterable[bytes]) -> bytes:
        """32 bytes (HMAC-SHA256) over a copy of the store, under a key for copies alone; the pieces in their order."""
        made = hmac.new(expand(self._root.reveal(), labels.HKDF_BACKUP, 32), digestmod=hashlib.sha256)
        for piece in pieces:
            made.update(piece)
        return made.digest()

    def _key(self, purpose: str) -> bytes:
        key = self._purposes.get(purpose)
        if key is None:
            key = self._purposes[purpose] = _purpose(self._root.reveal(), purpose)
        return key

    def __repr__(self) -> str:
        return "<vault>"


def generation_of(wrapped: bytes) -> int:
    """Of the row root that a row key is wrapped under; StoreError if it is no wrapped key."""
    if len(wrapped) == BARE_SIZE:
        return BARE
    if len(wrapped) != WRAPPED_SIZE:
        raise StoreError("a row of the store was altered")
    return int.from_bytes(wrapped[:4], "big")


def _purpose(root: bytes, purpose: str) -> bytes:
    return expand(root, labels.HKDF_STORE + b" " + purpose.encode(), 32)


def _open(key: bytes, purpose: str, sealed: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:12], sealed[12:], None)
    except (InvalidTag, ValueError):
        raise StoreError(f"the store's {purpose} was altered or is of another root") from None


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "big")
