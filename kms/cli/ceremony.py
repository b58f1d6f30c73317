"""`kms ceremony`: how a keyring is founded and changed, from a draft to a file that everybody has signed."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kms.cli import carrying, posting
from kms.cli.admin import read_key

if TYPE_CHECKING:
    from kms.ceremony.files import Line
    from kms.ceremony.proposals import Proposal
    from kms.statements.chain import Chain

app = typer.Typer(
    help="Found and change keyrings: propose, show, sign, gather, verify.", no_args_is_help=True
)
app.command()(carrying.publish)
app.command()(carrying.reshare)
app.command()(carrying.generate)
app.command()(carrying.repair)
app.command()(posting.send)
app.command()(posting.fetch)
File = Annotated[Path, typer.Argument(help="A ceremony's file.")]
Out = Annotated[Path, typer.Option("--out", help="The file to write; none is ever overwritten.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Signatures = Annotated[list[Path] | None, typer.Argument(help="Signature files.")]
ChainFile = Annotated[Path, typer.Option("--chain", help="The keyring's chain file.")]


@app.command()
def propose(
    draft: Annotated[Path, typer.Argument(help="The draft's TOML file.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write; none is ever overwritten.")
    ] = None,
    enrolment: Annotated[list[Path] | None, typer.Option(help="An organisation's enrolment.")] = None,
    chain: Annotated[Path | None, typer.Option(help="The chain that this is to follow.")] = None,
    dry: Annotated[
        bool,
        typer.Option("--rehearse", help="Play the whole founding with throwaway keys, and propose nothing."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a proposal of a draft and enrolments: a new keyring, or with --chain the next manifest of one."""
    if dry:
        rehearse(draft, enrolment)
        return
    from kms.ceremony import drafts
    from kms.ceremony.enrolments import read_enrolments
    from kms.ceremony.proposals import propose as make
    from kms.errors import ConfigError
    from kms.storage.config import load

    if out is None:
        raise ConfigError("where to? give --out FILE")
    now = int(time.time())
    wanted = load(drafts.Draft, draft)
    enrolled = read_enrolments(enrolment or [])
    said = [signed.statement for signed in enrolled]
    known = _read_chain(chain) if chain else None
    manifest = drafts.successor(wanted, known, said, now) if known else drafts.genesis(wanted, said, now)
    _put(make(known, manifest, enrolled), out, now, as_json)


@app.command()
def order(
    chain: ChainFile,
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    sequence: Annotated[int, typer.Option(help="One more than the last order's; 1 for the first.", min=1)],
    out: Out,
    as_json: Json = False,
) -> None:
    """Propose an order to deal every key anew to the committee in force: a refresh, or after a change."""
    from kms.ceremony import drafts
    from kms.ceremony.proposals import propose as make

    now = int(time.time())
    known = _read_chain(chain)
    _put(make(known, drafts.order(known, sequence, reason, now)), out, now, as_json)


@app.command("order-pool")
def order_pool(
    chain: ChainFile,
    keys: Annotated[int, typer.Option(help="How many.", min=1, max=1_000_000)],
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    out: Out,
    as_json: Json = False,
) -> None:
    """Propose an order to make keys that nobody has ever known: a pool for deposits to draw from."""
    from kms.ceremony import drafts
    from kms.ceremony.proposals import propose as make

    now = int(time.time())
    known = _read_chain(chain)
    _put(make(known, drafts.pool_order(known, keys, reason, now)), out, now, as_json)


@app.command()
def show(file: File, as_json: Json = False) -> None:
    """Show a proposal, a chain, an order or an enrolment, as everybody is shown it."""
    from kms.ceremony import enrolments, files

    lines = files.read(file)
    if all(enrolments.is_enrolment(line) for line in lines):
        said = enrolments.enrolments_of(lines)
        typer.echo(json.dumps(enrolments.facts(said)) if as_json else enrolments.render(said))
        return
    _show(_proposal(lines), int(time.time()), as_json)


