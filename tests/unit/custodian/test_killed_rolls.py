"""A roll that is killed, in a process of its own, at every statement and every step on files: nothing is lost.

And the old root is destroyed all the same, by whoever opens the store next, which may be killed on the way too.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from kms.custodian.roll_store import Phase
from kms.custodian.sqlite import SqliteCustodianStore
from kms.storage import erasable
from kms.storage.database import Place
from tests.unit.custodian import rolled_store as rolled
from tests.unit.custodian.rolled_store import NOW

LIMIT = 9
"""Rows in a step, so that there are many."""


class Points:
    """Counts the points at which a process may be killed, and kills it at one of them (0: at none)."""

    def __init__(self, kill_at: int) -> None:
        self.count, self._kill_at = 0, kill_at

    def pass_one(self, *_: object) -> None:
        self.count += 1
        if self.count == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, step: Callable[..., object]) -> Callable[..., object]:
        """The step, with a point before and one after it."""

        def stepped(*arguments: object, **named: object) -> object:
            self.pass_one()
            result = step(*arguments, **named)
            self.pass_one()
            return result

        return stepped


def roll_in_child(folder: Path, kill_at: int) -> int:
    """Open and roll in a process of its own; how many points it passed, or 0 if it was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            points = Points(kill_at)
            erasable.os.fsync = points.around(os.fsync)  # type: ignore[attr-defined]
            Path.rename = points.around(Path.rename)  # type: ignore[method-assign, assignment]
            Path.unlink = points.around(Path.unlink)  # type: ignore[assignment, method-assign]
            erasable.secrets.token_bytes = points.around(erasable.secrets.token_bytes)  # type: ignore[attr-defined]
            whole = SqliteCustodianStore.open

            def traced(path: Place) -> SqliteCustodianStore:
                store = whole(path)
                store._db.set_trace_callback(points.pass_one)
                return store

            SqliteCustodianStore.open = traced  # type: ignore[method-assign]
            opened = rolled.open_at(folder)
            opened.rolling.begin(NOW)
            while opened.rolling.step(LIMIT) is not None:
                pass
            opened.store.close()
            os.write(writing, points.count.to_bytes(4, "big"))
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    told = os.read(reading, 4)
    os.close(reading)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return 0
    assert os.WEXITSTATUS(status) == 0
    return int.from_bytes(told, "big")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original")
    made = rolled.create(folder)
    rolled.fill(made, made.vault)
    made.store.close()
    return folder


@pytest.fixture(scope="module")
def points(original: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    folder = tmp_path_factory.mktemp("counted") / "store"
    shutil.copytree(original, folder)
    return roll_in_child(folder, 0)


@pytest.mark.parametrize("part", range(8))
def test_whenever_a_roll_is_killed_all_rows_open_and_the_old_root_is_destroyed_in_the_end(
    part: int, original: Path, points: int, tmp_path: Path
) -> None:
    assert points > 100
    whole = rolled.open_at(original)
    before = list(rolled.contents(whole))
    whole.store.close()
    old_root = (original / "row.root").read_bytes()
    random_ = random.Random(part)
    for kill_at in range(1 + part, points, 8):
        folder = tmp_path / str(kill_at)
        shutil.copytree(original, folder)
        kept = (folder / "row.root").open("rb")  # its own blocks, whatever is called so later
        assert roll_in_child(folder, kill_at) == 0
        if random_.random() < 0.5:  # and again, by who takes it up
            roll_in_child(folder, random_.randrange(1, points))
        opened = rolled.open_at(folder)
        assert list(rolled.contents(opened)) == before, kill_at
        opened.rolling.begin(NOW)
        while opened.rolling.step() is not None:
            pass
        assert list(rolled.contents(opened)) == before, kill_at
        assert opened.rolling.state.phase is Phase.RESTING
        assert opened.rolling.state.generation > 1
        opened.store.close()
        assert sorted(path.name for path in folder.glob("row.root*")) == ["row.root"]
        left = kept.read()
        kept.close()
        assert left[64:4160] != old_root[64:4160]
        assert left[-4096:] != old_root[-4096:]
        shutil.rmtree(folder)
