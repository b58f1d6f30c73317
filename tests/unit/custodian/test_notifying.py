"""E-mails and webhooks that say that a request waits: what is in them, what is not, and that they hold nothing up."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from kms.custodian.notifying import (
    SIGNATURE,
    SPIKE,
    WAITS,
    MailConfig,
    Notifier,
    NotifyConfig,
    WebhookConfig,
    message,
    send_mail,
)
from kms.custodian.service import CustodianService
from kms.dev.certificates import Authority
from kms.dev.founding import free_ports
from kms.errors import ConfigError
from kms.statements.approver import ApproverKey
from kms.statements.registry import Approver
from kms.statements.release import HUMAN_LIFETIME, Purpose
from kms.wire.v1 import custodian_pb2
from tests.protocol.mail import Mailbox, mail_server
from tests.protocol.world import LAB, World, evidence_for, signing_key

LINK = "https://console.example:8446/"
ANN = Approver(
    "Ann", ApproverKey.of_key(signing_key("ann").public), email="ann@clinic.example", language="fr"
)
BEA = Approver("Bea", ApproverKey.of_key(signing_key("bea").public), email="bea@clinic.example")
GONE = replace(BEA, email="gone@clinic.example", revoked_at=1)
SECRET = b"shared"


class Hook(BaseHTTPRequestHandler):
    """Keeps what was posted; the server's `refuse` is how many it refuses first."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        server: Any = self.server
        if server.refuse:
            server.refuse -= 1
            self.send_response(503)
        else:
            server.got.append((dict(self.headers), body))
            self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("notify")
    authority = Authority.create(made)
    authority.issue(made, "mail")
    (made / "secret").write_bytes(SECRET + b"\n")
    return made


@pytest.fixture
def mailbox(folder: Path) -> Iterator[tuple[Mailbox, MailConfig]]:
    with mail_server(folder) as served:
        yield served


@pytest.fixture
def hook(folder: Path) -> Iterator[tuple[Any, WebhookConfig]]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.refuse, server.got = 0, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server, WebhookConfig(f"http://127.0.0.1:{server.server_port}/hook", folder / "secret")
    server.shutdown()
    server.server_close()


class Rounds:
    """Stands for the clock: lets `n` rounds pass and then stops the notifier."""

    def __init__(self, quiet: int = 60) -> None:
        self.slept: list[float] = []
        self.quiet, self.done = quiet, asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        if seconds == self.quiet:
            self.done.set()
            await asyncio.Event().wait()


async def approvers() -> list[Approver]:
    return [ANN, BEA, GONE]


async def one_round(config: NotifyConfig) -> Rounds:
    rounds = Rounds()
    notifier = Notifier(config, approvers, rounds)
    running = asyncio.create_task(notifier.run())
    for _ in range(20):  # as many requests as come meanwhile
        notifier.tell()
    await rounds.done.wait()
    running.cancel()
    return rounds


async def test_each_approver_gets_one_e_mail_in_their_language_that_says_nothing_more(
    mailbox: tuple[Mailbox, MailConfig],
) -> None:
    kept, mail = mailbox
    await one_round(NotifyConfig(LINK, replace(mail, recipients=("desk@clinic.example",))))
    letters = {envelope.rcpt_tos[0]: envelope.content.decode() for envelope in kept.got}
    assert sorted(letters) == ["ann@clinic.example", "bea@clinic.example", "desk@clinic.example"]
    assert all(len(envelope.rcpt_tos) == 1 for envelope in kept.got)
    head, _, body = letters["bea@clinic.example"].replace("\r\n", "\n").partition("\n\n")
    assert body == f"A request waits for your organisation's approvers.\n\n{LINK}\n"
    names = {line.partition(":")[0] for line in head.splitlines() if not line.startswith(" ")}
    assert names <= {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version"),
        *("Content-Type", "Content-Transfer-Encoding", "X-Peer", "X-MailFrom", "X-RcptTo"),
    }
    assert "Une demande attend" in letters["ann@clinic.example"]


async def test_a_webhook_is_signed_and_says_nothing_more(hook: tuple[Any, WebhookConfig]) -> None:
    server, webhook = hook
    await one_round(NotifyConfig(LINK, webhook=webhook))
    ((headers, body),) = server.got
    assert json.loads(body) == {"event": "request-waits", "link": LINK}
    at, _, tag = headers[SIGNATURE].removeprefix("t=").partition(",v1=")
    assert tag == hmac.new(SECRET, at.encode() + b"." + body, hashlib.sha256).hexdigest()


