"""The log as a Merkle tree, to read: its nodes, proofs, tiles and bundles, of any size that it ever had.

Roots over 256, 256^2, ... entries are on disk; what lies below is hashed anew from the entries themselves, so that the
log grows by its entries and little more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kms.crypto import merkle
from kms.crypto.merkle import HASH_SIZE, TILE_WIDTH, Edge, Nodes
from kms.errors import StoreError
from kms.statements.tiles import ENTRIES, Tile, write_bundle


class Leaves(Protocol):
    """Entries in order, and the roots over 256, 256^2, ... of them: of the own log, or of a copy of another's."""

    def entries(self, start: int, limit: int) -> list[bytes]: ...
    def roots(self, level: int, first: int, limit: int) -> list[bytes]: ...


class LogTree:
    """Complete subtrees never change: whatever the size that is asked for, they are the same."""

    def __init__(self, log: Leaves) -> None:
        self._log = log

    def hashes(self, level: int, number: int, width: int = TILE_WIDTH) -> bytes:
        """The first `width` hashes of a tile; StoreError if they are not all here."""
        found = self._row(level, number, width)
        if len(found) != width:
            raise StoreError(f"tile {number} of level {level} is not whole", reason="LOG_BROKEN")
        return b"".join(found)

    def _row(self, level: int, number: int, width: int) -> Sequence[bytes]:
        """The first hashes of a tile, as many as are here."""
        first = number * TILE_WIDTH
        if level:
            return self._log.roots(level, first, width)
        return [merkle.leaf_hash(entry) for entry in self._log.entries(first, width)]

    def nodes(self) -> Nodes:
        """The tree's nodes, each tile read once."""
        known: dict[tuple[int, int], bytes] = {}

        def tiles(level: int, number: int, width: int) -> bytes:
            row = known.get((level, number))
            if row is None:  # all of it at once: a proof asks for more and more of the same tile
                row = known[level, number] = b"".join(self._row(level, number, TILE_WIDTH))
            if len(row) < width * HASH_SIZE:
                raise StoreError(f"tile {number} of level {level} is not whole", reason="LOG_BROKEN")
            return row

        return merkle.tiled(tiles)

    def edge(self, size: int) -> Edge:
        """What the next entries are appended to, in a log of this size."""
        nodes = self.nodes()
        return Edge(size, (nodes(level, number) for level, number in merkle.edge(size)))

    def root(self, size: int) -> bytes:
        """The root over the first `size` entries."""
        return self.edge(size).root

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        return merkle.inclusion_proof(self.nodes(), index, size)

    def consistency_proof(self, old: int, new: int) -> list[bytes]:
        return merkle.consistency_proof(self.nodes(), old, new)

    def tile(self, tile: Tile) -> bytes:
        """Bytes of a tile of hashes, or of a bundle of entries."""
        if tile.level != ENTRIES:
            return self.hashes(tile.level, tile.number, tile.width)
        entries = self._log.entries(tile.number * TILE_WIDTH, tile.width)
        if len(entries) != tile.width:
            raise StoreError(f"bundle {tile.number} is not whole", reason="LOG_BROKEN")
        return write_bundle(entries)
