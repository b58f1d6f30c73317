"""docs/retention.md is run as it stands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.statements.consent import NoticeKind
from kms_client import Client
from kms_client.errors import KeyDestroyed
from tests.e2e.test_docs import BLOCK

PAGE = Path(__file__).parents[2] / "docs" / "retention.md"


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    home = Path(
        tempfile.mkdtemp(prefix="kr")
    )  # short: a local socket's path holds about a hundred characters
    monkeypatch.chdir(home)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    yield home
    subprocess.run(["kms", "dev", "down"], cwd=home, capture_output=True, check=False)
    shutil.rmtree(home)


def kms(*words: str) -> str:
    return subprocess.run(["kms", *words], capture_output=True, check=True, text=True).stdout


def test_every_block_of_the_page_works_as_it_stands(folder: Path) -> None:
    namespace: dict[str, object] = {"__name__": "retention"}
    text, said = PAGE.read_text(), ""
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start()) + 2
        if block[1] == "python":
            exec(compile("\n" * (line - 1) + block[2], PAGE.name, "exec"), namespace)
            continue
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block[2]],
            cwd=folder,
            capture_output=True,
            check=False,
            text=True,
        )
        assert done.returncode == 0, f"line {line}: {done.stdout}{done.stderr}"
        said += done.stdout
    assert "laboratory: kept 9 seconds (laboratory-ten-years)" in said
    assert "laboratory: kept 3650 days (laboratory-ten-years)" in said
    assert "imaging: kept for good (imaging-stays)" in said
    assert "1 orders for 1 keys; nothing was ordered" in said
    assert "DESTROYED: " in said
    assert "one key, by order of the policy's own schedule (retention)" in said
    alice = Client(".kms-dev/users/alice")
    with pytest.raises(KeyDestroyed):
        alice.decrypt(Path("old.tkr").read_bytes())
    assert alice.decrypt(Path("image.tkr").read_bytes()) == b"as it was"
    assert "for retention; order " in kms("owner", "notices", "--profile", ".kms-dev/users/alice")
    called_off = next(n.at for n in alice.notices() if n.kind is NoticeKind.DESTROY_CANCELLED)
    shown = json.loads(kms("retention", "show", "--json", "--profile", ".kms-dev/users/night-watch"))
    (line,) = [line for line in shown["lines"] if line["category"] == "laboratory"]
    # It is kept for as long again from then: nothing of it is due before that, however long this page took.
    assert (line["next_due_at"] or time.time()) >= called_off + 9
