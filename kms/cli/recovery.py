"""`kms custodian recover`: bring a log back that was put back with its disk."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

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
        typer.echo(json.dumps({"heard": heard, "recovered": asdict(done) if done else None}))
        return
    if done is None:
        typer.echo(f"the log is whole, as far as {heard} other custodians know")
        return
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(done.kinds.items()))
    typer.echo(f"{done.brought} entries came back from custodian {done.from_peer}'s copy: {kinds}")
    if done.displaced:
        typer.echo(f"{done.displaced} entries that stood in their place were put aside")
    typer.echo(f"the log has {done.size} entries and is whole: the node may be started")
    typer.echo("the rest of this disk is as old as it was: see what to repair and tell again in docs/log.md")
