"""Custodians' offices as tests of the console see them: people before browsers, a reader who waits for their answer."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser

from kms.custodian.config import CustodianConfig, open_node
from kms.storage.config import load
from kms_client import Client, Purpose
from tests.e2e.browser import Person
from tests.e2e.site import Site, await_condition, run_command, set_keys

PICTURES = os.environ.get("KMS_PICTURES", "")
"""A folder: then the pictures of docs/console.md are taken on the way."""
SECRET = b"potassium 4.1"
PATIENCE = 600.0
"""Seconds after which what should happen never does; no test passes by waiting this long."""


@dataclass(slots=True)
class Office:
    """2 of 3 custodians. Ann answers at custodian 1, in a browser; somebody at custodian 2, in a terminal."""

    site: Site
    browser: Browser
    writer: Client
    reader: Client
    ann: Person
    link: str
    pool: ThreadPoolExecutor = field(default_factory=ThreadPoolExecutor)

    @property
    def origin(self) -> str:
        return self.site.layout.consoles[1]

    def ask(self) -> Future[bytes]:
        """A doctor without a grant reads a record, and waits for people."""
        key = self.writer.create_key({"patient": "p-1", "category": "laboratory"})
        record = self.writer.encrypt(SECRET, key)
        return self.pool.submit(
            self.reader.decrypt,
            record,
            purpose=Purpose.TREATMENT,
            justification="Unconscious patient, potassium before surgery",
            wait=PATIENCE,
        )

    def answer_elsewhere(self, verb: str = "approve", nth: int = -1) -> None:
        """What somebody at custodian 2 says to the newest request that waits there, or to another one."""
        config, key = self.site.config("custodian-2"), self.site.layout.approver_key(2)

        def waiting() -> list[str]:
            shown = run_command(["custodian", "pending", "--config", str(config), "--json"]).stdout
            return re.findall(r'"request": "([0-9a-f]{64})"', shown)

        await_condition(lambda: bool(waiting()), "a request at custodian 2")
        words = ["custodian", verb, waiting()[nth], "--config", str(config), "--key", str(key), "--yes"]
        assert run_command(words).returncode == 0

    def open_request(self) -> None:
        """Ann sees what waits, which came by itself, and opens it."""
        self.ann.go("/requests")
        self.ann.page.locator(".request h2 a").first.click()
        self.ann.reads("This is what you sign")

    def picture(self, name: str, person: Person | None = None) -> None:
        if PICTURES:
            page = (person or self.ann).page
            page.screenshot(path=Path(PICTURES) / f"console-{name}.png", full_page=name != "history")

    def waits(self) -> bool:
        """Whether something waits for Ann's custodian."""
        self.ann.go("/requests")
        return self.ann.page.locator(".request").count() > 0


def begun_site(first: str, more: Callable[[str], str] = lambda origin: "") -> tuple[Site, str]:
    """A cluster that runs, and the token of the first approver of its custodian 1.

    `more`, given its console's address, is what that one's file ends with.
    """
    made = Site(consoles=True, start=False)
    config = made.config("custodian-1")
    set_keys(config, approvers=[], tick_seconds=1)
    with config.open("a") as file:
        file.write(more(made.layout.consoles[1]))
    node = open_node(load(CustodianConfig, config), accept_clock=True)
    token = node.invite_first(first, "ann@hospital.example", "en")
    node.close()
    made.start()
    return made, token
