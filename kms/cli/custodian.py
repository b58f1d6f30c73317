"""`kms custodian`: one organisation's node, and the approvers who answer requests there."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kms.cli import approvers, console, issuers, logs, membership, officers, recovery, upkeep

if TYPE_CHECKING:
    from kms.custodian.config import CustodianConfig

app = typer.Typer(help="A custodian's node, and the people who approve requests there.", no_args_is_help=True)
app.add_typer(issuers.app, name="issuers")
app.add_typer(logs.app, name="log")
app.add_typer(officers.app, name="officers")
app.command()(officers.unlock)
app.command()(console.console)
app.command()(recovery.recover)
approvers.register(app)
upkeep.register(app)
Config = Annotated[Path, typer.Option(help="The custodian's TOML file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
KeyFile = Annotated[Path, typer.Option(help="The approver's key file.")]
Request = Annotated[str, typer.Argument(help="The request's hash, or its first digits.")]


def _load(path: Path) -> CustodianConfig:
    from kms.custodian.config import CustodianConfig
    from kms.storage.config import load

    return load(CustodianConfig, path)


@app.command()
def serve(
    config: Config,
    accept_clock: Annotated[
        bool, typer.Option("--accept-clock", help="Start though the clock is far ahead of the log.")
    ] = False,
) -> None:
    """Run the node until SIGTERM."""
    from kms.custodian.config import open_node
    from kms.custodian.service import serve as start
    from kms.transport.process import run

    settings = _load(config)
    run(lambda: start(settings, partial(open_node, accept_clock=accept_clock)))


@app.command()
def init(
    config: Config,
    passphrase: Annotated[
        bool, typer.Option(help="Ask for a passphrase to keep the storage root behind.")
    ] = False,
) -> None:
    """Make this custodian's storage root and identity key, and print the identity's public half."""
    from kms.custodian.config import initialise

    settings = _load(config)
    secret = settings.root().passphrase()
    if passphrase and secret is None:
        secret = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True)
    typer.echo(initialise(settings, secret).public.hex())


@app.command()
def join(
    config: Config,
    chain: Annotated[
        Path | None, typer.Option(help="The ceremony's chain file; the manifest file is made of it.")
    ] = None,
) -> None:
    """Make the store of this custodian, for the manifest that names its identity key."""
    from kms.custodian.config import join as make_store

    settings = _load(config)
    if chain is not None:
        membership.place_manifest(settings, chain)
    typer.echo(f"custodian {make_store(settings, int(time.time()))}")


@app.command()
def check(config: Config, as_json: Json = False) -> None:
    """Hash the log anew, hold every share against its commitments, read who approves, warn of a manifest that ends.

    The node must not be running.
    """
    from kms.cli.progress import counting
    from kms.custodian.check import check_store, registry_problems
    from kms.custodian.config import open_store, open_vault, read_identity
    from kms.custodian.following import stored_chain
    from kms.statements.chain_file import read_chain
    from kms.statements.notices import notices
    from kms.statements.registry import Place
    from kms.storage import erasable

    settings = _load(config)
    vault = open_vault(settings)
    store, rolling = open_store(settings, vault, int(time.time()))
    chain = stored_chain(store, read_chain(settings.manifest, settings.keyring_id))
    told = notices(chain, int(time.time()))
    with counting(quiet=as_json) as tell:
        report = check_store(store, vault, tell)
    identity = read_identity(settings, vault).public
    problems = registry_problems(
        store, vault, Place(chain.keyring_id, report.index, identity, settings.passkeys)
    )
    root, doubt = rolling.state, erasable.doubt(rolling.path)
    hours = (int(time.time()) - root.since) // 3600
    if doubt:
        told = [*told, f"{doubt}: a destroyed row root may be found there"]
    if hours > 2 * settings.erasing.roll_hours:
        told = [*told, f"the row root is {hours} hours old: `kms custodian roll`"]
    if as_json:
        facts = {"notices": told, "registry": problems, "row_root": root.generation, "row_root_hours": hours}
        typer.echo(json.dumps(report.as_dict() | facts))
    else:
        typer.echo(f"custodian {report.index}: {report.log_entries} log entries, {report.keys} keys")
        typer.echo(f"row root {root.generation}, {hours} hours old")
        for key_id in report.damaged:
            typer.echo(f"damaged: {key_id}")
        if report.missing:
            typer.echo(f"{report.missing} keys have no share here: `kms custodian repair` brings them back")
        for ours, theirs in report.forks:
            typer.echo(f"FORK: this node took the manifest {_digest(ours)} and was shown {_digest(theirs)}")
        for log, kind, _ in report.misbehaviour:
            typer.echo(
                f"MISBEHAVIOUR: the log {log} showed two histories ({kind}); --json prints the evidence"
            )
        for kind, statement in report.untold:
            typer.echo(f"must be told again: {kind} {statement}")
        if report.ahead:
            typer.echo(
                f"RECOVERY: {report.ahead} entries were signed: `kms custodian recover` brings them back"
            )
        for problem in problems:
            typer.echo(f"approvers: {problem}")
        for notice in told:
            typer.echo(f"note: {notice}")
    store.close()
    if report.damaged or problems:
        raise typer.Exit(1)


def _digest(envelope: str) -> str:
    from kms.statements.envelope import unpack
    from kms.statements.manifest import manifest_hash

    return manifest_hash(unpack(bytes.fromhex(envelope))[1]).hex()


@app.command("approver-key")
def approver_key(
    target: Annotated[Path, typer.Argument(help="The key file to make.")],
    passphrase: Annotated[bool, typer.Option(help="Keep it behind a passphrase (asked for).")] = True,
) -> None:
    """Make an approver's key and print the public half for the custodian's configuration."""
    from kms.crypto.signing import SigningKey
    from kms.storage.keyfile import write_secret

    secret = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True) if passphrase else None
    key = SigningKey.generate()
    write_secret(target, key.seed, secret)
    typer.echo(key.public.hex())


for own_part in (membership.enrol, membership.accept, membership.repair):
    app.command()(own_part)
