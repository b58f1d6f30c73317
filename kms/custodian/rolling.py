"""The row root and its rolling: what is left is wrapped under a new root, then the old one is destroyed.

Until then an erased row key still lies in free pages, in journals, in blocks that the file system reuses some day;
afterwards none of these opens anything, whoever has the storage root and the new row root. A roll may be killed at
any point and goes on at the next start:

1. `RESTING`: the root is in its file. A new one is made beside it (`.next`), and nothing lies under it yet.
2. `WRAPPING`: both are needed. New rows are sealed under the new root, old ones are wrapped anew, some at a time.
3. `DESTROYING`: nothing lies under the old root. Its file is overwritten in place, and the new file takes its name.

A store from before there were row roots has its rows under the storage root, as generation 0 without a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kms.custodian.roll_store import Phase, RollState, RollStore, RowName
from kms.custodian.store import CustodianStore
from kms.custodian.vault import BARE, Vault
from kms.errors import ConfigError, StoreError
from kms.storage import erasable

STEP: Final = 256
"""Rows that are wrapped in one transaction: some ten milliseconds, in which nothing else is answered."""

AFTER_DESTRUCTION: Final = 3600
"""Seconds between two rolls while keys are destroyed: soon, and not once for each of many."""


@dataclass(frozen=True, slots=True)
class RollProgress:
    """How many of how many rows were looked at; `lost` are those that open under no root that is here.

    `generation` is that of the root that is being destroyed, or has been, if it `ended`.
    """

    generation: int
    done: int
    total: int
    lost: int = 0
    ended: bool = False


class Rolling:
    """The row root of one open store, in `path`. The vault knows what is here, and learns and forgets as it rolls."""

    def __init__(self, path: Path, store: CustodianStore, vault: Vault, now: int) -> None:
        self._path, self._next = path, path.with_name(path.name + ".next")
        self._store, self._vault = store, vault
        self._walk: Iterator[RollProgress] | None = None
        self.log: Callable[[RollState], None] = self._put_off
        self.unlogged: RollState | None = None
        """A roll that ended before there was a log to say so in."""
        state = store.roll.state() or self._found(now)
        if state.phase is Phase.DESTROYING:
            state = self._finish(state)
        elif state.phase is Phase.WRAPPING:
            self._add_old(state)
            self._add(self._next, state.generation + 1)
            if state.generation == BARE and not store.roll.count():
                state = self._destroy(state)
        if state.phase is Phase.RESTING:
            # Of a roll that was killed before its first note: nothing lies under it.
            erasable.discard(self._next)
            self._add_old(state)

    @property
    def state(self) -> RollState:
        """As it is on disk."""
        state = self._store.roll.state()
        if state is None:
            raise StoreError("the store does not know its row root", reason="STORE_DAMAGED")
        return state

    @property
    def path(self) -> Path:
        """The file of the row root."""
        return self._path

    def due(self, now: int, seconds: int) -> bool:
        """Whether a roll goes on, or is to begin: the last began that long ago, or keys were destroyed since."""
        state = self.state
        if state.phase is not Phase.RESTING or now >= state.since + seconds:
            return True
        return now >= state.since + AFTER_DESTRUCTION and self._store.roll.destroyed_since(state.since)

    def begin(self, now: int) -> None:
        """Make the next root; nothing if a roll goes on already, which destroys what was erased before it began."""
        state = self.state
        if state.phase is not Phase.RESTING:
            return
        erasable.discard(self._next)
        root = self._vault.make_row_root(self._next, state.generation + 1)
        with self._store.transaction():
            self._store.roll.set_state(RollState(state.generation, Phase.WRAPPING, now))
        self._vault.add(root)

    def step(self, limit: int = STEP) -> RollProgress | None:
        """Wrap some rows anew, or destroy the old root when none is left; None when there is nothing to do."""
        state = self.state
        if state.phase is Phase.RESTING:
            return None
        if state.phase is Phase.WRAPPING:
            if self._walk is None:
                self._walk = self._pass(state.generation, limit)
            told = next(self._walk, None)
            if told is not None:
                return told
            self._walk = None
        total = self._store.roll.count()
        self._destroy(state)
        return RollProgress(state.generation, total, total, ended=True)

    def roll(self, now: int) -> Iterator[RollProgress]:
        """A whole roll that begins now, after one that may be under way; for a store that nobody else uses."""
        while (told := self.step()) is not None:
            yield told
        self.begin(now)
        while (told := self.step()) is not None:
            yield told

    # -- within ------------------------------------------------------------------------------------------

    def _found(self, now: int) -> RollState:
        """The first row root of a store: a new one, or one from before there were row roots."""
        if self._path.exists():
            raise ConfigError(
                f"{self._path} is the row root of another store: move it away", reason="ROW_ROOT_FOREIGN"
            )
        erasable.discard(self._next)
        self._vault.add(self._vault.make_row_root(self._next, BARE + 1))
        state = RollState(BARE, Phase.WRAPPING, now)
        roll = self._store.roll
        with self._store.transaction():
            for kind, purpose in enumerate(roll.kinds):
                if purpose:
                    rows = [(name, value) for name, value in _all(roll, kind) if value]
                    plain = ((name, self._vault.open(purpose, value)) for name, value in rows)
                    roll.put(kind, [(n, self._vault.seal_erasable(purpose, value)) for n, value in plain])
            roll.set_state(state)
        return state

    def _put_off(self, state: RollState) -> None:
        self.unlogged = state

    def _add_old(self, state: RollState) -> None:
        if state.generation == BARE:
            self._vault.add_bare()
        else:
            self._add(self._path, state.generation)

    def _add(self, path: Path, generation: int) -> None:
        root = self._vault.row_root_in(path)
        if root.generation != generation:
            # Rows of an older copy of the store are lost by design: their root was destroyed.
            raise StoreError(
                f"the store lies under row root {generation}, but {path} is {root.generation}: an older copy of a "
                "store opens no more; `kms custodian restore` makes a store of it whose shares are repaired",
                reason="ROW_ROOT_GONE",
            )
        self._vault.add(root)

    def _pass(self, old: int, limit: int) -> Iterator[RollProgress]:
        """Walk over all rows until one whole walk finds nothing that could be wrapped anew."""
        roll, total = self._store.roll, self._store.roll.count()
        found = True
        while found:
            found, done, lost = False, 0, 0
            for kind, purpose in enumerate(roll.kinds):
                after: RowName | None = None
                while page := roll.page(kind, after, limit):
                    after = page[-1][0]
                    anew, unreadable = self._anew(purpose, page)
                    if anew:
                        found = True
                        with self._store.transaction():
                            roll.put(kind, anew)
                    done, lost = done + len(page), lost + unreadable
                    yield RollProgress(old, min(done, total), max(done, total), lost)

    def _anew(
        self, purpose: str, page: list[tuple[RowName, bytes]]
    ) -> tuple[list[tuple[RowName, bytes]], int]:
        anew: list[tuple[RowName, bytes]] = []
        lost = 0
        for name, value in page:
            try:
                if not value or self._vault.is_newest(purpose, value):
                    continue
                anew.append(
                    (name, self._vault.reseal(purpose, value) if purpose else self._vault.rewrap(value))
                )
            except StoreError:
                # A damaged row must not keep the old root alive for ever: it opens nothing as it is.
                lost += 1
        return anew, lost

    def _destroy(self, state: RollState) -> RollState:
        # From the disk, not from memory: it is all that opens the rows from now on.
        root = self._vault.row_root_in(self._next)
        if root.generation != state.generation + 1:
            raise StoreError(f"{self._next} is not the next row root", reason="ROW_ROOT_DAMAGED")
        self._vault.add(root)
        state = RollState(state.generation, Phase.DESTROYING, state.since)
        with self._store.transaction():
            self._store.roll.set_state(state)
        return self._finish(state)

    def _finish(self, state: RollState) -> RollState:
        if self._next.exists():
            if self._path.exists():
                # Its own blocks first: a file that is renamed over another leaves them as they were.
                erasable.overwrite(self._path)
            self._next.rename(self._path)
            erasable.sync_folder(self._path.parent)
        self._vault.drop(state.generation)
        state = RollState(state.generation + 1, Phase.RESTING, state.since)
        with self._store.transaction():
            self._store.roll.set_state(state)
            self.log(state)
        self._store.empty_journal()
        return state


def _all(roll: RollStore, kind: int) -> Iterator[tuple[RowName, bytes]]:
    after: RowName | None = None
    while page := roll.page(kind, after, STEP):
        yield from page
        after = page[-1][0]
