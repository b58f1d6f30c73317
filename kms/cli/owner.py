"""`kms owner`: an owner's keys, and who else acts for the owner."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kms.cli.device import (
    Json,
    ProfilePath,
    act,
    read_contact,
    read_key,
    read_profile,
    read_purpose,
    tell_outcome,
)

if TYPE_CHECKING:
    from kms.crypto.signing import SigningKey
    from kms.statements.ids import Thumbprint
    from kms_client.aio import AsyncClient
    from kms_client.noticing import Heard
    from kms_client.profile import Profile

app = typer.Typer(help="An owner's keys.", no_args_is_help=True)
key = typer.Typer(help="An owner's key, in a file behind a passphrase.", no_args_is_help=True)
guardian = typer.Typer(help="Who reads for an owner: a child's parent.", no_args_is_help=True)
app.add_typer(key, name="key")
app.add_typer(guardian, name="guardian")
recovery = typer.Typer(help="When an owner's device is lost.", no_args_is_help=True)
app.add_typer(recovery, name="recovery")
Of = Annotated[
    str, typer.Option(help="The owner, if this device acts for more than one: a contact file or thumbprint.")
]
GUARDIANS_PURPOSES = ["patient_access", "treatment"]
HERE = Path()
DAY = 86400


@app.callback()
def _root() -> None:
    """Keeps `kms owner` a group even if it had one command."""


@key.command("new")
def new(
    target: Annotated[Path, typer.Argument(help="The key file to make: a profile's `device_key`.")],
    as_json: Json = False,
) -> None:
    """Make an owner's key behind a passphrase (asked for), and print its thumbprint and fingerprint."""
    from kms.crypto.signing import SigningKey
    from kms.errors import ConfigError
    from kms.storage.keyfile import write_secret

    if target.exists():  # before anybody thinks of a passphrase
        raise ConfigError(f"{target} exists already")
    passphrase = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    made = SigningKey.generate()
    write_secret(target, made.seed, passphrase)
    _print(made, as_json)


@key.command("show")
def show(file: Annotated[Path, typer.Argument(help="The key file.")], as_json: Json = False) -> None:
    """Print a key's thumbprint and fingerprint; asks for its passphrase."""
    _print(read_key(file), as_json)


@key.command("add")
def add(
    who: Annotated[str, typer.Argument(help="The other key: a contact file, or a thumbprint in hex.")],
    target: Annotated[
        Path, typer.Argument(help="The mandate's file to make: for the other device to accept.")
    ],
    days: Annotated[int, typer.Option(help="Until when; 0: without end.", min=0, max=36500)] = 0,
    profile: ProfilePath = HERE,
    as_json: Json = False,
) -> None:
    """Let another key act for this owner in everything: a second device, or a key in a drawer.

    Run it again to tell custodians that were out of reach. Exit code 1 until it is effective.
    """
    device, other = read_profile(profile), read_contact(who)
    until = int(time.time()) + days * DAY if days else 0
    mandate, told = act(device, lambda client: client.add_owner_key(other.thumbprint, not_after=until))
    target.write_bytes(mandate)
    tell_outcome(told, as_json)


@key.command("list")
def list_keys(of: Of = "", profile: ProfilePath = HERE, as_json: Json = False) -> None:
    """List the keys that act for the owner, guardians' too, and at which custodians."""
    from kms.ceremony.words import words
    from kms_client.mandates import actors

    device = read_profile(profile)
    owner, _ = _owner(device, of)
    found = actors(act(device, lambda client: client.accounts(owner=owner)), owner)
    if as_json:
        typer.echo(json.dumps({"keys": [actor.facts() for actor in found]}))
        return
    for actor in found:
        facts = actor.facts()
        state = f"revoked at {_list(actor.revoked)}" if actor.revoked else f"known to {_list(actor.known)}"
        typer.echo(f"{facts['kind']:12} {words(actor.key)}\n             {actor.key.hex()}; {state}")


