"""`kms key`: the end of keys, as their owner orders it, and what custodians sign about it."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kms.cli import key_orders
from kms.cli.device import Json, ProfilePath, act, read_profile

if TYPE_CHECKING:
    from kms.statements.destruction import DestroyReason
    from kms_client.aio import AsyncClient
    from kms_client.destroying import Destruction
    from kms_client.profile import Profile

app = typer.Typer(help="The end of keys: destroy, call off, hold, prove.", no_args_is_help=True)
certificate = typer.Typer(help="What custodians that destroyed keys prove together.", no_args_is_help=True)
app.add_typer(certificate, name="certificate")
app.command("order")(key_orders.order)
app.command("order-cancel")(key_orders.cancel)
app.command("hold")(key_orders.hold)
app.command("lift")(key_orders.lift)
app.command("sign")(key_orders.sign)
app.command("hand-in")(key_orders.hand_in)
HERE = Path()
OrderFile = Annotated[
    Path, typer.Argument(metavar="ORDER", help="The order's file, or its hash, as notices give it.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Go on until the keys are destroyed.")]


@app.command()
def destroy(
    order: Annotated[
        Path, typer.Argument(metavar="ORDER", help="The order's file: made, or brought again if it is there.")
    ],
    key: Annotated[list[str], typer.Option(help="A key's name in hex; may be repeated.")] = [],  # noqa: B006
    record: Annotated[list[Path], typer.Option(help="A record's file: its key; may be repeated.")] = [],  # noqa: B006
    reason: Annotated[str, typer.Option(help="Why: owner_wish, mistake, compromised, ...")] = "owner_wish",
    text: Annotated[str, typer.Option(help="Why, in words: only their hash is signed.")] = "",
    days: Annotated[int, typer.Option(help="Wait so long at least.", min=0, max=90)] = 0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
    wait: Wait = False,
    profile: ProfilePath = HERE,
    as_json: Json = False,
) -> None:
    """Order the end of keys that are yours. Nobody opens their records any more, for good, once the wait is over.

    Run it again with the same file to tell custodians that were out of reach. Exit code 1 until enough have taken it.
    """
    from kms_client.destroying import write_order

    device = read_profile(profile)
    if not order.exists():
        names = _names(key, record)
        why = read_reason(reason)
        if not yes:
            typer.confirm(f"Destroy {len(names)} keys, and with them every record under them?", abort=True)

        async def make(client: AsyncClient) -> bytes:
            keyring = await client.session.directory.keyring()
            return write_order(client.session, keyring, names, why, days * 86400, text)

        with order.open("xb") as file:
            file.write(act(device, make))
    said = order.read_bytes()
    found = act(device, lambda client: client.bring_order(said))
    if wait:
        found = _follow(device, said, as_json)
    _tell(found, as_json)
    if not found.accepted:
        raise typer.Exit(1)


@app.command()
def cancel(order: OrderFile, profile: ProfilePath = HERE, as_json: Json = False) -> None:
    """Call an order off before its time has come. Exit code 1 until so many custodians did that the keys open."""
    device = read_profile(profile)
    said = _find(device, order)
    found = act(device, lambda client: client.cancel_destruction(said))
    _tell(found, as_json)
    if not found.called_off:
        raise typer.Exit(1)


@app.command()
def status(order: OrderFile, wait: Wait = False, profile: ProfilePath = HERE, as_json: Json = False) -> None:
    """Where an order stands at each custodian, as it signed."""
    device = read_profile(profile)
    said = _find(device, order)
    found = _follow(device, said, as_json) if wait else act(device, lambda client: client.destruction(said))
    _tell(found, as_json)


@certificate.command("get")
def get(
    order: OrderFile,
    out: Annotated[Path, typer.Argument(help="The certificate's file to make.")],
    profile: ProfilePath = HERE,
    as_json: Json = False,
) -> None:
    """Collect the custodians' words into one file, and say what they prove. Exit code 1 if they are not enough."""
    device = read_profile(profile)
    said = _find(device, order)
    payload = act(device, lambda client: client.destruction_certificate(said))
    out.write_bytes(payload)
    _show(payload, device.keyring_id, None, as_json)


