"""Officers open a custodian: real processes, real terminals, the same process before and after."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc

from kms.dev.founding import commands
from kms.wire.v1 import ceremony_service_pb2, coordinator_pb2, custodian_pb2, keyring_pb2
from kms_client.errors import NotEnoughCustodians
from tests.e2e.site import CUSTODIAN, Refusal, Site, await_condition, call, call_stream, run_command

CEREMONIES = "kms.v1.CustodianCeremonyService"
APPROVALS, LOCK = "kms.v1.ApprovalService", "kms.v1.LockService"
NAME = "custodian-1"

ENVELOPE = keyring_pb2.Envelope(
    payload_type="x", payload=b"x", signatures=[keyring_pb2.Signature(keyid=bytes(32), sig=bytes(64))]
)
BLOB = coordinator_pb2.TargetBlob(index=1, sealed=b"x", sealed_evidence=b"x")
HASH = bytes(32)
REQUESTS: dict[str, Message] = {
    "GetSealingKey": custodian_pb2.GetSealingKeyRequest(keyring_id=HASH),
    "Deposit": custodian_pb2.DepositRequest(deposit=ENVELOPE, blob=BLOB),
    "Decide": custodian_pb2.DecideRequest(request=ENVELOPE, blob=BLOB),
    "WatchDecision": custodian_pb2.WatchDecisionRequest(request_hash=HASH),
    "ReleaseShares": custodian_pb2.ReleaseSharesRequest(request_hash=HASH, certificate=b"x"),
    "CancelRelease": custodian_pb2.CustodianServiceCancelReleaseRequest(cancellation=ENVELOPE),
    "RevokeGrant": custodian_pb2.CustodianServiceRevokeGrantRequest(revocation=ENVELOPE),
    "LookUpKeys": custodian_pb2.CustodianServiceLookUpKeysRequest(key_ids=[HASH]),
    "ListWaiting": custodian_pb2.ListWaitingRequest(),
    "ShowWaiting": custodian_pb2.ShowWaitingRequest(request_hash=HASH),
    "Answer": custodian_pb2.AnswerRequest(approval=ENVELOPE),
}


class Officers:
    """Custodian 1 of a site under 2 of 3 officers, not yet started again."""

    def __init__(self, site: Site) -> None:
        self.site = site
        site.terminate(NAME)
        config = site.config(NAME)
        config.write_text(config.read_text() + '\n[unlock]\nmethod = "officers"\n')
        self.folder = site.folder / "words"
        self.command("officers", "new", "--of", "3", "--needed", "2", "--into", str(self.folder))

    def command(self, *arguments: str, code: int = 0) -> str:
        done = run_command(["custodian", *arguments, "--config", str(self.site.config(NAME))])
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def file(self, officer: int) -> Path:
        return self.folder / f"officer-{officer}.words"

    def start(self) -> None:
        self.site.cluster.spawn(NAME, commands(self.site.layout)[NAME])

    def unlock(self, officer: int, code: int = 0) -> str:
        return self.command("unlock", "--words", str(self.file(officer)), code=code)

    def health(self, channel: grpc.Channel, service: str) -> str:
        answer = health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service=service), timeout=20
        )
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


@pytest.fixture
def officers(own_site: Callable[..., Site]) -> Officers:
    return Officers(own_site())


def test_a_locked_node_serves_nothing_until_enough_officers_came_and_then_serves_without_restart(
    officers: Officers,
) -> None:
    site = officers.site
    officers.start()
    relay = site.relay(1)
    public = site.channel(site.layout.public[1])
    local = site.local_channel(site.layout.approvals_socket(1))
    pid = site.cluster.pids[NAME]

    assert any(line["event"] == "LOCKED" for line in site.log_lines(NAME))
    for channel, names in ((relay, ("", CUSTODIAN)), (public, ("", CUSTODIAN)), (local, ("", APPROVALS))):
        assert [officers.health(channel, name) for name in names] == ["NOT_SERVING"] * 2
    assert officers.health(local, LOCK) == "SERVING"
    assert officers.health(relay, "LOCKED") == "SERVING"
    for service, channel in ((CUSTODIAN, relay), (APPROVALS, local)):
        for method in custodian_pb2.DESCRIPTOR.services_by_name[service.rsplit(".", 1)[1]].methods:
            ask = call_stream if method.server_streaming else call
            refusal = ask(channel, service, method.name, REQUESTS[method.name].SerializeToString())
            assert isinstance(refusal, Refusal), method.name
            assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "LOCKED"), method.name

    for method in ceremony_service_pb2.DESCRIPTOR.services_by_name["CustodianCeremonyService"].methods:
        refusal = call(relay, CEREMONIES, method.name, b"")
        assert isinstance(refusal, Refusal), method.name
        assert refusal.reason in ("LOCKED", "INVALID_FIELD"), (
            method.name
        )  # a call without its fields gets no further

    assert "LOCKED: 1 of 2 word lists" in officers.unlock(2)
    officers.file(3).write_text(officers.file(3).read_text().replace(" ", " zzzz ", 1))
    assert "WORDS_MISTYPED" in officers.unlock(3, code=1)
    assert "LOCKED: 1 of 2 word lists" in officers.unlock(2)
    assert officers.health(relay, CUSTODIAN) == "NOT_SERVING"
    assert "the node is open" in officers.unlock(1)
    assert officers.health(relay, "LOCKED") == "NOT_SERVING"

    for channel, name in ((relay, CUSTODIAN), (relay, ""), (public, CUSTODIAN), (local, APPROVALS)):
        assert officers.health(channel, name) == "SERVING"
    assert site.cluster.pids[NAME] == pid
    assert site.cluster.running(NAME)
    asked = custodian_pb2.GetSealingKeyRequest(keyring_id=site.layout.keyring_id).SerializeToString()
    assert isinstance(call(relay, CUSTODIAN, "GetSealingKey", asked), bytes)
    assert "the node is open" in officers.unlock(3)


def test_records_open_again_once_the_officers_came_and_their_words_are_in_no_log(
    own_site: Callable[..., Site],
) -> None:
    site = own_site()
    kms = site.client()
    record = kms.encrypt(b"HbA1c", kms.create_key({"patient": "p", "category": "lab"}))
    officers = Officers(site)
    officers.start()
    site.kill("custodian-2")

    def refused_as_locked() -> bool:
        kms.forget()
        with pytest.raises(NotEnoughCustodians) as refused:
            kms.decrypt(record)
        return refused.value.failures[1] == "LOCKED"

    # Until the coordinator dials again, it knows only that the node was away.
    await_condition(refused_as_locked, "an answer from the locked node")
    officers.unlock(3)
    officers.unlock(1)
    kms.forget()
    assert kms.decrypt(record) == b"HbA1c"
    log = site.log_text(NAME)
    for officer in (1, 3):
        words = officers.file(officer).read_text().split()
        assert not [n for n in range(len(words) - 1) if " ".join(words[n : n + 2]) in log]


def test_after_a_rekey_the_old_lists_open_nothing_and_the_new_ones_do(officers: Officers) -> None:
    officers.start()
    officers.unlock(1)  # in the node's memory when the lists change
    old = officers.folder
    root = officers.site.config(NAME).parent / "storage.root"
    sealed = root.read_text()
    again = ("officers", "rekey", "--of", "2", "--needed", "2", "--into", str(officers.site.folder / "new"))
    too_few = officers.command(*again, "--words", str(officers.file(1)), code=1)
    assert "more word lists are needed" in too_few
    assert root.read_text() == sealed
    officers.command(*again, "--words", str(officers.file(1)), "--words", str(officers.file(3)))
    assert "WORDS_OF_ANOTHER_SET" in officers.unlock(2, code=1)
    officers.folder = officers.site.folder / "new"
    assert "LOCKED: 1 of 2 word lists are there (of 2 officers)" in officers.unlock(1)
    assert "the node is open" in officers.unlock(2)
    assert (old / "officer-1.words").stat().st_mode & 0o777 == 0o600
    assert (officers.file(1)).stat().st_mode & 0o777 == 0o600


def test_a_node_that_officers_must_open_does_not_start_from_a_plain_root(
    own_site: Callable[..., Site],
) -> None:
    site = own_site(start=False)
    config = site.config(NAME)
    config.write_text(config.read_text() + '\n[unlock]\nmethod = "officers"\n')
    done = run_command(["custodian", "serve", "--config", str(config)])
    assert done.returncode == 1
    assert "unlock.method says officers" in done.stderr


def test_no_word_list_goes_down_a_pipe(own_site: Callable[..., Site]) -> None:
    site = own_site(start=False)
    config = site.config(NAME)
    config.write_text(config.read_text() + '\n[unlock]\nmethod = "officers"\n')
    before = (config.parent / "storage.root").read_text()
    done = run_command(
        ["custodian", "officers", "new", "--of", "3", "--needed", "2", "--config", str(config)]
    )
    assert done.returncode == 1
    assert "on a terminal only" in done.stderr
    assert (config.parent / "storage.root").read_text() == before


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self._mine, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kms.cli", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm"},
        )
        os.close(theirs)
        self.seen = ""

    def await_text(self, text: str) -> str:
        """What was shown since the last call, up to this text."""
        start = len(self.seen)
        while text not in self.seen[start:]:
            self.seen += os.read(self._mine, 4096).decode(errors="replace")
        return self.seen[start:]

    def type(self, line: str) -> None:
        os.write(self._mine, line.encode() + b"\n")

    def end(self) -> int:
        try:
            while shown := os.read(self._mine, 4096):
                self.seen += shown.decode(errors="replace")
        except OSError:  # how a terminal says that nobody is on the other side
            pass
        os.close(self._mine)
        return self._process.wait(60)


def test_officers_read_their_words_off_one_terminal_and_type_them_unseen_into_another(
    own_site: Callable[..., Site],
) -> None:
    site = own_site()
    site.terminate(NAME)
    config = site.config(NAME)
    config.write_text(config.read_text() + '\n[unlock]\nmethod = "officers"\n')
    ceremony = Terminal("custodian", "officers", "new", "--of", "2", "--needed", "2", "--config", str(config))
    lists = []
    for _ in range(2):
        ceremony.await_text("alone at the screen: press Enter")
        ceremony.type("")
        shown = ceremony.await_text("press Enter")
        lists.append(re.findall(r"\d+ ([a-z]+)", shown))
        ceremony.type("")
    assert ceremony.end() == 0, ceremony.seen
    assert [len(words) for words in lists] == [33, 33]

    site.cluster.spawn(NAME, commands(site.layout)[NAME])
    for words, outcome in zip(lists, ("1 of 2 word lists", "the node is open"), strict=True):
        officer = Terminal("custodian", "unlock", "--config", str(config))
        officer.await_text("Your words: ")
        officer.type(" ".join(words))
        assert officer.end() == 0
        assert outcome in officer.seen
        assert words[5] not in officer.seen.replace("word lists", "")
