"""The part of the custodian's store that ends keys, as the node asks for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from kms.statements.ids import KeyId
from kms.statements.keys import Descriptor

SCHEDULED: Final = "scheduled"
CANCELLED: Final = "cancelled"
ERASED: Final = "erased"
"""Shares are gone from the tables; of the disk nobody is sure yet, and nothing is signed."""
DESTROYED: Final = "destroyed"


@dataclass(frozen=True, slots=True)
class StoredDestruction:
    """An order that came here: exact bytes, where it stands, when it is due, our latest signed word on it."""

    order_hash: bytes
    envelope: bytes
    state: str
    due_at: int
    word: bytes
    cancellation: bytes = b""
    log_index: int = 0
    destroyed_at: int = 0
    at_once: bool = False
    changed: int = 0
    """Counts up with each change of any: what a list goes on from."""
    erased_under: int = 0
    """Generation of the newest row root when the shares were erased: they lay under it or one before."""


@dataclass(frozen=True, slots=True)
class StoredHold:
    """A legal hold: its statement's hash, exact bytes, our signed word on it."""

    hold_id: bytes
    until: int
    lifted: bool
    statement: bytes
    envelope: bytes = field(repr=False)
    word: bytes = field(repr=False)


class DestructionStore(Protocol):
    """What the node asks about destroyed keys and those that are to be (`SqliteDestructions` is one).

    A tombstone is for ever: nothing here takes one back.
    """

    def any(self) -> bool:
        """Whether any order ever came here: most requests need ask no further."""
        ...

    def find(self, order_hash: bytes) -> StoredDestruction | None: ...
    def add(self, destruction: StoredDestruction, descriptors: Sequence[Descriptor]) -> None: ...
    def change(self, destruction: StoredDestruction) -> None:
        """Put it in the place of the one with this order hash."""
        ...

    def descriptors(self, order_hash: bytes) -> list[Descriptor]:
        """Of an order's keys, in their order."""
        ...

    def due(self, now: int) -> list[StoredDestruction]:
        """Scheduled ones whose time has come."""
        ...

    def in_state(self, state: str) -> list[StoredDestruction]: ...
    def postpone(self, seconds: int) -> None:
        """Let all scheduled ones wait for so much longer."""
        ...

    def last_look(self) -> int:
        """When somebody last looked whether anything is due; 0 if nothing was scheduled then."""
        ...

    def set_last_look(self, at: int) -> None: ...
    def page(self, after: int, limit: int) -> list[StoredDestruction]:
        """Those that changed after that, in the order of their changes."""
        ...

    def words(self, order_hash: bytes) -> list[bytes]:
        """Envelopes of other custodians' words on an order."""
        ...

    def put_word(self, order_hash: bytes, custodian: int, kind: str, envelope: bytes) -> None: ...
    def scheduled(self, key_ids: Collection[KeyId]) -> set[KeyId]:
        """Those of the keys that some order which was not called off is to destroy."""
        ...

    def tombstones(self, key_ids: Collection[KeyId]) -> Mapping[KeyId, int]:
        """Those of the keys that were destroyed, and how often each had been released."""
        ...

    def bury(self, descriptors: Sequence[Descriptor]) -> None:
        """Erase every share, opening, pool share and unconfirmed draw of these keys, and put up their tombstones."""
        ...

    def count_releases(self, numbers: Sequence[int]) -> None:
        """One more release of each of these keys, by number."""
        ...

    def hold(self, hold_id: bytes) -> StoredHold | None: ...
    def put_hold(self, hold: StoredHold, names: Sequence[bytes]) -> None: ...
    def holds(self) -> list[StoredHold]: ...
    def held(self, names: Collection[bytes], now: int) -> set[bytes]:
        """Those of the key ids and owners on which a hold lies."""
