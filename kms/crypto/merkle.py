"""The Merkle tree of RFC 6962 section 2.1 over SHA-256: roots, inclusion and consistency proofs, and their checks.

A tree of any size is described by the roots of its *complete* subtrees: (level, number) is the root over leaves
`number * 2^level` up to `(number + 1) * 2^level`. Such a root never changes again, so a log keeps them as tiles of 256
(C2SP tlog-tiles), and every proof is made of a few of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from kms.crypto.hashing import equal
from kms.errors import Invalid

HASH_SIZE: Final = 32
TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 1 << TILE_HEIGHT
MAX_SIZE: Final = 1 << 62
"""Leaves: what a checkpoint's size is refused above, so that no loop over levels runs for ever."""
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

Nodes = Callable[[int, int], bytes]
"""(level, number) -> root of that complete subtree."""
Tiles = Callable[[int, int, int], bytes]
"""(tile level, number, width) -> at least `width` hashes of 32 bytes: the first ones of that tile."""


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry): no leaf is ever mistaken for an inner node."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """The root over 2^k hashes."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def tiled(tiles: Tiles) -> Nodes:
    """Complete subtrees out of tiles: a tile of level L holds roots of level 8L, the levels between are hashed anew."""

    def node(level: int, number: int) -> bytes:
        tile_level, height = divmod(level, TILE_HEIGHT)
        first = number << height
        tile, at = divmod(first, TILE_WIDTH)
        row = tiles(tile_level, tile, at + (1 << height))
        span = row[at * HASH_SIZE : (at + (1 << height)) * HASH_SIZE]
        return perfect_root([span[k : k + HASH_SIZE] for k in range(0, len(span), HASH_SIZE)])

    return node


def edge(size: int) -> list[tuple[int, int]]:
    """(level, number) of the complete subtrees that make up a tree, from the left, the largest first."""
    found, start = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            found.append((level, start >> level))
            start += 1 << level
    return found


def root(nodes: Nodes, size: int) -> bytes:
    """The root over the first `size` leaves."""
    return _fold([nodes(level, number) for level, number in edge(size)])


def _fold(roots: Sequence[bytes]) -> bytes:
    if not roots:
        return EMPTY_ROOT
    total = roots[-1]
    for left in reversed(roots[:-1]):
        total = node_hash(left, total)
    return total


class Edge:
    """The right edge of a growing tree: at most one complete root of each level."""

    __slots__ = ("_roots", "size")

    def __init__(self, size: int = 0, roots: Iterable[bytes] = ()) -> None:
        """`roots` are those of `edge(size)`, in its order."""
        self.size = size
        self._roots = list(roots)

    def append(self, leaf: bytes) -> list[bytes]:
        """Add a leaf's hash; the roots of the subtrees that it completes, of levels 0 (the leaf itself), 1, ..."""
        self._roots.append(leaf)
        completed = [leaf]
        size = self.size
        while size & 1:
            right = self._roots.pop()
            self._roots[-1] = node_hash(self._roots[-1], right)
            completed.append(self._roots[-1])
            size >>= 1
        self.size += 1
        return completed

    @property
    def root(self) -> bytes:
        return _fold(self._roots)


def inclusion_proof(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """The audit path of a leaf (RFC 6962 section 2.1.1), from the leaf's sibling upwards."""
    if not 0 <= index < size:
        raise Invalid(f"a log of {size} entries has no entry {index}", reason="NO_SUCH_ENTRY")
    return [_span(nodes, start, end) for start, end in reversed(list(_siblings(index, size)))]


def _siblings(index: int, size: int) -> Iterable[tuple[int, int]]:
    """Spans of leaves that lie beside the path to a leaf, from the top."""
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            yield middle, end
            end = middle
        else:
            yield start, middle
            start = middle


def consistency_proof(nodes: Nodes, old: int, new: int) -> list[bytes]:
    """That the first `old` leaves of a tree of `new` are unchanged (RFC 6962 section 2.1.2).

    Empty if `old` is 0 or `new`.
    """
    if not 0 <= old <= new:
        raise Invalid(f"a log of {new} entries was never one of {old}", reason="LOG_SHORTER")
    if old in (0, new):
        return []
    found: list[tuple[int, int]] = []
    start, end, known = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start, known = middle, False
    if not known:  # else the old root itself, which whoever checks has
        found.append((start, end))
    return [_span(nodes, first, last) for first, last in reversed(found)]


def _span(nodes: Nodes, start: int, end: int) -> bytes:
    """The root over leaves start..end, where start is a multiple of the largest power of two below the length."""
    roots, at = [], start
    for level in reversed(range((end - start).bit_length())):
        if (end - start) >> level & 1:
            roots.append(nodes(level, at >> level))
            at += 1 << level
    return _fold(roots)


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def root_of_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that an audit path leads to; Invalid if it is not of the length that index and size ask for.

    RFC 9162 section 2.1.3.2. The length is checked, else a path of inner nodes would pass for one of leaves.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise Invalid(f"a log of {size} entries has no entry {index}", reason="NO_SUCH_ENTRY")
    spans = list(_siblings(index, size))
    _check_hashes(proof, len(spans))
    total = leaf
    for (start, _), sibling in zip(reversed(spans), proof, strict=True):
        total = node_hash(sibling, total) if start < index else node_hash(total, sibling)
    return total


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Invalid unless the leaf is number `index` in the tree of this size and root."""
    if not equal(root_of_inclusion(leaf, index, size, proof), root):
        raise Invalid(f"entry {index} is not in the log", reason="NOT_IN_LOG")


def check_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Invalid unless the tree of `old` leaves is the beginning of that of `new` (RFC 9162 section 2.1.4.2)."""
    if not 0 <= old <= new <= MAX_SIZE:
        raise Invalid(f"a log of {new} entries was never one of {old}", reason="LOG_SHORTER")
    if old == 0 or old == new:
        _check_hashes(proof, 0)
        known = EMPTY_ROOT if old == 0 else new_root
        if not equal(old_root, known):
            raise Invalid(f"two roots for {old} entries", reason="LOG_INCONSISTENT")
        return
    # The same walk as the maker's, with the hashes taken from the proof in its order.
    sides: list[bool] = []  # whether a sibling lies to the left
    start, end, known_whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            sides.append(False)
            end = middle
        else:
            sides.append(True)
            start, known_whole = middle, False
    _check_hashes(proof, len(sides) + (0 if known_whole else 1))
    rest = list(proof)
    before = after = old_root if known_whole else rest.pop(0)
    for left, sibling in zip(reversed(sides), rest, strict=True):
        if left:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
        else:
            after = node_hash(after, sibling)
    if not (equal(before, old_root) and equal(after, new_root)):
        raise Invalid(
            f"the log of {new} entries does not begin with the one of {old}", reason="LOG_INCONSISTENT"
        )


def _check_hashes(proof: Sequence[bytes], count: int) -> None:
    if len(proof) != count or any(len(one) != HASH_SIZE for one in proof):
        raise Invalid(f"a proof of {count} hashes of 32 bytes was expected", reason="PROOF_MALFORMED")
