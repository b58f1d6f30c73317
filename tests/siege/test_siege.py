"""Thousands of keyrings under siege. A seed that breaks says how it is played again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.siege.run import run

ROOT = Path(__file__).parents[2]
SEEDS, CHUNK = 2_000, 50
MORE, BIG = 98_000, 500
"""With `scripts/test --long`, after the first ones."""


def hold(first: int, count: int) -> Counter[str]:
    """Play these seeds; how often what happened."""
    happened: Counter[str] = Counter()
    broken = []
    for seed in range(first, first + count):
        outcome = run(seed)
        happened.update(outcome.counts)
        if outcome.wrong:
            broken.append(f"{outcome}\nREPLAY: {outcome.replay}")
    assert not broken, "\n" + "\n".join(broken)
    return happened


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_what_was_promised_holds_under_siege(first: int) -> None:
    assert hold(first, CHUNK)["installed"]


@pytest.mark.long
@pytest.mark.parametrize("first", range(SEEDS, SEEDS + MORE, BIG))
def test_what_was_promised_holds_under_a_long_siege(first: int) -> None:
    assert hold(first, BIG)["certificates"]


def test_everything_that_may_happen_happens() -> None:
    happened = hold(SEEDS + MORE, 150)
    for what in (
        "certificates",
        "complaints",
        "erased",
        "forks",
        "installed",
        "lost disks",
        "manifests",
        "moves",
        "opened in peace",
        "power cuts",
        "repaired",
    ):
        assert happened[what] >= 3, what
    refusals = [what for what in happened if what.startswith("refused ")]
    assert len(refusals) >= 15, refusals


def test_a_seed_is_the_same_story_in_every_process() -> None:
    def told(hash_seed: str) -> bytes:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-m", "tests.siege", "3", "11", "20", "27", "--verbose"]
        done = subprocess.run(command, env=environment, check=True, capture_output=True)
        return done.stdout

    story = told("1")
    assert story.count(b": held\n") == 4
    assert told("2") == story


def test_the_command_of_the_page_tells_the_story_of_a_seed() -> None:
    page = (ROOT / "docs" / "siege.md").read_text()
    (command,) = re.findall(r"^```bash\n(.*?)\n```$", page, re.MULTILINE | re.DOTALL)
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *story, last = done.stdout.splitlines()
    assert len(story) > 10
    assert last == f"{run(int(command.split()[1]))}"
