"""Another site makes an approver's browser send a form (CSRF): the cookie comes with it, and it is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from kms.custodian.console.app import Console
from tests.protocol.console import ORIGIN, Browser, Office


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    yield from Office.lent(tmp_path_factory.mktemp("office"))


def posts(console: Console) -> list[str]:
    """Every address that takes a form, with something in the place of its parts."""
    found = [r.path for r in console.routes() if "POST" in (r.methods or ())]
    return [re.sub(r"\{\w+\}", "00" * 32, path) for path in found]


def test_no_form_is_taken_from_another_site(office: Office) -> None:
    browser = office.signed_in()
    form = {"token": browser.token()}  # even if it had learnt the token
    paths = posts(office.console)
    assert len(paths) > 8
    for path in paths:
        for origin in ("https://evil.example", "null", "http://console.example:8446"):
            assert browser.post(path, form, origin=origin).status_code == 403, path
    assert browser.get("/requests").status_code == 200


def test_no_form_is_taken_without_the_session_s_token(office: Office) -> None:
    browser = office.signed_in()
    for path in posts(office.console):
        for form in ({"x": ""}, {"token": ""}, {"token": "0" * 64}):
            assert browser.post(path, form).status_code == 403, path
    assert browser.get("/requests").status_code == 200


def test_another_visitor_s_token_is_not_mine(office: Office) -> None:
    mine, theirs = office.signed_in(), office.signed_in()
    assert mine.post("/sign-out", {"token": theirs.token()}).status_code == 403
    stranger = office.browser()
    page = stranger.get("/sign-in").text
    assert mine.post("/sign-out", {"token": stranger.form(page, "/sign-in")["token"]}).status_code == 403
    assert mine.get("/requests").status_code == 200


def test_nobody_is_signed_in_as_somebody_else_by_a_forged_form(office: Office) -> None:
    """Login CSRF: the attacker's own challenge and answer, sent by the victim's browser."""
    attacker, victim = office.browser(), office.browser()
    page = attacker.get("/sign-in").text
    victim.get("/sign-in")
    form = attacker.form(page, "/sign-in")
    options = re.findall(r"challenge&#34;: &#34;([^&]+)", page)[0]
    assertion = attacker.device.sign(_unb64(options), ORIGIN)
    assert victim.post("/sign-in", {**form, "assertion": assertion}).status_code == 403
    assert "__Host-session" not in victim.http.cookies


def test_a_field_that_comes_twice_is_refused(office: Office) -> None:
    browser = office.signed_in()
    answer = browser.http.post(
        "/sign-out",
        content=f"token=x&token={browser.token()}",
        headers={"origin": ORIGIN, "content-type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 400


def test_the_cookie_itself_stays_at_home_on_another_site_s_requests(office: Office) -> None:
    answer = office.browser().sign_in()
    session = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("__Host-session="))
    attributes = {part.strip().lower() for part in session.split(";")[1:]}
    assert {"secure", "httponly", "samesite=strict", "path=/"} <= attributes
    assert not any(part.startswith("domain") for part in attributes)


def _unb64(text: str) -> bytes:
    from tests.protocol.console import unb64

    return unb64(text)


def test_an_honest_form_is_taken(office: Office) -> None:
    browser: Browser = office.signed_in()
    assert browser.post("/sign-out", {"token": browser.token()}).status_code == 303
    assert browser.get("/requests").status_code == 303
