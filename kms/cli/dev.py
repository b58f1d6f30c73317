"""`kms dev`: a whole cluster on this machine, for trying and testing."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="A whole cluster on this machine, for trying and testing.", no_args_is_help=True)
serve = typer.Typer(help="The processes of a development cluster, one by one.", no_args_is_help=True)
app.add_typer(serve, name="serve")
State = Annotated[Path, typer.Option(help="The folder that holds all of the cluster's state.")]
DEFAULT = Path(".kms-dev")
Config = Annotated[Path, typer.Option(help="The process's TOML file.")]


@app.command()
def up(
    state: State = DEFAULT,
    policy: Annotated[
        Path | None, typer.Option(help="A new cluster's policy, a Cedar file; the default one if left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Start a coordinator, five custodians (3 of 5), two issuers and a booking back end."""
    from kms.cli.key import read_file
    from kms.dev.cluster import Cluster
    from kms.statements import quorums

    started = time.monotonic()
    exists = (state / "cluster.json").exists()
    text = read_file(policy).decode() if policy else None
    cluster = Cluster.attach(state) if exists else Cluster.create(state, consoles=True, policy=text)
    cluster.start()
    alice = cluster.add_user("alice", "device")
    cluster.add_user("dr-bob", "professional")
    layout = cluster.layout
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "state": str(layout.folder),
                    "keyring_id": layout.keyring_id.hex(),
                    "coordinator": layout.coordinator,
                    "booking": layout.booking,
                    "issuers": layout.issuers,
                    "consoles": layout.consoles,
                    "pids": cluster.pids,
                }
            )
        )
        return
    n = len(layout.custodians)
    if warning := quorums.warning(n, layout.threshold):
        typer.echo(f"note: {warning}", err=True)
    typer.echo(f"ready in {time.monotonic() - started:.1f} s: {layout.threshold} of {n} custodians")
    typer.echo(f"coordinator  {layout.coordinator}")
    typer.echo(f"profile      {alice}")
    for index, origin in layout.consoles.items():
        typer.echo(f"console {index}    {origin}")
    if layout.consoles:
        typer.echo('approve there: kms dev approver "Your name" you@example.org')
    typer.echo("stop it with: kms dev down" + ("" if state == DEFAULT else f" --state {state}"))


@app.command()
def down(state: State = DEFAULT) -> None:
    """Stop the cluster; its state stays for the next `up`."""
    from kms.dev.cluster import Cluster

    Cluster.attach(state).stop()
    typer.echo("stopped")


@app.command()
def status(state: State = DEFAULT) -> None:
    """Which processes run."""
    from kms.dev.cluster import Cluster
    from kms.dev.founding import commands

    cluster = Cluster.attach(state)
    for name in commands(cluster.layout):
        typer.echo(f"{name:14} {'running' if cluster.running(name) else 'stopped'}")


@app.command()
def user(
    name: Annotated[str, typer.Argument(help="A name for the user.")],
    holder_class: Annotated[
        str, typer.Option("--class", help="device, professional, service, operator.")
    ] = "device",
    issuer: Annotated[list[str], typer.Option(help="Who vouches: a, b, or both.")] = ["a"],  # noqa: B006
    subject: Annotated[str, typer.Option(help="Whom issuers take the user for; the name by default.")] = "",
    state: State = DEFAULT,
) -> None:
    """Make a device for a user, and print the folder of its profile."""
    from kms.dev.cluster import Cluster

    typer.echo(str(Cluster.attach(state).add_user(name, holder_class, issuer, subject)))


@app.command()
def approver(
    name: Annotated[str, typer.Argument(help="Who is to approve.")],
    email: Annotated[str, typer.Argument(help="Their address.")],
    custodian: Annotated[int, typer.Option(help="At which custodian.")] = 1,
    language: Annotated[str, typer.Option(help="Theirs: en or fr.")] = "en",
    state: State = DEFAULT,
) -> None:
    """Invite somebody to a custodian's console, and print the link for their browser."""
    from kms.crypto.signing import SigningKey
    from kms.custodian.approver_service import invite
    from kms.dev.founding import Layout
    from kms.storage.keyfile import read_secret

    layout = Layout.load(state.resolve())
    console = layout.console(custodian)
    signer = SigningKey(read_secret(layout.approver_key(custodian)))
    socket = layout.approvals_socket(custodian)
    token, _ = asyncio.run(invite(socket, signer, name, email, language, (), 7))
    typer.echo(f"{console}/join#{token}")


