"""The node's own append-only log. An entry is on disk before the answer that it is about leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from kms.crypto import merkle
from kms.crypto.hashing import equal, u64
from kms.crypto.merkle import TILE_HEIGHT, TILE_WIDTH, Edge
from kms.custodian.store import CustodianStore
from kms.custodian.tree import LogTree
from kms.custodian.vault import Vault
from kms.errors import Invalid, StoreError
from kms.statements.audit import Basis, LogEntry, LogKind, follow_chain, read_entry

_CHAIN_RECORD: Final = 8 + 32
"""Bytes of the head's record of a log that was not a tree yet."""
Tell = Callable[[int, int], None]


def _silent(done: int, total: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class Event:
    """An entry that has no number yet; see `LogEntry`."""

    kind: LogKind
    at: int
    subject_hash: bytes
    principal: bytes = b""
    outcome: str = ""
    count: int = 0
    detail_root: bytes = b""
    basis: tuple[Basis, ...] = ()

    def numbered(self, index: int) -> bytes:
        """The entry's exact bytes."""
        return LogEntry(
            index,
            self.kind,
            self.at,
            self.subject_hash,
            self.principal,
            self.outcome,
            self.count,
            b"",
            self.detail_root,
            self.basis,
        ).to_bytes()


class Ledger:
    """Appends inside the caller's transaction, so that what is done and what is logged stand or fall together.

    Beside the entries lies one record of how many there are and what the root over them is, tagged under the storage
    root: rows deleted from the end, or a log written anew, do not agree with it.
    """

    def __init__(self, store: CustodianStore, vault: Vault) -> None:
        self._store, self._log, self._vault = store, store.log, vault
        self.tree = LogTree(store.log)
        self._edge = Edge()
        self._record: bytes | None = None
        """The head's record that the edge belongs to."""

    def append(
        self,
        kind: LogKind,
        at: int,
        subject_hash: bytes,
        *,
        principal: bytes = b"",
        outcome: str = "",
        count: int = 0,
        detail_root: bytes = b"",
        basis: tuple[Basis, ...] = (),
    ) -> int:
        """The new entry's index."""
        event = Event(kind, at, subject_hash, principal, outcome, count, detail_root, basis)
        return self.append_many((event,))

    def append_many(self, events: Sequence[Event]) -> int:
        """Add events in this order; the first one's index."""
        edge = self._current()
        first = edge.size
        self._write(edge, [event.numbered(index) for index, event in enumerate(events, first)])
        return first

    def append_known(self, entries: Sequence[bytes]) -> None:
        """Add entries of exactly these bytes, which are the next ones of this very log (brought back from a copy).

        Invalid if an entry is not the one whose place it takes.
        """
        edge = self._current()
        for index, entry in enumerate(entries, edge.size):
            read_entry(entry, index)
        self._write(edge, entries)

    def cut(self, size: int) -> list[bytes]:
        """Take the entries from number `size` on out of the log, for others to take their place; what they were.

        Only for a log that is brought back: an honest one never shrinks.
        """
        whole, edge = self._current().size, self.tree.edge(size)
        gone = self._log.entries(size, whole - size)
        record = self._head_record(size, edge.root) if size else b""
        self._log.cut(size, record)
        self._edge, self._record = edge, record
        return gone

    def head(self) -> tuple[int, bytes]:
        """(number of entries, root over them)."""
        edge = self._current()
        return edge.size, edge.root

    def _current(self) -> Edge:
        """The right edge as the store has it now: a transaction that was rolled back has taken entries away."""
        record = self._log.head()
        if self._record is None or not equal(record, self._record):
            self._edge, self._record = self._read_edge(record), record
        return self._edge

    def _read_edge(self, record: bytes) -> Edge:
        size = self._check_size(record)
        edge = self.tree.edge(size)
        if size and not equal(edge.root, record[8:40]):
            raise StoreError("the log does not lead to the root that was recorded last", reason="LOG_BROKEN")
        return edge

    def _write(self, edge: Edge, entries: Sequence[bytes]) -> None:
        first, roots = edge.size, []
        # If anything below fails, the edge that is kept is ahead of the store's record, and is read anew.
        self._record = None
        for entry in entries:
            completed = edge.append(merkle.leaf_hash(entry))
            for level in range(TILE_HEIGHT, len(completed), TILE_HEIGHT):
                roots.append((level // TILE_HEIGHT, (edge.size >> level) - 1, completed[level]))
        record = self._head_record(edge.size, edge.root)
        self._log.append(first, entries, roots, record)
        self._record = record

    def _head_record(self, size: int, root: bytes) -> bytes:
        """u64be number of entries || root || 32-byte tag over both."""
        plain = u64(size) + root
        return plain + self._vault.tag("log tree", plain)

    def _check_size(self, record: bytes) -> int:
        """The size that the record tells of, which is the one that the store has; StoreError else."""
        size = self._log.size()
        if size == 0 and not record:
            return 0
        written = int.from_bytes(record[:8], "big")
        if not equal(record, self._head_record(written, record[8:40])):
            raise StoreError("the record of the log's head was altered", reason="LOG_BROKEN")
        if written != size:
            raise StoreError(f"{written} entries were logged, but the log holds {size}", reason="LOG_BROKEN")
        return size

    def check(self, last: int | None = None, tell: Tell = _silent) -> int:
        """Hash the log anew (its last `last` entries and what is above them, or all); the number of entries.

        `tell` hears how many were looked at, and how many there are to look at.
        StoreError if an entry is missing (at the end too), altered or out of place.
        """
        self._make_tree()
        record = self._log.head()
        size = self._check_size(record)
        start = 0 if last is None else max(0, size - last) // TILE_WIDTH * TILE_WIDTH
        for position in range(start, size, TILE_WIDTH):
            self._check_bundle(position, min(TILE_WIDTH, size - position))
            tell(min(position + TILE_WIDTH, size) - start, size - start)
        self._check_upper(start, size)
        self._edge, self._record = self._read_edge(record), record
        return size

    def _check_bundle(self, position: int, width: int) -> None:
        entries = self._log.entries(position, width)
        if len(entries) != width:
            raise StoreError(f"the log lacks an entry after {position}", reason="LOG_BROKEN")
        for index, entry in enumerate(entries, position):
            try:
                read_entry(entry, index)
            except Invalid as error:
                raise StoreError(
                    f"the log is broken at entry {index}: {error}", reason="LOG_BROKEN"
                ) from None
        if width == TILE_WIDTH:
            root = merkle.perfect_root([merkle.leaf_hash(entry) for entry in entries])
            if self._log.roots(1, position // TILE_WIDTH, 1) != [root]:
                raise StoreError(
                    f"an entry from {position} to {position + width - 1} was altered", reason="LOG_BROKEN"
                )

    def _check_upper(self, start: int, size: int) -> None:
        """The stored roots above those entries, each from the 256 under it."""
        level, start, size = 1, start // TILE_WIDTH, size // TILE_WIDTH
        while size >= TILE_WIDTH:
            start, size = start // TILE_WIDTH, size // TILE_WIDTH
            for number in range(start, size):
                row = self._log.roots(level, number * TILE_WIDTH, TILE_WIDTH)
                root = merkle.perfect_root(row) if len(row) == TILE_WIDTH else b""
                if self._log.roots(level + 1, number, 1) != [root]:
                    raise StoreError(f"the log's tree is broken at level {level + 1}", reason="LOG_BROKEN")
            level += 1

    def _make_tree(self) -> None:
        """Make a tree of a log that was a chain: once, and only if all of the chain holds."""
        record = self._log.head()
        if len(record) != _CHAIN_RECORD:
            return
        size, edge = self._log.size(), Edge()
        last = follow_chain(self._all(size))
        if not equal(record, u64(size) + self._vault.tag("log head", u64(size) + last)):
            written = int.from_bytes(record[:8], "big")
            raise StoreError(
                f"{written} entries were logged, but the log holds {size}, or others", reason="LOG_BROKEN"
            )
        roots = []
        for entry in self._all(size):
            completed = edge.append(merkle.leaf_hash(entry))
            for level in range(TILE_HEIGHT, len(completed), TILE_HEIGHT):
                roots.append((level // TILE_HEIGHT, (edge.size >> level) - 1, completed[level]))
        with self._store.transaction():
            self._log.append(size, (), roots, self._head_record(size, edge.root))

    def _all(self, size: int) -> Iterator[bytes]:
        for position in range(0, size, TILE_WIDTH):
            yield from self._log.entries(position, TILE_WIDTH)
