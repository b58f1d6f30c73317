"""The port to what lies under a row root: which row keys and sealed values a store has, and how far a roll is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from kms.errors import StoreError

RowName = tuple[object, ...]
"""The primary key of a row, opaque to who walks over rows."""


class Phase(IntEnum):
    """Where a roll is. Each is on disk before what it names is done."""

    RESTING = 0
    WRAPPING = 1
    """Rows lie under either root."""
    DESTROYING = 2
    """No row lies under the old root, and its file may be destroyed already."""


@dataclass(frozen=True, slots=True)
class RollState:
    """Generation of the row root in its file, where its roll to the next one is, and since when (unix seconds)."""

    generation: int
    phase: Phase
    since: int

    def to_bytes(self) -> bytes:
        """u32be generation || u8 phase || u64be since."""
        return self.generation.to_bytes(4, "big") + bytes([self.phase]) + self.since.to_bytes(8, "big")

    @classmethod
    def parse(cls, data: bytes) -> RollState:
        """StoreError if it is none."""
        if len(data) != 13 or data[4] > max(Phase):
            raise StoreError("the store's record of its row root is damaged", reason="STORE_DAMAGED")
        return cls(int.from_bytes(data[:4], "big"), Phase(data[4]), int.from_bytes(data[5:], "big"))


class RollStore(Protocol):
    """What a roll asks of the disk (`SqliteRoll` is one). Writes happen inside the store's transaction."""

    @property
    def kinds(self) -> Sequence[str]:
        """Kinds of rows; the purpose that its values are sealed for, or empty for wrapped row keys."""
        ...

    def state(self) -> RollState | None:
        """None in a store that was made before there were row roots, or just now."""
        ...

    def set_state(self, state: RollState) -> None: ...
    def count(self) -> int:
        """Rows of all kinds."""
        ...

    def page(self, kind: int, after: RowName | None, limit: int) -> list[tuple[RowName, bytes]]:
        """(name, wrapped key or sealed value) of rows after a name, in order."""
        ...

    def destroyed_since(self, at: int) -> bool:
        """Whether keys were destroyed here at that time (unix seconds) or later."""
        ...

    def put(self, kind: int, rows: Sequence[tuple[RowName, bytes]]) -> None: ...
