"""Telling approvers that a request waits, or of a spike: by e-mail and webhook, nothing but that and a link.

It stands beside the node and not in its way: a step only sets a flag. One round of messages goes out for whatever came
in the meantime, at most one in `quiet_seconds`, so that nobody's requests fill an approver's mailbox.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import smtplib
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from kms.errors import ConfigError
from kms.statements.registry import Approver
from kms.transport import logs

SECONDS: Final = 10.0
"""For one message: a server that is silent holds up the others no longer."""
SIGNATURE: Final = "X-KMS-Signature"
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")
WAITS: Final = "request-waits"
SPIKE: Final = "spike"
"""What is told of: a request that waits, or that more is asked for than a budget allows."""
_SUBJECT: Final = {
    WAITS: {"en": "A request waits", "fr": "Une demande est en attente"},
    SPIKE: {"en": "A spike", "fr": "Un pic de demandes"},
}
_BODY: Final = {
    WAITS: {
        "en": "A request waits for your organisation's approvers.\n\n{link}\n",
        "fr": "Une demande attend les approbateurs de votre organisation.\n\n{link}\n",
    },
    SPIKE: {
        "en": "More is asked for than a budget of the keyring allows.\n\n{link}\n",
        "fr": "On demande plus que ne le permet un budget du trousseau.\n\n{link}\n",
    },
}


@dataclass(frozen=True, slots=True)
class MailConfig:
    """The table `notify.mail`: a mail server that speaks STARTTLS, and from whom messages come."""

    host: str
    sender: str
    port: int = 587
    recipients: tuple[str, ...] = ()
    username: str = ""
    password_file: Path | None = None
    authorities: Path | None = None


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """The table `notify.webhook`: an address that takes a POST, and the file with the secret that signs it."""

    url: str
    secret_file: Path
    authorities: Path | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
            raise ConfigError("notify.webhook.url must be https")


@dataclass(frozen=True, slots=True)
class NotifyConfig:
    """The table `notify` of a custodian's TOML file."""

    link: str
    mail: MailConfig | None = None
    webhook: WebhookConfig | None = None
    attempts: int = 5
    retry_seconds: int = 5
    quiet_seconds: int = 60


class Notifier:
    """`tell` from the node's steps; `run` beside them for as long as the node runs."""

    def __init__(
        self,
        config: NotifyConfig,
        approvers: Callable[[], Awaitable[Sequence[Approver]]],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._config, self._approvers, self._sleep = config, approvers, sleep
        self._news = asyncio.Event()
        self._events: set[str] = set()

    def tell(self, event: str = WAITS) -> None:
        """A request waits, or there is a spike. Never fails, and never waits."""
        self._events.add(event)
        self._news.set()

    async def run(self) -> None:
        """One round after another. Whatever fails is logged and has no effect on any decision."""
        while True:
            await self._news.wait()
            self._news.clear()
            events, self._events = sorted(self._events), set()
            try:
                await self._round(events)
            except Exception as error:  # whatever it is, the next request is told of all the same
                logs.logger().error("notify", error=type(error).__name__)
            await self._sleep(self._config.quiet_seconds)

    async def _round(self, events: Sequence[str]) -> None:
        sends: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        if self._config.mail is not None:
            for address, language in await self._addresses(self._config.mail):
                for event in events:
                    write = partial(_write, self._config, self._config.mail, address, language, event)
                    sends.append(("mail", partial(asyncio.to_thread, write)))
        if self._config.webhook is not None:
            for event in events:
                sends.append(("webhook", partial(post, self._config.webhook, self._config.link, event)))
        await asyncio.gather(*(self._attempt(kind, send) for kind, send in sends))

    async def _addresses(self, mail: MailConfig) -> list[tuple[str, str]]:
        """Of the approvers of now, each in their language, and of the configuration."""
        found = dict.fromkeys(mail.recipients, "en")
        found |= {a.email: a.language for a in await self._approvers() if a.email and not a.revoked_at}
        return sorted(found.items())

    async def _attempt(self, kind: str, send: Callable[[], Awaitable[None]]) -> None:
        for attempt in range(1, self._config.attempts + 1):
            try:
                await send()
            except Exception as error:  # an address that nothing can be sent to silences no other
                logs.logger().warning("notify", kind=kind, attempt=attempt, error=type(error).__name__)
                if attempt < self._config.attempts:
                    await self._sleep(self._config.retry_seconds * 2 ** (attempt - 1))
            else:
                return


def message(
    config: NotifyConfig, mail: MailConfig, address: str, language: str, event: str = WAITS
) -> EmailMessage:
    """One approver's e-mail."""
    letter = EmailMessage()
    letter["From"], letter["To"] = mail.sender, address
    letter["Subject"] = _SUBJECT[event][language]
    letter["Date"], letter["Message-ID"] = formatdate(), make_msgid(domain=mail.sender.rpartition("@")[2])
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(_BODY[event][language].format(link=config.link))
    return letter


def _write(config: NotifyConfig, mail: MailConfig, address: str, language: str, event: str) -> None:
    send_mail(mail, message(config, mail, address, language, event))


def send_mail(mail: MailConfig, letter: EmailMessage) -> None:
    """Over STARTTLS with a certificate that is believed, or not at all. SMTPException or OSError if it fails."""
    with smtplib.SMTP(mail.host, mail.port, timeout=SECONDS) as server:
        server.starttls(context=_tls(mail.authorities))
        if mail.username and mail.password_file is not None:
            server.login(mail.username, _secret(mail.password_file).decode())
        server.send_message(letter)


async def post(webhook: WebhookConfig, link: str, event: str = WAITS) -> None:
    """A POST of JSON with the time and an HMAC over both: its receiver can tell ours from others' and from old ones."""
    body = json.dumps({"event": event, "link": link}).encode()
    signature = sign_post(_secret(webhook.secret_file), body, int(time.time()))
    headers = {"content-type": "application/json", SIGNATURE: signature}
    import httpx2  # which few commands that read a configuration need

    verify = _tls(webhook.authorities) if webhook.url.startswith("https:") else False
    async with (
        asyncio.timeout(SECONDS),
        httpx2.AsyncClient(verify=verify, trust_env=False, follow_redirects=False, timeout=SECONDS) as client,
    ):
        response = await client.post(webhook.url, content=body, headers=headers)
        response.raise_for_status()
        if not response.is_success:
            raise OSError(f"the webhook answered {response.status_code}")


def sign_post(secret: bytes, body: bytes, at: int) -> str:
    """`t=SECONDS,v1=HEX`, the HMAC-SHA256 of "SECONDS." and the body under the shared secret."""
    return f"t={at},v1={hmac.new(secret, b'%d.' % at + body, hashlib.sha256).hexdigest()}"


def _tls(authorities: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _secret(file: Path) -> bytes:
    secret = file.read_bytes().strip()
    if not secret:
        raise ConfigError(f"{file} is empty")
    return secret
