"""`kms login`: a credential from an identity provider of the manifest, bound to this device's key."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kms.statements.manifest import Issuer
    from kms_client.kept import Kept
    from kms_client.login import DevicePrompt
    from kms_client.profile import Profile


def login(
    profile: Annotated[Path, typer.Argument(help="A device's profile, or its folder.")],
    issuer: Annotated[
        str, typer.Option(help="The provider's name, as in the manifest; not needed if it has one.")
    ] = "",
    client: Annotated[
        str, typer.Option(help="This application's id at the provider; the manifest's audience, or kms.")
    ] = "",
    device: Annotated[
        bool, typer.Option("--device", help="Sign in on another device, by a code, with no browser here.")
    ] = False,
    browser: Annotated[
        bool, typer.Option(help="Open the address in a browser; it is printed anyway.")
    ] = True,
    scope: Annotated[str, typer.Option(help="What to ask the provider for.")] = "openid offline_access",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a line for each step.")] = False,
) -> None:
    """Sign in at an identity provider that the keyring's manifest names, and keep the credential for this device.

    It is bound to the device's key and renewed by itself while the provider lets it be.
    """
    from kms_client.profile import Profile

    kept = asyncio.run(_login(Profile.load(profile), issuer, client, device, browser, scope, as_json))
    if as_json:
        typer.echo(json.dumps(kept.facts()))
    else:
        minutes = max(0, kept.expires - int(time.time())) // 60
        renewed = "renewed by itself" if kept.refresh else "not renewable"
        typer.echo(f"signed in at {kept.iss}: good for {minutes} minutes, {renewed}")


async def _login(
    profile: Profile, iss: str, client: str, device: bool, browser: bool, scope: str, as_json: bool
) -> Kept:
    from kms.errors import ConfigError
    from kms_client.kept import Folder, Kept
    from kms_client.login import by_browser, by_device
    from kms_client.provider import Party, discover

    if profile.kept is None:
        raise ConfigError("this profile has no folder for credentials")
    issuer = await _issuer(profile, iss)
    client = client or (issuer.audience if issuer.nonce_bound else "kms")
    party = Party(issuer, client, profile.keyring_id, profile.device_key)
    endpoints = await discover(issuer)
    if device:
        wait = Waiting(quiet=as_json)
        with wait:
            tokens = await by_device(party, endpoints, wait.begin, scope, wait.sleep)
    else:
        tokens = await by_browser(
            party, endpoints, lambda address: _show_address(address, browser, as_json), scope
        )
    kept = Kept(
        issuer.iss,
        client,
        issuer.audience,
        issuer.nonce_bound,
        profile.keyring_id,
        profile.device_key.thumbprint,
        issuer.trust_anchors,
        endpoints.token,
        tokens.credential,
        tokens.refresh,
        tokens.expires,
    )
    Folder(profile.kept).put(kept)
    return kept


async def _issuer(profile: Profile, iss: str) -> Issuer:
    """From the manifest that this device follows: neither the coordinator nor a typing error chooses a provider."""
    from kms.errors import NotFound
    from kms_client.session import Session

    session = Session(profile)
    try:
        manifest = (await session.directory.keyring()).manifest
    finally:
        await session.close()
    providers = [issuer for issuer in manifest.issuers if issuer.is_provider and iss in ("", issuer.iss)]
    if len(providers) != 1:
        known = ", ".join(issuer.iss for issuer in manifest.issuers if issuer.is_provider) or "none"
        raise NotFound(f"name one provider of the manifest with --issuer: {known}", reason="UNKNOWN_ISSUER")
    return providers[0]


def _show_address(address: str, browser: bool, as_json: bool) -> None:
    import webbrowser

    if as_json:
        typer.echo(json.dumps({"open": address}))
    else:
        typer.echo(f"sign in at:\n  {address}")
    sys.stdout.flush()
    if browser:
        webbrowser.open(address)


class Waiting:
    """Shows the code, and then how much time is left to enter it."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._quiet = quiet
        columns = (TextColumn("waiting for the sign-in"), BarColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet)
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> Waiting:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def begin(self, prompt: DevicePrompt) -> None:
        _show_prompt(prompt, self._quiet)
        self._bar.update(self._task, total=prompt.seconds)
        self._bar.start()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._bar.advance(self._task, seconds)


def _show_prompt(prompt: DevicePrompt, as_json: bool) -> None:
    import segno

    if as_json:
        shown = {"verification_uri": prompt.address, "user_code": prompt.code, "seconds": prompt.seconds}
        typer.echo(json.dumps(shown | {"verification_uri_complete": prompt.complete}))
    else:
        if prompt.complete and sys.stdout.isatty():
            segno.make(prompt.complete, error="l").terminal(compact=True)
        typer.echo(f"on any device, open {prompt.address}\nand enter {prompt.code}")
    sys.stdout.flush()