@certificate.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="A certificate's file.")],
    keyring: Annotated[str, typer.Option(help="The keyring's id (64 hex digits), as you know it.")],
    chain: Annotated[
        Path | None,
        typer.Option(help="The keyring's chain as you have it: words of a former manifest are refused."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a certificate without any network, and say what it proves. Exit code 1 if that is not enough."""
    from kms.errors import Invalid

    try:
        pinned = bytes.fromhex(keyring)
    except ValueError:
        pinned = b""
    if len(pinned) != 32:
        raise Invalid("a keyring's id is 64 hex digits", reason="INVALID_FIELD")
    _show(read_file(file), pinned, chain, as_json)


def _show(payload: bytes, pinned: bytes, chain: Path | None, as_json: bool) -> None:
    from kms.statements.chain_file import read_chain
    from kms.statements.destruction_certificate import open_destruction_certificate

    known = read_chain(chain, pinned) if chain else None
    proof = open_destruction_certificate(payload, pinned, known)
    typer.echo(json.dumps(proof.facts()) if as_json else proof.text(), nl=as_json)
    if not proof.complete:
        raise typer.Exit(1)


def read_reason(name: str) -> DestroyReason:
    """A reason by its name."""
    from kms.errors import ConfigError
    from kms.statements.destruction import DestroyReason

    try:
        return DestroyReason[name.upper().replace("-", "_")]
    except KeyError:
        known = ", ".join(r.name.lower() for r in DestroyReason)
        raise ConfigError(f"no reason is called {name}; there are {known}") from None


def read_file(path: Path) -> bytes:
    """Its bytes; ConfigError if it cannot be read."""
    from kms.errors import ConfigError

    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None


def _find(device: Profile, order: Path) -> bytes:
    """An order from its file; where there is none, and it is a hash, from the custodians."""
    name = str(order)
    if order.exists() or len(name) != 64 or set(name) - set("0123456789abcdef"):
        return read_file(order)
    return act(device, lambda client: client.find_order(bytes.fromhex(name)))


def _names(keys: list[str], paths: list[Path]) -> list[bytes]:
    from kms.crypto.records import parse_header
    from kms.errors import Invalid

    names = {key_orders.digest(key) for key in keys}
    names |= {parse_header(read_file(path)).key_id for path in paths}
    if not names:
        raise Invalid("name the keys, or records under them", reason="INVALID_FIELD")
    return sorted(names)


def _follow(device: Profile, order: bytes, quiet: bool) -> Destruction:
    """Ask now and then until it is done or called off, with a bar on the terminal."""
    from kms.cli.progress import counting

    async def whole(client: AsyncClient) -> Destruction:
        with counting(quiet) as tell:
            while True:
                found = await client.destruction(order)
                tell("custodians that destroyed the keys", len(found.destroyed), found.needed)
                if found.state == "DESTROYED" or found.called_off or not (found.scheduled or found.destroyed):
                    return found
                await asyncio.sleep(1.0)

    return act(device, whole)


def _tell(found: Destruction, as_json: bool) -> None:
    from kms.ceremony.rendering import when

    if as_json:
        typer.echo(json.dumps(found.facts()))
        return
    have = len(found.destroyed)
    typer.echo(f"{found.state}: {have} custodians have destroyed, {found.needed} are enough")
    for index in sorted({*found.scheduled, *found.cancelled, *found.destroyed, *found.failures}):
        if index in found.destroyed:
            state = "destroyed"
        elif index in found.cancelled:
            state = "called off"
        elif index in found.scheduled:
            left = max(0, found.scheduled[index] - int(time.time()))
            held = ", but a legal hold keeps it" if index in found.held else ""
            state = f"destroys at {when(found.scheduled[index])} ({left // 86400} days left){held}"
        else:
            state = f"did not: {found.failures[index]}; run this again to tell it"
        typer.echo(f"custodian {index}: {state}")
