"""What waits for people, one request with everything that was verified, and the answer."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import Response

from kms.crypto.hashing import equal
from kms.custodian.approval_text import holding
from kms.custodian.approvals import WaitingView
from kms.custodian.console.visit import Visit, for_passkey, go
from kms.custodian.decisions import latest_decision
from kms.custodian.node import CustodianNode
from kms.errors import KmsError, NotFound
from kms.statements.approver import ToSign
from kms.statements.ids import RequestHash, Thumbprint
from kms.statements.release import Verdict


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to sign: what the passkey is asked, and the statement itself."""

    options: str
    payload: str


async def home(visit: Visit) -> Response:
    """Where the link of a notification leads: to the request, if there is just one."""
    views = await visit.console.desk.ask(lambda node: node.waiting_views())
    open_ones = [view.request_hash.hex() for view in views if not _answered(view, visit)]
    return go(f"/requests/{open_ones[0]}" if len(open_ones) == 1 else "/requests")


async def show_all(visit: Visit) -> Response:
    """Everything that waits, oldest first."""
    return await _list(visit, "waiting.html")


async def show_list(visit: Visit) -> Response:
    """The list alone, for the page to keep itself fresh with; nothing (204) while it would be the same.

    What is put into a page anew is read out anew, and takes the keyboard's place away.
    """
    return await _list(visit, "waiting_list.html", visit.request.query_params.get("seen", ""))


async def _list(visit: Visit, template: str, seen: str = "") -> Response:
    views, now = await visit.console.desk.ask(lambda node: (node.waiting_views(), node.context.now()))
    mine = {view.request_hash for view in views if _answered(view, visit)}
    left = {view.request_hash: visit.words.span(max(0, view.facts.expires_at - now)) for view in views}
    shown = hashlib.sha256(repr([(view, left[view.request_hash]) for view in views]).encode()).hexdigest()
    if seen and equal(seen.encode(), shown.encode()):
        return Response(status_code=204)
    return visit.page(template, views=views, left=left, mine=mine, seen=shown)


def _answered(view: WaitingView, visit: Visit) -> bool:
    """Whether whoever is signed in has said yes already."""
    me = visit.me().thumbprint
    return any(equal(one.thumbprint, me) for one in view.approved)


async def show(visit: Visit) -> Response:
    """One request: all that is known, the exact text, and two buttons. If it no longer waits, what became of it."""
    name = _name(visit)
    try:
        return await _show(visit, name)
    except NotFound:
        rulings = await visit.console.desk.ask(lambda node: _outcome(node, name))
        if not rulings:
            raise
        return visit.page("answered.html", rulings=rulings, request=name.hex())


async def _show(visit: Visit, name: RequestHash, problem: str = "", status: int = 200) -> Response:
    me, language = visit.me().thumbprint, visit.words.language
    view, now, *signed = await visit.console.desk.ask(
        lambda node: (
            node.waiting_view(name),
            node.context.now(),
            node.approval_to_sign(name, me, Verdict.ALLOW, language),
            node.approval_to_sign(name, me, Verdict.DENY, language),
        )
    )
    allow, deny = (choice(visit, to_sign) for to_sign in signed)
    return visit.page(
        "request.html",
        status=status,
        view=view,
        facts=view.facts,
        text=view.text(language),
        held=holding(view.facts, language),
        evidence={item.kind.name: item for item in view.facts.evidence},
        now=now,
        allow=allow,
        deny=deny,
        problem=problem,
        answered=_answered(view, visit),
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was decided on some of a request's keys, and who of this custodian's people answered (or empty)."""

    verdict: str
    reason: str
    count: int
    approver: str


def _outcome(node: CustodianNode, name: RequestHash) -> list[Outcome]:
    """The latest decision on a request; empty if this node knows of none."""
    stored = node.context.store.request(name)
    if stored is None:
        return []
    names = {approver.thumbprint: approver.name for approver in node.approvers()}
    return [
        Outcome(
            ruling.verdict.name.lower(),
            ruling.reason,
            len(ruling.positions),
            names.get(Thumbprint(ruling.approver_thumbprint), ""),
        )
        for ruling in latest_decision(node.context, stored).statement.rulings
    ]


def choice(visit: Visit, signed: ToSign) -> Choice:
    """What a form needs to have something signed."""
    payload = base64.urlsafe_b64encode(signed.payload).decode()
    return Choice(for_passkey(visit.console.rp_id, signed.challenge), payload)


def signed_payload(visit: Visit) -> bytes:
    """The statement that the form brings back: the node holds it against the passkey's answer."""
    try:
        return base64.b64decode(visit.field("payload"), altchars=b"-_", validate=True)
    except binascii.Error:
        raise HTTPException(400) from None


async def take(visit: Visit) -> Response:
    """An answer, signed by a passkey: the node says whether it counts."""
    name, payload, assertion = _name(visit), signed_payload(visit), visit.field("assertion")
    try:
        answered, _ = await visit.console.desk.ask(lambda node: node.answer_by_passkey(payload, assertion))
    except NotFound:
        return go(f"/requests/{name.hex()}")
    except KmsError as error:
        return await _show(visit, name, visit.words.reason(error.reason), 409)
    visit.console.desk.answered(answered)
    return go(f"/requests/{answered.hex()}")


def _name(visit: Visit) -> RequestHash:
    try:
        name = bytes.fromhex(visit.request.path_params["request"])
    except ValueError:
        name = b""
    if len(name) != 32:
        raise HTTPException(404)
    return RequestHash(name)