@key.command("revoke")
def revoke(
    who: Annotated[str, typer.Argument(help="The key: a contact file, or a thumbprint in hex.")],
    of: Of = "",
    profile: ProfilePath = HERE,
    as_json: Json = False,
) -> None:
    """Say that a key acts for the owner no more, for ever: another key, a guardian's, or that of a lost device.

    Run it again to tell custodians that were out of reach. Exit code 1 until it is effective.
    """
    device, other = read_profile(profile), read_contact(who)
    owner, kept = _owner(device, of)
    told = act(
        device,
        lambda client: client.revoke_owner_key(other.thumbprint, owner=owner, mandates_kept=kept),
    )
    tell_outcome(told, as_json)


@app.command()
def accept(
    mandate: Annotated[Path, typer.Argument(help="A mandate's file, made by the owner for this key.")],
    profile: ProfilePath = HERE,
    as_json: Json = False,
) -> None:
    """Keep a mandate on this device, which acts for that owner from now on."""
    from kms.errors import ConfigError
    from kms_client.mandates import Mandates

    device = read_profile(profile)
    try:
        kept = Mandates.of(device).accept(mandate.read_bytes(), device.device_key.thumbprint)
    except OSError as error:
        raise ConfigError(f"cannot read {mandate}: {error.strerror}") from None
    owner = kept.owner_thumbprint.hex()
    typer.echo(json.dumps({"owner": owner}) if as_json else f"acts for {owner}")


@guardian.command("add")
def add_guardian(
    who: Annotated[str, typer.Argument(help="The guardian: a contact file, or a thumbprint in hex.")],
    target: Annotated[Path, typer.Argument(help="The mandate's file to make: for the guardian to accept.")],
    until: Annotated[
        datetime, typer.Option(help="When it ends: the day on which a child is of age.", formats=["%Y-%m-%d"])
    ],
    category: Annotated[list[str], typer.Option(help="Only this category; may be repeated.")] = [],  # noqa: B006
    purpose: Annotated[list[str], typer.Option(help="What for; may be repeated.")] = GUARDIANS_PURPOSES,
    may_grant: Annotated[
        bool, typer.Option("--may-grant", help="The guardian may let others read, too.")
    ] = False,
    profile: ProfilePath = HERE,
    as_json: Json = False,
) -> None:
    """Let a guardian read for this owner until a day. `kms owner key revoke` ends it before.

    Run it again to tell custodians that were out of reach. Exit code 1 until it is effective.
    """
    device, other = read_profile(profile), read_contact(who)
    purposes = [read_purpose(name) for name in purpose]
    mandate, told = act(
        device,
        lambda client: client.add_guardian(
            other.thumbprint,
            not_after=int(until.replace(tzinfo=UTC).timestamp()),
            purposes=purposes,
            categories=category,
            may_grant=may_grant,
        ),
    )
    target.write_bytes(mandate)
    tell_outcome(told, as_json)


@app.command()
def bind(profile: ProfilePath = HERE, as_json: Json = False) -> None:
    """Tell custodians as whom your issuers know you, for the day on which this device is lost.

    Run it again to tell custodians that were out of reach. Exit code 1 until it is effective.
    """
    tell_outcome(act(read_profile(profile), lambda client: client.bind_owner()), as_json)


@recovery.command("begin")
def begin(
    owner: Annotated[str, typer.Argument(help="The lost key: a contact file, or a thumbprint in hex.")],
    profile: ProfilePath = HERE,
    as_json: Json = False,
) -> None:
    """Ask that this device's key count for a lost one, after the keyring's wait. The lost one may object."""
    lost = read_contact(owner)
    tell_outcome(act(read_profile(profile), lambda client: client.begin_recovery(lost.thumbprint)), as_json)


@recovery.command("list")
def list_recoveries(of: Of = "", profile: ProfilePath = HERE, as_json: Json = False) -> None:
    """List recoveries of this owner's key: of which new key, and from when it counts, at each custodian."""
    device = read_profile(profile)
    owner, _ = _owner(device, of)
    accounts = act(device, lambda client: client.accounts(owner=owner))
    found = [
        {
            "custodian": index,
            "key": r.key_thumbprint.hex(),
            "begun_at": r.begun_at,
            "counts_from": r.counts_from,
        }
        for index, account in sorted(accounts.items())
        for r in account.recoveries
    ]
    if as_json:
        typer.echo(json.dumps({"recoveries": found}))
        return
    for entry in found:
        state = f"counts from {_when(entry['counts_from'])}" if entry["counts_from"] else "was stopped"
        typer.echo(f"{entry['key']} at custodian {entry['custodian']}: {state}")


