"""A custodian that wants two of its people for everything, in a real browser: two sign, and nobody is two."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.browser import PHONE, Person, chromium, overflows, serious
from tests.e2e.office import PATIENCE, SECRET, Office, begun_site
from tests.e2e.site import await_condition

TWO = """
[approver_quorum]
approvals = 2
invitations = 2
"""


@dataclass(slots=True)
class Pair:
    """Ann and Bea approve at custodian 1, both of them for each request, invitation and revocation."""

    office: Office
    bea: Person

    @property
    def ann(self) -> Person:
        return self.office.ann

    def newcomer(self) -> Person:
        return Person(self.office.browser, self.office.origin)


def invite(by: Person, name: str, email: str) -> str:
    """Invite somebody in a browser, and sign; the link."""
    by.go("/approvers/invite")
    by.page.get_by_label("Name").fill(name)
    by.page.get_by_label("E-mail").fill(email)
    by.press("Go on")
    by.press("Sign with my passkey")
    by.reads(f"The link for {name}")
    return by.page.locator("#link").inner_text()


def choose(by: Person, does: str, name: str) -> None:
    """A link on the page of approvers, by what it does and whom it is about."""
    by.go("/approvers")
    by.page.get_by_role("link", name=re.compile(rf"^{does} ?:? {name}$")).click()


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    site, token = begun_site("Ann Martin", lambda _: TWO)
    origin = site.layout.consoles[1]
    people = (site.client("alice"), site.client("dr-bob", "professional"))
    with chromium() as browser:
        office = Office(site, browser, *people, Person(browser, origin), f"{origin}/join#{token}")
        office.ann.join(office.link)
        office.ann.sign_in()
        made = Pair(office, Person(browser, origin))
        made.bea.join(invite(office.ann, "Bea Roux", "bea@hospital.example"))  # Ann is all there are
        made.bea.sign_in()
        yield made
        office.pool.shutdown(wait=False, cancel_futures=True)
    site.close()


def test_the_second_yes_lets_the_reader_go_on(pair: Pair) -> None:
    reading = pair.office.ask()
    await_condition(pair.office.waits, "a request at custodian 1")
    pair.office.open_request()
    pair.ann.reads("If 2 people of this custodian say yes:")
    pair.ann.reads("Answers: 0 of 2")
    pair.ann.press("Approve")
    pair.ann.reads("You have answered. Another approver must answer too.")
    pair.ann.reads("Answers: 1 of 2 (Ann Martin")
    assert pair.ann.page.get_by_role("button", name="Approve", exact=True).count() == 0
    pair.office.answer_elsewhere()
    pair.bea.go("/requests")
    pair.bea.reads("Answers: 1 of 2")
    pair.bea.page.locator(".request h2 a").first.click()
    pair.bea.reads("Answers: 1 of 2 (Ann Martin")
    assert not reading.done()
    pair.bea.press("Approve")
    pair.bea.reads("This request no longer waits")
    assert reading.result(PATIENCE) == SECRET


def test_one_person_with_two_devices_is_one(pair: Pair) -> None:
    link = invite(pair.ann, "Ann at home", "Ann@Hospital.example")
    pair.ann.reads("Signatures: 1 of 2. The link works when the others have signed")
    home = pair.newcomer()
    home.go(link)
    home.reads("More approvers must sign this invitation before it can be used.")
    choose(pair.bea, "Look and sign", "Ann at home")
    pair.bea.reads("Ann@Hospital.example")
    assert serious(pair.bea.page) == []
    pair.bea.press("Sign with my passkey")
    pair.bea.reads("Signatures: 2 of 2")
    home.join(link)
    home.sign_in()

    reading = pair.office.ask()
    await_condition(pair.office.waits, "a request at custodian 1")
    pair.office.open_request()
    request = pair.ann.page.url
    pair.ann.press("Approve")
    pair.ann.reads("Answers: 1 of 2 (Ann Martin")
    home.page.goto(request)
    home.press("Approve")
    home.page.get_by_role("alert").filter(
        has_text="You have answered this request already. Another approver must answer too."
    ).wait_for()
    home.reads("Answers: 1 of 2 (Ann Martin")
    pair.office.answer_elsewhere()
    assert not reading.done()
    pair.bea.page.goto(request)
    pair.bea.press("Approve")
    pair.bea.reads("This request no longer waits")
    assert reading.result(PATIENCE) == SECRET

    choose(pair.ann, "Revoke", "Ann at home")
    pair.ann.page.get_by_label("Why").fill("an old tablet")
    pair.ann.press("Go on")
    pair.ann.press("Sign with my passkey")
    pair.ann.reads("Signatures: 1 of 2 (Ann Martin)")
    home.go("/requests")
    home.reads("Nothing waits")  # still signed in
    choose(pair.bea, "Look and sign", "Ann at home")
    pair.bea.page.get_by_label("Why").fill("as Ann says")
    pair.bea.press("Go on")
    pair.bea.press("Sign with my passkey")
    pair.bea.page.get_by_text("revoked", exact=True).wait_for()
    home.go("/requests")
    home.reads("Sign in with a passkey")


def test_either_calls_an_invitation_off(pair: Pair) -> None:
    link = invite(pair.ann, "Dan Petit", "dan@hospitol.example")  # a typo: it went to somebody else
    choose(pair.bea, "Call off", "Dan Petit")
    pair.bea.reads("dan@hospitol.example")
    assert serious(pair.bea.page) == []
    pair.bea.page.set_viewport_size(PHONE)
    assert not overflows(pair.bea.page)
    pair.bea.press("Sign with my passkey")
    pair.bea.page.get_by_role("link", name="Invite somebody").wait_for()
    assert pair.bea.page.get_by_text("Dan Petit").count() == 0
    stranger = pair.newcomer()
    stranger.go(link)
    stranger.page.get_by_role("alert").filter(has_text="This invitation was called off.").wait_for()
    assert stranger.page.locator("form[data-passkey=create]").count() == 0


def test_who_calls_off_too_late_is_sent_to_look_at_the_list(pair: Pair) -> None:
    link = invite(pair.ann, "Eva Blanc", "eva@hospital.example")
    choose(pair.bea, "Look and sign", "Eva Blanc")
    pair.bea.press("Sign with my passkey")
    choose(pair.ann, "Call off", "Eva Blanc")
    pair.newcomer().join(link)
    pair.ann.press("Sign with my passkey")
    pair.ann.reads("Look who is on the list.")
    pair.ann.go("/approvers")
    assert pair.ann.page.get_by_role("cell", name="Eva Blanc", exact=True).count() == 1
