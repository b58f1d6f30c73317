"""Debian's Chromium with a virtual authenticator in each window: approvers' hands and fingers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

CHROMIUM = shutil.which("chromium")
AXE = Path(__file__).parents[2] / ".cache" / "node" / "node_modules" / "axe-core" / "axe.min.js"
DESKTOP: ViewportSize = {"width": 1100, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
PATIENCE_MS = 120_000


@contextmanager
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Person:
    """Somebody with a browser of their own and an authenticator in it, which verifies its user."""

    def __init__(self, browser: Browser, origin: str, **options: Any) -> None:
        self.origin = origin
        self.context: BrowserContext = browser.new_context(
            base_url=origin, **({"viewport": DESKTOP, "locale": "en"} | options)
        )
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type == "error" else None
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self._devtools = self.context.new_cdp_session(self.page)
        self._devtools.send("WebAuthn.enable")
        self._devtools.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )

    def without_scripts(self) -> Person:
        """From now on in this window."""
        self._devtools.send("Emulation.setScriptExecutionDisabled", {"value": True})
        return self

    def go(self, path: str) -> None:
        self.page.goto(path)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def tab_to(self, selector: str) -> None:
        """With the key Tab alone to the first element of this kind, whose focus must show."""
        for _ in range(100):
            self.page.keyboard.press("Tab")
            if self.focus_is_on(selector):
                seen = self.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert seen != "none", selector
                return
        raise AssertionError(f"no key leads to {selector}")

    def focus_is_on(self, selector: str) -> bool:
        return bool(self.page.evaluate("where => document.activeElement.matches(where)", selector))

    def reads(self, text: str) -> None:
        """Until the text is on the page."""
        self.page.get_by_text(text).first.wait_for()

    def join(self, link: str) -> None:
        """Open an invitation's link and make a passkey."""
        self.page.goto(link)
        self.page.locator("form[data-passkey=create] button").click()
        self.page.get_by_role("link", name="Sign in").or_(
            self.page.get_by_role("link", name="Se connecter")
        ).wait_for()

    def sign_in(self, path: str = "/requests") -> None:
        self.page.goto(path)
        self.page.locator("form[action='/sign-in'] button").click()
        self.page.locator("nav.main").wait_for()


def serious(page: Page) -> list[str]:
    """What axe finds on the page that keeps people from using it."""
    if not AXE.exists():
        pytest.skip("axe-core was not fetched: scripts/test does, where there is npm")
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['html'][:200]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def overflows(page: Page) -> bool:
    """Whether the page must be moved sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
