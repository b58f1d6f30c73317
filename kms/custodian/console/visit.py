"""One request as a page sees it: who asks, in which language, with which form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from kms.crypto.hashing import equal
from kms.custodian.console import pages
from kms.custodian.console.sessions import Session
from kms.custodian.console.words import Words

if TYPE_CHECKING:
    from kms.custodian.console.app import Console
    from kms.statements.registry import Approver

SESSION, TICKET, LANGUAGE = "__Host-session", "__Host-ticket", "__Host-language"
"""Cookies. The prefix binds them to this host, to TLS and to every path: no neighbour can plant one."""
MAX_FIELDS = 32


@dataclass(slots=True)
class Visit:
    """`approver` and `session` are None for a stranger; `ticket` is what a stranger's forms are bound to."""

    console: Console
    request: Request
    words: Words
    token: str = field(repr=False)
    ticket: str = field(default="", repr=False)
    session: Session | None = None
    approver: Approver | None = None
    problems: tuple[str, ...] = ()
    form: Mapping[str, str] = field(default_factory=dict, repr=False)

    def me(self) -> Approver:
        """Whoever is signed in; pages for approvers are asked for by nobody else."""
        if self.approver is None:
            raise HTTPException(403)
        return self.approver

    async def read_form(self) -> None:
        """Take the form's fields, each once, and hold its token against this visitor's."""
        body = (await self.request.body()).decode("utf-8", "replace")
        try:
            fields = parse_qs(body, keep_blank_values=True, max_num_fields=MAX_FIELDS)
        except ValueError:
            raise HTTPException(400) from None
        if any(len(values) > 1 for values in fields.values()):
            raise HTTPException(400)
        self.form = {name: values[0] for name, values in fields.items()}
        # The cookie comes by itself with a forged form; this does not.
        if not equal(self.form.get("token", "").encode(), self.token.encode()):
            raise HTTPException(403)

    def field(self, name: str) -> str:
        """A field that the form must have."""
        if name not in self.form:
            raise HTTPException(400)
        return self.form[name].strip()

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """The page in the visitor's language."""
        frame = {
            "token": self.token,
            "approver": self.approver,
            "problems": self.problems,
            "organisation": self.console.organisation,
            "path": self.request.url.path,
        }
        return pages.render(template, self.words, frame | values, status)


def go(path: str) -> RedirectResponse:
    """After a form, on to a page: a reload sends nothing twice."""
    return RedirectResponse(path, 303)


def set_cookie(answer: Response, name: str, value: str, *, hidden: bool = True) -> None:
    answer.set_cookie(name, value, path="/", secure=True, httponly=hidden, samesite="strict")


def drop_cookie(answer: Response, name: str) -> None:
    answer.delete_cookie(name, path="/", secure=True, httponly=True, samesite="strict")


def for_passkey(rp_id: str, challenge: bytes) -> str:
    """What the page's script hands to `navigator.credentials.get`, as JSON."""
    from webauthn.helpers import bytes_to_base64url

    return json.dumps(
        {
            "challenge": bytes_to_base64url(challenge),
            "rpId": rp_id,
            "userVerification": "required",
            "timeout": 120_000,
        }
    )
