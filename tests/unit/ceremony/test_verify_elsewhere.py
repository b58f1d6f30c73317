"""The offline verifier on a machine that has `cryptography`, `py_ecc`, what those two need, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Final

import pytest
from shamir_mnemonic.wordlist import WORDLIST

import kms
from kms.ceremony.files import write_lines
from kms.ceremony.verify import Counter, main
from kms.ceremony.words import _wordlist
from tests.protocol.world import LAB, World
from tests.unit.ceremony.test_verify_pools import generate
from tests.unit.ceremony.test_verify_resharing import reshare

THERE: Final = ("cryptography", "py_ecc")
ABSENT: Final = ("coincurve", "google", "grpc", "protovalidate", "shamir_mnemonic", "sqlite_utils", "typer")
RUN: Final = (
    "import runpy, sys; sys.path.append(sys.argv.pop(1)); "
    "runpy.run_module('kms.ceremony.verify', run_name='__main__')"
)
TRY: Final = "import sys; sys.path.append(sys.argv[1]); __import__(sys.argv[2])"


def needed(names: tuple[str, ...]) -> set[str]:
    """These distributions and all that they need, by name."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        try:
            requires = metadata.distribution(name).requires or []
        except metadata.PackageNotFoundError:  # for another system, or another Python
            continue
        if name not in found:
            found.add(name)
            waiting += [re.split(r"[^\w.-]", line)[0] for line in requires if "extra ==" not in line]
    return found


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder of libraries: those that a verifier has, and this project."""
    folder = tmp_path / "libraries"
    folder.mkdir()
    (folder / "kms").symlink_to(Path(kms.__file__ or "").parent)
    for name in needed(THERE):
        for file in metadata.files(name) or []:
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not (folder / top).exists():
                (folder / top).symlink_to(Path(str(file.locate())).parents[len(file.parts) - 1] / top)
    return folder


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """An interpreter that looks nowhere but into the standard library and what `code` adds."""
    command = [sys.executable, "-I", "-S", "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_transcript_verifies_where_nothing_else_can_be_imported(elsewhere: Path, tmp_path: Path) -> None:
    for name in ABSENT:
        assert f"No module named '{name}'" in python(TRY, elsewhere, name).stderr
    world = World.found(tmp_path / "world")
    world.create(world.device("alice"), [LAB] * 2)
    data = write_lines(reshare(world, tmp_path / "transcripts"))
    file = tmp_path / "transcript"
    file.write_bytes(data)
    done = python(RUN, elsewhere, file, "--json", "--keyring-id", world.keyring.keyring_id.hex())
    assert done.returncode == 0, done.stderr
    account = json.loads(done.stdout)
    assert account["holds"] is True
    assert "the new commitments follow from theirs" in account["outcomes"][0]
    assert len(account["words"].split()) == 12
    for form in ("--html", "--json"):
        assert python(RUN, elsewhere, file, form).returncode == 0
    file.write_bytes(data.replace(b"A", b"B", 1))
    bent = python(RUN, elsewhere, file)
    assert (bent.returncode, "LINE 1 MUST NOT BE BELIEVED" in bent.stdout) == (1, True)


def test_so_does_one_of_keys_that_nobody_knows(elsewhere: Path, tmp_path: Path) -> None:
    world = World.found(tmp_path / "world")
    file = tmp_path / "transcript"
    file.write_bytes(write_lines(generate(world, tmp_path / "transcripts")))
    done = python(RUN, elsewhere, file, "--json", "--keyring-id", world.keyring.keyring_id.hex())
    assert done.returncode == 0, done.stderr
    assert "the sum of what custodians 1, 2, 3 dealt" in json.loads(done.stdout)["outcomes"][0]


def test_a_file_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([str(tmp_path / "nowhere")]) == 1
    assert "cannot read" in capsys.readouterr().err


def test_the_words_are_those_of_slip_39() -> None:
    assert list(_wordlist()) == list(WORDLIST)


def test_how_far_it_is_is_shown_without_a_library(capsys: pytest.CaptureFixture[str]) -> None:
    show = Counter()
    for done in range(1, 4):
        show("lines", done, 3)
    first, *_, last = capsys.readouterr().err.split("\r")[1:]
    assert first.startswith("1 of 3 lines")
    assert last.startswith("3 of 3 lines, ")
    assert last.endswith(" s left\x1b[K\n")
