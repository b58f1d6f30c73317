"""A link to our sign-in page that leads on to the attacker's (open redirect): after signing in, only pages of ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.protocol.console import Office

ELSEWHERE = (
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "/requests@evil.example",
    "/requests/../..//evil.example",
    "\thttps://evil.example",
    "javascript:alert(1)",
    "/requests\r\nLocation: https://evil.example",
    "/sign-out",
    "/requests/list",
    "/history.csv",
    "/requests/" + "0" * 63,
    "",
)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    yield from Office.lent(tmp_path_factory.mktemp("office"))


@pytest.mark.parametrize("place", ELSEWHERE)
def test_no_address_of_somebody_else_s_making_is_gone_to(office: Office, place: str) -> None:
    browser = office.browser()
    page = browser.http.get("/sign-in", params={"next": place}).text
    assert browser.form(page, "/sign-in")["next"] == "/requests"
    answer = browser.sign(page, "/sign-in", next=place)  # and the form is not believed either
    assert (answer.status_code, answer.headers["location"]) == (303, "/requests")
    again = browser.http.get(
        "/sign-in", params={"next": place}
    )  # who is signed in already is not sent on either
    assert again.headers["location"] == "/requests"
    form = {"token": browser.token(), "language": "fr", "next": place}
    assert browser.post("/language", form).headers["location"] == "/requests"


@pytest.mark.parametrize("place", ["/history", "/dashboard", "/approvers", "/requests/" + "0a" * 32])
def test_a_page_of_ours_is(office: Office, place: str) -> None:
    browser = office.browser()
    asked = browser.get(place)
    assert asked.headers["location"].startswith("/sign-in?next=")
    page = browser.get(asked.headers["location"]).text
    assert browser.sign(page, "/sign-in").headers["location"] == place


def test_a_link_from_another_site_is_followed_by_one_step_of_our_own(office: Office) -> None:
    """A strict cookie does not come with a link in a web mail: the page leads to itself once, and to nothing else."""
    name = "0b" * 32
    answer = office.browser().get(f"/requests/{name}", sec_fetch_site="cross-site")
    assert answer.status_code == 200
    assert f'content="0; url=/requests/{name}"' in answer.text
    assert 'url=/requests"' in office.browser().get("/requests/list", sec_fetch_site="cross-site").text
