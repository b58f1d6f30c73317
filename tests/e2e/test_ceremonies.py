"""A keyring changes hands, as its admins do it from the command line, while a device goes on reading."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from kms.ceremony import files
from kms.ceremony.proposals import line_of
from kms.dev.founding import NAMES, PLACES, add_candidate, commands
from kms.statements.chain_file import read_chain
from kms_client import Client
from kms_client.errors import Exhausted
from tests.e2e.site import Site

KEYS = 200


def kms(*arguments: object) -> str:
    """One command; its output. Fails with what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "kms.cli", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout


class Ceremony:
    """The admin's desk: a folder of files, and the organisations whose people sign."""

    def __init__(self, site: Site, desk: Path) -> None:
        self.site, self.desk = site, desk
        self.layout = site.cluster.layout
        self.chain = desk / "0.chain"
        genesis = read_chain(self.layout.folder / "manifest.bin", self.layout.keyring_id)
        files.create(self.chain, [line_of(envelope) for envelope in genesis.envelopes])
        self.reach = (
            "--coordinator",
            self.layout.coordinator,
            "--authorities",
            self.layout.authorities,
        )

    def config(self, index: int) -> Path:
        return self.layout.custodian_folder(index) / "custodian.toml"

    def enrol(self, index: int) -> Path:
        """An organisation that is to become custodian `index`: its folder and its enrolment."""
        add_candidate(self.layout, index)
        out = self.desk / f"{index}.enrolment"
        name, (court, host) = f"{NAMES[index % 5]} {index}", PLACES[index % 5]
        said = kms(
            *("custodian", "enrol", "--config", self.config(index), "--organisation", name, "--parent", name),
            *("--jurisdiction", f"{court}{index}", "--hosting", f"{host} {index}"),
            *("--endpoint", self.layout.public[index], "--out", out),
        )
        assert len(said) > 100
        return out

    def change(self, draft: str, signers: Sequence[int], enrolments: Sequence[Path] = ()) -> None:
        """The next manifest: proposed, signed by the admin and these custodians' people, gathered, published."""
        name = len(list(self.desk.glob("*.chain")))
        paper, proposal, signed = (self.desk / f"{name}.{kind}" for kind in ("toml", "proposal", "chain"))
        paper.write_text(draft)
        enrolled = [part for path in enrolments for part in ("--enrolment", path)]
        kms("ceremony", "propose", paper, "--chain", self.chain, *enrolled, "--out", proposal)
        signatures = [self.desk / f"{name}.admin"]
        kms(
            "ceremony",
            "sign",
            proposal,
            "--key",
            self.layout.folder / "admin.key",
            "--out",
            signatures[0],
            "--yes",
        )
        for index in signers:
            signatures.append(self.desk / f"{name}.custodian-{index}")
            kms(
                "custodian",
                "accept",
                proposal,
                "--config",
                self.config(index),
                "--out",
                signatures[-1],
                "--yes",
            )
        kms("ceremony", "gather", proposal, *signatures, "--out", signed)
        self.chain = signed
        (self.layout.folder / "chain.jsonl").write_bytes(signed.read_bytes())

    def start(self, index: int, *, lost: bool = False) -> None:
        kms("custodian", "join", "--config", self.config(index))
        if lost:
            kms("custodian", "recover", "--config", self.config(index))
        name = f"custodian-{index}"
        self.site.cluster.spawn(name, commands(self.layout)[name])

    def publish(self) -> list[int]:
        following: list[int] = json.loads(kms("ceremony", "publish", self.chain, *self.reach, "--json"))[
            "following"
        ]
        return following

    def reshare(self, sequence: int) -> dict[str, object]:
        proposal, signature, order = (self.desk / f"{sequence}.order.{kind}" for kind in ("p", "s", "o"))
        kms(
            *("ceremony", "order", "--chain", self.chain, "--reason", "a change"),
            *("--sequence", sequence, "--out", proposal),
        )
        kms(
            "ceremony",
            "sign",
            proposal,
            "--key",
            self.layout.folder / "admin.key",
            "--out",
            signature,
            "--yes",
        )
        kms("ceremony", "gather", proposal, signature, "--out", order)
        done: dict[str, object] = json.loads(kms("ceremony", "reshare", order, *self.reach, "--json"))
        return done

    def fill_pool(self, keys: int) -> dict[str, object]:
        proposal, signature, order = (self.desk / f"pool.{kind}" for kind in ("p", "s", "o"))
        kms(
            "ceremony",
            "order-pool",
            "--chain",
            self.chain,
            "--reason",
            "p",
            "--keys",
            keys,
            "--out",
            proposal,
        )
        admin = self.layout.folder / "admin.key"
        kms("ceremony", "sign", proposal, "--key", admin, "--out", signature, "--yes")
        kms("ceremony", "gather", proposal, signature, "--out", order)
        done: dict[str, object] = json.loads(kms("ceremony", "generate", order, *self.reach, "--json"))
        return done

    def repair(self, index: int) -> dict[str, object]:
        """As the organisation itself orders it, on its own machine."""
        mine = ("custodian", "repair", "--config", self.config(index))
        done: dict[str, object] = json.loads(kms(*mine, *self.reach, "--json"))
        return done


