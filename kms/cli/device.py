"""A device on the command line: its profile, with the key's passphrase asked for, and whom it knows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from kms.crypto.signing import SigningKey
    from kms.statements.release import Purpose
    from kms_client.aio import AsyncClient
    from kms_client.consent import Told
    from kms_client.profile import Profile

ProfilePath = Annotated[Path, typer.Option("--profile", help="A device's profile, or its folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
R = TypeVar("R")


def read_key(path: Path) -> SigningKey:
    """A device's key: a PEM file, or one behind a passphrase, which is asked for on the terminal."""
    from kms.crypto.signing import SigningKey
    from kms.errors import ConfigError
    from kms.storage.keyfile import load, read_secret
    from kms_client.profile import read_device_key

    try:
        sealed = path.read_bytes().startswith(b"{")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    if not sealed:
        return read_device_key(path)
    wants = load(path)["kdf"] == "argon2id"
    passphrase = typer.prompt(f"Passphrase of {path.name}", hide_input=True, err=True) if wants else None
    return SigningKey(read_secret(path, passphrase))


def read_profile(path: Path) -> Profile:
    """The profile, its key open."""
    from kms_client.profile import Profile

    return Profile.load(path, read_key)


def act(profile: Profile, step: Callable[[AsyncClient], Awaitable[R]]) -> R:
    """What one step of a client gives."""
    from kms_client.aio import AsyncClient

    async def whole() -> R:
        async with AsyncClient(profile) as client:
            return await step(client)

    return asyncio.run(whole())


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody's key by its thumbprint, under the name that this device knows them by."""

    thumbprint: bytes
    name: str = ""

    def write(self, path: Path) -> None:
        from kms.errors import ConfigError

        try:
            with path.open("x") as file:
                file.write(json.dumps({"name": self.name, "thumbprint": self.thumbprint.hex()}) + "\n")
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {error.strerror}") from None


def read_contact(text: str) -> Contact:
    """A thumbprint in hex, or the contact file of that name; ConfigError if it is neither."""
    from kms.errors import ConfigError

    path = Path(text)
    try:
        if len(text) == 64 and not path.exists():
            return Contact(bytes.fromhex(text))
        facts = json.loads(path.read_text())
        contact = Contact(bytes.fromhex(facts["thumbprint"]), str(facts["name"]))
        if len(contact.thumbprint) != 32:
            raise ValueError
        return contact
    except OSError as error:
        raise ConfigError(f"neither a thumbprint nor a contact file: {text} ({error.strerror})") from None
    except (KeyError, TypeError, ValueError):
        raise ConfigError(f"neither a thumbprint nor a contact file: {text}") from None


def tell_outcome(told: Told, as_json: bool) -> None:
    """Print what became of a statement; exit code 1 unless it is effective."""
    if as_json:
        typer.echo(json.dumps(told.facts()))
    else:
        have = f"{len(told.receipts)} custodians acknowledged it, {told.needed} make it effective"
        typer.echo(("EFFECTIVE: " if told.effective else "NOT EFFECTIVE YET: ") + have)
        for index, reason in sorted(told.failures.items()):
            typer.echo(f"custodian {index} did not: {reason}; run this again to tell it")
    if not told.effective:
        raise typer.Exit(1)


def read_purpose(name: str) -> Purpose:
    """A purpose by its name, as `treatment`."""
    from kms.errors import ConfigError
    from kms.statements.release import Purpose

    try:
        return Purpose[name.upper().replace("-", "_")]
    except KeyError:
        known = ", ".join(p.name.lower() for p in Purpose)
        raise ConfigError(f"no purpose is called {name}; there are {known}") from None
