"""The approvers' console of a custodian that has decided 100,000 times: how long a page takes over loopback."""

from __future__ import annotations

import html
import json
import os
import re
import statistics
import time
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

import httpx2

from kms.custodian.config import CustodianConfig, open_node, open_vault
from kms.custodian.sqlite import SqliteCustodianStore
from kms.custodian.store import StoredOutcome
from kms.dev.cluster import Cluster
from kms.storage.config import load
from tests.reference.authenticator import Authenticator

DECISIONS = 100_000
OUTCOMES = (("allow", "GRANTEE_READS"), ("allow", "HUMAN_APPROVED"), ("deny", "NO_RULE_ALLOWS"))
PAGES = ("/requests", "/history", "/dashboard", "/approvers")

Figures = dict[str, float | None]


def measure(folder: Path, quick: bool) -> tuple[Figures, dict[str, Any]]:
    """The median of the first page after signing in, in milliseconds; the profile has the other pages."""
    cluster = Cluster.create(folder, n=3, threshold=2, consoles=True, custodian_options={"approvers": []})
    config = load(CustodianConfig, cluster.layout.custodian_folder(1) / "custodian.toml")
    origin = cluster.layout.consoles[1]
    device = Authenticator("localhost")
    fill(config, DECISIONS)
    node = open_node(config, accept_clock=True)
    token = node.invite_first("Ann", "ann@hospital.example", "en")
    node.redeem_by_passkey(token, device.register(node.invitation(token).challenge, origin))
    node.close()
    try:
        cluster.start(["custodian-1"])
        with httpx2.Client(base_url=origin, headers={"origin": origin}) as browser:
            _sign_in(browser, device, origin)
            pages = {path: _median_ms(browser, path, 20 if quick else 100) for path in PAGES}
    finally:
        cluster.stop()
    profile = {"decisions": DECISIONS, "median_ms": {path[1:]: round(ms, 1) for path, ms in pages.items()}}
    return {"console_first_page_ms": pages["/requests"]}, {"console": profile}


def fill(config: CustodianConfig, decisions: int) -> None:
    """Let a custodian's history hold this many decisions of the last month, as it would have written them."""
    vault, now = open_vault(config), int(time.time())
    store = SqliteCustodianStore.open(config.store)
    kinds = vault.seal("history", (9).to_bytes(4, "big") + (10).to_bytes(4, "big") + b"laboratory")
    people = [os.urandom(32) for _ in range(200)]
    with store.transaction():
        for n in range(decisions):
            outcome, reason = OUTCOMES[n % 3]
            at = now - 30 * 86400 + n * 30 * 86400 // decisions
            allowed = 9 if outcome == "allow" else 0
            approver, seconds = (people[0], 300) if reason == "HUMAN_APPROVED" else (b"", -1)
            store.history.add(
                StoredOutcome(
                    0,
                    at,
                    os.urandom(32),
                    outcome,
                    reason,
                    allowed,
                    9 - allowed,
                    0,
                    kinds,
                    1,
                    people[n % 200],
                    approver,
                    seconds,
                )
            )
    store.close()


def _sign_in(browser: httpx2.Client, device: Authenticator, origin: str) -> None:
    # A browser takes localhost for secure and sends its cookies; this client must be told each.
    shown = browser.get("/sign-in")
    browser.headers["cookie"] = shown.headers["set-cookie"].split(";")[0]
    page = shown.text
    options = json.loads(html.unescape(re.findall(r'data-options="([^"]*)"', page)[0]))
    challenge = urlsafe_b64decode(options["challenge"] + "==")
    token = re.findall(r'name="token" value="([^"]*)"', page)[0]
    form = {"token": token, "next": "/requests", "assertion": device.sign(challenge, origin)}
    answer = browser.post("/sign-in", data=form)
    browser.headers["cookie"] = answer.headers["set-cookie"].split(";")[0]


def _median_ms(browser: httpx2.Client, path: str, repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        answer = browser.get(path)
        times.append((time.perf_counter() - start) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status_code}")
    return statistics.median(times)
