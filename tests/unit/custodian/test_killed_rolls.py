"""A roll that is killed, in a process of its own, at every statement and every step on files: nothing is lost.

And the old root is destroyed all the same, by whoever opens the store next, which may be killed on the way too.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from kms.custodian.roll_store import Phase
from tests.unit.custodian import killed_roll
from tests.unit.custodian import rolled_store as rolled
from tests.unit.custodian.rolled_store import NOW


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
    return killed_roll.roll(folder, 0)


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
        assert killed_roll.roll(folder, kill_at) == 0
        if random_.random() < 0.5:  # and again, by who takes it up
            killed_roll.roll(folder, random_.randrange(1, points))
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
