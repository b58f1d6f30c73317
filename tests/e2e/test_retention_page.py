"""docs/retention.md is run as it stands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    alice = Client(".kms-dev/users/alice")
    with pytest.raises(KeyDestroyed):
        alice.decrypt(Path("old.tkr").read_bytes())
    assert alice.decrypt(Path("image.tkr").read_bytes()) == b"as it was"
    told = subprocess.run(
        ["kms", "owner", "notices", "--profile", ".kms-dev/users/alice"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert "for retention; order " in told