@recovery.command("object")
def object_to(
    who: Annotated[str, typer.Argument(help="The new key: its thumbprint in hex, as the notice says.")],
    of: Of = "",
    profile: ProfilePath = HERE,
    as_json: Json = False,
) -> None:
    """Stop a recovery that is not yours: the new key never counts. The same as `kms owner key revoke`."""
    revoke(who, of, profile, as_json)


@app.command()
def notices(
    watch: Annotated[bool, typer.Option("--watch", help="Go on, with each thing as it happens.")] = False,
    of: Of = "",
    profile: ProfilePath = HERE,
    as_json: Json = False,
) -> None:
    """What happened to this owner's records and keys, as the custodians tell: who read, which keys were named."""
    device = read_profile(profile)
    owner, _ = _owner(device, of)

    async def follow(client: AsyncClient) -> None:
        async for heard in client.watch_notices(owner=owner):
            typer.echo(json.dumps(heard.facts()) if as_json else _told(heard))

    if watch:
        act(device, follow)
        return
    found = act(device, lambda client: client.notices(owner=owner))
    if as_json:
        typer.echo(json.dumps({"notices": [heard.facts() for heard in found]}))
        return
    for heard in found:
        typer.echo(_told(heard))


NOTICES = {
    "owner_key_added": "a further key was named",
    "guardian_added": "a guardian was named",
    "key_revoked": "a key was revoked",
    "read_by_grant": "records were read by your grant",
    "read_by_guardian": "records were read by a guardian",
    "recovery_begun": "SOMEBODY ASKS TO HAVE YOUR KEY RECOVERED; if it is not you: kms owner recovery object",
    "recovery_stopped": "a recovery was stopped",
    "emergency": "RECORDS WERE READ IN AN EMERGENCY, without your leave",
    "emergency_asked": "somebody asks custodians' people to open records in an emergency, without your leave",
    "destroy_scheduled": "RECORDS ARE TO BE DESTROYED; if that is a mistake: kms key cancel ORDER",
    "destroy_cancelled": "records are not to be destroyed after all",
    "destroyed": "records were destroyed: nobody opens them any more",
    "read_by_others": "records were read by somebody whom a rule or a custodian's people let in",
}


def _told(heard: Heard) -> str:
    from kms_client.noticing import reason_name

    count = f" ({heard.count} of them)" if heard.count else ""
    by = _list(heard.by) + (f", not by {_list(heard.silent)}" if heard.silent else "")
    ends = ""
    if heard.due_at:
        why = f", for {reason_name(heard.destroy_reason)}" if heard.destroy_reason else ""
        ends = f"\n    at {_when(heard.due_at)}{why}; order {heard.subject.hex()}"
    what = f"{_when(heard.at)}  {NOTICES[heard.kind.name.lower()]}{count}{ends}"
    return f"{what}\n    key {heard.key.hex()}; told by {by}"


def _when(seconds: Any) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _owner(device: Profile, of: str) -> tuple[Thumbprint, list[bytes]]:
    """For whom a command acts (the named owner, the sole one of this device, or itself), and its mandates for that."""
    from kms.statements.ids import Thumbprint
    from kms_client.mandates import Mandates

    kept = Mandates.of(device)
    own = Thumbprint(device.device_key.thumbprint)
    owner = Thumbprint(read_contact(of).thumbprint) if of else kept.sole_owner() or own
    return owner, kept.for_owner(owner)


def _list(indices: tuple[int, ...]) -> str:
    return "custodians " + ", ".join(map(str, indices)) if indices else "no custodian"


def _print(made: SigningKey, as_json: bool) -> None:
    from kms.ceremony.words import words

    facts = {"thumbprint": made.thumbprint.hex(), "fingerprint": words(made.thumbprint)}
    if as_json:
        typer.echo(json.dumps(facts))
    else:
        typer.echo(f"thumbprint   {facts['thumbprint']}\nfingerprint  {facts['fingerprint']}")
