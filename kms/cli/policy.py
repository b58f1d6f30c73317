"""`kms policy`: look at what decides."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kms.statements.manifest import Issuer

app = typer.Typer(help="The policy that custodians decide by.", no_args_is_help=True)


@app.command()
def default(schema: Annotated[bool, typer.Option(help="Print the schema instead.")] = False) -> None:
    """Print the default policy."""
    from kms.policy.engine import default_policy, default_schema

    typer.echo(default_schema() if schema else default_policy(), nl=False)


@app.command()
def lint(
    policy: Annotated[Path, typer.Argument(help="A Cedar policy file.")],
    schema: Annotated[Path | None, typer.Option(help="Its schema; the default one if left out.")] = None,
    manifest: Annotated[Path | None, typer.Option(help="A signed manifest, for its issuers.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Refuse a policy that would open too much, and say which rule and why.

    Without a manifest, two issuers of different owners are assumed, each vouching for every class.
    """
    from kms.policy.engine import default_schema
    from kms.policy.lint import lint as findings_of

    text = schema.read_text() if schema else default_schema()
    findings = findings_of(policy.read_text(), text, _issuers(manifest))
    if as_json:
        typer.echo(json.dumps([{"code": f.code, "rule": f.rule, "message": f.message} for f in findings]))
    else:
        for finding in findings:
            typer.echo(f"{finding.code}  {finding.rule or '(whole)'}  {finding.message}")
    if findings:
        raise typer.Exit(1)
    if not as_json:
        typer.echo("nothing found")


def _issuers(manifest: Path | None) -> Sequence[Issuer]:
    from kms.crypto.signing import SigningKey
    from kms.statements.envelope import open_by_all
    from kms.statements.manifest import HolderClass, Issuer, IssuerKey, IssuerKeyType, Manifest, founders

    if manifest is not None:
        return open_by_all(Manifest, manifest.read_bytes(), founders, "manifest").statement.issuers
    return [
        Issuer(
            f"https://{owner}.example",
            owner,
            tuple(HolderClass),
            (IssuerKey("1", IssuerKeyType.ED25519, SigningKey.generate().public),),
        )
        for owner in ("one", "another")
    ]
