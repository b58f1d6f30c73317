"""As an approver lives it: an e-mail comes, its link leads to the request, a finger signs, and the reader reads."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.browser import PHONE, Person, chromium
from tests.e2e.office import PATIENCE, SECRET, Office, begun_site
from tests.protocol.mail import Mailbox, mail_server

NOTIFY = """
[notify]
link = "{link}"
quiet_seconds = 1

[notify.mail]
host = "{mail.host}"
port = {mail.port}
sender = "{mail.sender}"
authorities = "{mail.authorities}"
"""


@pytest.fixture
def office() -> Iterator[tuple[Office, Mailbox]]:
    with tempfile.TemporaryDirectory() as folder, mail_server(Path(folder)) as (mailbox, mail):
        site, token = begun_site("Ann Martin", lambda origin: NOTIFY.format(link=origin, mail=mail))
        origin = site.layout.consoles[1]
        people = (site.client("alice"), site.client("dr-bob", "professional"))
        with chromium() as browser:
            ann = Person(browser, origin, viewport=PHONE)
            made = Office(site, browser, *people, ann, f"{origin}/join#{token}")
            ann.join(made.link)
            yield made, mailbox
            made.pool.shutdown(wait=False, cancel_futures=True)
        site.close()


def test_an_e_mail_s_link_leads_to_the_answer_that_the_reader_waits_for(
    office: tuple[Office, Mailbox],
) -> None:
    here, mailbox = office
    reading = here.ask()
    assert mailbox.came.wait(PATIENCE)
    (letter,) = mailbox.got
    assert letter.rcpt_tos == ["ann@hospital.example"]
    (link,) = re.findall(r"https?://\S+", letter.content.decode())
    here.ann.page.goto(link)
    here.ann.reads("Sign in with a passkey")
    here.ann.page.locator("form[action='/sign-in'] button").click()
    here.ann.reads("This is what you sign")  # the one request that waits, without a choice
    here.ann.reads("Unconscious patient, potassium before surgery")
    here.ann.press("Approve")
    here.ann.reads("This request no longer waits")
    here.answer_elsewhere()
    assert reading.result(PATIENCE) == SECRET
