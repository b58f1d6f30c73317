"""Who may answer here: the list, invitations and revocations, each signed by as many as this custodian asks for."""

from __future__ import annotations

import io
from collections.abc import Sequence

import segno
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from kms.crypto.hashing import equal
from kms.custodian.approvers import Invited
from kms.custodian.console.visit import Visit, go
from kms.custodian.console.waiting import choice, signed_payload
from kms.custodian.console.words import LANGUAGES
from kms.errors import KmsError, NotFound
from kms.statements.invitations import new_token, token_hash
from kms.statements.registry import Approver

MAX_NAME, MAX_WHY = 100, 200
DAYS = 7


async def show(visit: Visit) -> Response:
    """Everybody who is or was an approver, and what waits for more signatures."""
    people, quorums, invitations, revocations, now = await visit.console.desk.ask(
        lambda node: (
            node.approvers(),
            node.quorums(),
            node.invitations(),
            node.revocations(),
            node.context.now(),
        )
    )
    names = {person.thumbprint: person.name for person in people}
    return visit.page(
        "approvers.html",
        people=people,
        quorums=quorums,
        invitations=invitations,
        revocations=revocations,
        names=names,
        now=now,
    )


async def ask(visit: Visit) -> Response:
    """The form of an invitation."""
    return visit.page("invite.html", problem="", entered={})


async def confirm(visit: Visit) -> Response:
    """What was entered, to be signed."""
    name, email, language = visit.field("name"), visit.field("email"), visit.field("language")
    fits = 0 < len(name) <= MAX_NAME and name.isprintable() and "@" in email and len(email) <= MAX_NAME
    if not (fits and language in LANGUAGES):
        problem = visit.words.say("Enter a name, an e-mail address and a language.")
        return visit.page("invite.html", status=400, problem=problem, entered=visit.form)
    token, me = new_token(), visit.me().thumbprint
    try:
        signed = await visit.console.desk.ask(
            lambda node: node.invitation_to_sign(me, name, email, language, token_hash(token), days=DAYS)
        )
    except KmsError as error:
        problem = visit.words.reason(error.reason)
        return visit.page("invite.html", status=409, problem=problem, entered=visit.form)
    return visit.page(
        "invite_sign.html",
        name=name,
        email=email,
        language_name=LANGUAGES[language],
        days=DAYS,
        problem="",
        sign=choice(visit, signed),
        action="/approvers/invite/passkey",
        extra={"invitation": token},
    )


async def invite(visit: Visit) -> Response:
    """The signed invitation, and its link: shown once, and kept nowhere."""
    payload, assertion, token = signed_payload(visit), visit.field("assertion"), visit.field("invitation")
    invited = await visit.console.desk.ask(lambda node: node.invite_by_passkey(payload, assertion))
    link = f"{visit.console.origin}/join#{token}"
    return visit.page("invited.html", invited=invited, link=link, qr=qr_code(link))


def qr_code(text: str) -> Markup:
    """An SVG to scan with a phone."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, svgns=True, border=3, omitsize=True, dark="#000", light="#fff"
    )
    return Markup(out.getvalue().decode())  # noqa: S704 - segno draws it; the text is in the picture, not in the markup


async def show_invitation(visit: Visit) -> Response:
    """An invitation that another approver signed and that needs more signatures: what it says, to sign it too."""
    me, terms_hash = visit.me().thumbprint, _hash(visit, "terms")
    invited, signed, now = await visit.console.desk.ask(
        lambda node: (
            _open(node.invitations(), terms_hash),
            node.cosign_to_sign(me, terms_hash),
            node.context.now(),
        )
    )
    return visit.page(
        "invite_sign.html",
        name=invited.terms.name,
        email=invited.terms.email,
        language_name=LANGUAGES[invited.terms.language],
        days=max(1, round((invited.terms.not_after - now) / 86400)),
        problem="",
        sign=choice(visit, signed),
        action=f"/approvers/invitations/{terms_hash.hex()}/passkey",
        extra={},
    )


async def cosign(visit: Visit) -> Response:
    """A further signature under an invitation."""
    payload, assertion = signed_payload(visit), visit.field("assertion")
    await visit.console.desk.ask(lambda node: node.invite_by_passkey(payload, assertion))
    return go("/approvers")


async def ask_withdrawal(visit: Visit) -> Response:
    """An open invitation, to be called off with one's passkey."""
    return await _withdrawal(visit)


async def _withdrawal(visit: Visit, problem: str = "", status: int = 200) -> Response:
    me, terms_hash = visit.me().thumbprint, _hash(visit, "terms")
    invited, signed = await visit.console.desk.ask(
        lambda node: (_open(node.invitations(), terms_hash), node.withdrawal_to_sign(me, terms_hash))
    )
    return visit.page(
        "withdraw.html", status=status, invited=invited, sign=choice(visit, signed), problem=problem
    )


async def withdraw(visit: Visit) -> Response:
    """The signed withdrawal. If somebody came in meanwhile it says so: then they are to be revoked."""
    payload, assertion = signed_payload(visit), visit.field("assertion")
    try:
        await visit.console.desk.ask(lambda node: node.withdraw_by_passkey(payload, assertion))
    except NotFound:
        raise
    except KmsError as error:
        return await _withdrawal(visit, visit.words.reason(error.reason), 409)
    return go("/approvers")


async def ask_revocation(visit: Visit) -> Response:
    """The form of a revocation."""
    return visit.page("revoke.html", person=await _person(visit), problem="", sign=None)


async def confirm_revocation(visit: Visit) -> Response:
    """What was entered, to be signed."""
    person, me, why = await _person(visit), visit.me().thumbprint, visit.field("why")
    if not 0 < len(why) <= MAX_WHY:
        raise HTTPException(400)
    try:
        signed = await visit.console.desk.ask(
            lambda node: node.revocation_to_sign(me, person.thumbprint, why)
        )
    except KmsError as error:
        problem = visit.words.reason(error.reason)
        return visit.page("revoke.html", status=409, person=person, problem=problem, sign=None)
    return visit.page("revoke.html", person=person, problem="", why=why, sign=choice(visit, signed))


async def revoke(visit: Visit) -> Response:
    """The signed revocation."""
    person, payload, assertion = await _person(visit), signed_payload(visit), visit.field("assertion")
    try:
        await visit.console.desk.ask(lambda node: node.revoke_by_passkey(payload, assertion))
    except KmsError as error:
        problem = visit.words.reason(error.reason)
        return visit.page("revoke.html", status=409, person=person, problem=problem, sign=None)
    return go("/approvers")


async def _person(visit: Visit) -> Approver:
    name = _hash(visit, "approver")
    people = await visit.console.desk.ask(lambda node: node.approvers())
    found = next((person for person in people if equal(person.thumbprint, name)), None)
    if found is None:
        raise HTTPException(404)
    return found


def _open(invitations: Sequence[Invited], terms_hash: bytes) -> Invited:
    found = next((one for one in invitations if equal(one.terms.hash, terms_hash)), None)
    if found is None:
        raise NotFound("no such invitation is open", reason="INVITATION_CLOSED")
    return found


def _hash(visit: Visit, name: str) -> bytes:
    try:
        found = bytes.fromhex(visit.request.path_params[name])
    except ValueError:
        found = b""
    if len(found) != 32:
        raise HTTPException(404)
    return found
