"""`kms custodian console`: what a custodian's file needs for a console, to be put at its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer


def console(
    origin: Annotated[
        str,
        typer.Argument(
            help="Where approvers will reach it, as https://kms.hospital.example, or http://localhost:PORT."
        ),
    ],
    listen: Annotated[
        str, typer.Option(help="host:port. Default: loopback, at the origin's port, or 8446.")
    ] = "",
    certificate: Annotated[
        Path | None, typer.Option(help="PEM chain for browsers. Default: a proxy on this machine ends TLS.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="Its private key.")] = None,
) -> None:
    """Print the tables of a custodian's TOML file that turn its console on.

    Append them: kms custodian console https://kms.hospital.example >> custodian.toml, then restart the node.
    """
    from kms.custodian.config import ConsoleConfig
    from kms.statements.passkeys import RelyingParty

    parts = urlsplit(origin)
    party = RelyingParty(parts.hostname or "", (origin,))
    at = ConsoleConfig(listen or f"127.0.0.1:{parts.port or 8446}", certificate, key)
    typer.echo(
        f"\n[passkeys]\nrp_id = {json.dumps(party.rp_id)}\norigins = {json.dumps(list(party.origins))}"
    )
    typer.echo(f"\n[console]\nlisten = {json.dumps(at.listen)}")
    if certificate and key:
        typer.echo(f"certificate = {json.dumps(str(certificate))}\nkey = {json.dumps(str(key))}")
