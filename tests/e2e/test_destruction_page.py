"""docs/destruction.md is run as it stands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_docs import BLOCK

PAGE = Path(__file__).parents[2] / "docs" / "destruction.md"


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    home = Path(
        tempfile.mkdtemp(prefix="kd")
    )  # short: a local socket's path holds about a hundred characters
    monkeypatch.chdir(home)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    yield home
    subprocess.run(["kms", "dev", "down"], cwd=home, capture_output=True, check=False)
    shutil.rmtree(home)


def test_every_block_of_the_page_works_as_it_stands(folder: Path) -> None:
    namespace: dict[str, object] = {"__name__": "destruction"}
    text, shell, said = PAGE.read_text(), "", ""
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start()) + 2
        if block[1] == "python":
            exec(compile("\n" * (line - 1) + block[2], PAGE.name, "exec"), namespace)
            continue
        # A block may use what one before it named.
        names = "\n".join(part for part in shell.splitlines() if part.startswith("name="))
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{names}\n{block[2]}"],
            cwd=folder,
            capture_output=True,
            check=False,
            text=True,
        )
        assert done.returncode == 0, f"line {line}: {done.stdout}{done.stderr}"
        shell, said = shell + block[2], said + done.stdout
    assert "DESTROYED: " in said
    assert '"tolerates_liars": ' in said
