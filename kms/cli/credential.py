"""`kms credential`: what `kms login` keeps on a device. Tokens are never printed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kms_client.kept import Folder, Kept

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
def forget(profile: ProfileAt, issuer: Iss) -> None:
    """Delete one from this device. It is not revoked: custodians believe it until it expires."""
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
