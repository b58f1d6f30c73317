"""What the pages show and forward, over a real node: answers, filters, files, people, and what goes wrong."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from markupsafe import escape

from kms.custodian.approvals import WaitingView
from kms.custodian.budgets import Usage
from kms.custodian.node import CustodianNode
from kms.errors import Unavailable
from kms.statements.budgets import Budget, BudgetExcess, BudgetScope, BudgetWindow
from kms.statements.checkpoint import log_origin
from kms.statements.ids import RequestHash
from kms.statements.misbehaviour import split_view
from kms.statements.release import HUMAN_LIFETIME
from kms.statements.waiting import Held
from tests.protocol.adversary import ruling
from tests.protocol.console import ORIGIN, RP, Browser, Office
from tests.protocol.loose_logs import Log, entries
from tests.protocol.people import invite, join_by_passkey
from tests.reference.authenticator import Authenticator


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    yield from Office.lent(tmp_path_factory.mktemp("office"))


def answer(browser: Browser, path: str, nth: int) -> str:
    """Press Approve (0) or Deny (1); the page that follows."""
    sent = browser.sign(browser.get(path).text, f"{path}/answer", nth)
    assert (sent.status_code, sent.headers["location"]) == (303, path)
    return browser.get(path).text


def path_of(office: Office, **asked: str) -> str:
    return f"/requests/{office.ask(**asked).opened.hash.hex()}"  # type: ignore[arg-type]


def test_a_yes_is_the_approver_s_and_wakes_who_waits(office: Office) -> None:
    prepared = office.ask()
    browser, name = office.signed_in(), prepared.opened.hash
    page = browser.get(f"/requests/{name.hex()}").text
    assert office.world.nodes[1].waiting_view(name).text("en").split("\n")[0] in page
    assert "no longer waits" in answer(browser, f"/requests/{name.hex()}", 0)
    latest = office.world.nodes[1].latest(name)
    assert latest is not None
    assert ruling(latest.envelope) == ("ALLOW", "HUMAN_APPROVED")
    assert office.service.told == [name]


def test_the_button_says_no_only_where_it_says_so(office: Office) -> None:
    browser, path = office.signed_in(), path_of(office)
    assert "An approver said no." in answer(browser, path, 1)


def test_an_answer_for_one_request_sent_to_another_is_that_one_s(office: Office) -> None:
    """The address decides nothing: what is signed does."""
    browser, meant, other = office.signed_in(), path_of(office), path_of(office)
    form = browser.get(meant).text.replace(f"{meant}/answer", f"{other}/answer")
    assert browser.sign(form, f"{other}/answer").headers["location"] == meant
    assert "This is what you sign" in browser.get(other).text
    answer(browser, other, 1)


def test_the_link_of_a_notification_leads_to_the_one_request(office: Office) -> None:
    browser = office.signed_in()
    assert browser.get("/").headers["location"] == "/requests"
    path = path_of(office)
    assert browser.get("/").headers["location"] == path
    other = path_of(office)
    assert browser.get("/").headers["location"] == "/requests"
    answer(browser, path, 1)
    answer(browser, other, 1)


def test_the_list_is_sent_again_only_when_there_is_something_new(office: Office) -> None:
    def newer(page: str) -> str:
        """Where the page asks whether there is."""
        return html.unescape(re.findall(r'hx-get="([^"]+)"', page)[0])

    browser, path = office.signed_in(), path_of(office)
    asked = newer(browser.get("/requests").text)
    assert browser.get(asked).status_code == 204
    other = path_of(office)
    fresh = browser.get(asked)
    assert fresh.status_code == 200
    assert other in fresh.text
    assert "<html" not in fresh.text
    assert browser.get(newer(fresh.text)).status_code == 204
    office.world.clock.turn(2 * 86400)
    assert browser.get(newer(fresh.text)).status_code == 200  # less time is left
    office.world.clock.turn(-2 * 86400)
    answer(browser, path, 1)
    assert path not in browser.get(newer(fresh.text)).text
    answer(browser, other, 1)


def test_a_request_out_of_time_cannot_be_answered_and_says_why(office: Office) -> None:
    browser, path = office.signed_in(), path_of(office)
    page = browser.get(path).text
    office.world.clock.turn(HUMAN_LIFETIME)
    late = browser.sign(page, f"{path}/answer")
    assert late.status_code == 409
    office.world.nodes[1].tick()
    assert "Nobody answered in time." in browser.get(path).text
    office.world.clock.turn(-HUMAN_LIFETIME)


def test_who_waits_too_long_before_signing_reads_again(office: Office) -> None:
    browser, path = office.signed_in(), path_of(office)
    page = browser.get(path).text
    office.world.clock.turn(601)
    late = browser.sign(page, f"{path}/answer")
    assert late.status_code == 409
    assert "You took too long" in late.text
    assert browser.sign(late.text, f"{path}/answer", 1).status_code == 303


def test_who_is_revoked_is_signed_out_at_once(office: Office) -> None:
    ann, eve = office.signed_in(), office.browser()
    eve.device = Authenticator(RP)
    approver = join_by_passkey(
        office.world, 1, invite(office.world, 1, "eve@clinic.example"), eve.device, ORIGIN
    )
    assert eve.sign_in().status_code == 303
    assert eve.get("/requests").status_code == 200
    action = f"/approvers/{approver.thumbprint.hex()}/revoke"
    form = ann.form(ann.get(action).text, action)
    page = ann.post(action, {**form, "why": "left"}).text
    assert ann.sign(page, f"{action}/passkey").headers["location"] == "/approvers"
    assert eve.get("/requests").headers["location"].startswith("/sign-in")
    assert eve.sign_in().status_code == 403


def test_an_invitation_is_signed_by_passkey_and_accepted_by_its_link(office: Office) -> None:
    ann = office.signed_in()
    form = ann.form(ann.get("/approvers/invite").text, "/approvers/invite")
    filled = {**form, "name": "Chloé", "email": "chloe@clinic.example", "language": "fr"}
    page = ann.post("/approvers/invite", filled).text
    link = re.findall(r'<pre id="link"[^>]*>([^<]+)', ann.sign(page, "/approvers/invite/passkey").text)[0]
    assert link.startswith(f"{ORIGIN}/join#")
    chloe = office.browser()
    chloe.device = Authenticator(RP)
    form = chloe.form(chloe.get("/join").text, "/join")
    page = chloe.post("/join", {**form, "invitation": link.split("#")[1]}).text
    assert "Chloé" in page
    assert chloe.register(page, "/join/passkey").status_code == 200
    assert chloe.sign_in().status_code == 303
    assert 'lang="fr"' in chloe.get("/requests").text


@pytest.mark.parametrize(
    "changed", [{"name": ""}, {"name": "a\nb"}, {"email": "nobody"}, {"language": "xx"}, {"name": "n" * 101}]
)
def test_an_invitation_that_makes_no_sense_is_asked_for_again(
    office: Office, changed: dict[str, str]
) -> None:
    ann = office.signed_in()
    form = ann.form(ann.get("/approvers/invite").text, "/approvers/invite")
    filled = {**form, "name": "Dan", "email": "dan@clinic.example", "language": "en", **changed}
    answered = ann.post("/approvers/invite", filled)
    assert answered.status_code == 400
    assert "Enter a name" in answered.text


def test_an_invitation_that_nobody_made_is_none(office: Office) -> None:
    stranger = office.browser()
    form = stranger.form(stranger.get("/join").text, "/join")
    answered = stranger.post("/join", {**form, "invitation": "A" * 43})
    assert answered.status_code == 403
    assert "There is no such invitation" in answered.text


def test_the_history_is_filtered_paged_and_exported(office: Office) -> None:
    browser = office.signed_in()
    for nth in (0, 1):
        answer(browser, path_of(office), nth)
    page = browser.get("/history?outcome=deny").text
    assert 'class="tag deny"' in page
    assert 'class="tag allow"' not in page.split("<tbody>")[1]
    rows = list(csv.DictReader(io.StringIO(browser.get("/history.csv?outcome=allow").text)))
    assert rows
    assert {row["outcome"] for row in rows} == {"allow"}
    everything = browser.get("/history.csv").text.splitlines()
    assert len(everything) > len(rows) + 1
    assert "No decision fits." in browser.get("/history?since=2001-01-01&until=2001-01-02").text


@pytest.mark.parametrize(
    "query",
    ["since=yesterday", "outcome=maybe", "purpose=fun", "approver=zz", "request=00", "before=-1", "before=x"],
)
def test_a_filter_that_makes_no_sense_is_refused(office: Office, query: str) -> None:
    assert office.signed_in().get(f"/history?{query}").status_code == 400


def test_the_switch_of_the_language_is_kept_and_comes_before_the_browser_s(office: Office) -> None:
    browser = office.browser()
    page = browser.get("/sign-in", accept_language="fr").text
    assert "Se connecter" in page
    form = browser.form(page, "/language")
    browser.post("/language", {**form, "language": "en"})
    assert "Sign in with a passkey" in browser.get("/sign-in", accept_language="fr").text
    assert browser.post("/language", {**form, "language": "xx"}).status_code == 400


def test_a_locked_node_says_so_and_an_unforeseen_error_says_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = office.signed_in()

    def locked(_: CustodianNode) -> None:
        raise Unavailable("this node is locked", reason="LOCKED")

    def broken(_: CustodianNode) -> None:
        raise ZeroDivisionError("patient p-1")

    monkeypatch.setattr(CustodianNode, "approvers", locked)
    assert browser.get("/requests").status_code == 503
    monkeypatch.setattr(CustodianNode, "approvers", broken)
    answered = browser.get("/requests")
    assert answered.status_code == 500
    assert "p-1" not in answered.text + "".join(capsys.readouterr())


def test_what_was_written_into_the_registry_is_told_on_every_page(office: Office) -> None:
    context = office.world.nodes[1].context
    told = context.registry.with_problem("entry 7 was signed by nobody")
    browser = office.signed_in()
    office.world.nodes[1].context = replace(context, registry=told)
    try:
        for path in ("/requests", "/history", "/dashboard", "/approvers"):
            assert "entry 7 was signed by nobody" in browser.get(path).text
    finally:
        office.world.nodes[1].context = context


def test_the_dashboard_shows_how_much_of_each_budget_is_used(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = Budget(BudgetScope.KEYRING, BudgetWindow.DAY, 2000, BudgetExcess.HOLD)
    monkeypatch.setattr(CustodianNode, "usage", lambda _: [Usage(budget, 1500)])
    page = office.signed_in().get("/dashboard").text
    assert "the whole keyring, in a day: 1,500 of 2,000 keys" in page
    assert 'width="180.0"' in page  # three quarters of the bar


def test_a_request_s_page_names_the_budget_that_holds_it_beside_the_text(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, find = path_of(office), CustodianNode.waiting_view
    held = (Held(Budget(BudgetScope.OWNER, BudgetWindow.DAY, 7, BudgetExcess.HOLD), 1),)

    def holding(node: CustodianNode, name: RequestHash) -> WaitingView:
        view = find(node, name)
        return replace(view, facts=replace(view.facts, held=held))

    browser = office.signed_in()
    assert "beyond" not in browser.get(path).text
    monkeypatch.setattr(CustodianNode, "waiting_view", holding)
    assert browser.get(path).text.count("1 beyond the 7 keys a day of an owner") == 2


def test_the_dashboard_names_who_showed_two_histories(office: Office) -> None:
    browser, node = office.signed_in(), office.world.nodes[1]
    assert "two histories" not in browser.get("/dashboard").text
    origin = log_origin(office.world.keyring.keyring_id, 2)
    one, other = (
        Log(2, office.world.identities[2], entries(3, branch), origin).note() for branch in ("a", "b")
    )
    assert node.witness.take_evidence(split_view(one, other))
    page = browser.get("/dashboard").text
    name = office.world.keyring.custodian(2).organisation
    assert f"Custodian 2 · {escape(name)} showed two histories" in page
