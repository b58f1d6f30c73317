"""The console put together: its routes, who may see which, and what happens when something goes wrong."""

from __future__ import annotations

import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from kms.crypto.hashing import equal
from kms.custodian.console import approvers, dashboard, history, joining, pages, signing_in, waiting
from kms.custodian.console.desk import Desk, Service
from kms.custodian.console.doors import Doors
from kms.custodian.console.reasons import CODES, STATUSES
from kms.custodian.console.sessions import Sessions, Tickets, Tries
from kms.custodian.console.visit import LANGUAGE, SESSION, TICKET, Visit
from kms.custodian.console.words import Words, choose
from kms.custodian.neighbours import Neighbour
from kms.custodian.node import CustodianNode
from kms.errors import KmsError
from kms.statements.registry import Approver
from kms.transport import logs

Handler = Callable[[Visit], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


async def nobody() -> Sequence[Neighbour]:
    """The other custodians of a node that asks none."""
    return ()


class Console:
    """What pages share. `origin` is where approvers reach it, `rp_id` what their passkeys are bound to."""

    def __init__(
        self,
        service: Service,
        origin: str,
        rp_id: str,
        neighbours: Callable[[], Awaitable[Sequence[Neighbour]]] = nobody,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.desk = Desk(service)
        self.origin, self.rp_id, self.neighbours = origin, rp_id, neighbours
        self.sessions, self.tickets, self.tries = Sessions(clock), Tickets(clock), Tries(clock)

    def app(self) -> ASGIApp:
        """The ASGI application, doors and all."""
        inner = Starlette(routes=self.routes(), exception_handlers={HTTPException: self._not_found})
        return Doors(inner, self.origin, self._turned_away)

    def routes(self) -> list[Route]:
        """Every address, and who may ask for it."""
        return [
            Route("/", self._page(waiting.home)),
            Route("/sign-in", self._open(signing_in.show)),
            Route("/sign-in", self._open_form(signing_in.take), methods=["POST"]),
            Route("/sign-out", self._form(signing_in.leave), methods=["POST"]),
            Route("/language", self._open_form(signing_in.speak), methods=["POST"]),
            Route("/join", self._open(joining.show)),
            Route("/join", self._open_form(joining.look), methods=["POST"]),
            Route("/join/passkey", self._open_form(joining.take), methods=["POST"]),
            Route("/requests", self._page(waiting.show_all)),
            Route("/requests/list", self._page(waiting.show_list, touch=False)),
            Route("/requests/{request}", self._page(waiting.show)),
            Route("/requests/{request}/answer", self._form(waiting.take), methods=["POST"]),
            Route("/history", self._page(history.show)),
            Route("/history.csv", self._page(history.export)),
            Route("/dashboard", self._page(dashboard.show)),
            Route("/approvers", self._page(approvers.show)),
            Route("/approvers/invite", self._page(approvers.ask)),
            Route("/approvers/invite", self._form(approvers.confirm), methods=["POST"]),
            Route("/approvers/invite/passkey", self._form(approvers.invite), methods=["POST"]),
            Route("/approvers/invitations/{terms}", self._page(approvers.show_invitation)),
            Route("/approvers/invitations/{terms}/passkey", self._form(approvers.cosign), methods=["POST"]),
            Route("/approvers/invitations/{terms}/withdraw", self._page(approvers.ask_withdrawal)),
            Route(
                "/approvers/invitations/{terms}/withdraw/passkey",
                self._form(approvers.withdraw),
                methods=["POST"],
            ),
            Route("/approvers/{approver}/revoke", self._page(approvers.ask_revocation)),
            Route("/approvers/{approver}/revoke", self._form(approvers.confirm_revocation), methods=["POST"]),
            Route("/approvers/{approver}/revoke/passkey", self._form(approvers.revoke), methods=["POST"]),
            Route("/static/{content}/{name}", _static),
        ]

    @property
    def organisation(self) -> str:
        """Whose console it is; while the node is locked, nobody can say."""
        return self.desk.organisation() or "Threshold KMS"

    # -- who may see what ----------------------------------------------------------------------------------

    def _open(self, handler: Handler) -> Endpoint:
        """A page for everybody."""
        return self._endpoint(handler)

    def _page(self, handler: Handler, *, touch: bool = True) -> Endpoint:
        """A page for approvers; others are asked to sign in, and come back to it."""

        async def answer(visit: Visit) -> Response:
            if visit.approver is None:
                return signing_in.ask(visit, visit.request.url.path)
            return await handler(visit)

        return self._endpoint(answer, touch=touch)

    def _open_form(self, handler: Handler) -> Endpoint:
        """A form that anybody may send from a page of ours."""

        async def answer(visit: Visit) -> Response:
            await visit.read_form()
            return await handler(visit)

        return self._endpoint(answer)

    def _form(self, handler: Handler) -> Endpoint:
        """A form that approvers send."""

        async def answer(visit: Visit) -> Response:
            if visit.approver is None:
                return signing_in.ask(visit, "/")
            await visit.read_form()
            return await handler(visit)

        return self._endpoint(answer)

    def _endpoint(self, handler: Handler, *, touch: bool = True) -> Endpoint:
        async def answer(request: Request) -> Response:
            words = self._words(request.headers, request.cookies)
            try:
                visit = await self._visit(request, touch=touch)
                words = visit.words
                return await handler(visit)
            except KmsError as error:
                return self._failed(words, CODES.get(error.status, 500), words.reason(error.reason))
            except HTTPException as error:
                return self._failed(words, error.status_code)
            except Exception as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                # Not the error's own words: nobody knows what is in them.
                at = f"{Path(place.filename).name}:{place.lineno}"
                logs.logger().error("unexpected", error=type(error).__name__, at=at)
                return self._failed(words, 500)

        return answer

    async def _visit(self, request: Request, *, touch: bool) -> Visit:
        name = request.cookies.get(SESSION, "")
        session = self.sessions.find(name, touch=touch) if name else None
        if session is not None:
            who = session.approver
            # Asked at every request: whoever was revoked a moment ago is signed out now.
            approver, problems = await self.desk.ask(
                lambda node: (active(node, who), node.registry_problems())
            )
            if approver is not None:
                words = self._words(request.headers, request.cookies, approver.language)
                return Visit(self, request, words, session.token, "", session, approver, tuple(problems))
            self.sessions.end(name)
        ticket = request.cookies.get(TICKET, "")
        if not self.tickets.valid(ticket):
            ticket = self.tickets.issue()
        words = self._words(request.headers, request.cookies)
        return Visit(self, request, words, self.tickets.token(ticket), ticket)

    # -- what goes wrong -----------------------------------------------------------------------------------

    @staticmethod
    def _words(headers: Headers, cookies: Mapping[str, str], setting: str = "") -> Words:
        """By the switch on the page, then the approver's setting, then the browser's."""
        return Words(choose(cookies.get(LANGUAGE), setting, headers.get("accept-language")))

    def _failed(self, words: Words, status: int, detail: str = "") -> Response:
        title, advice = STATUSES.get(status, STATUSES[500])
        values = {"title": words.say(title), "advice": words.say(advice), "detail": detail, "status": status}
        return pages.render("error.html", words, values | {"organisation": self.organisation}, status)

    def _turned_away(self, headers: Headers, status: int) -> Response:
        return self._failed(self._words(headers, {}), status)

    async def _not_found(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return self._failed(self._words(request.headers, request.cookies), status)


def active(node: CustodianNode, thumbprint: bytes) -> Approver | None:
    """The approver of this name, unless revoked."""
    found = (a for a in node.approvers() if equal(a.thumbprint, thumbprint) and not a.revoked_at)
    return next(found, None)


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in pages.STATIC:
        raise HTTPException(404)
    return pages.serve(name)
