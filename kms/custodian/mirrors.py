"""Copies of other custodians' logs, entry by entry: a lost log is brought back from them, a vanished one is read there.

A copy grows towards a checkpoint that its log signed. Only when the entries lead to that root do they count; until then
they are nothing but bytes that somebody sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from kms.crypto import merkle
from kms.crypto.hashing import equal
from kms.crypto.merkle import TILE_HEIGHT, Edge, Nodes
from kms.custodian.tree import LogTree
from kms.errors import Fork, Invalid
from kms.statements.audit import LogKind
from kms.statements.checkpoint import CheckpointNote, read_note

PAGE: Final = 2048
"""Entries that are asked for at a time."""
MAX_COPIED: Final = 4096
"""Bytes of an entry: the longest that a custodian writes is far below, and nobody's log shall fill our disk."""


@dataclass(frozen=True, slots=True)
class Cosignature:
    """What a witness last said of our own log: its line under the checkpoint of this size and root, and when."""

    witness: str
    size: int
    root: bytes
    line: str
    at: int


@dataclass(frozen=True, slots=True)
class Untold:
    """A statement of which a log that came back tells, and nothing else here: its hash, what it was, who said it."""

    subject: bytes
    kind: LogKind
    principal: bytes
    outcome: str


class MirrorLog(Protocol):
    """One copy (`SqliteMirror` is one)."""

    def entries(self, start: int, limit: int) -> list[bytes]: ...
    def roots(self, level: int, first: int, limit: int) -> list[bytes]: ...
    def settled(self) -> tuple[int, bytes]:
        """(number of entries that count, the note that they lead to)."""
        ...

    def add(self, first: int, entries: Sequence[bytes], roots: Sequence[tuple[int, int, bytes]]) -> None:
        """Put entries, and the roots (level, number, root) that they complete, in the place of what lies there."""
        ...

    def settle(self, size: int, note: bytes) -> None: ...


class MirrorStore(Protocol):
    """All copies, and what was said of our own log (`SqliteMirrors` is one)."""

    def find(self, origin: str) -> MirrorLog | None: ...
    def begin(self, origin: str) -> MirrorLog: ...
    def cosigned(self) -> list[Cosignature]: ...
    def keep_cosignature(self, cosignature: Cosignature) -> None: ...
    def cosigned_note(self) -> bytes:
        """Our own note that was cosigned last, under our signature alone; empty if none was."""
        ...

    def set_cosigned_note(self, note: bytes) -> None: ...
    def ahead(self) -> bytes:
        """The note under our own signature that our log does not have; empty while it has all."""
        ...

    def set_ahead(self, note: bytes) -> None:
        """Inside a transaction."""
        ...

    def lost_before(self) -> int:
        """The entry that tells that everything before it had been lost here; 0 if none does."""
        ...

    def set_lost_before(self, index: int) -> None:
        """Inside a transaction."""
        ...

    def add_untold(self, statements: Sequence[Untold]) -> None:
        """Remember what was said and is forgotten here. Inside a transaction."""
        ...

    def untold(self) -> list[Untold]: ...
    def lacks(self, principal: bytes, kind: LogKind) -> bool:
        """Whether something of this kind that this key said is forgotten here."""
        ...

    def told(self, subject: bytes) -> None:
        """It was said again. Inside a transaction."""
        ...

    def told_by(self, principal: bytes, kind: LogKind) -> None:
        """This key said what covers all of this kind that it said before. Inside a transaction."""
        ...

    def displace(self, at: int, first: int, entries: Sequence[bytes]) -> None:
        """Put aside entries of our own log that stood where others belong. Inside a transaction."""
        ...

    def forget(self, origin: str) -> None:
        """Drop a copy. Inside a transaction."""
        ...


def tree_of(store: MirrorStore, origin: str) -> tuple[CheckpointNote, Nodes] | None:
    """The note up to which a log is copied, and the copy's nodes; None if nothing of it is."""
    log = store.find(origin)
    if log is None:
        return None
    size, note = log.settled()
    return (read_note(note), LogTree(log).nodes()) if size else None


class Growing:
    """A copy on its way to a checkpoint."""

    def __init__(self, log: MirrorLog, target: CheckpointNote, edge: Edge | None = None) -> None:
        """`edge` is that of what is there already, if it does not lie in the copy itself."""
        self._log, self._target = log, target
        self._edge = edge or LogTree(log).edge(log.settled()[0])

    @property
    def next(self) -> int:
        """The entry that is wanted next."""
        return self._edge.size

    @property
    def whole(self) -> bool:
        return self._edge.size >= self._target.checkpoint.size

    def take(self, entries: Sequence[bytes]) -> None:
        """The next entries. Fork if all are there and do not lead to the root that their log signed."""
        wanted = self._target.checkpoint
        first = self._edge.size
        entries = entries[: wanted.size - first]
        if not entries or any(len(entry) > MAX_COPIED for entry in entries):
            raise Invalid("a log's next entries are missing", reason="MIRROR_SHORT")
        self._log.add(first, entries, append(self._edge, entries))
        if not self.whole:
            return
        if not equal(self._edge.root, wanted.root):
            raise Fork(
                f"the entries shown of {wanted.origin} do not lead to what it signed",
                reason="MIRROR_MISMATCH",
            )
        self._log.settle(wanted.size, self._target.to_bytes())


def append(edge: Edge, entries: Sequence[bytes]) -> list[tuple[int, int, bytes]]:
    """Add entries to an edge; the roots (level, number, root) over 256, 256^2, ... that they complete."""
    roots = []
    for entry in entries:
        completed = edge.append(merkle.leaf_hash(entry))
        for level in range(TILE_HEIGHT, len(completed), TILE_HEIGHT):
            roots.append((level // TILE_HEIGHT, (edge.size >> level) - 1, completed[level]))
    return roots
