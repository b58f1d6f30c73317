"""`kms policy`: look at what decides."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kms.policy.engine import PolicyEngine
    from kms.policy.golden import GoldenTable
    from kms.statements.manifest import Issuer, Manifest

app = typer.Typer(help="The policy that custodians decide by.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def default(
    schema: Annotated[bool, typer.Option(help="Print the schema instead.")] = False,
    golden: Annotated[bool, typer.Option(help="Print its table of golden decisions instead.")] = False,
) -> None:
    """Print the default policy."""
    from kms.policy.engine import default_policy, default_schema
    from kms.policy.golden import default_golden

    text = default_golden().decode() if golden else default_schema() if schema else default_policy()
    typer.echo(text, nl=False)


@app.command()
def lint(
    policy: Annotated[Path, typer.Argument(help="A Cedar policy file.")],
    schema: Annotated[Path | None, typer.Option(help="Its schema; the default one if left out.")] = None,
    manifest: Annotated[Path | None, typer.Option(help="A signed manifest, for its issuers.")] = None,
    as_json: Json = False,
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
        for line in _budgets(manifest) if manifest else ():
            typer.echo(f"budget: {line}")


@app.command()
def explain(
    case: Annotated[
        Path,
        typer.Argument(
            help="A TOML file that says who asks for what on which evidence; with --config a request's hash."
        ),
    ],
    policy: Annotated[
        Path | None, typer.Option(help="A Cedar policy file; the default policy if left out.")
    ] = None,
    forbids: Annotated[Path | None, typer.Option(help="A custodian's own forbid rules, too.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="A custodian's TOML file: ask its running node.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say which rule decides a case, or a request at a node, and what would have changed the answer."""
    if config is not None:
        _explain_request(config, str(case), as_json)
        return
    from kms.policy.cases import Asked
    from kms.policy.explain import explain as explained
    from kms.storage.config import load

    asked = load(Asked, case)
    explanation = explained(_engine(policy, forbids), asked.attributes(), asked.action)
    typer.echo(json.dumps(explanation.as_dict()) if as_json else "\n".join(explanation.lines()))


def _explain_request(config: Path, digits: str, as_json: bool) -> None:
    from kms.custodian.config import CustodianConfig
    from kms.custodian.policy_service import ask_node
    from kms.storage.config import load

    name, keys = asyncio.run(ask_node(load(CustodianConfig, config).socket(), digits))
    if as_json:
        typer.echo(json.dumps({"request": name.hex(), "keys": [asdict(one) for one in keys]}))
        return
    typer.echo(f"request {name.hex()}")
    for one in keys:
        typer.echo(f"{len(one.positions)} keys, decided: {one.verdict}, {one.text} [{one.reason}]")
        for line in one.explanation.lines() if one.explanation else ("its evidence is not kept any more",):
            typer.echo(f"  {line}")


@app.command("test")
def run_golden(
    policy: Annotated[Path, typer.Argument(help="A Cedar policy file.")],
    golden: Annotated[Path, typer.Argument(help="Its table of golden decisions, a TOML file.")],
    forbids: Annotated[Path | None, typer.Option(help="A custodian's own forbid rules, too.")] = None,
    as_json: Json = False,
) -> None:
    """Ask a policy every case of a table of golden decisions; exit code 1 if an answer is another."""
    from kms.policy.golden import failures, unused_rules
    from kms.statements.manifest import golden_hash

    data, table = _golden(golden)
    failed = failures(_engine(policy, forbids), table)
    unused = unused_rules(_read(policy), table)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "golden_hash": golden_hash(data).hex(),
                    "cases": len(table.decision),
                    "failures": [asdict(failure) for failure in failed],
                    "unused_rules": unused,
                }
            )
        )
    else:
        for failure in failed:
            typer.echo(f"FAILED  {failure.name}: {failure.actual} instead of {failure.expected}")
        for name in unused:
            typer.echo(f"note: no case is decided by the rule {name}")
        typer.echo(f"{len(table.decision) - len(failed)} of {len(table.decision)} cases as they must be")
        typer.echo(f"golden hash {golden_hash(data).hex()}")
    if failed:
        raise typer.Exit(1)


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="A Cedar policy file.")],
    new: Annotated[Path, typer.Argument(help="The one to come.")],
    golden: Annotated[
        Path | None, typer.Argument(help="A table of golden decisions, to look at its cases too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say which decisions change from one policy to another, over all kinds of cases; what opens comes first."""
    from kms.policy.diff import compare

    before, after = _engine(old), _engine(new)
    difference = compare(before, after)
    cases = () if golden is None else _golden(golden)[1].decision
    changed = [(one.name, change) for one in cases for change in compare(before, after, (one.asked,)).changes]
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "cases": difference.cases,
                    "other_reasons": difference.other_reasons,
                    "summary": list(difference.lines()),
                    "changes": [asdict(change) | {"opens": change.opens} for change in difference.changes],
                    "golden": [{"name": name} | asdict(change) for name, change in changed],
                }
            )
        )
        return
    for line in difference.lines():
        typer.echo(line)
    for name, change in changed:
        typer.echo(f"golden: {name}: {change.before.verdict} becomes {change.after.verdict}")


def _golden(path: Path) -> tuple[bytes, GoldenTable]:
    from kms.ceremony.golden import read_golden
    from kms.storage.config import read

    data = read(path)
    return data, read_golden(data, path)


def _engine(policy: Path | None, forbids: Path | None = None) -> PolicyEngine:
    from kms.policy.engine import PolicyEngine, default_policy, default_schema

    text = _read(policy) if policy else default_policy()
    return PolicyEngine(text, default_schema(), _read(forbids) if forbids else "")


def _read(path: Path) -> str:
    from kms.errors import ConfigError

    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from None


def _manifest(path: Path) -> Manifest:
    from kms.statements.envelope import open_by_all
    from kms.statements.manifest import Manifest, founders

    return open_by_all(Manifest, path.read_bytes(), founders, "manifest").statement


def _budgets(path: Path) -> list[str]:
    manifest = _manifest(path)
    return [b.in_words(len(manifest.custodians), manifest.threshold) for b in manifest.budgets]


def _issuers(manifest: Path | None) -> Sequence[Issuer]:
    from kms.crypto.signing import SigningKey
    from kms.statements.manifest import HolderClass, Issuer, IssuerKey, IssuerKeyType

    if manifest is not None:
        return _manifest(manifest).issuers
    return [
        Issuer(
            f"https://{owner}.example",
            owner,
            tuple(HolderClass),
            (IssuerKey("1", IssuerKeyType.ED25519, SigningKey.generate().public),),
        )
        for owner in ("one", "another")
    ]
