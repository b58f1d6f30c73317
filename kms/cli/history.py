"""`kms history`: who asked for an owner's records, who was denied, who read them, from the custodians' own logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kms.cli.device import Json, ProfilePath, act, read_contact, read_profile

if TYPE_CHECKING:
    from kms_client.history import History

app = typer.Typer(help="What happened to an owner's records, proved.", no_args_is_help=True)
Csv = Annotated[Path | None, typer.Option("--csv", help="Write it as CSV here.")]
Fhir = Annotated[Path | None, typer.Option("--fhir", help="Write it as FHIR R4 AuditEvents here.")]
HERE = Path()


@app.callback()
def _root() -> None:
    """Keeps `kms history` a group."""


@app.command()
def show(
    profile: ProfilePath = HERE,
    of: Annotated[
        str, typer.Option(help="An owner for whom this device acts: a contact file or thumbprint.")
    ] = "",
    save: Annotated[
        Path | None, typer.Option(help="Save it with its proofs here, for `kms history verify`.")
    ] = None,
    csv_file: Csv = None,
    fhir_file: Fhir = None,
    as_json: Json = False,
) -> None:
    """Ask every custodian directly, check every proof, and list what happened.

    Exit code 1 if a custodian does not tell of a decision that another one's release rests on.
    """
    device = read_profile(profile)
    owner = read_contact(of).thumbprint if of else None
    found = act(device, lambda client: client.history(owner=owner))
    if save is not None:
        save.write_bytes(found.to_bytes())
    _put(found, csv_file, fhir_file, as_json)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="What `kms history show --save` wrote.")],
    keyring_id: Annotated[str, typer.Option(help="The keyring's id (hex), as you know it from elsewhere.")],
    csv_file: Csv = None,
    fhir_file: Fhir = None,
    as_json: Json = False,
) -> None:
    """Check every proof of a saved history again, offline, and list it. Exit code 1 if one does not hold."""
    from kms.errors import ConfigError
    from kms_client.history import read

    try:
        pinned = bytes.fromhex(keyring_id)
        data = file.read_bytes()
    except ValueError:
        raise ConfigError("--keyring-id must be 64 hex digits") from None
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from None
    _put(read(data, pinned), csv_file, fhir_file, as_json)


def _put(found: History, csv_file: Path | None, fhir_file: Path | None, as_json: bool) -> None:
    from kms_client.exporting import to_csv, to_fhir

    if csv_file is not None:
        csv_file.write_text(to_csv(found), newline="")
    if fhir_file is not None:
        fhir_file.write_text(to_fhir(found) + "\n")
    typer.echo(json.dumps(_facts(found)) if as_json else _text(found))
    if found.silences:
        raise typer.Exit(1)


def _facts(found: History) -> dict[str, Any]:
    return {
        "owner": found.owner.hex(),
        "events": [
            {
                "at": one.entry.at,
                "custodian": one.index,
                "entry": one.entry.index,
                "event": one.entry.kind.name,
                "request": one.entry.subject_hash.hex(),
                "requester": one.entry.principal.hex(),
                "purpose": one.detail.purpose,
                "people": list(one.detail.people),
                "outcomes": [
                    {"outcome": o.outcome, "reason": o.reason, "keys": [key.hex() for key in o.key_ids]}
                    for o in one.detail.outcomes
                ],
            }
            for one in found.told
        ],
        "silent": {str(index): reason for index, reason in sorted(found.failures.items())},
        "not_told": [
            {
                "custodian": one.index,
                "entry": one.entry,
                "told_by": one.teller,
                "request": one.request_hash.hex(),
            }
            for one in found.silences
        ],
    }


def _text(found: History) -> str:
    lines = [f"owner {found.owner.hex()}", ""]
    for one in found.told:
        at = f"{datetime.fromtimestamp(min(one.entry.at, 1 << 35), UTC):%Y-%m-%d %H:%M}"
        who = ", ".join(one.detail.people) or one.entry.principal.hex()[:16]
        for outcome in one.detail.outcomes:
            reason = f" ({outcome.reason})" if outcome.reason else ""
            keys = f"{len(outcome.key_ids)} key{'s' if len(outcome.key_ids) != 1 else ''}"
            what = f"{one.entry.kind.name.lower():9} {outcome.outcome}{reason}"
            lines.append(f"{at}  custodian {one.index}  {what}, {keys}, {who}")
    tellers = sorted(set(found.answers) - set(found.failures))
    lines += ["", f"told by custodians {', '.join(map(str, tellers)) or 'none'}; every entry is proved"]
    lines += [
        f"custodian {index} did not tell all: {reason}" for index, reason in sorted(found.failures.items())
    ]
    lines += [
        f"NOT TOLD: custodian {one.index} tells nothing of its entry {one.entry}, on which custodian {one.teller}'s "
        "release rests: it hides it, holds none of those keys any more, or the release cites what was never decided "
        "(kms audit run)"
        for one in found.silences
    ]
    return "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in lines)
