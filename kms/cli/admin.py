"""`kms admin`: the keys of those who propose and sign ceremonies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kms.crypto.signing import SigningKey

app = typer.Typer(help="The people who propose changes and sign ceremonies.", no_args_is_help=True)
key = typer.Typer(help="An admin's signing key, in a file behind a passphrase.", no_args_is_help=True)
app.add_typer(key, name="key")
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def _root() -> None:
    """Keeps `kms admin` a group even if it had one command."""


@key.command("new")
def new(target: Annotated[Path, typer.Argument(help="The key file to make.")], as_json: Json = False) -> None:
    """Make an admin's key behind a passphrase (asked for), and print its public half and fingerprint."""
    from kms.crypto.signing import SigningKey
    from kms.errors import ConfigError
    from kms.storage.keyfile import write_secret

    if target.exists():  # before anybody thinks of a passphrase
        raise ConfigError(f"{target} exists already")
    passphrase = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    made = SigningKey.generate()
    write_secret(target, made.seed, passphrase)
    _print(made, as_json)


@key.command("show")
def show(file: Annotated[Path, typer.Argument(help="The key file.")], as_json: Json = False) -> None:
    """Print a key's public half and fingerprint; asks for its passphrase."""
    _print(read_key(file), as_json)


def read_key(file: Path) -> SigningKey:
    """The signing key of a file; the passphrase is asked for on the terminal if it wants one."""
    from kms.crypto.signing import SigningKey
    from kms.storage.keyfile import read_secret

    wants = file.exists() and '"argon2id"' in file.read_text(errors="replace")
    passphrase = typer.prompt(f"Passphrase of {file.name}", hide_input=True, err=True) if wants else None
    return SigningKey(read_secret(file, passphrase))


def _print(made: SigningKey, as_json: bool) -> None:
    from kms.ceremony.words import words

    fingerprint = words(made.thumbprint)
    if as_json:
        typer.echo(json.dumps({"public_key": made.public.hex(), "fingerprint": fingerprint}))
    else:
        typer.echo(f"public key   {made.public.hex()}\nfingerprint  {fingerprint}")
