"""`kms ceremony publish | reshare | repair`: what a coordinator carries out once people have signed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Coordinator = Annotated[str, typer.Option(help="The coordinator's host:port.")]
Authorities = Annotated[Path, typer.Option(help="PEM file of the authorities behind its certificate.")]


def publish(
    chain: Annotated[Path, typer.Argument(help="The chain file.")],
    coordinator: Coordinator,
    authorities: Authorities,
    as_json: Json = False,
) -> None:
    """Hand a longer chain to the coordinator and to every custodian that is up."""
    from kms.ceremony import files
    from kms.ceremony.carrying import publish_chain
    from kms.ceremony.proposals import read_chain

    known = read_chain(files.read(chain))
    following, away = asyncio.run(publish_chain(known, coordinator, authorities))
    if as_json:
        typer.echo(json.dumps({"following": following, "away": away}))
    else:
        typer.echo(f"followed by custodians {_list(following)}; away: {_list(away)}")


def reshare(
    order: Annotated[Path, typer.Argument(help="A signed order.")],
    coordinator: Coordinator,
    authorities: Authorities,
    canary: Annotated[
        Path | None,
        typer.Option(help="The profile of a device that may read --record: it tries the new shares first."),
    ] = None,
    record: Annotated[Path | None, typer.Option(help="A record, whose key goes first.")] = None,
    as_json: Json = False,
) -> None:
    """Deal every key anew under a signed order, or go on where a run stopped. Reading goes on meanwhile.

    With a canary one key goes first, and unless its new shares open the record nothing else is done and nothing erased.
    """
    from kms.ceremony.carrying import reshare as carry
    from kms.cli.progress import follow
    from kms.errors import ConfigError

    envelope = _order(order, "reshare-order")
    if (canary is None) != (record is None):
        raise ConfigError("a canary is a device's profile and a record: give --canary and --record")
    started = time.monotonic()
    if canary is not None and record is not None:
        _let_it_sing(envelope, canary, record, coordinator, authorities, as_json)
    last = asyncio.run(follow(carry(envelope, coordinator, authorities), "dealt anew", as_json))
    seconds, keys = time.monotonic() - started, last.done + (canary is not None)
    if as_json:
        facts = {
            "keys": keys,
            "failed": last.failed,
            "erased": last.erased,
            "cheats": list(last.cheats),
            "away": list(last.away),
            "bytes_relayed": last.bytes_relayed,
            "seconds": round(seconds, 3),
        }
        typer.echo(json.dumps(facts))
    else:
        typer.echo(f"{keys} keys dealt anew in {seconds:.1f} s, {last.failed} not")
        if last.cheats:
            typer.echo(f"custodians {_list(last.cheats)} dealt wrong shares and were left out")
        if last.away:
            typer.echo(f"custodians {_list(last.away)} were away: repair them when they are back")
    if last.failed:
        raise typer.Exit(1)


def _let_it_sing(
    order: bytes, canary: Path, record: Path, coordinator: str, authorities: Path, as_json: bool
) -> None:
    """Deal the record's key anew and read the record by the new shares alone; Unavailable if they do not open it."""
    from kms.ceremony.carrying import reshare as carry
    from kms.ceremony.files import read_bytes
    from kms.cli.progress import follow
    from kms.crypto.hashing import equal
    from kms.crypto.records import parse_header
    from kms.errors import KmsError, Unavailable
    from kms.statements.ceremony import order_hash, parse_plan, plan_version
    from kms.statements.envelope import unpack
    from kms_client.aio import AsyncClient

    written = read_bytes(record)
    work = carry(order, coordinator, authorities, parse_header(written).key_id)
    plan = asyncio.run(follow(work, "canary dealt anew", as_json)).canary_plan

    async def read() -> None:
        async with AsyncClient(canary) as client:
            await client.decrypt_through(written, plan_version(plan))

    try:
        # A coordinator could name a plan of long ago, whose shares were tried then.
        if not equal(parse_plan(plan).order_hash, order_hash(unpack(order)[1])):
            raise Unavailable("the coordinator shows a plan of another order", reason="WRONG_PLAN")
        asyncio.run(read())
    except KmsError as error:
        raise Unavailable(
            f"the new shares do not open {record}: {error.message} [{error.reason}]. Nothing was erased, and no other "
            "key was dealt anew",
            reason="CANARY_SILENT",
        ) from error
    if not as_json:
        typer.echo(f"the canary sings: the new shares open {record}")


def generate(
    order: Annotated[Path, typer.Argument(help="A signed order of a pool.")],
    coordinator: Coordinator,
    authorities: Authorities,
    as_json: Json = False,
) -> None:
    """Let the custodians make the keys of a signed order, or go on where a run stopped."""
    from kms.ceremony.carrying import generate as carry
    from kms.cli.progress import follow

    envelope = _order(order, "pool-order")
    started = time.monotonic()
    last = asyncio.run(follow(carry(envelope, coordinator, authorities), "made", as_json))
    seconds = time.monotonic() - started
    if as_json:
        facts = {
            "keys": last.done,
            "failed": last.failed,
            "cheats": list(last.cheats),
            "away": list(last.away),
            "seconds": round(seconds, 3),
        }
        typer.echo(json.dumps(facts))
    else:
        typer.echo(f"{last.done} keys made in {seconds:.1f} s, {last.failed} not")
        if last.cheats:
            typer.echo(f"custodians {_list(last.cheats)} dealt wrong shares and were left out")
        if last.away:
            typer.echo(f"custodians {_list(last.away)} were away")
    if last.failed:
        raise typer.Exit(1)


def repair(
    index: Annotated[int, typer.Argument(help="The custodian whose shares are lost.")],
    coordinator: Coordinator,
    authorities: Authorities,
    as_json: Json = False,
) -> None:
    """Bring a custodian's lost shares back, with the help of t others."""
    facts = bring_back(index, coordinator, authorities, as_json)
    if as_json:
        typer.echo(json.dumps(facts))
    if facts["failed"]:
        raise typer.Exit(1)


def bring_back(index: int, coordinator: str, authorities: Path, as_json: bool) -> dict[str, float]:
    """Let the coordinator repair custodian `index`, and tell how it went unless `as_json`: keys, failed, seconds."""
    from kms.ceremony.carrying import repair as carry
    from kms.cli.progress import follow

    started = time.monotonic()
    last = asyncio.run(follow(carry(index, coordinator, authorities), "brought back", as_json))
    seconds = time.monotonic() - started
    if not as_json:
        typer.echo(f"{last.done} shares brought back in {seconds:.1f} s, {last.failed} not")
    return {"keys": last.done, "failed": last.failed, "seconds": round(seconds, 3)}


def _order(path: Path, kind: str) -> bytes:
    """The envelope of the one order in a file."""
    from kms.ceremony import files
    from kms.ceremony.files import Enveloped
    from kms.ceremony.proposals import envelope_of
    from kms.errors import ConfigError

    orders = [line for line in files.read(path) if isinstance(line, Enveloped) and line.kind == kind]
    if len(orders) != 1:
        raise ConfigError(f"{path} holds {len(orders)} of a {kind}: give the file of one")
    return envelope_of(orders[0])


def _list(indices: Sequence[int]) -> str:
    return ", ".join(map(str, indices)) or "none"
