"""Redeeming an invitation: whoever holds its link registers a passkey of theirs.

The token stands behind the # of the link and comes in a form: no log of a server or proxy ever holds it.
"""

from __future__ import annotations

import json

from starlette.exceptions import HTTPException
from starlette.responses import Response
from webauthn.helpers import bytes_to_base64url

from kms.custodian.approvers import Joining
from kms.custodian.console.visit import SESSION, TICKET, Visit, drop_cookie, set_cookie
from kms.errors import KmsError

ED25519, ES256 = -8, -7
"""COSE algorithms that approvers' passkeys may use."""


async def show(visit: Visit) -> Response:
    """Where the link leads: its script sends the token on; without one it is typed in."""
    return _page(visit, "join.html", problem="")


async def look(visit: Visit) -> Response:
    """What the invitation says, and the button that makes the passkey."""
    _slow_down(visit)
    token = visit.field("invitation")
    try:
        joining = await visit.console.desk.ask(lambda node: node.invitation(token))
    except KmsError as error:
        return _page(visit, "join.html", status=403, problem=visit.words.reason(error.reason))
    return _joining(visit, token, joining)


async def take(visit: Visit) -> Response:
    """The new passkey: the node registers it, or says why not."""
    _slow_down(visit)
    token, registration = visit.field("invitation"), visit.field("assertion")
    try:
        approver = await visit.console.desk.ask(lambda node: node.redeem_by_passkey(token, registration))
    except KmsError as error:
        return _page(visit, "join.html", status=403, problem=visit.words.reason(error.reason))
    answer = visit.page("joined.html", name=approver.name)
    # Whoever sat here before is signed out: what follows is the new approver's.
    visit.console.sessions.end(visit.request.cookies.get(SESSION, ""))
    drop_cookie(answer, SESSION)
    return answer


def _joining(visit: Visit, token: str, joining: Joining, problem: str = "") -> Response:
    options = {
        "challenge": bytes_to_base64url(joining.challenge),
        "rp": {"id": visit.console.rp_id, "name": f"Threshold KMS: {joining.organisation}"},
        "user": {
            "id": bytes_to_base64url(joining.user_handle),
            "name": joining.terms.email,
            "displayName": joining.terms.name,
        },
        "pubKeyCredParams": [{"type": "public-key", "alg": alg} for alg in (ED25519, ES256)],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
        "timeout": 120_000,
    }
    return _page(
        visit, "joining.html", joining=joining, invitation=token, options=json.dumps(options), problem=problem
    )


def _page(visit: Visit, template: str, *, status: int = 200, **values: object) -> Response:
    answer = visit.page(template, status=status, **values)
    if visit.ticket:
        set_cookie(answer, TICKET, visit.ticket)
    return answer


def _slow_down(visit: Visit) -> None:
    client = visit.request.client
    if not visit.console.tries.take(client.host if client else ""):
        raise HTTPException(429)
