"""The way back from a provider: an address on this machine that any page may make a browser open, with anything in it.

An attacker wants it to show or lead to something else, to swallow the attacker's own code (so that the victim's device
acts as the attacker), or to take one provider's answer for another's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from kms.crypto.signing import SigningKey
from kms.errors import KmsError
from kms.statements.manifest import HolderClass, Issuer
from kms_client.login import by_browser
from kms_client.loopback import DONE, NOT_FOUND, Redirect
from kms_client.provider import Endpoints, Party
from tests.unit.policy.certificates import authority

STATE = "the-state-of-this-sign-in"
EVIL = 'https://evil.example/"><script>alert(1)</script>'
NASTY = dict.fromkeys(("next", "redirect_uri", "return_to", "error", "error_description", "iss"), EVIL)
ISS = "https://login.example"


async def fetch(address: str, *, host: str = "", method: str = "GET", head: str = "") -> tuple[str, str]:
    """(head, body) of a raw HTTP request."""
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection("127.0.0.1", parts.port)
    target = head or f"{parts.path}?{parts.query}"
    writer.write(f"{method} {target} HTTP/1.1\r\nHost: {host or parts.netloc}\r\n\r\n".encode())
    await writer.drain()
    answer = (await reader.read()).decode()
    writer.close()
    before, _, after = answer.partition("\r\n\r\n")
    return before, after


def naive_page(parameters: dict[str, str]) -> str:
    """What many such listeners answer."""
    if "next" in parameters:
        return f"HTTP/1.1 302 Found\r\nLocation: {parameters['next']}\r\n\r\n"
    return f"HTTP/1.1 200 OK\r\n\r\n<p>Sign-in failed: {parameters['error_description']}"


def test_the_attack_works_on_a_listener_that_repeats_what_it_is_told() -> None:
    assert "Location: https://evil.example" in naive_page(NASTY)
    assert "<script>" in naive_page({"error_description": EVIL})


@pytest.mark.parametrize("state", [STATE, "guessed"])
async def test_nothing_that_came_in_the_address_is_shown_or_followed(state: str) -> None:
    async with Redirect(STATE) as redirect:
        head, body = await fetch(f"{redirect.uri}?{urlencode(NASTY | {'state': state, 'code': 'c'})}")
    assert body == (DONE if state == STATE else NOT_FOUND)
    assert head.startswith("HTTP/1.1 200" if state == STATE else "HTTP/1.1 404")
    assert "evil" not in head + body
    names = {line.partition(":")[0].lower() for line in head.split("\r\n")[1:]}
    assert {"location", "refresh", "set-cookie", "access-control-allow-origin"}.isdisjoint(names)
    assert "default-src 'none'; frame-ancestors 'none'" in head
    assert "href" not in body
    assert "no-referrer" in head


FORGED: dict[str, Callable[[str], Awaitable[tuple[str, str]]]] = {
    "another state": lambda uri: fetch(f"{uri}?code=thief&state=guessed"),
    "no state": lambda uri: fetch(f"{uri}?code=thief"),
    "two states": lambda uri: fetch(f"{uri}?code=thief&state=guessed&state={STATE}"),
    "two codes": lambda uri: fetch(f"{uri}?code=thief&state={STATE}&code=c"),
    "another path": lambda uri: fetch(f"{uri}/more?code=thief&state={STATE}"),
    "another method": lambda uri: fetch(f"{uri}?code=thief&state={STATE}", method="POST"),
    # A page whose name was made to lead to 127.0.0.1 could read what is answered to it.
    "another name": lambda uri: fetch(f"{uri}?code=thief&state={STATE}", host="evil.example"),
    "localhost": lambda uri: fetch(f"{uri}?code=thief&state={STATE}", host="localhost"),
    "many fields": lambda uri: fetch(f"{uri}?state={STATE}&code=thief" + "&a=1" * 50),
    "no query": lambda uri: fetch(uri, head="/callback"),
    "no HTTP": lambda uri: fetch(uri, head=" "),
    "an endless line": lambda uri: fetch(f"{uri}?state={STATE}&code={'t' * 40_000}"),
}


@pytest.mark.parametrize("name", FORGED)
async def test_what_is_not_the_answer_is_not_taken_and_the_answer_still_is(name: str) -> None:
    async with Redirect(STATE) as redirect:
        with contextlib.suppress(OSError):
            assert "200" not in (await FORGED[name](redirect.uri))[0].split("\r\n")[0]
        await fetch(f"{redirect.uri}?code=right&state={STATE}")
        await fetch(f"{redirect.uri}?code=late&state={STATE}")
        assert (await redirect.wait())["code"] == "right"


async def test_nobody_from_elsewhere_reaches_it() -> None:
    async with Redirect(STATE) as redirect:
        assert redirect.uri.startswith("http://127.0.0.1:")
        assert redirect._server is not None
        assert [s.getsockname()[0] for s in redirect._server.sockets] == ["127.0.0.1"]


def party() -> Party:
    anchor = authority("login")
    issuer = Issuer(
        ISS,
        "Login AG",
        (HolderClass.PROFESSIONAL,),
        (),
        trust_anchors=(anchor.der,),
        audience="kms",
        nonce_bound=True,
        key_delay=60,
        max_key_age=60,
    )
    return Party(issuer, "kms", bytes(32), SigningKey.generate())


async def answered(names_itself: bool, parameters: dict[str, str]) -> tuple[str, str]:
    """(reason, message) of a sign-in to which the browser brings these parameters."""
    # Port 9 is nobody's: whoever gets that far fails at the token endpoint.
    endpoints = Endpoints("https://127.0.0.1:9/token", f"{ISS}/auth", "", names_itself)
    visits: list[asyncio.Task[Any]] = []

    def show(address: str) -> None:
        asked = parse_qs(urlsplit(address).query)
        query = urlencode({"state": asked["state"][0]} | parameters, quote_via=quote)
        visits.append(asyncio.create_task(fetch(f"{asked['redirect_uri'][0]}?{query}")))

    with pytest.raises(KmsError) as caught:
        await by_browser(party(), endpoints, show)
    await asyncio.gather(*visits)
    return caught.value.reason, caught.value.message


async def test_an_answer_of_another_provider_is_not_taken_for_this_ones() -> None:
    assert (await answered(True, {"code": "c", "iss": ISS}))[0] == "PROVIDER_UNREACHABLE"
    assert (await answered(True, {"code": "c", "iss": "https://evil.example"}))[0] == "LOGIN_WRONG_ISSUER"
    assert (await answered(True, {"code": "c"}))[0] == "LOGIN_WRONG_ISSUER"
    assert (await answered(False, {"code": "c", "iss": ISS + "/"}))[0] == "LOGIN_WRONG_ISSUER"
    assert (await answered(False, {"code": "c"}))[0] == "PROVIDER_UNREACHABLE"


async def test_a_refusal_is_told_in_our_words() -> None:
    for code in ("access_denied", "\x1b[2J", "evil: call +1 900 ..."):
        reason, message = await answered(False, {"error": code, "error_description": "call +1 900"})
        assert reason == "LOGIN_REFUSED"
        assert "900" not in message
        assert "\x1b" not in message


async def test_what_is_asked_for_names_the_key_and_proves_who_asked() -> None:
    asked: list[dict[str, list[str]]] = []

    class Enough(Exception):
        pass

    def show(address: str) -> None:
        asked.append(parse_qs(urlsplit(address).query))
        raise Enough

    me = party()
    for _ in range(2):
        with pytest.raises(Enough):
            await by_browser(me, Endpoints("https://x/t", f"{ISS}/auth", "", True), show)
    one, other = asked
    assert one["nonce"] == other["nonce"] == [me.binding["nonce"]]
    assert one["code_challenge_method"] == ["S256"]
    for fresh in ("state", "code_challenge"):
        assert one[fresh] != other[fresh]
        assert len(one[fresh][0]) >= 43