async def test_a_spike_has_a_message_of_its_own_that_says_nothing_more(
    mailbox: tuple[Mailbox, MailConfig], hook: tuple[Any, WebhookConfig]
) -> None:
    (kept, mail), (server, webhook) = mailbox, hook
    rounds = Rounds()
    notifier = Notifier(NotifyConfig(LINK, mail, webhook), approvers, rounds)
    running = asyncio.create_task(notifier.run())
    for _ in range(20):
        notifier.tell(SPIKE)
    notifier.tell()
    await rounds.done.wait()
    running.cancel()
    bodies = sorted(
        envelope.content.decode().replace("\r\n", "\n").partition("\n\n")[2]
        for envelope in kept.got
        if envelope.rcpt_tos == ["bea@clinic.example"]
    )
    assert bodies == [
        f"A request waits for your organisation's approvers.\n\n{LINK}\n",
        f"More is asked for than a budget of the keyring allows.\n\n{LINK}\n",
    ]
    events = sorted(json.loads(body)["event"] for _, body in server.got)
    assert events == ["request-waits", "spike"]
    assert all(set(json.loads(body)) == {"event", "link"} for _, body in server.got)


async def test_what_fails_is_tried_again_a_bounded_number_of_times(
    mailbox: tuple[Mailbox, MailConfig], hook: tuple[Any, WebhookConfig]
) -> None:
    (kept, mail), (server, webhook) = mailbox, hook
    kept.refuse, server.refuse = 1, 2
    rounds = await one_round(NotifyConfig(LINK, mail, webhook))
    assert len(kept.got) == 2
    assert len(server.got) == 1
    assert sorted(rounds.slept) == [5, 5, 10, 60]
    kept.refuse, server.refuse = 1000, 1000
    rounds = await one_round(NotifyConfig(LINK, webhook=webhook, attempts=3))
    assert (server.refuse, rounds.slept) == (997, [5, 10, 60])


async def test_a_server_that_is_away_or_not_believed_gets_nothing(
    mailbox: tuple[Mailbox, MailConfig], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    kept, mail = mailbox
    Authority.create(tmp_path)
    stranger = replace(mail, authorities=tmp_path / "ca.pem")
    with pytest.raises(ssl.SSLCertVerificationError):
        send_mail(stranger, message(NotifyConfig(LINK), mail, "ann@clinic.example", "en"))
    with caplog.at_level(logging.WARNING):
        await one_round(NotifyConfig(LINK, stranger, attempts=1))
        await one_round(NotifyConfig(LINK, replace(mail, port=1), attempts=1))
    assert kept.got == []
    assert "ann@clinic.example" not in caplog.text


def test_a_mail_server_without_starttls_gets_nothing() -> None:
    kept = Mailbox()
    (port,) = free_ports(1)
    server = Controller(kept, hostname="127.0.0.1", port=port)
    server.start()
    mail = MailConfig("localhost", "kms@clinic.example", port)
    with pytest.raises(Exception, match="STARTTLS"):
        send_mail(mail, message(NotifyConfig(LINK), mail, "ann@clinic.example", "en"))
    server.stop()
    assert kept.got == []


def test_a_webhook_must_be_https(tmp_path: Path) -> None:
    for url in ("http://hooks.example/x", "ftp://hooks.example", "x"):
        with pytest.raises(ConfigError):
            WebhookConfig(url, tmp_path)


async def test_a_decision_waits_for_no_notification(tmp_path: Path) -> None:
    world = World.found(tmp_path / "world", n=3, threshold=2)
    keys = world.create(world.device("alice"), [LAB])
    prepared = world.prepare(world.device("bob"), keys, purpose=Purpose.TREATMENT, lifetime=HUMAN_LIFETIME)
    service = CustodianService(world.nodes[1])
    told = 0

    class Broken(Notifier):
        def tell(self, event: str = WAITS) -> None:
            nonlocal told
            told += event == WAITS
            super().tell(event)

    service.notifier = Broken(NotifyConfig(LINK), approvers)  # nobody runs it
    request = custodian_pb2.DecideRequest(request=prepared.message.request)
    request.blob.sealed_evidence = evidence_for(prepared, 1)
    for _ in range(3):
        answer = await service.decide(request, None)  # type: ignore[arg-type]
        assert answer.waiting
    assert told == 1  # the same request again asks nobody again
    world.close()
