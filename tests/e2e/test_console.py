"""Approvers at a real node's console, in a real browser: from an invitation to the answer that somebody waits for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kms_client import releasing
from kms_client.errors import Denied
from tests.e2e.browser import DESKTOP, PHONE, Person, chromium, overflows, serious
from tests.e2e.office import PATIENCE, SECRET, Office, begun_site
from tests.e2e.site import Site, await_condition


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[Site, str]]:
    made, token = begun_site("Ann Martin")
    yield made, token
    made.close()


@pytest.fixture(scope="module")
def office(site: tuple[Site, str]) -> Iterator[Office]:
    where, token = site
    origin, people = where.layout.consoles[1], (where.client("alice"), where.client("dr-bob", "professional"))
    with chromium() as browser:
        made = Office(where, browser, *people, Person(browser, origin), f"{origin}/join#{token}")
        made.ann.join(made.link)
        made.ann.sign_in()
        yield made
        made.pool.shutdown(wait=False, cancel_futures=True)


def test_a_link_makes_an_approver_once_and_leaves_no_trace_of_its_token(office: Office) -> None:
    office.ann.reads("Nothing waits")
    assert office.ann.complaints == []
    late = Person(office.browser, office.origin)
    late.go(office.link)
    late.page.get_by_role("alert").wait_for()
    late.reads("invitation")
    assert "#" not in late.page.url
    assert office.link.split("#")[1] not in office.site.log_text("custodian-1")


def test_a_yes_by_passkey_reaches_the_reader_who_waits(office: Office) -> None:
    office.ann.go("/requests")
    reading = office.ask()
    office.ann.reads("1 request waits.")  # without a reload
    office.picture("requests")
    office.open_request()
    office.ann.reads("Unconscious patient, potassium before surgery")
    office.picture("request")
    office.ann.press("Approve")
    office.ann.reads("This request no longer waits")
    office.ann.reads("Ann Martin")
    office.answer_elsewhere()
    assert reading.result(PATIENCE) == SECRET


def test_a_keyboard_alone_is_enough(office: Office) -> None:
    reading, ann = office.ask(), office.ann
    await_condition(office.waits, "a request at custodian 1")
    ann.tab_to("a.skip")
    ann.page.keyboard.press("Enter")
    ann.tab_to(".request h2 a")
    for _ in range(2):  # the page asks what is new, and there is nothing
        with ann.page.expect_response("**/requests/list?*"):
            pass
    assert ann.focus_is_on(".request h2 a")
    second = office.ask()
    ann.reads("2 requests wait.")
    assert ann.focus_is_on(".request h2 a")  # though the list is another one now
    ann.page.keyboard.press("Enter")
    ann.reads("This is what you sign")
    ann.tab_to(".answers button:not(.bad)")
    ann.page.keyboard.press("Enter")
    ann.reads("This request no longer waits")
    office.answer_elsewhere(nth=0)
    assert reading.result(PATIENCE) == SECRET
    office.open_request()
    ann.press("Deny")
    ann.reads("An approver said no.")
    office.answer_elsewhere("deny")
    assert isinstance(second.exception(PATIENCE), Denied)


def test_a_no_is_final(office: Office) -> None:
    reading = office.ask()
    await_condition(office.waits, "a request at custodian 1")
    office.open_request()
    office.ann.press("Deny")
    office.ann.reads("An approver said no.")
    office.answer_elsewhere("deny")
    with pytest.raises(Denied):
        reading.result(PATIENCE)


def test_what_the_requester_takes_back_says_so(office: Office) -> None:
    reading = office.ask()
    await_condition(office.waits, "a request at custodian 1")
    office.open_request()
    office.reader.cancel(bytes.fromhex(office.ann.page.url.rsplit("/", 1)[1]))
    office.ann.press("Approve")
    office.ann.reads("Whoever asked took it back.")
    assert reading.exception(PATIENCE) is not None


def test_what_nobody_answers_in_time_is_denied(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releasing, "HUMAN_LIFETIME", 20)  # what a request lives that is waited for so long
    monkeypatch.setattr(releasing, "RULE_LIFETIME", 20)
    reading = office.ask()
    await_condition(office.waits, "a request at custodian 1")
    office.open_request()
    await_condition(lambda: not office.waits(), "the end of the request's time")
    office.ann.page.go_back()
    office.ann.reads("Nobody answered in time.")
    assert reading.exception(PATIENCE) is not None


def test_an_invited_colleague_answers_in_french_on_a_telephone_and_is_revoked(office: Office) -> None:
    ann = office.ann
    ann.go("/approvers/invite")
    ann.page.get_by_label("Name").fill("Benoît Leroy")
    ann.page.get_by_label("E-mail").fill("benoit@hospital.example")
    ann.page.get_by_label("Language").select_option("fr")
    ann.press("Go on")
    ann.press("Sign with my passkey")
    ann.reads("The link for Benoît Leroy")
    assert serious(ann.page) == []
    benoit = Person(office.browser, office.origin, viewport=PHONE, locale="de", color_scheme="dark")
    benoit.join(ann.page.locator("#link").inner_text())
    benoit.sign_in()
    benoit.reads("Les nouvelles demandes apparaissent")  # by the invitation, whatever the browser asks for
    reading = office.ask()
    benoit.reads("1 demande attend.")
    benoit.page.locator(".request h2 a").click()
    benoit.reads("Voici ce que vous signez")
    benoit.reads("Demandeur")  # what is signed is in French too
    assert not overflows(benoit.page)
    office.picture("phone", benoit)
    benoit.press("Approuver")
    benoit.reads("Des personnes l")
    office.answer_elsewhere()
    assert reading.result(PATIENCE) == SECRET

    ann.go("/approvers")
    office.picture("approvers")
    ann.page.get_by_role("link", name="Revoke Benoît Leroy").click()
    ann.page.get_by_label("Why").fill("left the hospital")
    ann.press("Go on")
    ann.press("Sign with my passkey")
    ann.reads("revoked")
    benoit.go(
        "/requests"
    )  # signed out, so in the browser's language again, of which there is none but English
    benoit.reads("Sign in with a passkey")
    benoit.page.locator("form[action='/sign-in'] button").click()
    benoit.page.get_by_role("alert").filter(has_text="approver").wait_for()


@pytest.mark.parametrize("language", ["English", "Français"])
def test_every_page_is_usable_by_everybody(office: Office, language: str) -> None:
    """Nothing serious to axe, nothing to move sideways on a telephone, nothing that the policy had to block."""
    ann = office.ann
    ann.go("/requests")
    if (switch := ann.page.get_by_role("button", name=language, exact=True)).count():
        switch.click()
    ann.complaints.clear()
    reading = office.ask()
    await_condition(office.waits, "a request at custodian 1")
    request = ann.page.locator(".request h2 a").get_attribute("href")
    assert request
    ann.go("/approvers")
    revoke = ann.page.locator("a[href$='/revoke']").first.get_attribute("href")
    assert revoke
    for path in ("/requests", request, "/history", "/dashboard", "/approvers", "/approvers/invite", revoke):
        for size in (DESKTOP, PHONE):
            ann.page.set_viewport_size(size)
            ann.go(path)
            assert not overflows(ann.page), path
            assert serious(ann.page) == [], path
        ann.page.set_viewport_size(DESKTOP)
        if language == "English" and path in ("/history", "/dashboard"):
            office.picture(path[1:])
    stranger = Person(office.browser, office.origin, viewport=PHONE, locale="fr" if "ç" in language else "en")
    for path in ("/sign-in", "/join", "/nowhere"):
        stranger.go(path)
        assert stranger.page.locator("html").get_attribute("lang") == ("fr" if "ç" in language else "en")
        assert not overflows(stranger.page), path
        assert serious(stranger.page) == [], path
    ann.go(request)
    ann.page.locator("button.bad").click()
    office.answer_elsewhere("deny")
    assert isinstance(reading.exception(PATIENCE), Denied)
    assert [said for said in ann.complaints if "404" not in said] == []


def test_everything_but_the_passkey_works_without_scripts(office: Office) -> None:
    blind = office.ann.without_scripts()
    if (switch := blind.page.get_by_role("button", name="English", exact=True)).count():
        switch.click()
    for path, heading in (
        ("/requests", "Requests"),
        ("/history", "History"),
        ("/dashboard", "Dashboard"),
        ("/approvers", "Approvers"),
    ):
        blind.go(path)
        assert blind.page.get_by_role("heading", level=1).inner_text() == heading
    blind.go("/history")
    blind.page.get_by_label("Outcome").select_option("deny")
    blind.press("Filter")
    assert blind.page.locator("tbody .tag.deny").count() == blind.page.locator("tbody tr").count() > 0
    blind.press("Sign out")
    blind.page.get_by_role("heading", name="Sign in").wait_for()
    assert "A passkey needs JavaScript" in blind.page.content()
