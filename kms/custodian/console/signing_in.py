"""Signing in with a passkey, signing out, and the language of the page."""

from __future__ import annotations

import re
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response

from kms.custodian.console.visit import (
    LANGUAGE,
    SESSION,
    TICKET,
    Visit,
    drop_cookie,
    for_passkey,
    go,
    set_cookie,
)
from kms.custodian.console.words import LANGUAGES
from kms.errors import KmsError

HOME = "/requests"
PLACES = re.compile(r"/(|requests(/[0-9a-f]{64})?|history|dashboard|approvers(/invite)?)")


def known(place: str) -> str:
    """Where to go after signing in: a page of ours, else the first one. Never an address that somebody made up."""
    return place if PLACES.fullmatch(place) else HOME


def ask(visit: Visit, place: str) -> Response:
    """Send a stranger to the sign-in page."""
    request = visit.request
    if request.headers.get("hx-request") == "true":
        # A page that was left open: the whole of it must go, not one part.
        return Response(status_code=204, headers={"HX-Redirect": "/sign-in"})
    if request.headers.get("sec-fetch-site") == "cross-site":
        # A link in a web mail: the strict cookie stays at home on this step. The next one is from a page of ours.
        return visit.page("step.html", place=known(place))
    return go(f"/sign-in?next={quote(known(place))}")


async def show(visit: Visit) -> Response:
    """The sign-in page."""
    place = known(visit.request.query_params.get("next", HOME))
    if visit.approver is not None:
        return go(place)
    return form(visit, place)


def form(visit: Visit, place: str, problem: str = "", status: int = 200) -> Response:
    console = visit.console
    options = for_passkey(console.rp_id, console.tickets.challenge(visit.ticket))
    answer = visit.page("sign_in.html", status=status, options=options, next=place, problem=problem)
    set_cookie(answer, TICKET, visit.ticket)
    return answer


async def take(visit: Visit) -> Response:
    """A passkey's answer: a new session, under a new id."""
    console, place = visit.console, known(visit.field("next"))
    if visit.approver is not None:
        return go(place)
    client = visit.request.client
    if not console.tries.take(client.host if client else ""):
        raise HTTPException(429)
    challenge, assertion = console.tickets.challenge(visit.ticket), visit.field("assertion")
    try:
        approver = await console.desk.ask(lambda node: node.sign_in(challenge, assertion))
    except KmsError as error:
        return form(visit, place, visit.words.reason(error.reason), 403)
    # The node was asked in between: two answers to one challenge may have waited there.
    if not console.tickets.valid(visit.ticket):
        raise HTTPException(403)
    console.tickets.use(visit.ticket)
    answer = go(place)
    set_cookie(answer, SESSION, console.sessions.start(approver.thumbprint))
    drop_cookie(answer, TICKET)
    return answer


async def leave(visit: Visit) -> Response:
    """Sign out."""
    visit.console.sessions.end(visit.request.cookies.get(SESSION, ""))
    answer = go("/sign-in")
    drop_cookie(answer, SESSION)
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


async def speak(visit: Visit) -> Response:
    """Another language, from now on, in this browser."""
    language = visit.field("language")
    if language not in LANGUAGES:
        raise HTTPException(400)
    place = visit.field("next")
    answer = go(place if place in ("/sign-in", "/join") else known(place))
    set_cookie(answer, LANGUAGE, language)
    return answer
