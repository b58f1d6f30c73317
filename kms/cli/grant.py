"""`kms grant`: an owner lets somebody read, sees how often they did, and takes it back."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kms.cli.device import (
    Contact,
    Json,
    ProfilePath,
    act,
    read_contact,
    read_profile,
    read_purpose,
    tell_outcome,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kms.statements.consent import Account
    from kms.statements.evidence import Grant
    from kms_client.consent import Told
    from kms_client.register import Entry, Register

app = typer.Typer(help="Who may read an owner's records, for what, until when.", no_args_is_help=True)
HERE = Path()
DAY = 86400


@app.command()
def contact(
    target: Annotated[Path, typer.Argument(help="The contact file to make.")],
    name: Annotated[str, typer.Option(help="Your name, as others know you.")],
    profile: ProfilePath = HERE,
    as_json: Json = False,
) -> None:
    """Write who this device is into a file that others name it by; the words are for reading out."""
    from kms.ceremony.words import words

    me = Contact(read_profile(profile).device_key.thumbprint, name)
    me.write(target)
    facts = {"name": name, "thumbprint": me.thumbprint.hex(), "fingerprint": words(me.thumbprint)}
    typer.echo(
        json.dumps(facts)
        if as_json
        else f"thumbprint   {facts['thumbprint']}\nfingerprint  {facts['fingerprint']}"
    )


@app.command()
def issue(
    target: Annotated[Path, typer.Argument(help="The grant's file to make: hand it to the grantee.")],
    to: Annotated[str, typer.Option(help="The grantee: a contact file, or a thumbprint in hex.")],
    key: Annotated[list[str], typer.Option(help="A record's key id in hex; may be repeated.")] = [],  # noqa: B006
    category: Annotated[str, typer.Option(help="Instead of keys: one category of all your records.")] = "",
    purpose: Annotated[list[str], typer.Option(help="What for; may be repeated.")] = ["treatment"],  # noqa: B006
    days: Annotated[int, typer.Option(help="Until when.", min=1, max=90)] = 30,
    count: Annotated[int, typer.Option(help="How many records may be opened.", min=1, max=1_000_000)] = 1000,
    profile: ProfilePath = HERE,
    as_json: Json = False,
) -> None:
    """Let somebody read: named records or one category, for a purpose, for some days."""
    from kms.errors import ConfigError
    from kms_client.register import Register

    if target.exists():
        raise ConfigError(f"{target} exists already")
    device, grantee = read_profile(profile), read_contact(to)
    register = Register.of(device)
    keys, purposes = [_hex(k) for k in key], [read_purpose(p) for p in purpose]
    envelope = act(
        device,
        lambda client: client.grant(
            grantee.thumbprint,
            keys=keys,
            category=category,
            purposes=purposes,
            valid_for=days * DAY,
            max_count=count,
        ),
    )
    entry = register.add(envelope, grantee.name)
    target.write_bytes(envelope)
    typer.echo(json.dumps(_facts(entry)) if as_json else "\n".join(_lines(entry)))


@app.command("list")
def list_grants(
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the custodians.")] = False,
    profile: ProfilePath = HERE,
    as_json: Json = False,
) -> None:
    """List what this device gave, and how often each custodian says it was used."""
    from kms_client.register import Register

    device = read_profile(profile)
    entries = Register.of(device).entries()
    accounts: Mapping[int, Account] = {}
    if entries and not offline:
        accounts = act(device, lambda client: client.accounts([e.envelope for e in entries]))
    if as_json:
        typer.echo(json.dumps({"grants": [_facts(entry, accounts) for entry in entries]}))
        return
    for entry in entries:
        typer.echo("\n".join(_lines(entry, accounts)))
    if not entries:
        typer.echo("no grants were given with this device")


@app.command()
def show(grant: Annotated[Path, typer.Argument(help="A grant's file.")], as_json: Json = False) -> None:
    """Say what a grant's file says. Whether it still holds, only custodians know."""
    from kms.errors import ConfigError
    from kms_client.register import Entry

    try:
        entry = Entry(grant.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read {grant}: {error.strerror}") from None
    typer.echo(json.dumps(_facts(entry)) if as_json else "\n".join(_lines(entry)))


@app.command()
def revoke(
    grant: Annotated[
        str, typer.Argument(help="A grant's file, or the first digits of its id; none with --all.")
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="All that this device has given until now.")] = False,
    profile: ProfilePath = HERE,
    as_json: Json = False,
) -> None:
    """Take a grant back, at each custodian directly; run it again to tell those that were out of reach.

    Exit code 1 until so many custodians acknowledged it that no quorum is left which does not know of it.
    """
    from kms.errors import ConfigError
    from kms_client.granting import sign_revocation, tell_revocation
    from kms_client.register import Register

    if bool(grant) == every:
        raise ConfigError("name a grant, or say --all")
    device = read_profile(profile)
    register = Register.of(device)
    entry = None if every else _find(register, grant)

    async def whole(client: Any) -> Told:
        revocation = entry.revocation if entry else b""
        if not revocation:
            revocation = await sign_revocation(client.session, entry.grant.grant_id if entry else None)
        # First on disk: an owner who is interrupted here tells the same again, and not another thing.
        changed = register.revoked(entry, revocation, entry.receipts) if entry else None
        told = await tell_revocation(client.session, revocation, changed.receipts if changed else {})
        for each in [changed] if changed else register.entries():
            if changed or not each.revocation:
                register.revoked(each, revocation, told.receipts)
        return told

    tell_outcome(act(device, whole), as_json)


