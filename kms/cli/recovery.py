"""`kms custodian recover`: bring a log back that was put back with its disk."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kms.custodian.recovery import Recovered

Config = Annotated[Path, typer.Option(help="The custodian's TOML file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def recover(config: Config, as_json: Json = False) -> None:
    """Bring back the entries that the log has lost, from the other custodians' copies of it.

    The node must not be running. Nothing is changed if the log is whole.
    """
    from kms.cli.progress import counting
    from kms.custodian.config import CustodianConfig
    from kms.custodian.log_keeping import recover_log
    from kms.storage.config import load

    settings = load(CustodianConfig, config)
    with counting(quiet=as_json) as tell:
        done, heard = asyncio.run(recover_log(settings, lambda back, total: tell("entries", back, total)))
    if as_json:
        typer.echo(json.dumps({"heard": heard, "recovered": _plain(done) if done else None}))
        return
    if done is None:
        typer.echo(f"the log is whole, as far as {heard} other custodians know")
        return
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(done.kinds.items()))
    typer.echo(f"{done.brought} entries came back from custodian {done.from_peer}'s copy: {kinds}")
    if done.displaced:
        typer.echo(f"{done.displaced} entries that stood in their place were put aside")
    for one in done.untold:
        by = one.principal.hex() or "the admins"
        typer.echo(f"must be told again: {one.kind.name} {one.outcome} {one.subject.hex()} by {by}")
    typer.echo(f"the log has {done.size} entries and is whole: the node may be started")
    typer.echo("the rest of this disk is as old as it was: see what to repair and tell again in docs/log.md")


def _plain(done: Recovered) -> dict[str, object]:
    untold = [
        {
            "kind": one.kind.name,
            "outcome": one.outcome,
            "statement_hash": one.subject.hex(),
            "principal": one.principal.hex(),
        }
        for one in done.untold
    ]
    return asdict(replace(done, untold=())) | {"untold": untold}
