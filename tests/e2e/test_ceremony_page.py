"""The script of a ceremony is carried out as it stands, on a terminal, by people who type passphrases and yes."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import terminal
from tests.e2e.test_ceremony_script import PAGE, account, blocks, free_prefix, kms


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ports", free_prefix())
    home = Path(tempfile.mkdtemp(prefix="kc"))
    yield home
    shutil.rmtree(home)


def test_the_page_leads_from_an_empty_folder_to_four_of_seven_and_back_from_a_lost_store(empty: Path) -> None:
    status, seen = terminal.run(blocks(PAGE.read_text()), empty)
    assert status == 0, seen[-4000:]
    assert "Everything in this file holds." in (empty / "record.html").read_text()

    rounds = re.fullmatch(
        r"all records, (\d+) times over: nothing is lost\n", (empty / "reading.txt").read_text()
    )
    assert rounds is not None
    assert int(rounds[1]) > 1
    assert "all records, 1 times over: nothing is lost" in seen  # with the newest and the repaired ones alone
    shown = json.loads(kms("ceremony show four.file --json", empty)[1])
    assert shown["threshold"] == 4
    assert [c["index"] for c in shown["custodians"]] == [1, 2, 3, 5, 6, 7, 8]

    left = sorted((empty / "coordinator" / "ceremonies").iterdir())
    named = ["manifest-000001", "manifest-000002", "pool-", "repair-3-", "reshare-000001", "reshare-000002"]
    assert [path.name[: len(name)] for path, name in zip(left, named, strict=True)] == named
    first, second, pool, repair, joined, four = (account(path) for path in left)
    assert "3 of 7 custodians open" in first["events"][1]["text"]
    assert "4 of 7 custodians open" in second["events"][2]["text"]
    made = [re.findall(r"batch \d+: (\d+) keys that nobody knows", outcome) for outcome in pool["outcomes"]]
    assert sum(int(number) for (number,) in made) == 200
    back = re.search(r"(\d+) of (\d+) lost shares are back", repair["outcomes"][0])
    assert back is not None
    assert int(back[1]) == int(back[2]) >= 20  # of 20 records, by every version that the others still had
    assert any("it lasts" in outcome for outcome in joined["outcomes"])
    assert any("(7, 7 are needed: it lasts)" in outcome for outcome in four["outcomes"]), four["outcomes"]