def _find(register: Register, grant: str) -> Entry:
    """A grant in the register, by its file or id. One that another of the owner's keys gave is taken in."""
    from kms_client.granting import read_grant

    path = Path(grant)
    if not path.is_file():
        return register.find(grant)
    grant_id = read_grant(path.read_bytes()).grant_id
    known = [entry for entry in register.entries() if entry.grant.grant_id == grant_id]
    return known[0] if known else register.add(path.read_bytes(), "")


def _hex(text: str) -> bytes:
    from kms.errors import ConfigError

    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ConfigError(f"{text} is not hex") from None


def _facts(entry: Entry, accounts: Mapping[int, Account] | None = None) -> dict[str, Any]:
    grant = entry.grant
    return {
        "id": grant.grant_id.hex(),
        "to": grant.grantee_thumbprint.hex(),
        "name": entry.name,
        "keys": [key.hex() for key in grant.key_ids],
        "category": grant.category,
        "purposes": [purpose.name.lower() for purpose in grant.purposes],
        "not_before": grant.not_before,
        "not_after": grant.not_after,
        "max_count": grant.max_count,
        "revoked": bool(entry.revocation),
        "acknowledged": sorted(entry.receipts),
        "uses": {
            str(index): use.uses
            for index, account in sorted((accounts or {}).items())
            for use in account.grants
            if use.grant_id == grant.grant_id
        },
    }


def _lines(entry: Entry, accounts: Mapping[int, Account] | None = None) -> list[str]:
    from kms.ceremony.words import printable, words

    grant, facts = entry.grant, _facts(entry, accounts)
    return [
        f"grant {facts['id']}" + (" (taken back)" if facts["revoked"] else _ended(grant)),
        f"  to        {printable(entry.name) or 'somebody'}: {words(grant.grantee_thumbprint)}",
        f"  reads     {f'category {printable(grant.category)}' if grant.category else f'{len(grant.key_ids)} records'}"
        f" for {', '.join(facts['purposes'])}",
        f"  until     {datetime.fromtimestamp(grant.not_after, UTC):%Y-%m-%d %H:%M} UTC, {grant.max_count} times",
        *([_uses(facts["uses"])] if facts["uses"] else []),
    ]


def _ended(grant: Grant) -> str:
    return " (has ended)" if time.time() >= grant.not_after else ""


def _uses(uses: Mapping[str, int]) -> str:
    told = ", ".join(f"custodian {index}: {n}" for index, n in uses.items())
    # Each counts what it released: who reads asks a quorum, and not always the same one.
    return f"  used      {told}"
