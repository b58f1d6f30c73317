"""Whoever asks writes markup into what an approver reads (XSS): it is shown as what it is, and runs nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.protocol.console import Office

SCRIPTS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</pre><form action=/sign-out>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "\x00<svg/onload=alert(1)>\u202e",
)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    yield from Office.lent(tmp_path_factory.mktemp("office"))


@pytest.mark.parametrize("script", SCRIPTS)
def test_markup_in_a_justification_is_text(office: Office, script: str) -> None:
    prepared = office.ask(justification=script)
    page = office.signed_in().get(f"/requests/{prepared.opened.hash.hex()}").text
    assert "follow" not in page  # it is this justification that is shown
    assert_inert(page)
    assert "49" not in page.split("<pre")[1].split("</pre>")[0].split("Reason")[1]


@pytest.mark.parametrize("script", SCRIPTS[:4])
def test_markup_in_a_name_or_a_category_is_text(office: Office, script: str) -> None:
    prepared = office.ask(name=script, category=script)
    browser = office.signed_in()
    for path in ("/requests", "/requests/list", f"/requests/{prepared.opened.hash.hex()}", "/history"):
        assert_inert(browser.get(path).text)


@pytest.mark.parametrize("script", SCRIPTS[:4])
def test_markup_that_comes_in_an_address_or_a_form_is_text(office: Office, script: str) -> None:
    browser = office.signed_in()
    for path in ("/history", "/sign-in", "/nowhere"):
        answer = browser.http.get(path, params={"since": script, "next": script, "outcome": script})
        assert_inert(answer.text)
    form = {"token": browser.token(), "name": script, "email": "nobody", "language": "en"}
    answer = browser.post("/approvers/invite", form)
    assert answer.status_code == 400
    assert_inert(answer.text)


def test_no_page_would_run_a_script_that_slipped_in(office: Office) -> None:
    policy = office.signed_in().get("/requests").headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["form-action"] == "'self'"
    assert rules["base-uri"] == "'none'"
    assert "unsafe" not in policy


def assert_inert(page: str) -> None:
    """Nothing in the page but our own scripts, none of them inline, and no handler in any tag."""
    scripts = re.findall(r"<script\b([^>]*)>(.*?)</script>", page, re.DOTALL)
    assert all(
        re.fullmatch(r' src="/static/[0-9a-f]{12}/[\w.]+" defer', tag) and not body for tag, body in scripts
    )
    for tag in re.findall(r"<[a-zA-Z][^>]*>", page):
        assert not re.search(r"\son\w+\s*=", re.sub(r'"[^"]*"', '""', tag)), tag
    assert "<img src=x" not in page
    assert "</pre><form action=/sign-out>" not in page
    assert 'href="javascript' not in page
