"""`kms custodian enrol`, `accept` and `repair`: an organisation's own part in ceremonies."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kms.crypto.signing import SigningKey
    from kms.custodian.config import CustodianConfig
    from kms.statements.manifest import Seen

Config = Annotated[Path, typer.Option(help="The custodian's TOML file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Out = Annotated[Path, typer.Option("--out", help="The file to write; none is ever overwritten.")]


def enrol(
    config: Config,
    organisation: Annotated[str, typer.Option(help="The organisation's name.")],
    jurisdiction: Annotated[str, typer.Option(help="Whose courts it answers to.")],
    hosting: Annotated[str, typer.Option(help="Who runs the machines.")],
    parent: Annotated[str, typer.Option(help="Who controls it; its own name if nobody does.")],
    endpoint: Annotated[str, typer.Option(help="host:port of its server.")],
    out: Out,
    as_json: Json = False,
) -> None:
    """Say who this custodian is, signed by its identity key, for the admins to propose."""
    import segno

    from kms.ceremony import files
    from kms.ceremony.proposals import line_of
    from kms.ceremony.words import words
    from kms.statements.enrolment import Enrolment
    from kms.statements.envelope import sign

    identity = _identity(_load(config))
    signed = sign(Enrolment(organisation, jurisdiction, hosting, parent, endpoint, identity.public), identity)
    files.create(out, [line_of(signed.envelope)])
    result = {
        "identity_key": identity.public.hex(),
        "hash": signed.hash.hex(),
        "fingerprint": words(signed.hash),
    }
    if as_json:
        typer.echo(json.dumps(result))
        return
    typer.echo(f"{out}: enrolment of {organisation}\nfingerprint  {result['fingerprint']}")
    segno.make(f"kms enrolment {signed.hash.hex()}", micro=False).terminal(compact=True)


def accept(
    file: Annotated[Path, typer.Argument(help="The proposal.")],
    config: Config,
    out: Out,
    golden: Annotated[
        Path | None, typer.Option(help="The table of golden decisions that the manifest names.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Show a proposed manifest, ask, and sign it with this custodian's identity key.

    Refuses what the lint refuses, a policy that fails its golden decisions (where their table is given), what does not
    name this custodian as it named itself, and what may not follow the manifest that it knows.
    """
    from kms.ceremony import files
    from kms.ceremony.checks import Standing, refuse_for_custodian, refuse_untested
    from kms.ceremony.proposals import read_proposal, sign
    from kms.ceremony.rendering import facts, render
    from kms.ceremony.words import printable
    from kms.statements.chain_file import read_chain
    from kms.storage.config import read

    now = int(time.time())
    settings = _load(config)
    proposal = read_proposal(files.read(file))
    identity = _identity(settings)
    known = None
    if settings.manifest.exists():
        known = read_chain(settings.manifest, settings.keyring_id).last.envelope
    joined = settings.place.exists()
    me = Standing(
        identity.public, settings.keyring_id, known, joined, _remembered(settings) if joined else None
    )
    if not as_json:
        typer.echo(render(proposal, now))
    own = refuse_for_custodian(proposal, me, now)
    if golden is not None:
        refuse_untested(proposal, read(golden), golden)
    elif getattr(proposal.statement, "golden_hash", b"") and not as_json:
        typer.echo("\nIts golden decisions were not asked: give their table with --golden.")
    if not as_json:
        stays = any(c.identity_key == identity.public for c in getattr(proposal.statement, "custodians", ()))
        part = "you are" if stays else "it takes you out, who were"
        typer.echo(f"\nIn it {part} custodian {own.index}, {printable(own.organisation)}.")
    if not yes:
        typer.confirm(
            "Did you compare the words with the others, and do you accept this?", abort=True, err=True
        )
    files.create(out, [sign(proposal, identity)])
    result = {"signed": proposal.digest.hex(), "index": own.index, "file": str(out)}
    typer.echo(json.dumps(facts(proposal, now) | result) if as_json else f"signed: {out}")


def repair(
    config: Config,
    coordinator: Annotated[str, typer.Option(help="The coordinator's host:port.")],
    authorities: Annotated[
        Path | None,
        typer.Option(help="PEM file of the authorities behind its certificate, if not the node's."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Get this custodian's lost shares back, with the help of t others; its node must be running.

    Exit code 1 if one could not be brought back.
    """
    from kms.ceremony.carrying import status_of
    from kms.cli.carrying import bring_back
    from kms.errors import ConfigError
    from kms.statements.chain_file import read_chain

    settings = _load(config)
    identity, known = _identity(settings), read_chain(settings.manifest, settings.keyring_id)
    named = (c for link in known.links for c in link.manifest.custodians)
    index = next((c.index for c in named if c.identity_key == identity.public), None)
    if index is None:
        raise ConfigError(f"{settings.manifest} names no custodian with this identity key")
    reach = coordinator, authorities or settings.tls.authorities
    facts = bring_back(index, *reach, as_json)
    word = asyncio.run(status_of(index, known, int(time.time()), *reach))
    shares = sum(version.count for version in word.versions)
    if as_json:
        typer.echo(json.dumps({"index": index, **facts, "shares": shares, "missing": word.missing}))
    else:
        typer.echo(f"custodian {index} says itself: {shares} shares are here, {word.missing} keys have none")
    if facts["failed"] or word.missing:
        raise typer.Exit(1)


def place_manifest(settings: CustodianConfig, chain: Path) -> None:
    """Make the manifest file that the configuration names out of a chain file of the keyring that it pins.

    One that is there already gives way to a longer chain which goes on from it, and only where no store has seen it.
    """
    from kms.ceremony import files
    from kms.ceremony.proposals import read_chain
    from kms.crypto.hashing import equal
    from kms.errors import ConfigError, NotFound
    from kms.statements.chain import follow
    from kms.statements.chain_file import read_chain as read_own

    offered = read_chain(files.read(chain))
    first = offered.links[0]
    if not equal(first.keyring_id, settings.keyring_id):
        raise NotFound(
            f"{chain} is of the keyring {first.keyring_id.hex()}, the configuration's keyring_id is another",
            reason="WRONG_KEYRING",
        )
    if not settings.manifest.exists():
        files.create(settings.manifest, files.read(chain))
        return
    known = read_own(settings.manifest, settings.keyring_id)
    if len(follow(known, offered).links) > len(known.links):
        if settings.place.exists():
            raise ConfigError(f"{settings.place} exists already: the node follows the chain by itself")
        part = settings.manifest.with_name(f".{settings.manifest.name}.new")
        part.unlink(missing_ok=True)
        files.create(part, files.read(chain))
        part.replace(settings.manifest)


def _load(path: Path) -> CustodianConfig:
    from kms.custodian.config import CustodianConfig
    from kms.storage.config import load

    return load(CustodianConfig, path)


def _remembered(settings: CustodianConfig) -> Seen | None:
    """The highest manifest that the node has seen; None if none, or if the node runs and keeps its store to itself."""
    from kms.custodian.sqlite import SqliteCustodianStore
    from kms.errors import StoreError

    try:
        store = SqliteCustodianStore.open(settings.place)
    except StoreError as error:
        if error.reason != "STORE_LOCKED":
            raise
        typer.echo("note: the node is running, so what it has seen was not asked", err=True)
        return None
    try:
        return store.seen()
    finally:
        store.close()


def _identity(settings: CustodianConfig) -> SigningKey:
    from kms.custodian.config import open_vault, read_identity

    return read_identity(settings, open_vault(settings))
