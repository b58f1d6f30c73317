"""`kms dev ...` on a cluster of real processes: what each command prints is what was done."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.storage.keyfile import read_secret
from kms.transport.tls import TlsFiles
from kms_client import Client
from kms_client.profile import Profile
from tests.e2e.browser import Person, chromium
from tests.e2e.site import Site, run_command


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    made = Site(consoles=True)
    yield made
    kms(made, "down")  # what a command started the site does not know
    made.close()


def kms(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    return run_command(["dev", *words, "--state", str(site.layout.folder)])


def said(site: Site, *words: str) -> str:
    done = kms(site, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def approvers(site: Site, index: int) -> dict[str, list[dict[str, object]]]:
    line = ["custodian", "approver", "list", "--config", str(site.config(f"custodian-{index}")), "--json"]
    listed: dict[str, list[dict[str, object]]] = json.loads(run_command(line).stdout)
    return listed


def test_an_approver_is_invited_by_the_cluster_s_own_and_gets_a_link(site: Site) -> None:
    link = said(site, "approver", "Ann Martin", "ann@example.org").strip()
    assert re.fullmatch(re.escape(site.layout.consoles[1]) + r"/join#[\w-]{43}", link)
    french = said(site, "approver", "Zoé", "zoe@example.org", "--custodian", "2", "--language", "fr").strip()
    assert french.startswith(f"{site.layout.consoles[2]}/join#")
    for index, name, language in ((1, "Ann Martin", "en"), (2, "Zoé", "fr")):
        (open_one,) = approvers(site, index)["invitations"]
        terms = open_one["terms"]
        assert isinstance(terms, dict)
        assert (terms["name"], terms["language"], open_one["needed"]) == (name, language, 1)
    with chromium() as browser:
        ann = Person(browser, site.layout.consoles[1])
        ann.join(link)
        ann.sign_in()
        ann.reads("Nothing waits")
        zoe = Person(browser, site.layout.consoles[2])
        zoe.join(french)
        zoe.sign_in()
        zoe.reads("Les nouvelles demandes")
    assert [a["name"] for a in approvers(site, 2)["approvers"]] == ["approver 2", "Zoé"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("approver", "Ann", "ann@example.org", "--custodian", "9"), "no console of a custodian 9"),
        (("approver", "Ann", "nobody"), "address"),
        (("approver", "Ann", "ann@example.org", "--language", "xx"), "language"),
        (("user", "eve", "--issuer", "z"), "no issuer z: there are a, b"),
    ],
)
def test_what_the_cluster_has_not_is_told_in_a_line(site: Site, words: tuple[str, ...], told: str) -> None:
    before = [approvers(site, 1)["invitations"], sorted(p.name for p in site.layout.folder.glob("users/*"))]
    done = kms(site, *words)
    assert done.returncode != 0
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    after = [approvers(site, 1)["invitations"], sorted(p.name for p in site.layout.folder.glob("users/*"))]
    assert after == before


@pytest.mark.parametrize(
    "words",
    [
        ("approver", "Ann", "ann@example.org"),
        ("user", "ann"),
        ("pool", "5"),
        ("status",),
        ("down",),
        (
            "token",
            "--issuer=a",
            "--subject=x",
            "--class=device",
            f"--key-thumbprint={'00' * 32}",
            "--audience=y",
        ),
    ],
    ids=lambda words: words[0],
)
def test_where_no_cluster_is_it_says_how_to_start_one(words: tuple[str, ...], tmp_path: Path) -> None:
    done = run_command(["dev", *words, "--state", str(tmp_path)])
    assert done.returncode != 0
    assert "kms dev up" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_status_up_and_down_tell_of_the_processes_and_state_stays(site: Site) -> None:
    states = dict(line.split() for line in said(site, "status").splitlines())
    assert states["custodian-1"] == states["coordinator"] == states["issuer-a"] == "running"
    assert states["booking"] == states["issuer-b"] == "stopped"
    up = json.loads(said(site, "up", "--json"))
    assert up["consoles"] == {str(k): v for k, v in site.layout.consoles.items()}
    assert up["keyring_id"] == site.layout.keyring_id.hex()
    assert set(up["pids"]) >= {"booking", "issuer-a", "issuer-b", "coordinator"}
    assert {line.split()[1] for line in said(site, "status").splitlines()} == {"running"}
    before = [a["name"] for a in approvers(site, 1)["approvers"]]
    assert said(site, "down") == "stopped\n"
    assert {line.split()[1] for line in said(site, "status").splitlines()} == {"stopped"}
    text = said(site, "up")
    for printed in ("ready in", site.layout.coordinator, site.layout.consoles[3], "kms dev approver"):
        assert printed in text
    assert [a["name"] for a in approvers(site, 1)["approvers"]] == before


def test_a_user_is_a_folder_that_a_program_reads_and_encrypts_with(site: Site) -> None:
    home = Path(said(site, "user", "ward-3", "--class", "professional", "--issuer", "a").strip())
    assert home == site.layout.folder / "users" / "ward-3"
    assert said(site, "user", "ward-3").strip() == str(home)  # again: the same device
    with Client(Profile.load(home / "profile.toml")) as client:
        key = client.create_key({"patient": "p-9", "category": "scheduling"})
        assert client.encrypt(b"x", key) != b"x"


def test_keys_and_certificates_are_made_where_they_are_asked_for(tmp_path: Path) -> None:
    line = ["dev", "certificates", str(tmp_path / "ca")]
    assert run_command([*line, str(tmp_path / "node")]).returncode == 0
    pems = [tmp_path / "ca" / "ca.pem", tmp_path / "node" / "tls.pem", tmp_path / "node" / "tls.key"]
    before = [pem.read_bytes() for pem in pems]
    assert run_command([*line, str(tmp_path / "other")]).returncode == 0  # of the same authority
    for name in ("node", "other"):
        files = TlsFiles(tmp_path / name / "tls.pem", tmp_path / name / "tls.key", pems[0])
        assert files.key.stat().st_mode & 0o77 == 0
        assert files.server(mutual=True) is not None
    again = run_command([*line, str(tmp_path / "node")])
    assert again.returncode != 0
    assert "refusing to write over it" in again.stderr
    assert "Traceback" not in again.stderr
    assert [pem.read_bytes() for pem in pems] == before
    key = tmp_path / "issuer.key"
    public = run_command(["dev", "issuer", str(key)]).stdout.strip()
    assert len(bytes.fromhex(public)) == 32
    kept = read_secret(key).reveal()
    assert run_command(["dev", "issuer", str(key)]).returncode != 0  # never over another
    assert read_secret(key).reveal() == kept