@app.command()
def sign(
    file: File,
    key: Annotated[Path, typer.Option(help="The admin's key file.")],
    out: Out,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Show a proposal, ask, and sign it with an admin's key."""
    from kms.ceremony import files
    from kms.ceremony.checks import refuse_for_admin
    from kms.ceremony.proposals import sign as sign_it

    now = int(time.time())
    proposal = _proposal(files.read(file))
    if not as_json:
        _show(proposal, now, False)
    refuse_for_admin(proposal, None, now)
    signer = read_key(key)
    refuse_for_admin(proposal, signer.public, now)
    if not yes:
        typer.confirm(
            "Did you compare the words with the others, and do you sign this?", abort=True, err=True
        )
    files.create(out, [sign_it(proposal, signer)])
    result = {"signed": proposal.digest.hex(), "key": signer.public.hex(), "file": str(out)}
    typer.echo(json.dumps(result) if as_json else f"signed: {out}")


@app.command()
def status(file: File, signatures: Signatures = None, as_json: Json = False) -> None:
    """Say who has signed a proposal, who is missing, and when the keyring's manifest ends."""
    from kms.ceremony.proposals import missing, parties
    from kms.ceremony.rendering import facts, standing
    from kms.ceremony.words import printable

    proposal, now = _with(file, signatures), int(time.time())
    if as_json:
        typer.echo(json.dumps(facts(proposal, now)))
        return
    for notice in standing(proposal, now):
        typer.echo(f"note: {notice}")
    for party in parties(proposal):
        typer.echo(
            f"{'signed ' if party.signed else 'missing'}  {printable(party.name)}  {party.key.hex()[:16]}"
        )
    lacking = missing(proposal)
    typer.echo("needed: " + printable("; ".join(lacking)) if lacking else "complete: gather it")


@app.command()
def gather(file: File, out: Out, signatures: Signatures = None, as_json: Json = False) -> None:
    """Put the signatures together: the whole verified chain, or the order that custodians obey."""
    from kms.ceremony import files
    from kms.ceremony.proposals import gather as complete
    from kms.ceremony.words import words

    proposal = _with(file, signatures)
    files.create(out, complete(proposal, int(time.time())))
    result = {
        "file": str(out),
        "keyring_id": proposal.keyring_id.hex(),
        "hash": proposal.digest.hex(),
        "words": words(proposal.digest),
    }
    typer.echo(
        json.dumps(result)
        if as_json
        else f"complete: {out}\nkeyring id   {result['keyring_id']}\nwords        {result['words']}"
    )


@app.command()
def rehearse(
    draft: Annotated[Path, typer.Argument(help="The draft's TOML file.")],
    enrolment: Annotated[list[Path] | None, typer.Option(help="Whose names to play it with.")] = None,
    keep: Annotated[
        Path | None, typer.Option(help="A folder to make and leave the files in; else they go at the end.")
    ] = None,
) -> None:
    """Play the founding of a draft's keyring with throwaway keys, and say so on every page."""
    from kms.ceremony import drafts
    from kms.ceremony.enrolments import read_enrolments
    from kms.ceremony.rehearsal import rehearse as play
    from kms.storage.config import load

    wanted = load(drafts.Draft, draft)
    said = [signed.statement for signed in read_enrolments(enrolment or [])]
    with tempfile.TemporaryDirectory(prefix="kms-rehearsal-") as folder:
        if keep is not None:
            keep.mkdir(mode=0o700)
        play(wanted, said, keep or Path(folder), int(time.time()), typer.echo)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="A chain, an order or a transcript.")],
    keyring_id: Annotated[
        str, typer.Option(help="The keyring's id (hex), as you know it from elsewhere.")
    ] = "",
    as_json: Json = False,
    as_html: Annotated[bool, typer.Option("--html", help="Print a page to keep on paper.")] = False,
) -> None:
    """Check a transcript offline, with a second implementation, and tell what happened; exit code 1 if it fails."""
    from kms.ceremony.offline import report
    from kms.ceremony.verify import verify_file
    from kms.cli.progress import counting

    with counting(quiet=as_json or as_html) as tell:
        account = verify_file(file, keyring_id.lower(), tell)
    write = report.as_json if as_json else report.as_html if as_html else report.as_text
    typer.echo(write(account))
    if account.problem is not None:
        raise typer.Exit(1)


def _read_chain(path: Path) -> Chain:
    from kms.ceremony import files
    from kms.ceremony.proposals import read_chain

    return read_chain(files.read(path))


def _proposal(lines: tuple[Line, ...]) -> Proposal:
    from kms.ceremony.proposals import read_proposal

    return read_proposal(lines)


def _with(file: Path, signatures: list[Path] | None) -> Proposal:
    from kms.ceremony import files
    from kms.ceremony.proposals import with_signatures

    proposal = _proposal(files.read(file))
    for path in signatures or []:
        for line in files.read(path):
            proposal = with_signatures(proposal, line, path.name)
    return proposal


def _put(proposal: Proposal, out: Path, now: int, as_json: bool) -> None:
    from kms.ceremony import files
    from kms.ceremony.checks import refuse_unfit
    from kms.ceremony.proposals import lines_of

    refuse_unfit(proposal, now)
    files.create(out, lines_of(proposal))
    _show(proposal, now, as_json)


def _show(proposal: Proposal, now: int, as_json: bool) -> None:
    from kms.ceremony.rendering import facts, render

    typer.echo(json.dumps(facts(proposal, now)) if as_json else render(proposal, now))
