"""A keyring is founded by people who never met: all that they sign goes through the host's mailbox."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.ceremony import files
from kms.ceremony.carrying import send_file
from kms.ceremony.proposals import line_of, lines_of, sign
from kms.dev import toml
from kms.dev.certificates import Authority
from kms.dev.founding import free_ports
from tests.e2e.site import await_condition, run_command
from tests.unit.ceremony.people import ADMINS, enrolment, genesis, key


class Host:
    """`kms coordinator mailbox` as a process, before there is a keyring."""

    def __init__(self, folder: Path) -> None:
        home = folder / "coordinator"
        home.mkdir()
        Authority.create(folder / "ca").issue(home, "coordinator")
        self.address = f"127.0.0.1:{free_ports(1)[0]}"
        self.authorities = folder / "ca" / "ca.pem"
        tls = {"certificate": "tls.pem", "key": "tls.key", "authorities": str(self.authorities)}
        settings = {
            "keyring_id": "00" * 32,
            "manifest": "chain.file",
            "store": "coordinator.db",
            "listen": self.address,
            "mailbox_admins": [ADMINS[0].public.hex()],
            "tls": tls,
            "custodians": {},
        }
        config = home / "coordinator.toml"
        toml.write(config, settings)
        self.log = home / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kms.cli", "coordinator", "mailbox", "--config", str(config)],
                stdout=log,
                stderr=log,
            )
        await_condition(lambda: '"ready"' in self.log.read_text(), "the mailbox")

    def kms(self, *arguments: object, status: int = 0) -> str:
        reach = ["--coordinator", self.address, "--authorities", str(self.authorities)]
        done = run_command(["ceremony", *map(str, arguments), *reach])
        assert done.returncode == status, (done.stdout, done.stderr)
        return done.stdout if status == 0 else done.stderr

    def leave(self, *lines: files.Line) -> None:
        """As `kms ceremony send` does, without a process for each."""
        asyncio.run(send_file(files.write_lines(lines), self.address, self.authorities))


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    host.process.terminate()
    assert host.process.wait(20) == 0


def test_a_keyring_is_founded_through_the_mailbox(host: Host, tmp_path: Path) -> None:
    for number in range(1, 6):
        host.leave(line_of(enrolment(number).envelope))
    enrolled = json.loads(host.kms("fetch", "enrolments", "--out", tmp_path / "all.enrolments", "--json"))
    assert enrolled["enrolments"] == 5

    proposal = genesis()
    files.create(tmp_path / "new.proposal", lines_of(proposal))
    files.create(tmp_path / "admin-1.signature", [sign(proposal, ADMINS[0])])
    assert "NO_OPENER" in host.kms("send", tmp_path / "new.proposal", status=1)
    sent = host.kms("send", tmp_path / "new.proposal", tmp_path / "admin-1.signature")
    name = proposal.digest.hex()
    assert f"name    {name}" in sent

    for signer in ("admin 2", "admin 3", *(f"custodian {n}" for n in (1, 2, 3, 4))):
        host.leave(sign(proposal, key(signer)))
    (listed,) = json.loads(host.kms("fetch", "--json"))["boxes"]
    assert (listed["name"], listed["what"]) == (name, "manifest")
    assert len(listed["missing"]) == 1
    files.create(tmp_path / "5.signature", [sign(proposal, key("custodian 5"))])
    assert "complete: gather it" in host.kms("send", tmp_path / "5.signature")
    first, second, last = host.kms("fetch").splitlines()
    assert first == f"{name[:16]}  manifest  needed: nothing: gather it"
    assert (second.strip(), last) == (listed["words"], "1 proposals, 5 enrolments")

    assert "0 proposals there" in host.kms("fetch", "ffff", "--out", tmp_path / "x", status=1)
    assert "complete: gather it" in host.kms("fetch", name[:8], "--out", tmp_path / "signed")
    made = run_command(["ceremony", "gather", str(tmp_path / "signed"), "--out", str(tmp_path / "chain")])
    assert made.returncode == 0, made.stderr
    told = json.loads(run_command(["ceremony", "verify", str(tmp_path / "chain"), "--json"]).stdout)
    assert (told["problem"], told["keyring_id"]) == (None, name)