@app.command()
def pool(
    keys: Annotated[int, typer.Argument(help="How many.", min=1, max=100_000)], state: State = DEFAULT
) -> None:
    """Let the custodians make keys that nobody knows, ordered by the cluster's own admin."""
    from kms.ceremony.carrying import generate
    from kms.cli.progress import follow
    from kms.dev.admin import order_pool
    from kms.dev.founding import Layout

    layout = Layout.load(state.resolve())
    work = generate(order_pool(layout, keys, int(time.time())), layout.coordinator, layout.authorities)
    last = asyncio.run(follow(work, "made", False))
    typer.echo(f"{last.done} keys made")
    if last.failed:
        raise typer.Exit(1)


@app.command()
def token(
    issuer: Annotated[str, typer.Option()],
    subject: Annotated[str, typer.Option()],
    holder_class: Annotated[str, typer.Option("--class")],
    key_thumbprint: Annotated[str, typer.Option()],
    audience: Annotated[str, typer.Option()],
    state: State = DEFAULT,
) -> None:
    """Print a credential of a development issuer; profiles call this."""
    from kms.dev.founding import Layout
    from kms.dev.tokens import IssuerAt

    layout = Layout.load(state.resolve())
    at = IssuerAt(layout.issuer(issuer), layout.authorities)
    typer.echo(asyncio.run(at.issue(subject, holder_class, bytes.fromhex(key_thumbprint), audience)))


@app.command()
def certificates(
    authority: Annotated[Path, typer.Argument(help="The authority's folder; made if it is not there.")],
    folder: Annotated[list[Path], typer.Argument(help="Folders that get tls.pem and tls.key.")],
) -> None:
    """Make TLS certificates for processes on this machine (127.0.0.1), each named as its folder."""
    from kms.dev.certificates import Authority

    found = Authority.load(authority) if authority.exists() else Authority.create(authority)
    for home in folder:
        home.mkdir(mode=0o700, exist_ok=True)
        found.issue(home, home.name)


@app.command()
def issuer(key: Annotated[Path, typer.Argument(help="The key file to make.")]) -> None:
    """Make the key of an issuer to try things with, and print its public half."""
    from kms.crypto.signing import SigningKey
    from kms.storage.keyfile import write_secret

    made = SigningKey.generate()
    write_secret(key, made.seed)
    typer.echo(made.public.hex())


@app.command()
def vouch(
    key: Annotated[Path, typer.Option(help="The issuer's key file.")],
    kid: Annotated[str, typer.Option(help="Its name in the manifest.")],
    iss: Annotated[str, typer.Option()],
    subject: Annotated[str, typer.Option()],
    holder_class: Annotated[str, typer.Option("--class")],
    key_thumbprint: Annotated[str, typer.Option()],
    audience: Annotated[str, typer.Option()],
) -> None:
    """Print a credential signed with an issuer's key, for whoever asks; profiles call this."""
    from kms.crypto.signing import SigningKey
    from kms.dev.tokens import issue_credential
    from kms.storage.keyfile import read_secret

    signer, holder = SigningKey(read_secret(key)), bytes.fromhex(key_thumbprint)
    now = int(time.time())
    typer.echo(issue_credential(signer, kid, iss, subject, holder_class, "", holder, audience, now))


@serve.command("issuer")
def serve_issuer(config: Config) -> None:
    """Run a development issuer."""
    from kms.dev.issuer import IssuerConfig
    from kms.dev.issuer import serve as start
    from kms.storage.config import load
    from kms.transport.process import run

    settings = load(IssuerConfig, config)
    run(lambda: start(settings))


@serve.command("liar")
def serve_liar(config: Config) -> None:
    """Run a custodian that delivers false shares, in place of the honest one of that configuration."""
    from kms.custodian.config import CustodianConfig
    from kms.custodian.service import serve as start
    from kms.dev.liar import open_liar
    from kms.storage.config import load
    from kms.transport.process import run

    settings = load(CustodianConfig, config)
    run(lambda: start(settings, open_liar))


@serve.command("booking")
def serve_booking(config: Config) -> None:
    """Run the booking back end."""
    from kms.dev.booking import BookingConfig
    from kms.dev.booking import serve as start
    from kms.storage.config import load
    from kms.transport.process import run

    settings = load(BookingConfig, config)
    run(lambda: start(settings))


@serve.command("keys")
def serve_keys(config: Config) -> None:
    """Run the control's key process."""
    from kms.dev.booking import KeyServiceConfig
    from kms.dev.booking import serve_keys as start
    from kms.storage.config import load
    from kms.transport.process import run

    settings = load(KeyServiceConfig, config)
    run(lambda: start(settings))
