"""`kms credential`: what `kms login` keeps on a device (never printed), and how a key or a person is ended."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kms_client.kept import Folder, Kept
    from kms_client.killing import Effect
    from kms_client.profile import Profile

app = typer.Typer(help="Credentials that this device keeps.", no_args_is_help=True)
ProfileAt = Annotated[Path, typer.Argument(metavar="PROFILE", help="A device's profile, or its folder.")]
Iss = Annotated[str, typer.Argument(metavar="ISSUER", help="The provider's name.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(profile: ProfileAt, as_json: Json = False) -> None:
    """List the credentials, whose word they are and for how long they hold."""
    kept = _folder(profile).all()
    if as_json:
        typer.echo(json.dumps([one.facts() for one in kept]))
        return
    for one in kept:
        left = one.expires - int(time.time())
        state = f"{left // 60} minutes" if left > 0 else "expired"
        typer.echo(f"{one.iss}  {state}{', renewed by itself' if one.refresh else ''}")
    if not kept:
        typer.echo("no credential is kept here: `kms login` brings one")


@app.command()
def show(profile: ProfileAt, issuer: Iss, as_json: Json = False) -> None:
    """Show what one says, and which key it is bound to."""
    facts = _find(_folder(profile), issuer).facts()
    if as_json:
        typer.echo(json.dumps(facts))
        return
    for name, value in (facts | facts.pop("claims")).items():
        text = "".join(c if c.isprintable() else "?" for c in str(value))
        typer.echo(f"{name:15} {text}")


@app.command()
def kill(
    profile: ProfileAt,
    order: Annotated[
        Path | None,
        typer.Option(help="Hand in this order of the admins instead of ending this device's key."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
    as_json: Json = False,
) -> None:
    """End this device's key, or what an order names, at every custodian. Exit 1 unless it is effective.

    It is once so many custodians gave their signed word that fewer than the threshold are left who could answer.
    """
    from kms_client.profile import Profile

    device = Profile.load(profile)
    if order is None and not yes:
        typer.confirm("This device's key opens nothing any more, for good. Go on?", abort=True)
    effect = asyncio.run(_kill(device, order.read_bytes() if order else b""))
    if as_json:
        typer.echo(json.dumps(effect.facts()))
    else:
        for index in effect.acknowledged:
            typer.echo(f"custodian {index}: ended")
        for index, reason in effect.failures.items():
            typer.echo(f"custodian {index}: no word of it [{reason}]")
        have = len(effect.acknowledged)
        typer.echo(
            f"effective: {have} custodians, {effect.needed} are enough"
            if effect.effective
            else f"NOT effective yet: {have} of {effect.needed} custodians; run it again until it is"
        )
    if not effect.effective:
        raise typer.Exit(1)


async def _kill(profile: Profile, order: bytes) -> Effect:
    from kms_client.killing import hand_in, kill_own_key
    from kms_client.session import Session

    session = Session(profile)
    try:
        return await (hand_in(session, order) if order else kill_own_key(session))
    finally:
        await session.close()


@app.command("order-kill")
def order_kill(
    chain: Annotated[Path, typer.Option(help="The keyring's chain file.")],
    reason: Annotated[str, typer.Option(help="Why, for the record; no names.")],
    out: Annotated[Path, typer.Option(help="The order's file, for the next admin; none is overwritten.")],
    admin_key: Annotated[Path, typer.Option(help="The first admin's key file.")],
    key: Annotated[str, typer.Option(help="End the key of this thumbprint (64 hex digits), for good.")] = "",
    person: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="ISSUER SUBJECT", help="End all credentials of this person."),
    ] = None,
    days: Annotated[int, typer.Option(help="For how long, of a person.", min=1, max=90)] = 30,
) -> None:
    """Order, as an admin, that a key or a person may no longer open anything; others sign it too."""
    from kms.ceremony import files
    from kms.ceremony.proposals import read_chain
    from kms.cli.admin import read_key
    from kms.errors import ConfigError, Invalid
    from kms.statements.codec import encode, payload_type
    from kms.statements.envelope import pack
    from kms.statements.kills import KillKind, KillOrder, person_name

    if bool(key) == bool(person):
        raise Invalid("name either a key or a person", reason="INVALID_FIELD")
    if out.exists():
        raise ConfigError(f"{out} exists already")
    now = int(time.time())
    keyring = read_chain(files.read(chain)).current(now)
    order = KillOrder(
        keyring.keyring_id,
        keyring.manifest_hash,
        KillKind.PERSON if person else KillKind.KEY,
        person_name(keyring.keyring_id, *person) if person else _digest(key),
        now + days * 86400 if person else 0,
        reason,
        now,
    )
    signer, kind, payload = read_key(admin_key), payload_type(KillOrder), encode(order)
    out.write_bytes(pack(kind, payload, [(signer.public, signer.sign(kind, payload))]))
    typer.echo(f"signed by 1 of {keyring.manifest.admin_quorum} admins: {out}")


@app.command("sign-kill")
def sign_kill(
    order: Annotated[Path, typer.Argument(help="The order's file.")],
    admin_key: Annotated[Path, typer.Option(help="This admin's key file.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
) -> None:
    """Sign an order of another admin too, after it is shown."""
    from kms.cli.admin import read_key
    from kms.statements.codec import decode, payload_type
    from kms.statements.envelope import pack, unpack
    from kms.statements.kills import KillOrder

    kind, payload, signatures = unpack(order.read_bytes(), "order")
    said = decode(KillOrder, payload, "order")
    until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(said.until)) if said.until else "for good"
    typer.echo(f"what     {said.kind.name}\nname     {said.name.hex()}\nuntil    {until}")
    typer.echo("reason   " + "".join(c if c.isprintable() else "?" for c in said.reason))
    typer.echo(f"keyring  {said.keyring_id.hex()}")
    if not yes:
        typer.confirm("Sign this?", abort=True)
    signer = read_key(admin_key)
    others = [(by, signature) for by, signature in signatures if by != signer.public]
    signed = [*others, (signer.public, signer.sign(payload_type(KillOrder), payload))]
    order.write_bytes(pack(kind, payload, signed))
    typer.echo(f"signed by {len(signed)} admins")


def _digest(text: str) -> bytes:
    from kms.errors import Invalid

    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != 32:
        raise Invalid("a thumbprint is 64 hex digits", reason="INVALID_FIELD")
    return value


@app.command()
def forget(profile: ProfileAt, issuer: Iss) -> None:
    """Delete one from this device. Custodians believe it until it expires: `kill` ends the key that it is bound to."""
    _find(_folder(profile), issuer)
    _folder(profile).forget(issuer)
    typer.echo(f"forgotten: the credential of {issuer}")


def _folder(profile: Path) -> Folder:
    from kms.errors import ConfigError
    from kms_client.kept import Folder
    from kms_client.profile import Profile

    loaded = Profile.load(profile)
    if loaded.kept is None:
        raise ConfigError("this profile has no folder for credentials")
    return Folder(loaded.kept)


def _find(folder: Folder, iss: str) -> Kept:
    from kms.errors import NotFound

    for kept in folder.all():
        if kept.iss == iss:
            return kept
    raise NotFound(f"no credential of {iss!r} is kept here", reason="NO_CREDENTIAL")