class Reader:
    """A device that reads the same records over and over, whatever the admins do."""

    def __init__(self, client: Client, records: Sequence[bytes], plain: Sequence[bytes]) -> None:
        self.client, self.records, self.plain = client, records, plain
        self.rounds = 0
        self.problems: list[object] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def _read(self) -> None:
        while not self._stop.is_set():
            self.client.forget()
            found = self.client.decrypt_many(self.records)
            self.problems += [got for got, want in zip(found, self.plain, strict=True) if got != want]
            self.rounds += 1

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture
def ceremony(own_site: Callable[..., Site], tmp_path: Path) -> Ceremony:
    return Ceremony(own_site(n=5, threshold=3), tmp_path)


def test_three_of_five_becomes_three_of_seven_and_four_of_seven_while_a_device_reads(
    ceremony: Ceremony,
) -> None:
    site = ceremony.site
    profile = site.profile("alice")
    client = site.client_of(profile)
    keys = client.create_keys([{"patient": "p", "category": "lab"}] * KEYS)
    plain = [b"result %d" % n for n in range(20)]
    records = [client.encrypt(text, key) for text, key in zip(plain, keys, strict=False)]
    with Reader(site.client_of(profile), records, plain) as reader:
        arrived = [ceremony.enrol(index) for index in (6, 7)]
        ceremony.change("threshold = 3\nchange_delay_days = 0\n", range(1, 8), arrived)
        for index in (6, 7):
            ceremony.start(index)
        assert ceremony.publish() == [1, 2, 3, 4, 5, 6, 7]
        assert ceremony.reshare(1)["keys"] == KEYS

        gone = f"{NAMES[1]} 2"  # its place is taken by another organisation, under an index of its own
        draft = f'threshold = 4\nremove = ["{gone}"]\n'
        ceremony.change(draft, [1, 3, 4, 5, 6, 7, 8], [ceremony.enrol(8)])
        ceremony.start(8)
        assert set(ceremony.publish()) >= {1, 3, 4, 5, 6, 7, 8}
        done = ceremony.reshare(2)
        assert (done["keys"], done["failed"], done["cheats"]) == (KEYS, 0, [])

        site.kill("custodian-2")
        site.kill("custodian-3")
        for path in ceremony.layout.custodian_folder(3).glob("custodian.db*"):
            path.unlink()
        ceremony.config(3).write_text(ceremony.config(3).read_text().replace("manifest.bin", "chain.jsonl"))
        ceremony.start(3, lost=True)
        told = {"index": 3, "keys": KEYS, "failed": 0, "shares": KEYS, "missing": 0}
        assert ceremony.repair(3) == told | {"seconds": pytest.approx(0, abs=1e9)}
    assert reader.rounds > 0
    assert reader.problems == []

    # The repaired one and the newest are needed now: with those that are left they are four.
    for name in ("custodian-1", "custodian-4", "custodian-5"):
        site.kill(name)
    after = site.client_of(profile)
    assert after.decrypt_many(records) == plain
    written = sorted((ceremony.layout.folder / "coordinator" / "ceremonies").glob("*.jsonl"))
    named = ["manifest-000001", "manifest-000002", "repair-3-", "reshare-000001", "reshare-000002"]
    assert [path.name[: len(name)] for path, name in zip(written, named, strict=True)] == named
    for transcript in written:
        assert json.loads(kms("ceremony", "verify", transcript, "--json"))["problem"] is None
    (told,) = json.loads(kms("ceremony", "verify", written[2], "--json"))["outcomes"]
    assert f"custodian 3: {KEYS} of {KEYS} lost shares are back" in told


def assert_pool_is_told(ceremony: Ceremony) -> None:
    """Its one transcript holds, and tells of two batches that all keep."""
    (written,) = (ceremony.layout.folder / "coordinator" / "ceremonies").glob("pool-*.jsonl")
    told = json.loads(kms("ceremony", "verify", written, "--json"))
    assert told["problem"] is None
    assert [outcome.split(": ")[1][:8] for outcome in told["outcomes"]] == ["128 keys", "72 keys "]
    assert all("kept by custodians 1, 2, 3, 4, 5" in outcome for outcome in told["outcomes"])


def test_keys_that_nobody_has_known_are_drawn_and_read_with(ceremony: Ceremony) -> None:
    site = ceremony.site
    done = ceremony.fill_pool(200)
    assert (done["keys"], done["failed"], done["cheats"], done["away"]) == (200, 0, [], [])
    assert_pool_is_told(ceremony)
    again = json.loads(kms("ceremony", "generate", ceremony.desk / "pool.o", *ceremony.reach, "--json"))
    assert (again["keys"], again["failed"]) == (200, 0)
    assert_pool_is_told(ceremony)
    client = site.client_of(site.profile("alice"))
    context = {"patient": "p", "category": "lab"}
    drawn = client.draw_keys([context] * 150)
    assert len(set(drawn)) == 150
    with pytest.raises(Exhausted) as refused:
        client.draw_keys([context] * 51)
    assert refused.value.reason == "POOL_EMPTY"

    key = client.release(drawn[:1]).keys[drawn[0]]
    record = client.encrypt(b"result", key)
    client.forget()
    site.kill("custodian-2")
    site.kill("custodian-4")
    assert client.decrypt(record) == b"result"
    assert set(client.release(drawn).keys) == set(drawn)
