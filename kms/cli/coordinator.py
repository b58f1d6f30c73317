"""`kms coordinator`: the front door at the host."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kms.coordinator.config import CoordinatorConfig
    from kms.statements.chain import Chain
    from kms.transport.server import Endpoint

app = typer.Typer(help="The coordinator: directory, relay and workflow at the host.", no_args_is_help=True)
Config = Annotated[Path, typer.Option(help="The coordinator's TOML file.")]


@app.command()
def serve(config: Config) -> None:
    """Run the coordinator until SIGTERM."""
    from kms.coordinator.config import CoordinatorConfig
    from kms.coordinator.service import serve as start
    from kms.storage.config import load
    from kms.transport.process import run

    settings = load(CoordinatorConfig, config)
    run(
        lambda: start(
            settings, lambda: load(CoordinatorConfig, config), lambda chain: (_mailbox(settings, chain),)
        )
    )


@app.command()
def mailbox(config: Config) -> None:
    """Carry the files of a founding until SIGTERM: there is no keyring yet, and nothing else is served."""
    from kms.coordinator.config import CoordinatorConfig
    from kms.storage.config import load
    from kms.transport import logs
    from kms.transport.process import Port, Server, run

    settings = load(CoordinatorConfig, config)

    async def start() -> Callable[[], Awaitable[None]]:
        logs.configure(settings.log_level, node="mailbox")
        server = Server([Port(settings.listen, settings.tls.server(mutual=False), [_mailbox(settings)])])
        await server.start()
        return server.stop

    run(start)


def _mailbox(settings: CoordinatorConfig, chain: Callable[[], Chain] | None = None) -> Endpoint:
    """The mailbox beside the store: the keyring's admins open boxes, and those whom the configuration names."""
    import time

    from kms.ceremony.mailbox import Mailbox
    from kms.ceremony.service import endpoint

    def openers() -> frozenset[bytes]:
        links = (chain().in_force(int(time.time())), chain().last) if chain is not None else ()
        return frozenset(settings.mailbox_admins).union(*(link.manifest.admins for link in links))

    return endpoint(Mailbox(settings.store.parent / "mailbox", openers))


@app.command()
def check(config: Config) -> None:
    """Read the configuration and the manifest, and say what they are."""
    import time

    from kms.coordinator.config import CoordinatorConfig, read_manifests
    from kms.storage.config import load

    settings = load(CoordinatorConfig, config)
    keyring = read_manifests(settings).current(int(time.time()))
    settings.endpoints(keyring)
    typer.echo(
        f"keyring {keyring.keyring_id.hex()}: {keyring.threshold} of {len(keyring.manifest.custodians)}"
    )
