"""`kms custodian log`: read this custodian's own log, running or not, and write it out for others."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from kms.audit.logs import LogReader
    from kms.custodian.config import CustodianConfig
    from kms.statements.audit import LogEntry

app = typer.Typer(help="This custodian's own log, as anybody may read it.", no_args_is_help=True)
Config = Annotated[Path, typer.Option(help="The custodian's TOML file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _load(path: Path) -> CustodianConfig:
    from kms.custodian.config import CustodianConfig
    from kms.storage.config import load

    return load(CustodianConfig, path)


@contextmanager
def _reader(settings: CustodianConfig) -> Iterator[LogReader]:
    """The log of the running node, by its local socket; else of its store, up to the last signed checkpoint."""
    from kms.custodian.sqlite import SqliteCustodianStore
    from kms.custodian.stopped_log import StoppedLog

    reader = _running(settings) or StoppedLog(SqliteCustodianStore.open(settings.place))
    try:
        yield reader
    finally:
        reader.close()


def _running(settings: CustodianConfig) -> LogReader | None:
    from kms.audit.remote import RemoteSource
    from kms.errors import Unavailable

    if not settings.socket().exists():
        return None
    reader = RemoteSource(f"unix:{settings.socket()}", None, settings.keyring_id).open()
    try:
        reader.checkpoint()
    except Unavailable as error:
        reader.close()
        if error.reason in ("LOCKED", "RECOVERY"):  # the node holds the store, and says why it shows nothing
            raise
        return None  # a socket that was left behind
    except BaseException:
        reader.close()
        raise
    return reader


@app.command()
def show(
    config: Config,
    first: Annotated[int | None, typer.Option(help="Number of the first entry.", min=0)] = None,
    count: Annotated[int, typer.Option(help="How many: the last ones, without --first.", min=1)] = 20,
    as_json: Json = False,
) -> None:
    """List entries up to the last signed checkpoint: number, time, what, for whom, what came of it."""
    from kms.statements.checkpoint import read_note

    with _reader(_load(config)) as reader:
        size = read_note(reader.checkpoint()).checkpoint.size
        start = max(0, size - count) if first is None else first
        for entry in _entries(reader, size, start, min(size, start + count)):
            typer.echo(json.dumps(_facts(entry)) if as_json else _line(entry))


def _entries(reader: LogReader, size: int, start: int, end: int) -> Iterator[LogEntry]:
    from kms.audit.mirror import read_wider_bundle
    from kms.crypto.merkle import TILE_WIDTH
    from kms.statements.audit import read_entry
    from kms.statements.tiles import ENTRIES, Tile

    for number in range(start // TILE_WIDTH, -(-end // TILE_WIDTH)):
        low = number * TILE_WIDTH
        width = min(TILE_WIDTH, size - low)
        (data,) = reader.tiles([Tile(ENTRIES, number, width)])
        for index, payload in enumerate(read_wider_bundle(data, width), low):
            if start <= index < end:
                yield read_entry(payload, index)


def _facts(entry: LogEntry) -> dict[str, Any]:
    return {
        "index": entry.index,
        "at": entry.at,
        "kind": entry.kind.name,
        "outcome": entry.outcome,
        "count": entry.count,
        "subject_hash": entry.subject_hash.hex(),
        "principal": entry.principal.hex(),
        "detail_root": entry.detail_root.hex(),
        "basis": [{"index": one.index, "log_index": one.log_index} for one in entry.basis],
    }


def _line(entry: LogEntry) -> str:
    at = datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    words = f"{entry.kind.name} {entry.outcome}".strip().ljust(28)
    who = f" by {entry.principal.hex()[:16]}" if entry.principal else ""
    return f"{entry.index:>8}  {at}  {words}  {entry.count:>5}  {entry.subject_hash.hex()[:16]}{who}"


@app.command()
def checkpoint(config: Config, as_json: Json = False) -> None:
    """Print the signed checkpoint: how long the log is, and its root. Of a stopped node, the last one."""
    from kms.statements.checkpoint import read_note

    with _reader(_load(config)) as reader:
        note = reader.checkpoint()
    if not as_json:
        typer.echo(note.decode(), nl=False)
        return
    shown = read_note(note)
    facts = {
        "origin": shown.checkpoint.origin,
        "size": shown.checkpoint.size,
        "root": base64.b64encode(shown.checkpoint.root).decode(),
        "signed_by": [one.name for one in shown.signatures],
        "note": note.decode(),
    }
    typer.echo(json.dumps(facts))


@app.command()
def key(config: Config, as_json: Json = False) -> None:
    """Print the keys of all custodians' logs and witnesses, as programs that read C2SP's logs take them."""
    from kms.custodian.clock import SteadyClock
    from kms.statements.chain_file import read_chain
    from kms.statements.checkpoint import log_origin, verifier_key, witness_key, witness_name

    settings = _load(config)
    keyring = read_chain(settings.manifest, settings.keyring_id).current(SteadyClock().now())
    for one in keyring.manifest.custodians:
        log = verifier_key(log_origin(keyring.keyring_id, one.index), one.identity_key)
        witness = witness_key(witness_name(keyring.keyring_id, one.index), one.identity_key)
        if as_json:
            facts = {"index": one.index, "organisation": one.organisation, "log": log, "witness": witness}
            typer.echo(json.dumps(facts))
        else:
            typer.echo(f"{one.index}  {one.organisation}\n  log      {log}\n  witness  {witness}")


@app.command()
def export(
    config: Config,
    folder: Annotated[Path, typer.Argument(help="Where to; what is there already is not written again.")],
    certificates: Annotated[
        bool, typer.Option("--certificates", help="Also what each release rested on, as long as it is kept.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the log into a folder, in C2SP's static layout: for `kms audit run --log`, or any web server."""
    from kms.audit.export import export_log
    from kms.cli.progress import counting

    with _reader(_load(config)) as reader, counting(quiet=as_json) as tell:
        done = export_log(reader, folder, certificates, lambda n, total: tell("tiles", n, total))
    if as_json:
        typer.echo(json.dumps(asdict(done)))
        return
    kept = f", {done.certificates} certificates" if certificates else ""
    typer.echo(f"{folder}: {done.size} entries of {done.origin}, {done.new} of them new{kept}")
