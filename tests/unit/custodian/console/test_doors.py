"""Every request passes the doors, and every answer carries what keeps browsers from being used against us."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from kms.custodian.console.doors import HEADERS, MAX_BODY, Doors

ORIGIN = "https://console.example:8446"


async def echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


def refuse(headers: Headers, status: int) -> Response:
    return PlainTextResponse(f"refused {status}", status)


def client(origin: str = ORIGIN) -> TestClient:
    inner = Starlette(routes=[Route("/", echo, methods=["GET", "POST"])])
    return TestClient(Doors(inner, origin, refuse), base_url=origin, follow_redirects=False)


def post(body: str = "a=b", **headers: str) -> int:
    """The status of a form that is sent with these headers (underscores for dashes)."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kind = named.pop("content-type", "application/x-www-form-urlencoded")
    return client().post("/", content=body, headers={"content-type": kind, **named}).status_code


def test_a_form_from_a_page_of_ours_passes_with_its_body() -> None:
    answer = client().post(
        "/", content="a=b", headers={"origin": ORIGIN, "content-type": "application/x-www-form-urlencoded"}
    )
    assert (answer.status_code, answer.text) == (200, "a=b")


@pytest.mark.parametrize("path", ["/", "/nowhere"])
def test_every_answer_carries_every_header(path: str) -> None:
    answer = client().get(path)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert answer.headers["cache-control"] == "no-store"
    assert "max-age" in answer.headers["strict-transport-security"]


def test_a_refusal_carries_them_too() -> None:
    answer = client().get("/", headers={"host": "evil.example"})
    assert answer.status_code == 421
    assert answer.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]


def test_without_tls_browsers_are_not_told_to_insist_on_it() -> None:
    assert "strict-transport-security" not in client("http://localhost:8446").get("/").headers


@pytest.mark.parametrize("host", ["evil.example", "console.example", "console.example:80", ""])
def test_another_host_is_refused(host: str) -> None:
    assert client().get("/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": ORIGIN, "sec_fetch_site": "same-origin"}, 200),
        ({"sec_fetch_site": "same-origin"}, 200),
        ({}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://console.example:8446"}, 403),
        ({"origin": ORIGIN, "sec_fetch_site": "cross-site"}, 403),
        ({"origin": ORIGIN, "sec_fetch_site": "same-site"}, 403),
    ],
)
def test_only_our_own_pages_change_anything(headers: dict[str, str], status: int) -> None:
    assert post(**headers) == status


def test_only_forms_are_read() -> None:
    assert post(origin=ORIGIN, content_type="text/plain") == 415
    assert post(origin=ORIGIN, content_type="application/json") == 415
    assert post(origin=ORIGIN, content_type="application/x-www-form-urlencoded; charset=utf-8") == 200


def test_a_long_form_is_refused_whether_or_not_it_says_its_length() -> None:
    assert post("a" * (MAX_BODY + 1), origin=ORIGIN) == 413
    chunks = client().post(
        "/",
        content=(b"a" * 1024 for _ in range(MAX_BODY // 1024 + 1)),
        headers={"origin": ORIGIN, "content-type": "application/x-www-form-urlencoded"},
    )
    assert chunks.status_code == 413
