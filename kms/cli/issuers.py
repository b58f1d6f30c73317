"""`kms custodian issuers`: the identity providers as this custodian sees them, and a human's word on exchanged keys."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from kms.custodian.config import CustodianConfig

app = typer.Typer(help="Issuers of credentials, as this custodian's node sees them.", no_args_is_help=True)
Config = Annotated[Path, typer.Option(help="The custodian's TOML file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Iss = Annotated[str, typer.Argument(metavar="ISSUER", help="Its name, as in the manifest.")]


def _load(path: Path) -> CustodianConfig:
    from kms.custodian.config import CustodianConfig
    from kms.storage.config import load

    return load(CustodianConfig, path)


@app.command("list")
def list_(config: Config, as_json: Json = False) -> None:
    """List the issuers of the manifest in force and whether their keys count; exit 1 if some provider's do not."""
    from kms.custodian.issuer_service import list_issuers

    known = [_as_dict(k) for k in asyncio.run(list_issuers(_load(config).socket()))]
    if as_json:
        typer.echo(json.dumps(known))
    else:
        for issuer in known:
            typer.echo(f"{issuer['status']:12}  {issuer['iss']}  ({issuer['controlled_by']})")
    if any(issuer["status"] in ("switched", "stale", "never seen") for issuer in known):
        raise typer.Exit(1)


@app.command()
def show(issuer: Iss, config: Config, as_json: Json = False) -> None:
    """Show a provider's keys with their fingerprints, to compare with its people over another line."""
    found = _find(config, issuer)
    if as_json:
        typer.echo(json.dumps(found))
        return
    typer.echo(f"{found['iss']}, controlled by {found['controlled_by']}: {found['status']}")
    if found["fetched_at"]:
        left = f"they count for {found['seconds_left'] // 60} more minutes without being fetched again"
        typer.echo(f"keys of {_date(found['fetched_at'])} ({left})")
    for key in found["keys"]:
        typer.echo(f"  {key['state']:8}  {_key(key)}")
    typer.echo(f"  set {found['keys_fingerprint']}") if found["keys"] else None
    if found["failure"]:
        typer.echo(f"the last attempt to fetch them failed: {found['failure']}")
    if found["exchanged"]:
        until = _date(found["exchanged_seen"])
        typer.echo(f"from {_date(found['exchanged_at'])} to {until} it showed keys none of which counted:")
        for key in found["exchanged"]:
            typer.echo(f"  unknown   {_key(key)}")
        typer.echo(f"  set {found['exchanged_fingerprint']}")


@app.command()
def accept(
    issuer: Iss,
    fingerprint: Annotated[
        str,
        typer.Argument(
            help="The set's fingerprint, as `show` prints it and its provider's people confirmed it."
        ),
    ],
    config: Config,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
    as_json: Json = False,
) -> None:
    """Let all keys of a set that a provider shows count from now on, at this custodian."""
    from kms.custodian.issuer_service import accept_keys
    from kms.errors import Invalid

    found = _find(config, issuer)
    exchanged = fingerprint.lower() == found["exchanged_fingerprint"]
    if not yes:
        for key in found["exchanged"] if exchanged else found["keys"]:
            typer.echo(f"  {_key(key)}")
        typer.confirm("Did its people confirm these keys to you over another line?", abort=True)
    try:
        named = bytes.fromhex(fingerprint)
    except ValueError:
        named = b""
    if len(named) != 32:
        raise Invalid("a fingerprint is 64 hex digits", reason="INVALID_FINGERPRINT")
    asyncio.run(accept_keys(_load(config).socket(), issuer, named))
    result = {"iss": issuer, "accepted": named.hex()}
    typer.echo(json.dumps(result) if as_json else f"accepted: these keys of {issuer} count from now on")


def _find(config: Path, iss: str) -> dict[str, Any]:
    from kms.custodian.issuer_service import list_issuers
    from kms.errors import NotFound

    for known in asyncio.run(list_issuers(_load(config).socket())):
        if known.iss == iss:
            return _as_dict(known)
    raise NotFound(
        f"the manifest has no issuer {iss!r}: see `kms custodian issuers list`", reason="UNKNOWN_ISSUER"
    )


def _as_dict(known: Any) -> dict[str, Any]:
    state = known.state
    return {
        "iss": known.iss,
        "controlled_by": known.controlled_by,
        "status": _status(known),
        "fetched_at": state.fetched_at,
        "seconds_left": known.seconds_left,
        "failure": known.failure,
        "keys": [_key_dict(key) for key in state.keys if not key.until],
        "keys_fingerprint": known.keys_fingerprint.hex(),
        "exchanged": [_key_dict(key) for key in state.exchanged],
        "exchanged_fingerprint": known.exchanged_fingerprint.hex(),
        "exchanged_at": state.exchanged_at,
        "exchanged_seen": state.exchanged_seen,
    }


def _status(known: Any) -> str:
    if not known.is_provider:
        return "certified" if known.is_certified else "pinned"
    if known.state.refused:
        return "switched"
    if not known.state.fetched_at:
        return "never seen"
    return "current" if known.seconds_left else "stale"


def _key_dict(key: Any) -> dict[str, Any]:
    from kms.policy.issuers import thumbprint
    from kms.statements.manifest import IssuerKey, IssuerKeyType

    kind = IssuerKeyType(key.type)
    return {
        "kid": key.kid,
        "type": kind.name,
        "alg": key.alg,
        "thumbprint": thumbprint(IssuerKey(key.kid, kind, key.public_key)),
        "state": "counts" if key.since else "young",
        "first_seen": key.first_seen,
        "since": key.since,
    }


def _key(key: dict[str, Any]) -> str:
    return f"{key['type']:8} {key['alg'] or '-':6} {key['thumbprint']}  kid {key['kid']}"


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
