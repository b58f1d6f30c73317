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

PAGE = Path(__file__).parents[2] / "docs" / "ceremonies.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="kc"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        yield home
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def ceremony(folder: Path) -> Path:
    """The folder after every block of the page has run."""
    text = PAGE.read_text()
    for match in BLOCK.finditer(text):
        if match[1] == "sh":
            status, seen = terminal.run(match[2], folder)
            line = text.count("\n", 0, match.start()) + 2
            assert status == 0, f"line {line}: {seen}"
    (folder / "unsafe.toml").write_text('policy = "unsafe.cedar"\n')
    (folder / "unsafe.cedar").write_text('@id("all") permit (principal, action, resource);\n')
    return folder


def kms(command: str, folder: Path, **answers: str) -> tuple[int, str]:
    return terminal.run(f"kms {command}", folder, answers)


def test_every_block_of_the_page_works_as_it_stands(ceremony: Path) -> None:
    assert {"chain.file", "record.html", "refresh.order", "longer.proposal"} <= {
        path.name for path in ceremony.iterdir()
    }
    assert len(list(ceremony.glob("custodian-*/custodian.db"))) == 5
    assert "Everything in this file holds." in (ceremony / "record.html").read_text()


def test_the_page_hides_no_secret_in_an_argument(ceremony: Path) -> None:
    assert "passphrase " not in "".join(m[2] for m in BLOCK.finditer(PAGE.read_text()) if m[1] == "sh")
    assert terminal.PASSPHRASE not in "".join(
        path.read_text(errors="replace") for path in ceremony.iterdir() if path.is_file()
    )


@pytest.mark.parametrize(
    "command",
    [
        "admin key new admin-1.key",
        "custodian init --config custodian-1/custodian.toml",
        "ceremony propose longer.toml --chain chain.file --out new.proposal",
        "ceremony sign new.proposal --key admin-1.key --out admin-2.signature",
        "custodian join --config custodian-1/custodian.toml --chain chain.file",
    ],
)
def test_a_second_run_writes_over_nothing(ceremony: Path, command: str) -> None:
    before = {path: path.read_bytes() for path in ceremony.rglob("*") if path.is_file()}
    status, seen = kms(command, ceremony)
    assert status == 1
    assert "exists already" in seen
    after = {path: path.read_bytes() for path in ceremony.rglob("*") if path.is_file()}
    assert after == before


def test_a_repeated_signature_and_gathering_are_no_error(ceremony: Path) -> None:
    assert kms("ceremony sign new.proposal --key admin-1.key --out admin-1.signature", ceremony)[0] == 0
    again = "ceremony gather new.proposal admin-?.signature custodian-?.signature --out chain.file"
    assert kms(again, ceremony)[0] == 0


@pytest.mark.parametrize(
    ("command", "answers", "said"),
    [
        ("ceremony sign new.proposal --key admin-1.key --out x", {"passphrase": "wrong"}, "PASSPHRASE_WRONG"),
        ("ceremony sign new.proposal --key admin-1.key --out x", {"confirm": "n"}, "Aborted"),
        ("admin key show admin-1.key", {"passphrase": "wrong"}, "PASSPHRASE_WRONG"),
        (
            "custodian accept longer.proposal --config custodian-1/custodian.toml --out x",
            {"confirm": "n"},
            "Aborted",
        ),
        (
            "custodian accept refresh.proposal --config custodian-1/custodian.toml --out x",
            {},
            "NOT_A_MANIFEST",
        ),
        ("ceremony gather new.proposal admin-1.signature --out x", {}, "SIGNATURES_MISSING"),
        ("ceremony gather new.proposal refresh-1.signature --out x", {}, "WRONG_TYPE"),
        ("ceremony show draft.toml", {}, "NOT_A_LINE"),
        ("ceremony show nowhere", {}, "CONFIG"),
        ("ceremony propose draft.toml --enrolment new.proposal --out x", {}, "WRONG_TYPE"),
        ("ceremony propose unsafe.toml --chain chain.file --out x", {}, "UNFIT"),
        ("ceremony verify new.proposal", {}, "LINE 1 MUST NOT BE BELIEVED"),
        (f"ceremony verify chain.file --keyring-id {'0' * 64}", {}, "another keyring"),
    ],
)
def test_a_refusal_says_why_and_leaves_no_file(
    ceremony: Path, command: str, answers: dict[str, str], said: str
) -> None:
    status, seen = kms(command, ceremony, **answers)
    assert status == 1
    assert said in seen
    assert "Traceback" not in seen
    assert not (ceremony / "x").exists()


def test_what_people_see_programs_can_read(ceremony: Path) -> None:
    shown = json.loads(kms("ceremony show chain.file --json", ceremony)[1])
    assert (shown["threshold"], len(shown["custodians"])) == (3, 5)
    assert (shown["missing"], shown["objections"]) == ([], [])
    signed = "ceremony status new.proposal admin-1.signature custodian-3.signature --json"
    parties = json.loads(kms(signed, ceremony)[1])["parties"]
    assert [p["name"] for p in parties if p["signed"]] == ["admin 1", "custodian 3 (Medical Chamber)"]
    account = json.loads(kms("ceremony verify refresh.order --json", ceremony)[1])
    assert account["holds"] is True
    assert account["keyring_id"] == shown["keyring_id"]
    enrolled = json.loads(kms("ceremony show custodian-2.enrolment --json", ceremony)[1])
    assert enrolled[0]["organisation"] == "Patients' Union"


def test_a_custodian_that_joined_accepts_the_next_manifest(ceremony: Path) -> None:
    command = "custodian accept longer.proposal --config custodian-2/custodian.toml --out longer-2.signature"
    status, seen = kms(command, ceremony)
    assert status == 0, seen
    assert "the delay of changes: 7 days becomes 14 days" in seen
    assert "you are custodian 2" in seen
    status, seen = kms("ceremony status longer.proposal longer-2.signature", ceremony)
    assert "signed   custodian 2 (Patients' Union)" in seen
