"""The auditor's own copy of a log, in the layout in which logs are exported: what was read once is not read again.

Nothing in it is taken on trust either. What it holds is named by the checkpoint that the custodian signed, so a copy
that somebody changed does not agree with that signature and is refused. It accuses nobody.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from kms.crypto import merkle
from kms.crypto.hashing import equal
from kms.crypto.merkle import HASH_SIZE, TILE_HEIGHT, TILE_WIDTH, Nodes
from kms.errors import Invalid, KmsError, StoreError
from kms.statements.checkpoint import Checkpoint, read_note, verify_checkpoint
from kms.statements.tiles import ENTRIES, Tile, write_bundle

_CACHED: Final = 64


class Mirror:
    """Entries and hashes of the first `size` entries, and the signed checkpoint that names them."""

    def __init__(self, folder: Path, origin: str, keys: Sequence[bytes]) -> None:
        """What lies in `folder`, or nothing yet. StoreError if it is not what one of these keys signed."""
        self._folder, self._origin, self._keys = folder, origin, keys
        self._tile = lru_cache(_CACHED)(self._read_tile)
        self.note = b""
        self.size, self.root = 0, merkle.EMPTY_ROOT
        path = folder / "checkpoint"
        if path.exists():
            self._adopt(path.read_bytes())

    def _adopt(self, note: bytes) -> None:
        try:
            checkpoint = verified(note, self._origin, self._keys)
        except KmsError as error:
            raise _damaged(self._folder, error.message) from None
        self.size, self.root, self.note = checkpoint.size, checkpoint.root, note
        self._tile.cache_clear()
        if not equal(merkle.root(self.nodes, self.size), self.root):
            raise _damaged(self._folder, "its hashes do not add up to the checkpoint")

    @property
    def nodes(self) -> Nodes:
        """Roots of complete subtrees, for proofs."""
        return merkle.tiled(self._tile)

    def edge(self) -> Edge:
        """Where the next entries go."""
        rows = []
        level = 0
        while self.size >> level * TILE_HEIGHT:
            number, width = divmod(self.size >> level * TILE_HEIGHT, TILE_WIDTH)
            data = self._tile(level, number, width) if width else b""
            rows.append(_split(data[: width * HASH_SIZE]))
            level += 1
        part = self.size % TILE_WIDTH
        entries = self._bundle(self.size // TILE_WIDTH, part) if part else []
        return Edge(self._folder, self.size, rows, entries)

    def entry(self, index: int) -> tuple[bytes, list[bytes]]:
        """(exact bytes, audit path) of an entry; StoreError if the copy no longer holds what was signed."""
        number, at = divmod(index, TILE_WIDTH)
        width = min(TILE_WIDTH, self.size - number * TILE_WIDTH)
        entry = self._bundle(number, width)[at]
        try:
            proof = merkle.inclusion_proof(self.nodes, index, self.size)
            merkle.check_inclusion(merkle.leaf_hash(entry), index, self.size, proof, self.root)
        except Invalid as error:
            raise _damaged(self._folder, error.message) from None
        return entry, proof

    def bundle(self, number: int) -> list[bytes]:
        """The exact bytes of a bundle's entries; StoreError if the copy no longer holds what was signed."""
        first = number * TILE_WIDTH
        entries = self._bundle(number, min(TILE_WIDTH, self.size - first))
        hashes = b"".join(merkle.leaf_hash(entry) for entry in entries)
        if not equal(hashes, self._tile(0, number, len(entries))[: len(hashes)]):
            raise _damaged(self._folder, f"the entries from {first} on are others than their hashes")
        self.entry(first)  # its path is made of all other hashes of the tile
        return entries

    def root_at(self, size: int) -> bytes:
        """The root over the first entries."""
        return merkle.root(self.nodes, size)

    def keep(self, note: bytes) -> None:
        """From now on the copy is of the log that this note names. Its entries and hashes must lie there already."""
        old = self.size
        write(self._folder / "checkpoint", note)
        self._adopt(note)
        for level in (ENTRIES, *range(8)):  # partial tiles of before, which whole or wider ones replace
            number, width = divmod(old >> max(level, 0) * TILE_HEIGHT, TILE_WIDTH)
            if width and old >> max(level, 0) * TILE_HEIGHT != self.size >> max(level, 0) * TILE_HEIGHT:
                (self._folder / Tile(level, number, width).path).unlink(missing_ok=True)

    def _bundle(self, number: int, width: int) -> list[bytes]:
        data = self._file(Tile(ENTRIES, number, width))
        try:
            return read_wider_bundle(data, width)
        except Invalid as error:
            raise _damaged(self._folder, error.message) from None

    def _read_tile(self, level: int, number: int, width: int) -> bytes:
        have = self.size >> level * TILE_HEIGHT
        # Of what is partial at this size only the partial file was ever vouched for.
        actual = min(TILE_WIDTH, have - number * TILE_WIDTH)
        data = self._file(Tile(level, number, actual)) if actual > 0 else b""
        if len(data) < width * HASH_SIZE:
            raise _damaged(self._folder, f"a tile of level {level} is cut off")
        return data

    def _file(self, tile: Tile) -> bytes:
        try:
            return (self._folder / tile.path).read_bytes()
        except OSError as error:
            raise _damaged(self._folder, f"{tile.path}: {error.strerror}") from None


