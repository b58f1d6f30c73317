"""`kms keyring`: which keyring a device follows, and what its host was caught at."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kms_client.profile import Profile
    from kms_client.standing import Evidence, Standing

app = typer.Typer(help="The keyring that a device pinned, as it sees it.", no_args_is_help=True)


@app.callback()
def _root() -> None:
    """Keeps `kms keyring` a group though it has one command."""


@app.command()
def status(
    profile: Annotated[Path, typer.Argument(help="A device's profile, or its folder.")],
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the coordinator.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell which manifest holds and until when, what custodians say of it, and every proof of a lie.

    Exit code 1 if there is a fork, a rollback or a frozen chain, or if the coordinator's answer is refused.
    """
    from kms_client.profile import Profile
    from kms_client.standing import remembered

    device = Profile.load(profile)
    standing = remembered(device, int(time.time())) if offline else asyncio.run(_ask(device))
    typer.echo(json.dumps(standing.facts()) if as_json else _tell(standing, offline))
    if standing.evidence or standing.refused is not None:
        raise typer.Exit(1)


async def _ask(profile: Profile) -> Standing:
    from kms_client.session import Session
    from kms_client.standing import stand

    session = Session(profile)
    try:
        return await stand(session)
    finally:
        await session.close()


def _tell(standing: Standing, offline: bool) -> str:
    facts = standing.facts()
    lines = [f"keyring   {facts['keyring_id']}"]
    manifest = facts["manifest"]
    if manifest is None:
        lines.append("no manifest of it was ever seen here")
    else:
        lines += [
            f"manifest  {manifest['sequence']}, {manifest['hash']}",
            f"          {manifest['threshold']} of {manifest['custodians']} custodians open; "
            f"{manifest['days_left']} days left",
        ]
    lines += [f"note: {notice}" for notice in facts["notices"]]
    for word in standing.words:
        said = (
            "says nothing"
            if word.sequence is None
            else f"lives by manifest {word.sequence}, it said {word.age} s ago"
        )
        lines.append(f"custodian {word.index} ({word.organisation}) {said}")
    if standing.words:
        lines.append(
            f"{standing.agreeing} of {len(standing.words)} said lately that they live by this manifest"
        )
        if standing.chain is not None and standing.agreeing < standing.chain.last.manifest.threshold:
            lines.append(
                "note: fewer than open a record: a host that freezes the chain would withhold the others"
            )
    if standing.refused is not None:
        lines.append(f"REFUSED: {standing.refused.message} [{standing.refused.reason}]")
    for evidence in standing.evidence:
        lines += _spell_out(evidence)
    if not standing.evidence:
        lines.append("no evidence against anybody is kept here")
    if offline:
        lines.append("the coordinator was not asked")
    return "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in lines)


def _spell_out(evidence: Evidence) -> list[str]:
    lines = [f"EVIDENCE of {evidence.kind}: {evidence.meaning}", f"  kept in {evidence.file}"]
    for side in evidence.sides:
        lines += [
            f"  - {side.said}",
            f"    {side.hash}" if side.hash else "    (nothing of it can be believed)",
        ]
        lines += [f"    signed by {name}" for name in side.signers]
    lines += [f"  SIGNED BOTH: {name}" for name in evidence.both]
    return lines
