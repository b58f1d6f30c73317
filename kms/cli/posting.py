"""`kms ceremony send | fetch`: files of a ceremony by way of the coordinator, where no stick goes between people."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Coordinator = Annotated[str, typer.Option(help="The coordinator's host:port.")]
Authorities = Annotated[Path, typer.Option(help="PEM file of the authorities behind its certificate.")]
ENROLMENTS = "enrolments"


def send(
    file: Annotated[Path, typer.Argument(help="A proposal, a signature, or an enrolment.")],
    coordinator: Coordinator,
    authorities: Authorities,
    signatures: Annotated[list[Path] | None, typer.Argument(help="Signatures of the proposal.")] = None,
    as_json: Json = False,
) -> None:
    """Leave a file at the coordinator for the others.

    A proposal travels with an admin's signature; later ones are sent alone.
    """
    from kms.ceremony import files
    from kms.ceremony.carrying import send_file
    from kms.ceremony.proposals import lines_of, read_proposal, with_signatures
    from kms.ceremony.words import printable, words

    lines = files.read(file)
    if signatures:
        proposal = read_proposal(lines)
        for path in signatures:
            for line in files.read(path):
                proposal = with_signatures(proposal, line, path.name)
        lines = lines_of(proposal)
    box = asyncio.run(send_file(files.write_lines(lines), coordinator, authorities))
    if as_json:
        typer.echo(
            json.dumps(None if box is None else {"name": box.digest.hex(), "missing": list(box.missing)})
        )
    elif box is None:
        typer.echo("sent: an enrolment; others fetch it with the name enrolments")
    else:
        typer.echo(f"sent\nname    {box.digest.hex()}\nwords   {words(box.digest)}")
        typer.echo("needed  " + printable("; ".join(box.missing)) if box.missing else "complete: gather it")


def fetch(
    coordinator: Coordinator,
    authorities: Authorities,
    name: Annotated[
        str,
        typer.Argument(
            help="A proposal's name or its first digits, or enrolments; none lists what is there."
        ),
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write; none is ever overwritten.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List what others left at the coordinator, or fetch a proposal with the signatures that came so far.

    What is fetched is checked here as if it came from a stick. Compare its words.
    """
    from kms.ceremony import files
    from kms.ceremony.carrying import fetch_file, list_boxes
    from kms.ceremony.enrolments import enrolments_of
    from kms.ceremony.mailbox import opened
    from kms.ceremony.proposals import lines_of, missing
    from kms.ceremony.words import printable, words
    from kms.errors import ConfigError

    reach = coordinator, authorities
    there = asyncio.run(list_boxes(*reach))
    if not name:
        boxes = [
            {
                "name": box.digest.hex(),
                "what": box.what,
                "words": words(box.digest),
                "missing": list(box.missing),
            }
            for box in there.boxes
        ]
        if as_json:
            typer.echo(json.dumps({"boxes": boxes, "enrolments": there.enrolments}))
            return
        for each in boxes:
            needed = "; ".join(each["missing"]) or "nothing: gather it"
            typer.echo(printable(f"{each['name'][:16]}  {each['what']}  needed: {needed}"))
            typer.echo(f"  {each['words']}")
        typer.echo(f"{len(boxes)} proposals, {there.enrolments} enrolments")
        return
    if out is None:
        raise ConfigError("where to? give --out FILE")
    if name == ENROLMENTS:
        lines = files.read_lines(asyncio.run(fetch_file(b"", *reach)), "the fetched file")
        count = len(enrolments_of(lines))
        files.create(out, lines)
        typer.echo(
            json.dumps({"file": str(out), "enrolments": count}) if as_json else f"{out}: {count} enrolments"
        )
        return
    named = [box.digest for box in there.boxes if box.digest.hex().startswith(name.lower())]
    if len(named) != 1:
        raise ConfigError(f"{len(named)} proposals there have a name that begins with {name}")
    proposal = opened(asyncio.run(fetch_file(named[0], *reach)), named[0])
    files.create(out, lines_of(proposal))
    still = missing(proposal)
    result = {"file": str(out), "name": named[0].hex(), "missing": still}
    if as_json:
        typer.echo(json.dumps(result))
    else:
        typer.echo(f"{out}\nwords   {words(proposal.digest)}")
        typer.echo("needed  " + printable("; ".join(still)) if still else "complete: gather it")