class Edge:
    """The right edge of a copy that grows: whole tiles are written as they come, partial ones at the end."""

    def __init__(self, folder: Path, size: int, rows: list[list[bytes]], entries: list[bytes]) -> None:
        self._folder, self.size = folder, size
        self._rows, self._entries = rows, entries
        self._made: set[Path] = set()

    @property
    def room(self) -> int:
        """How many entries end the bundle that is begun."""
        return TILE_WIDTH - len(self._entries)

    def append(self, entries: Sequence[bytes]) -> None:
        """Add entries, at most `room` of them."""
        self._entries += entries
        self.size += len(entries)
        if not self._rows:
            self._rows.append([])
        self._rows[0] += [merkle.leaf_hash(entry) for entry in entries]
        if len(self._entries) == TILE_WIDTH:
            self._write(Tile(ENTRIES, self.size // TILE_WIDTH - 1), write_bundle(self._entries))
            self._entries = []
            self._close(0)

    def _close(self, level: int) -> None:
        row = self._rows[level]
        number = (self.size >> (level + 1) * TILE_HEIGHT) - 1
        self._write(Tile(level, number), b"".join(row))
        self._rows[level] = []
        if level + 1 == len(self._rows):
            self._rows.append([])
        self._rows[level + 1].append(merkle.perfect_root(row))
        if len(self._rows[level + 1]) == TILE_WIDTH:
            self._close(level + 1)

    def root(self) -> bytes:
        """Over all entries so far."""
        roots: list[bytes] = []
        for row in reversed(self._rows):
            rest = row
            for level in reversed(range(TILE_HEIGHT)):
                if len(row) >> level & 1:
                    roots.append(merkle.perfect_root(rest[: 1 << level]))
                    rest = rest[1 << level :]
        return merkle.Edge(self.size, roots).root

    def finish(self) -> None:
        """Write what is partial."""
        if self._entries:
            number = self.size // TILE_WIDTH
            self._write(Tile(ENTRIES, number, len(self._entries)), write_bundle(self._entries))
        for level, row in enumerate(self._rows):
            if row:
                number = (self.size >> level * TILE_HEIGHT) // TILE_WIDTH
                self._write(Tile(level, number, len(row)), b"".join(row))

    def _write(self, tile: Tile, data: bytes) -> None:
        path = self._folder / tile.path
        if path.parent not in self._made:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(path.parent)
        path.write_bytes(data)


def verified(note: bytes, origin: str, keys: Sequence[bytes]) -> Checkpoint:
    """The checkpoint of a note, if one of these keys signed it for this origin; the last key's refusal else."""
    parsed = read_note(note)
    for key in keys[:-1]:
        try:
            return verify_checkpoint(parsed, origin, key)
        except KmsError:
            continue
    return verify_checkpoint(parsed, origin, keys[-1])


def read_wider_bundle(data: bytes, width: int) -> list[bytes]:
    """The first `width` entries of a bundle that may hold more; Invalid if it holds fewer, or is no bundle."""
    entries: list[bytes] = []
    at, end = 0, len(data)
    while at < end and len(entries) < TILE_WIDTH:
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        entries.append(data[start:at])
    if at != end or len(entries) < width:
        raise Invalid("a bundle of entries is cut off, or has more than it should", reason="TILE_MALFORMED")
    return entries[:width]


def write(path: Path, data: bytes) -> None:
    """Put a file in the place of the one before, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f"{path.name}.new")
    with made.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    made.replace(path)


def _split(data: bytes) -> list[bytes]:
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]


def _damaged(folder: Path, what: str) -> StoreError:
    return StoreError(
        f"the auditor's own copy in {folder} was changed or is damaged ({what}): this says nothing about the "
        "custodian; begin with a new state folder",
        reason="STATE_DAMAGED",
    )
