"""`kms custodian pending`, `show`, `approve`, `deny`, `history` and `approver`: what approvers do in a terminal."""

from __future__ import annotations

import asyncio
import datetime
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from kms.crypto.signing import SigningKey
    from kms.custodian.history import HistoryRow

app = typer.Typer(
    help="Who approves at this custodian: they invite and revoke each other.", no_args_is_help=True
)
Config = Annotated[Path, typer.Option(help="The custodian's TOML file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Key = Annotated[Path, typer.Option(help="The approver's key file.")]
Request = Annotated[str, typer.Argument(help="The request's hash, or its first digits.")]
Language = Annotated[str, typer.Option(help="Of the text: en or fr.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask again.")]


def register(custodian: typer.Typer) -> None:
    """Add these commands to `kms custodian`."""
    custodian.add_typer(app, name="approver")
    for command in (pending, show, approve, deny, history):
        custodian.command()(command)


# -- requests ----------------------------------------------------------------------------------------------


def pending(config: Config, language: Language = "en", as_json: Json = False) -> None:
    """List the requests that wait for this custodian's people."""
    from kms.custodian.approving import list_waiting

    waiting = asyncio.run(list_waiting(_socket(config), _known(language)))
    if as_json:
        typer.echo(json.dumps([_waiting(w) for w in waiting]))
        return
    if not waiting:
        typer.echo({"en": "no request waits", "fr": "aucune demande en attente"}[language])
    for request in waiting:
        left = max(0, request.expires_at - int(time.time())) // 60
        line = {
            "en": f"{request.count} keys, {left} minutes left, {request.approved} of {request.needed} approved",
            "fr": f"{request.count} clés, encore {left} minutes, {request.approved} oui sur {request.needed}",
        }
        typer.echo(f"{request.request_hash.hex()[:16]}  {line[language]}")


def show(request: Request, config: Config, language: Language = "en", as_json: Json = False) -> None:
    """Show one request, from bytes that this node verified: the text that an approval signs."""
    from kms.custodian.approving import find_waiting

    shown = asyncio.run(find_waiting(_socket(config), request, _known(language)))
    typer.echo(json.dumps(_waiting(shown.waiting)) if as_json else shown.waiting.text, nl=as_json)


def approve(
    request: Request,
    config: Config,
    key: Key,
    language: Language = "en",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Approve a request: sign the text that is shown."""
    _answer(request, config, key, True, _known(language), yes, as_json)


def deny(
    request: Request,
    config: Config,
    key: Key,
    language: Language = "en",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Deny a request: sign the text that is shown."""
    _answer(request, config, key, False, _known(language), yes, as_json)


def _answer(
    request: str, config: Path, key: Path, allow: bool, language: str, yes: bool, as_json: bool
) -> None:
    from kms.custodian.approving import answer, find_waiting

    socket = _socket(config)
    shown = asyncio.run(find_waiting(socket, request, language))
    if not (as_json and yes):
        # Nobody is asked to sign what they were not shown; where a program reads the answer, people read elsewhere.
        typer.echo(shown.waiting.text, err=as_json)
    if not yes:
        asked = {"en": ("Deny this?", "Approve this?"), "fr": ("Refuser ?", "Approuver ?")}[language]
        typer.confirm(asked[allow], abort=True, err=as_json)
    outcome = asyncio.run(answer(socket, shown, read_key(key), allow))
    result = {"request": shown.waiting.request_hash.hex(), "answer": "approve" if allow else "deny"}
    if as_json:
        typer.echo(json.dumps(result | {"outcome": outcome}))
    else:
        told = {"en": f"signed: {result['answer']}", "fr": f"signé : {'oui' if allow else 'non'}"}
        typer.echo(told[language])
        if outcome == "pending":
            typer.echo({"en": "others must approve too", "fr": "il faut encore d'autres oui"}[language])


def history(
    config: Config,
    since: Annotated[str, typer.Option(help="From this day on (YYYY-MM-DD, UTC).")] = "",
    until: Annotated[str, typer.Option(help="Until before this day.")] = "",
    outcome: Annotated[list[str] | None, typer.Option(help="allow, deny, pending or mixed.")] = None,
    purpose: Annotated[str, typer.Option(help="As in the request: treatment, legal, ...")] = "",
    principal: Annotated[str, typer.Option(help="Thumbprint of who asked, in hex.")] = "",
    approver: Annotated[str, typer.Option(help="Thumbprint of who answered, in hex.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="So many, the newest first.")] = 50,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Json = False,
) -> None:
    """Show what this custodian decided."""
    from kms.custodian.approver_service import history as read
    from kms.custodian.history import csv_lines, shown
    from kms.custodian.store import HistoryFilter

    wanted = HistoryFilter(
        _day(since),
        _day(until),
        frozenset(outcome or ()),
        _purpose(purpose),
        _hex(principal, "--principal"),
        _hex(approver, "--approver"),
    )

    async def collect() -> list[HistoryRow]:
        return [row async for row in read(_socket(config), wanted, limit)]

    rows = asyncio.run(collect())
    if as_csv:
        typer.echo(csv_lines(rows, header=True), nl=False)
    elif as_json:
        typer.echo(json.dumps([_row(row) for row in rows]))
    else:
        for row in rows:
            keys = ", ".join(f"{n} {shown(name)}" for name, n in row.categories) or "-"
            waited = f", answered after {row.seconds} s" if row.seconds >= 0 else ""
            at = _utc(row.at)
            typer.echo(f"{at}  {row.request_hash.hex()[:16]}  {row.outcome} ({row.reason}): {keys}{waited}")


# -- approvers ---------------------------------------------------------------------------------------------


@app.command("list")
def list_all(config: Config, as_json: Json = False) -> None:
    """List the approvers, open invitations and revocations, and what was refused of the registry."""
    from kms.custodian.approver_service import list_approvers

    listed = asyncio.run(list_approvers(_socket(config)))
    if as_json:
        typer.echo(json.dumps(_as_dict(listed)))
        return
    for problem in listed.problems:
        typer.echo(f"REFUSED: {problem}", err=True)
    for approver in listed.approvers:
        by = "the administrator" if approver.first else ", ".join(t.hex()[:8] for t in approver.added_by)
        state = (
            f"revoked {_utc(approver.revoked_at)}"
            if approver.revoked_at
            else f"since {_utc(approver.added_at)}"
        )
        address = f" <{approver.email}>" if approver.email else ""
        typer.echo(
            f"{approver.thumbprint.hex()[:16]}  {approver.name}{address}, {approver.kind}, {state}, by {by}"
        )
    for invitation in listed.invitations:
        terms = invitation.terms
        typer.echo(
            f"{invitation.terms_hash.hex()[:16]}  invited: {terms.name} <{terms.email}>,"
            f" {len(invitation.signers)} of {invitation.needed} signed, until {_utc(terms.not_after)}"
        )
    for revocation in listed.revocations:
        typer.echo(
            f"{revocation.revoked_thumbprint.hex()[:16]}  to be revoked:"
            f" {len(revocation.signers)} of {revocation.needed} signed"
        )


@app.command()
def invite(
    name: Annotated[str, typer.Argument(help="Who is invited.")],
    email: Annotated[str, typer.Argument(help="Their address: it names one person at several custodians.")],
    config: Config,
    key: Annotated[Path | None, typer.Option(help="Your key file.")] = None,
    first: Annotated[
        bool, typer.Option("--first", help="By the administrator, while there is nobody.")
    ] = False,
    language: Annotated[str, typer.Option(help="Theirs: en or fr.")] = "en",
    subject: Annotated[
        list[str] | None, typer.Option(help='"iss|sub" under which they ask for keys; may be repeated.')
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=14, help="How long it is open.")] = 7,
    as_json: Json = False,
) -> None:
    """Invite somebody to approve here, and print the one-time token for you to hand over."""
    from kms.custodian import approver_service

    socket = _socket(config)
    if first:
        token = asyncio.run(approver_service.invite_first(socket, name, email, _known(language)))
        have = needed = 0
    else:
        if key is None:
            raise typer.BadParameter("sign it with your key: --key (or --first, while there is nobody)")
        signer = read_key(key)
        token, invitation = asyncio.run(
            approver_service.invite(socket, signer, name, email, _known(language), subject or [], days)
        )
        have, needed = len(invitation.signers), invitation.needed
    if as_json:
        typer.echo(json.dumps({"token": token, "signed": have, "needed": needed}))
        return
    typer.echo(token)
    if have < needed:
        typer.echo(f"{have} of {needed} have signed: others run `kms custodian approver cosign`", err=True)


@app.command()
def cosign(
    invitation: Annotated[str, typer.Argument(help="First digits of the invitation, as `list` shows it.")],
    config: Config,
    key: Key,
    as_json: Json = False,
) -> None:
    """Sign somebody else's invitation too."""
    from kms.custodian import approver_service

    signed = asyncio.run(approver_service.cosign(_socket(config), read_key(key), invitation))
    have = len(signed.signers)
    told = {"invited": signed.terms.name, "signed": have, "needed": signed.needed}
    typer.echo(json.dumps(told) if as_json else f"{signed.terms.name}: {have} of {signed.needed} signed")


@app.command()
def withdraw(
    invitation: Annotated[str, typer.Argument(help="First digits of the invitation, as `list` shows it.")],
    config: Config,
    key: Key,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Call an open invitation off, whoever made it: its token lets nobody in any more."""
    from kms.custodian import approver_service

    socket = _socket(config)
    found = asyncio.run(approver_service.find_invitation(socket, invitation))
    if not yes:
        asked = f"Call off the invitation of {found.terms.name} <{found.terms.email}>?"
        typer.confirm(asked, abort=True, err=as_json)
    asyncio.run(approver_service.withdraw(socket, read_key(key), found.terms_hash))
    told = {"withdrawn": found.terms_hash.hex(), "name": found.terms.name}
    typer.echo(json.dumps(told) if as_json else f"called off: {found.terms.name}")


@app.command()
def join(config: Config, key: Key, as_json: Json = False) -> None:
    """Accept an invitation with your key; the token is asked for, or read from standard input."""
    from kms.custodian import approver_service

    token = typer.prompt("Token", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline().strip()
    approver = asyncio.run(approver_service.accept(_socket(config), token, read_key(key)))
    digits = approver.thumbprint.hex()
    told = {"name": approver.name, "thumbprint": digits}
    typer.echo(json.dumps(told) if as_json else f"{approver.name} approves here from now on: {digits}")


@app.command()
def revoke(
    approver: Annotated[str, typer.Argument(help="First digits of the thumbprint, as `list` shows it.")],
    config: Config,
    key: Key,
    reason: Annotated[str, typer.Option(help="Why; the other approvers read it.")] = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take an approver off the list for ever: another one, or yourself."""
    from kms.custodian import approver_service

    socket = _socket(config)
    found = asyncio.run(approver_service.find_approver(socket, approver))
    if not yes:
        typer.confirm(f"Take {found.name} off the list for ever?", abort=True, err=as_json)
    revocation = asyncio.run(approver_service.revoke(socket, read_key(key), found.thumbprint, reason))
    have = len(revocation.signers)
    if as_json:
        told = {"revoked": found.thumbprint.hex(), "done": revocation.done}
        typer.echo(json.dumps(told | {"signed": have, "needed": revocation.needed}))
    else:
        typer.echo("revoked" if revocation.done else f"{have} of {revocation.needed} signed: others must too")


# -- small things ------------------------------------------------------------------------------------------


def read_key(path: Path) -> SigningKey:
    """An approver's key; its passphrase is asked for if it has one."""
    from kms.crypto.signing import SigningKey
    from kms.storage.keyfile import read_secret

    wants = '"argon2id"' in path.read_text() if path.exists() else False
    passphrase = typer.prompt("Passphrase of your key", hide_input=True) if wants else None
    return SigningKey(read_secret(path, passphrase))


def _socket(config: Path) -> Path:
    from kms.custodian.config import CustodianConfig
    from kms.storage.config import load

    return load(CustodianConfig, config).socket()


def _known(language: str) -> str:
    if language not in ("en", "fr"):
        raise typer.BadParameter("--language must be en or fr")
    return language


def _day(text: str) -> int:
    if not text:
        return 0
    try:
        day = datetime.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=datetime.UTC)
    except ValueError:
        raise typer.BadParameter(f"{text} is no day: write YYYY-MM-DD") from None
    return int(day.timestamp())


def _purpose(text: str) -> int:
    from kms.statements.release import Purpose

    if not text:
        return 0
    try:
        return int(Purpose[text.upper()])
    except KeyError:
        names = ", ".join(purpose.name.lower() for purpose in Purpose)
        raise typer.BadParameter(f"--purpose must be one of {names}") from None


def _hex(text: str, option: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise typer.BadParameter(f"{option} must be hex") from None


def _utc(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M")


def _as_dict(message: Any) -> dict[str, Any]:
    """A message as JSON, its bytes as hex."""
    result: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        result[field.name] = [_plain(each) for each in value] if field.is_repeated else _plain(value)
    return result


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return _as_dict(value) if hasattr(value, "DESCRIPTOR") else value


def _waiting(waiting: Any) -> dict[str, Any]:
    return {
        "request": waiting.request_hash.hex(),
        "text": waiting.text,
        "count": waiting.count,
        "expires_at": waiting.expires_at,
        "approved": waiting.approved,
        "needed": waiting.needed,
        "facts": _as_dict(waiting.facts),
    }


def _row(row: HistoryRow) -> dict[str, Any]:
    return {
        "at": row.at,
        "request": row.request_hash.hex(),
        "outcome": row.outcome,
        "reason": row.reason,
        "allowed": row.allowed,
        "denied": row.denied,
        "pending": row.pending,
        "categories": dict(row.categories),
        "purpose": row.purpose.name.lower(),
        "principal": row.principal.hex(),
        "approver": row.approver.hex(),
        "seconds": row.seconds if row.seconds >= 0 else None,
    }
