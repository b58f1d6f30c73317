"""Puts the nouns together."""

from __future__ import annotations

import typer

from kms.cli import (
    admin,
    audit,
    ceremony,
    coordinator,
    credential,
    custodian,
    dev,
    grant,
    keyring,
    login,
    membership,
    owner,
    policy,
)

app = typer.Typer(
    name="kms",
    help="Threshold KMS: a record opens only where a quorum of independent custodians releases its key.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(admin.app, name="admin")
app.add_typer(audit.app, name="audit")
app.add_typer(ceremony.app, name="ceremony")
app.add_typer(coordinator.app, name="coordinator")
app.add_typer(credential.app, name="credential")
app.add_typer(custodian.app, name="custodian")
custodian.app.command()(membership.enrol)
custodian.app.command()(membership.accept)
custodian.app.command()(membership.repair)
app.add_typer(dev.app, name="dev")
app.add_typer(grant.app, name="grant")
app.add_typer(keyring.app, name="keyring")
app.command()(login.login)
app.add_typer(owner.app, name="owner")
app.add_typer(policy.app, name="policy")


@app.callback()
def _root() -> None:
    """Keeps `kms` a group even if it had one command."""
