"""A custodian whose root a token opens, and an admin whose key lies on one: real processes, a real PKCS#11 library."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kms.dev.founding import commands
from kms.errors import Unavailable
from kms.storage import keyfile
from kms.storage.token import write_secret
from tests.e2e import terminal
from tests.e2e.site import Site
from tests.softhsm import PIN, token, tokens

__all__ = ["tokens"]
NAME = "custodian-1"


def give_token(site: Site, tokens: Path, pin: str = PIN) -> None:
    """Put custodian 1's storage root on a token; it is not started again."""
    site.terminate(NAME)
    config = site.config(NAME)
    home = config.parent
    root = home / "storage.root"
    secret = keyfile.read_secret(root)
    root.unlink()
    write_secret(root, secret, token(tokens))
    (home / "pin").write_text(pin + "\n")
    lines = f'\n[unlock]\nmethod = "token"\nmodule = "{tokens}"\ntoken = "first"\npin_file = "pin"\n'
    config.write_text(config.read_text() + lines)


def start(site: Site) -> None:
    site.cluster.spawn(NAME, commands(site.layout)[NAME])


def test_a_custodian_opens_with_its_token_and_answers(own_site: Callable[..., Site], tokens: Path) -> None:
    site = own_site()
    client = site.client_of(site.profile("alice"))
    key = client.create_key({"patient": "p", "category": "lab"})
    record = client.encrypt(b"result", key)
    client.forget()
    give_token(site, tokens)
    start(site)
    site.kill("custodian-2")  # of three, two are needed: this one is
    assert client.decrypt(record) == b"result"


def test_a_wrong_pin_opens_nothing_and_is_not_told_to_the_log(
    own_site: Callable[..., Site], tokens: Path
) -> None:
    site = own_site()
    give_token(site, tokens, "000000")
    with pytest.raises(Unavailable, match="ended while starting"):
        start(site)
    said = site.cluster.log(NAME).read_text()
    assert "PIN_WRONG" in said
    assert "000000" not in said


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def test_an_admin_makes_a_key_on_a_token_and_shows_it(desk: Path, tokens: Path) -> None:
    make = f"kms admin key new admin.key --module {tokens} --token first --json"
    status, seen = terminal.run(make, desk, {"pin": PIN})
    assert status == 0, seen
    made = json.loads(seen[seen.index("{") :])
    assert PIN not in seen
    assert PIN not in (desk / "admin.key").read_text()
    status, seen = terminal.run("kms admin key show admin.key --json", desk, {"pin": PIN})
    assert (status, json.loads(seen[seen.index("{") :])) == (0, made)


@pytest.mark.parametrize(
    ("options", "said"),
    [("--token first", "both --module and --token"), ("--module /nowhere.so --token first", "cannot use")],
)
def test_a_token_that_is_not_there_is_told(desk: Path, tokens: Path, options: str, said: str) -> None:
    status, seen = terminal.run(f"kms admin key new admin.key {options}", desk, {"pin": PIN})
    assert status == 1
    assert said in seen
    assert "Traceback" not in seen
    assert not (desk / "admin.key").exists()
