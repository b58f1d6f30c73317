"""`kms custodian roll`, `backup` and `restore`: what an operator does with a custodian's store."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

Tell = Callable[[str, int, int], None]
Told = tuple[int, int, int]
"""Generation of the row root that was destroyed, rows, damaged rows."""

if TYPE_CHECKING:
    from kms.custodian.config import CustodianConfig

Config = Annotated[Path, typer.Option(help="The custodian's TOML file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands to those of a custodian."""
    app.command()(roll)
    app.command()(backup)
    app.command()(restore)


def _load(path: Path) -> CustodianConfig:
    from kms.custodian.config import CustodianConfig
    from kms.storage.config import load

    return load(CustodianConfig, path)


def roll(config: Config, as_json: Json = False) -> None:
    """Roll the row root now: what was erased before opens no more, from whatever copy.

    A running node does it; else it is done here.
    """
    from kms.cli.progress import counting

    settings = _load(config)
    with counting(quiet=as_json) as tell:
        told = asyncio.run(_roll_running(settings, tell)) if settings.socket().exists() else None
        told = told or _roll_here(settings, tell)
    generation, rows, lost = told
    if as_json:
        typer.echo(json.dumps({"destroyed": generation, "rows": rows, "damaged": lost}))
        return
    typer.echo(f"row root {generation} is destroyed; {rows} rows lie under the next")
    if lost:
        typer.echo(f"{lost} rows open under no root: `kms custodian check` names them")


async def _roll_running(settings: CustodianConfig, tell: Tell) -> Told | None:
    from kms.custodian.upkeep_service import roll_node
    from kms.errors import Unavailable

    lost = 0
    try:
        async for step in roll_node(settings.socket()):
            lost = max(lost, step.lost)
            tell("rows", step.done, step.total)
            if step.ended:
                return step.generation, step.total, lost
    except Unavailable as error:
        if error.reason == "LOCKED":
            raise
    return None


def _roll_here(settings: CustodianConfig, tell: Tell) -> Told:
    from kms.custodian.config import open_store, open_vault

    now = int(time.time())
    store, rolling = open_store(settings, open_vault(settings), now)
    lost = 0
    try:
        for step in rolling.roll(now):
            lost = max(lost, step.lost)
            tell("rows", step.done, step.total)
        return step.generation, step.total, lost
    finally:
        store.close()


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; nothing may be there yet.")],
    config: Config,
    as_json: Json = False,
) -> None:
    """Copy the store without shares, row keys and sealing keys: log, revocations, kills, counts, approvers.

    A running node does it, and answers nothing else meanwhile; else it is done here.
    """
    settings, path = _load(config), file.absolute()
    told = asyncio.run(_backup_running(settings, path)) if settings.socket().exists() else None
    rows, size = told or _backup_here(settings, path)
    if as_json:
        typer.echo(json.dumps({"file": str(path), "rows": rows, "bytes": size}))
    else:
        typer.echo(f"{path}: {rows} rows, {size} bytes, no share")


async def _backup_running(settings: CustodianConfig, path: Path) -> tuple[int, int] | None:
    from kms.custodian.upkeep_service import back_up_node
    from kms.errors import Unavailable

    try:
        return await back_up_node(settings.socket(), path)
    except Unavailable as error:
        if error.reason == "LOCKED":
            raise
        return None


def _backup_here(settings: CustodianConfig, path: Path) -> tuple[int, int]:
    from kms.custodian.config import open_vault
    from kms.custodian.sqlite import SqliteCustodianStore

    vault = open_vault(settings)
    store = SqliteCustodianStore.open(settings.place)
    try:
        return store.back_up(path, vault.tag_of_copy)
    finally:
        store.close()


def restore(
    file: Annotated[Path, typer.Argument(help="What `kms custodian backup` wrote.")],
    config: Config,
    as_json: Json = False,
) -> None:
    """Make this custodian's store of a copy. Start the node then, and let the others repair its shares."""
    from dataclasses import asdict

    from kms.custodian.restoring import restore as make_store

    restored = make_store(_load(config), file, int(time.time()))
    if as_json:
        typer.echo(json.dumps(asdict(restored)))
        return
    typer.echo(f"custodian {restored.index}: {restored.log_entries} log entries")
    if restored.missing:
        typer.echo(f"{restored.missing} keys have no share here: `kms custodian repair` brings them back")
