"""An attacker plants a session or keeps one (session fixation): each sign-in has an id that nobody knew before."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from kms.custodian.console.sessions import IDLE_SECONDS
from tests.protocol.console import ORIGIN, RP, Office, forms, hidden, unb64
from tests.protocol.people import invite, join_by_passkey
from tests.reference.authenticator import PRESENT, Authenticator

SESSION = "__Host-session"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    yield from Office.lent(tmp_path_factory.mktemp("office"))


def test_a_planted_id_is_replaced_and_stays_nobody_s(office: Office) -> None:
    victim, attacker = office.browser(), office.browser()
    victim.http.cookies.set(SESSION, "planted", domain="console.example")
    attacker.http.cookies.set(SESSION, "planted", domain="console.example")
    answer = victim.sign_in()
    assert answer.status_code == 303
    given = re.findall(rf"{SESSION}=([^;]+)", answer.headers["set-cookie"])
    assert given
    assert given[0] != "planted"
    assert attacker.get("/requests").status_code == 303


def test_an_id_is_never_given_twice(office: Office) -> None:
    ids = {office.signed_in().http.cookies[SESSION] for _ in range(5)}
    assert len(ids) == 5
    assert all(len(name) >= 43 for name in ids)


def test_who_signed_out_left_nothing_that_still_works(office: Office) -> None:
    browser = office.signed_in()
    kept = browser.http.cookies[SESSION]
    browser.post("/sign-out", {"token": browser.token()})
    thief = office.browser()
    thief.http.cookies.set(SESSION, kept, domain="console.example")
    assert thief.get("/requests").status_code == 303


def test_a_challenge_is_answered_once(office: Office) -> None:
    """A recorded sign-in, ticket and all, is worth nothing a second time: not even of a passkey that never counts."""
    browser = office.browser()
    browser.device = Authenticator(RP, step=0)
    join_by_passkey(office.world, 1, invite(office.world, 1, "zed@clinic.example"), browser.device, ORIGIN)
    page = browser.get("/sign-in").text
    ticket = browser.http.cookies["__Host-ticket"]
    form = forms(page, "/sign-in")[0]
    options = json.loads(re.findall(r'data-options="([^"]*)"', form)[0].replace("&#34;", '"'))
    taken = {**hidden(form), "assertion": browser.device.sign(unb64(options["challenge"]), ORIGIN)}
    assert browser.post("/sign-in", taken).status_code == 303
    replay = office.browser()
    replay.http.cookies.set("__Host-ticket", ticket, domain="console.example")
    assert replay.post("/sign-in", taken).status_code == 403
    assert SESSION not in replay.http.cookies


def test_a_stranger_s_passkey_opens_no_session(office: Office) -> None:
    browser = office.browser()
    browser.device = Authenticator(RP)
    answer = browser.sign_in()
    assert answer.status_code == 403
    assert SESSION not in browser.http.cookies


def test_a_touch_is_no_sign_in(office: Office) -> None:
    """Without user verification a stolen, unlocked device would do."""
    browser = office.browser()
    form = forms(browser.get("/sign-in").text, "/sign-in")[0]
    options = json.loads(re.findall(r'data-options="([^"]*)"', form)[0].replace("&#34;", '"'))
    assert options["userVerification"] == "required"
    touched = browser.device.sign(unb64(options["challenge"]), ORIGIN, flags=PRESENT)
    assert browser.post("/sign-in", {**hidden(form), "assertion": touched}).status_code == 403
    assert SESSION not in browser.http.cookies


def test_a_session_that_lies_idle_ends(office: Office) -> None:
    browser = office.signed_in()
    office.clock[0] += IDLE_SECONDS
    assert browser.get("/requests").status_code == 303


def test_guessing_is_slow(office: Office) -> None:
    browser = office.browser()
    browser.device = Authenticator(RP)
    statuses = [browser.sign_in().status_code for _ in range(25)]
    assert statuses[0] == 403
    assert statuses[-1] == 429
