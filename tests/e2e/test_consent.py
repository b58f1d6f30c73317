"""docs/consent.md is run as it stands, on a terminal where a person types passphrases; then custodians go missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.dev.cluster import Cluster
from kms_client.credentials import CommandCredentials
from tests.e2e import terminal
from tests.e2e.test_docs import BLOCK

PAGE = Path(__file__).parents[2] / "docs" / "consent.md"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    home, before, path = Path(tempfile.mkdtemp(prefix="kc")), Path.cwd(), os.environ["PATH"]
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{path}"
    os.chdir(home)
    # A busy machine takes its time to start the command that gets a device its credentials.
    patience = CommandCredentials.__init__.__defaults__
    CommandCredentials.__init__.__defaults__ = (600.0,)
    yield home
    CommandCredentials.__init__.__defaults__ = patience
    subprocess.run(["kms", "dev", "down"], cwd=home, capture_output=True, check=False)
    os.chdir(before)
    os.environ["PATH"] = path
    shutil.rmtree(home)


def grants(*words: str) -> tuple[int, dict[str, object]]:
    done = subprocess.run(
        ["kms", "grant", *words, "--profile", ".kms-dev/users/alices-tablet", "--json"],
        capture_output=True,
        check=False,
        text=True,
    )
    return done.returncode, json.loads(done.stdout)


def test_consent(folder: Path) -> None:
    text = PAGE.read_text()
    namespace: dict[str, object] = {"__name__": "consent"}
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start()) + 2
        if block[1] == "sh" and "kms dev down" not in block[2]:
            status, seen = terminal.run(block[2], folder)
            assert status == 0, f"line {line}: {seen}"
        elif block[1] == "python":
            exec(compile("\n" * (line - 1) + block[2], PAGE.name, "exec"), namespace)
    an_owner_watches()
    custodians_go_missing(folder)


def an_owner_watches() -> None:
    """What happened comes at once, line by line, and the command goes on."""
    device = ("--profile", ".kms-dev/users/alices-tablet", "--of", "phone.json")
    watching = subprocess.Popen(
        ["kms", "owner", "notices", "--watch", "--json", *device], stdout=subprocess.PIPE, text=True
    )
    assert watching.stdout is not None
    kinds = {json.loads(watching.stdout.readline())["kind"] for _ in range(6)}
    assert watching.poll() is None
    watching.terminate()
    watching.communicate()
    assert {"owner_key_added", "guardian_added", "key_revoked"} & kinds


def custodians_go_missing(folder: Path) -> None:
    """Three of five are away: the revocation is not effective. They come back: only they are told."""
    status, issued = grants("issue", "second.grant", "--to", "dr-bob.json", "--category", "lab")
    assert (status, issued["revoked"]) == (0, False)
    cluster = Cluster.attach(folder / ".kms-dev")
    away = ["custodian-3", "custodian-4", "custodian-5"]
    for name in away:
        cluster.kill(name)
    status, told = grants("revoke", "second.grant")
    assert (status, told["acknowledged"], told["needed"], told["effective"]) == (1, [1, 2], 3, False)
    register = folder / ".kms-dev" / "users" / "alices-tablet" / "grants.json"
    before = json.loads(register.read_text())["grants"][-1]
    cluster.start(away)
    status, told = grants("revoke", str(issued["id"])[:8])
    assert (status, told["acknowledged"], told["effective"]) == (0, [1, 2, 3, 4, 5], True)
    after = json.loads(register.read_text())["grants"][-1]
    assert after["revocation"] == before["revocation"]
    assert before["receipts"].items() <= after["receipts"].items()
