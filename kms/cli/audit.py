"""`kms audit`: read all custodians' logs, and name who lies or leaves out. No secret is needed."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kms.audit.logs import LogSource
    from kms.audit.parties import Parties
    from kms.audit.run import Report

app = typer.Typer(help="Check custodians' logs, each by itself and against the others.", no_args_is_help=True)
ChainFile = Annotated[
    Path, typer.Option("--chain", help="The keyring's chain of manifests, from genesis on.", dir_okay=False)
]
KeyringId = Annotated[str, typer.Option(help="The keyring's id (hex), as you know it from elsewhere.")]
AT_FAULT, NOT_WHOLE = 1, 3


@app.callback()
def _root() -> None:
    """Keeps `kms audit` a group."""


@app.command()
def run(
    chain: ChainFile,
    keyring_id: KeyringId,
    state: Annotated[
        Path | None,
        typer.Option(
            help="A folder of this auditor's own: the next run reads only what is new. Else everything."
        ),
    ] = None,
    authorities: Annotated[
        Path | None, typer.Option(help="PEM of the authorities of the custodians' public ports.")
    ] = None,
    log: Annotated[
        list[str] | None,
        typer.Option(help="INDEX=FOLDER: read this custodian's log from an export; may be repeated."),
    ] = None,
    promises: Annotated[
        list[Path] | None,
        typer.Option(help="A file or folder of promises that clients kept; may be repeated."),
    ] = None,
    transcript: Annotated[
        list[Path] | None,
        typer.Option(help="A ceremony's transcript or a folder of them, for the promises; may be repeated."),
    ] = None,
    coordinator: Annotated[
        str, typer.Option(help="HOST:PORT of the coordinator, to read the promises that it kept.")
    ] = "",
    seen: Annotated[
        list[Path] | None,
        typer.Option(help="A checkpoint that somebody was shown, of any of the logs; may be repeated."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write everything here, evidence too.")
    ] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Write a page to print here.")] = None,
    most: Annotated[
        int, typer.Option(help="Read at most so many new entries of one log.", min=1)
    ] = 50_000_000,
    patience: Annotated[int, typer.Option(help="Seconds that one log may take.", min=1)] = 6 * 3600,
) -> None:
    """Read all logs, check them, and say who is at fault.

    Exit code 1 if somebody is, 3 if nobody is but not every log could be read whole.
    """
    from kms.audit.reading import Limits
    from kms.audit.run import Audit, Given
    from kms.cli.progress import counting
    from kms.statements.promise_file import read_promises

    parties = _parties(chain, keyring_id)
    brought = [one for path in promises or [] for one in read_promises(path)]
    brought += [one for path in transcript or [] for one in _transcribed(path)]
    seen_notes = [_read(path) for path in seen or []]
    sources = _sources(parties, log or [], authorities)
    with ExitStack() as stack:
        folder = state or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kms-audit-")))
        tell = stack.enter_context(counting(quiet=False))
        limits = Limits(most, float(patience))
        # Before any log is asked: what was promised by then must stand in it.
        place = ""
        if coordinator:
            listed, place = _listed(coordinator, authorities, parties, folder)
            brought += listed
        given = Given(brought, seen_notes, place)
        report = Audit(parties, sources, folder, int(time.time()), limits, tell=tell).run(given)
    _write(report, json_file, html_file)
    if report.accused:
        raise typer.Exit(AT_FAULT)
    if not report.clean:
        raise typer.Exit(NOT_WHOLE)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="What `kms audit run --json` wrote.")],
    chain: ChainFile,
    keyring_id: KeyringId,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at a report's evidence again, offline, and say which of it shows what it says. Exit code 1 if some does not.

    What only the auditor saw is named as such: it is its word.
    """
    from kms.audit.evidence import check
    from kms.audit.findings import Finding
    from kms.audit.words import printable
    from kms.errors import ConfigError, KmsError

    parties = _parties(chain, keyring_id)
    try:
        findings = [Finding.read(facts) for facts in json.loads(_read(file))["findings"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ConfigError(f"{file} is no report of an audit") from None
    results = []
    for finding in findings:
        problem = "the auditor's word" if not finding.transferable else ""
        if finding.transferable:
            try:
                check(finding, parties)
            except KmsError as error:
                problem = error.message
        results.append((finding, problem))
    hollow = any(problem and finding.transferable for finding, problem in results)
    if as_json:
        shown = [
            {"custodian": f.index, "kind": f.kind.value, "shown": not problem, "problem": problem}
            for f, problem in results
        ]
        typer.echo(json.dumps({"holds": not hollow, "findings": shown}))
    else:
        for finding, problem in results:
            said = "SHOWN" if not problem else f"not shown: {problem}"
            line = f"{finding.kind.value} by custodian {finding.index}: {finding.summary}: {said}"
            typer.echo(printable(line))
        if not results:
            typer.echo("the report accuses nobody")
    if hollow:
        raise typer.Exit(1)


def _parties(chain: Path, keyring_id: str) -> Parties:
    from kms.audit.parties import Parties
    from kms.errors import ConfigError
    from kms.statements.chain_file import read_chain

    try:
        pinned = bytes.fromhex(keyring_id)
    except ValueError:
        raise ConfigError("--keyring-id must be 64 hex digits") from None
    return Parties.of(read_chain(chain, pinned), int(time.time()))


def _sources(parties: Parties, given: list[str], authorities: Path | None) -> dict[int, LogSource]:
    from kms.audit.logs import FolderSource
    from kms.audit.remote import RemoteSource
    from kms.errors import ConfigError

    sources: dict[int, LogSource] = {}
    for one in given:
        name, _, folder = one.partition("=")
        if not name.isdecimal() or int(name) not in parties.members or not folder:
            raise ConfigError(f"--log {one}: must be INDEX=FOLDER, with the index of a custodian")
        if not Path(folder).is_dir():
            raise ConfigError(f"--log {one}: no such folder")
        sources[int(name)] = FolderSource(Path(folder))
    for index in parties.current:
        if index not in sources and authorities is not None:
            party = parties.members[index]
            sources[index] = RemoteSource(party.endpoint, authorities, parties.chain.keyring_id)
    if not sources:
        raise ConfigError("no log to read: give --authorities to ask the custodians, or exports with --log")
    return sources


def _listed(
    coordinator: str, authorities: Path | None, parties: Parties, folder: Path
) -> tuple[list[bytes], str]:
    from kms.audit.remote import promises_at
    from kms.audit.state import load
    from kms.errors import ConfigError

    if authorities is None:
        raise ConfigError("--coordinator needs --authorities")
    return promises_at(coordinator, authorities, parties.chain.keyring_id, load(folder, parties).place)


def _transcribed(path: Path) -> Iterator[bytes]:
    """Custodians' statements in a transcript that promise an entry; who kept it is believed nothing."""
    from kms.ceremony.files import Enveloped, read_bytes, read_line
    from kms.statements.envelope import pack
    from kms.statements.promises import may_promise

    for file in sorted(path.glob("*.jsonl")) if path.is_dir() else [path]:
        for number, raw in enumerate(read_bytes(file).splitlines(keepends=True), 1):
            line = read_line(raw, f"{file}, line {number}")
            if isinstance(line, Enveloped) and may_promise(line.payload_type):
                yield pack(line.payload_type, line.payload, line.signatures)


def _write(report: Report, json_file: Path | None, html_file: Path | None) -> None:
    from kms.audit.report import as_html, as_json, as_text

    if json_file is not None:
        json_file.write_text(as_json(report) + "\n")
    if html_file is not None:
        html_file.write_text(as_html(report))
    typer.echo(as_text(report))


def _read(path: Path) -> bytes:
    from kms.errors import ConfigError

    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
