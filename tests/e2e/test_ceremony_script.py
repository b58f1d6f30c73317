"""What the page of the ceremonies leaves behind before any node runs, and what its commands refuse after it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import terminal

PAGE = Path(__file__).parents[2] / "docs" / "ceremonies.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


NODES_START = "## 9."
"""Where the page goes on with nodes that run; what is before it needs none."""
LATER = """
echo 'change_delay_days = 14' > longer.toml
kms ceremony propose longer.toml --chain chain.file --out longer.proposal
kms ceremony order --chain chain.file --reason "yearly refresh" --sequence 1 --out refresh.proposal
kms ceremony sign refresh.proposal --key admin-1.key --out refresh-1.signature
kms ceremony sign refresh.proposal --key admin-3.key --out refresh-3.signature
kms ceremony gather refresh.proposal refresh-1.signature refresh-3.signature --out refresh.order
"""


NOBODY = "--coordinator 127.0.0.1:1 --authorities ca/ca.pem"
"""A coordinator that is not there."""


def blocks(text: str) -> str:
    """All that a page has a shell do, as one script that says which block failed."""
    script = ["trap '[ $? = 0 ] || echo \"the block at line $block of the page failed\"' EXIT"]
    for match in BLOCK.finditer(text):
        if match[1] == "sh":
            script += [f"block={text.count(chr(10), 0, match.start()) + 2}", match[2]]
    return "\n".join(script)


def free_prefix() -> str:
    """First digits of ports of which those that the page uses are free, below what connections take for themselves.

    And above those that clusters take in tests.
    """
    while True:
        prefix = secrets.randbelow(100) + 220
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for last in (0, *range(11, 19), *range(21, 29)):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", 100 * prefix + last))
            return str(prefix)


@pytest.fixture(scope="module")
def prepared() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("ports", free_prefix())
        yield patch


@pytest.fixture(scope="module")
def ceremony(prepared: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a keyring that was founded by the page, with a next manifest and an order on their way."""
    folder = Path(tempfile.mkdtemp(prefix="kc"))
    status, seen = terminal.run(blocks(PAGE.read_text().split(NODES_START)[0]) + LATER, folder)
    assert status == 0, seen
    (folder / "unsafe.toml").write_text('policy = "unsafe.cedar"\n')
    (folder / "unsafe.cedar").write_text('@id("all") permit (principal, action, resource);\n')
    yield folder
    shutil.rmtree(folder)


def kms(command: str, folder: Path, **answers: str) -> tuple[int, str]:
    return terminal.run(f"kms {command}", folder, answers)


def account(transcript: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(kms(f"ceremony verify {transcript} --json", transcript.parent)[1])
    assert told["problem"] is None
    return told


def test_the_keyring_is_founded_before_any_node_runs(ceremony: Path) -> None:
    assert len(list(ceremony.glob("custodian-*/custodian.db"))) == 5
    assert "Everything in this file holds." in (ceremony / "record.html").read_text()


def test_a_store_that_is_there_keeps_its_manifest_and_a_lost_one_takes_the_longer_chain(
    ceremony: Path,
) -> None:
    folder = ceremony / "custodian-5"
    signatures = []
    for party in ("admin-1", "admin-2", *(f"custodian-{number}" for number in range(1, 6))):
        signed = f"longer-{party}.signature"
        command = (
            f"ceremony sign longer.proposal --key {party}.key --out {signed}"
            if party.startswith("admin")
            else f"custodian accept longer.proposal --config {party}/custodian.toml --out {signed}"
        )
        assert kms(command, ceremony)[0] == 0
        signatures.append(signed)
    assert kms(f"ceremony gather longer.proposal {' '.join(signatures)} --out longer.file", ceremony)[0] == 0

    join = "custodian join --config custodian-5/custodian.toml --chain {}"
    before = (folder / "manifest.bin").read_bytes()
    status, seen = kms(join.format("longer.file"), ceremony)
    assert (status, "follows the chain by itself" in seen) == (1, True)
    assert (folder / "manifest.bin").read_bytes() == before
    for path in folder.glob("custodian.db*"):
        path.unlink()
    assert kms(join.format("longer.file"), ceremony)[0] == 0
    assert (folder / "manifest.bin").read_bytes() == (ceremony / "longer.file").read_bytes()
    for path in folder.glob("custodian.db*"):
        path.unlink()
    status, seen = kms(join.format("chain.file"), ceremony)
    assert (status, "MANIFEST_ROLLBACK" in seen) == (1, True)
    assert kms(join.format("longer.file"), ceremony)[0] == 0


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
        ("ceremony propose draft.toml", {}, "give --out FILE"),
        (f"ceremony reshare refresh.order --record draft.toml {NOBODY}", {}, "give --canary and --record"),
        (f"ceremony send new.proposal refresh-1.signature {NOBODY}", {}, "WRONG_TYPE"),
        (f"ceremony fetch {NOBODY}", {}, "UNAVAILABLE"),
        (f"custodian repair --config custodian-1/custodian.toml {NOBODY}", {}, "UNAVAILABLE"),
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
    assert "the delay of changes: 0 days becomes 14 days" in seen
    assert "you are custodian 2" in seen
    status, seen = kms("ceremony status longer.proposal longer-2.signature", ceremony)
    assert "signed   custodian 2 (Patients' Union)" in seen
