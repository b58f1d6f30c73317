"""The quickstart is run as it stands: its shell blocks by bash, its Python blocks in one namespace, in order.

The page on policy too: each block of text in it is what the commands before it print.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
QUICKSTART = DOCS / "quickstart.md"
POLICY = DOCS / "policy.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = {"python", "sh"}
SHOWN = {"toml"}


def blocks(page: Path = QUICKSTART) -> list[tuple[str, str, int]]:
    """(language, text, line in the file) of every block."""
    text = page.read_text()
    return [(m[1], m[2], text.count("\n", 0, m.start()) + 2) for m in BLOCK.finditer(text)]


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # Short: a local socket's path holds about a hundred characters.
    home = Path(tempfile.mkdtemp(prefix="kq"))
    monkeypatch.chdir(home)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    yield home
    if (home / ".kms-dev").exists():
        subprocess.run(["kms", "dev", "down"], cwd=home, capture_output=True, check=False)
    shutil.rmtree(home)


def test_every_block_of_the_quickstart_works_as_it_stands(folder: Path) -> None:
    namespace: dict[str, object] = {"__name__": "quickstart"}
    ran = []
    for language, text, line in blocks():
        if language == "sh":
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", text],
                cwd=folder,
                capture_output=True,
                check=False,
                text=True,
            )
            assert done.returncode == 0, f"line {line}: {done.stdout}{done.stderr}"
        elif language == "python":
            # Padded, so that a traceback names the line of the page.
            exec(compile("\n" * (line - 1) + text, QUICKSTART.name, "exec"), namespace)
        ran.append(language)
    assert set(ran) == RUN | SHOWN


def test_ten_lines_are_enough_to_encrypt_and_read_back_a_record() -> None:
    first = next(text for language, text, _ in blocks() if language == "python")
    assert ".encrypt(" in first
    assert ".decrypt(" in first
    assert len(first.splitlines()) <= 10


def test_every_command_of_the_page_on_policy_prints_what_stands_there(folder: Path) -> None:
    printed = ""
    for language, text, line in blocks(POLICY):
        if language == "sh":
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", text],
                cwd=folder,
                capture_output=True,
                check=False,
                text=True,
            )
            assert done.returncode == 0, f"line {line}: {done.stdout}{done.stderr}"
            printed = done.stdout
        elif language not in SHOWN:
            assert (language, printed) == ("text", text), f"line {line}"
