"""`kms policy`: look at what decides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
) -> None:
    """Refuse a policy that would open too much, and say which rule and why."""
    from kms.policy.engine import default_schema
    from kms.policy.lint import lint as findings_of

    findings = findings_of(policy.read_text(), schema.read_text() if schema else default_schema())
    for finding in findings:
        typer.echo(f"{finding.code}  {finding.rule}  {finding.message}")
    if findings:
        raise typer.Exit(1)
    typer.echo("nothing found")
