"""An address that mail programs read as something else: it silences no other, and brings nobody else a message."""

from __future__ import annotations

import asyncio
from email.message import EmailMessage

import pytest

from kms.custodian import notifying
from kms.custodian.config import ApproverConfig
from kms.custodian.notifying import MailConfig, Notifier, NotifyConfig
from kms.errors import ConfigError
from kms.statements.invitations import InvitationTerms
from tests.protocol.adversary import reason_of

LINE = "=?utf-8?q?=0aBcc:?=@clinic.example"
TRICKS = (
    LINE,
    "a,b@clinic.example",
    "ann@clinic.example,eve",
    "Ann<eve@clinic.example",
    "list:eve@clinic.example;",
    '"ann@clinic.example',
    "(ann@clinic.example",
    "ann@[",
    "ann@clinic.example\nBcc: eve",
)


@pytest.mark.parametrize("email", TRICKS)
def test_nobody_is_invited_or_configured_under_such_an_address(email: str) -> None:
    assert reason_of(InvitationTerms, "Ann", email, "en", (), bytes(32), 1) == "INVALID_FIELD"
    with pytest.raises(ConfigError, match="must be an address"):
        ApproverConfig("Ann", bytes(32), email=email)


@pytest.mark.parametrize(
    "email", ["o'neil+kms@clinic.example", "ren\u00e9@b\u00fccher.example", "a@localhost"]
)
def test_plain_addresses_are_taken(email: str) -> None:
    assert InvitationTerms("Ann", email, "en", (), bytes(32), 1).email == email


@pytest.mark.parametrize("email", [LINE, "ann@["])
def test_an_address_to_which_nothing_can_be_sent_silences_no_other(
    email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def deliver(mail: MailConfig, letter: EmailMessage) -> None:
        told.append(str(letter["To"]))

    monkeypatch.setattr(notifying, "send_mail", deliver)
    mail = MailConfig("mail.example", "kms@host.example", recipients=(email, "bea@clinic.example"))

    async def nobody() -> tuple[()]:
        return ()

    async def one_round(seconds: float) -> None:
        if seconds:
            raise asyncio.CancelledError

    config = NotifyConfig("https://console.example/", mail, attempts=1)
    notifier = Notifier(config, nobody, one_round)
    notifier.tell()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(notifier.run())
    assert told == ["bea@clinic.example"]
