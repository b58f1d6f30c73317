"""`kms admin`: the keys of those who propose and sign ceremonies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kms.crypto.signing import Signer

app = typer.Typer(help="The people who propose changes and sign ceremonies.", no_args_is_help=True)
key = typer.Typer(help="An admin's signing key, in a file behind a passphrase.", no_args_is_help=True)
app.add_typer(key, name="key")
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def _root() -> None:
    """Keeps `kms admin` a group even if it had one command."""


@key.command("new")
def new(
    target: Annotated[Path, typer.Argument(help="The key file to make.")],
    module: Annotated[
        Path | None, typer.Option(help="Make it on a PKCS#11 token: the library of its maker.")
    ] = None,
    token: Annotated[str, typer.Option(help="The token's label.")] = "",
    as_json: Json = False,
) -> None:
    """Make an admin's key behind a passphrase (asked for), and print its public half and fingerprint.

    With --module and --token the key is made on the token and never leaves it; the file only names it.
    """
    from kms.crypto.signing import SigningKey
    from kms.errors import ConfigError
    from kms.storage.keyfile import write_secret

    if target.exists():  # before anybody thinks of a passphrase
        raise ConfigError(f"{target} exists already")
    if (module is None) != (not token):
        raise ConfigError("a token takes both --module and --token")
    if module is not None:
        from kms.storage.token import Token, make_key

        _print(make_key(target, Token(module.resolve(), token, _ask_pin(token))), as_json)
        return
    passphrase = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    made = SigningKey.generate()
    write_secret(target, made.seed, passphrase)
    _print(made, as_json)


@key.command("show")
def show(file: Annotated[Path, typer.Argument(help="The key file.")], as_json: Json = False) -> None:
    """Print a key's public half and fingerprint; asks for its passphrase."""
    _print(read_key(file), as_json)


def read_key(file: Path) -> Signer:
    """The signing key of a file; its passphrase, or its token's PIN, is asked for on the terminal."""
    from kms.crypto.signing import SigningKey
    from kms.storage import token
    from kms.storage.keyfile import load, read_secret

    content = load(file)
    if content["kdf"] == token.SIGNS:
        return token.read_key(file, _ask_pin(str(content.get("token", ""))))
    wants = content["kdf"] == "argon2id"
    passphrase = typer.prompt(f"Passphrase of {file.name}", hide_input=True, err=True) if wants else None
    return SigningKey(read_secret(file, passphrase))


def _ask_pin(token: str) -> str:
    pin: str = typer.prompt(f"PIN of the token {token}", hide_input=True, err=True)
    return pin


def _print(made: Signer, as_json: bool) -> None:
    from kms.ceremony.words import words

    fingerprint = words(made.thumbprint)
    if as_json:
        typer.echo(json.dumps({"public_key": made.public.hex(), "fingerprint": fingerprint}))
    else:
        typer.echo(f"public key   {made.public.hex()}\nfingerprint  {fingerprint}")
