"""`kms coordinator`: the front door at the host."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
    run(lambda: start(settings, lambda: load(CoordinatorConfig, config)))


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
