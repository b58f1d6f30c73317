"""`kms retention`: how long which records are kept, what is due, and the orders that end it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kms.cli.device import Json, ProfilePath, act, read_profile

if TYPE_CHECKING:
    from kms.crypto.signing import Signer
    from kms.statements.ids import KeyId
    from kms_client.aio import AsyncClient
    from kms_client.destroying import Destruction
    from kms_client.retaining import Line, Outlook

app = typer.Typer(
    help="How long records are kept: the policy's schedule, shown and carried out.", no_args_is_help=True
)
HERE = Path()
AdminKey = Annotated[
    Path | None, typer.Option(help="Ask or order as this admin, and not as the profile's holder.")
]
Limit = Annotated[int, typer.Option(help="Keys at most, the oldest first.", min=1, max=100_000)]
COLUMNS = {
    "due": "due now",
    "within_month": "30 days",
    "within_quarter": "90 days",
    "within_year": "365 days",
    "later": "later",
    "kept": "never",
    "ordered": "ordered",
    "held": "on hold",
}


@app.command()
def show(
    policy: Annotated[
        Path | None,
        typer.Option(help="What would be due under this policy, before anybody signs it; wants --admin-key."),
    ] = None,
    admin_key: AdminKey = None,
    profile: ProfilePath = HERE,
    as_json: Json = False,
) -> None:
    """How many keys are kept for how long, and when the next are due, as the custodians themselves count them."""
    from kms_client.retaining import outlook

    device, signer, text = read_profile(profile), _signer(admin_key), _policy(policy)
    found = act(device, lambda client: outlook(client.session, signer, text))
    if as_json:
        typer.echo(json.dumps(found.facts()))
        return
    _show(found)


@app.command()
def run(
    orders: Annotated[Path, typer.Argument(help="The folder in which the orders are kept; made if need be.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be ordered.")] = False,
    limit: Limit = 10_000,
    days: Annotated[int, typer.Option(help="Let owners have so long at least.", min=0, max=90)] = 0,
    admin_key: AdminKey = None,
    profile: ProfilePath = HERE,
    as_json: Json = False,
) -> None:
    """Order the end of what is due. Each custodian checks that it is, and waits as after any order.

    Exit code 1 if an order was not taken by enough custodians (run it again), or the host keeps keys back.
    """
    from kms_client.retaining import by_owner, outlook

    device, signer = read_profile(profile), _signer(admin_key)

    async def plan(client: AsyncClient) -> tuple[Outlook, list[tuple[KeyId, ...]]]:
        found = await outlook(client.session, signer, limit=limit, due_only=True)
        return found, await by_owner(client.session, found.due)

    async def carry_out(client: AsyncClient) -> list[Destruction]:
        return [await _order(client, orders, portion, signer, days) for portion in portions]

    found, portions = act(device, plan)
    withheld = len(found.due) - sum(map(len, portions))
    if withheld:
        typer.echo(
            f"the host does not describe {withheld} keys that are due: nobody can order them", err=True
        )
    if dry_run:
        _tell_plan(found, portions, as_json)
        return
    orders.mkdir(parents=True, exist_ok=True)
    done = act(device, carry_out)
    if as_json:
        typer.echo(json.dumps({"orders": [_facts(one) for one in done]}))
    else:
        for one in done:
            taken = len(one.scheduled) + len(one.destroyed)
            typer.echo(f"{one.order_hash.hex()}: taken by {taken} custodians, {one.needed} are enough")
            for index, reason in sorted(one.failures.items()):
                typer.echo(f"  custodian {index}: {reason}")
        typer.echo(f"{len(done)} orders for {sum(map(len, portions))} keys")
    _tell_silent(found, as_json)
    if withheld or not all(one.accepted for one in done):
        raise typer.Exit(1)


async def _order(
    client: AsyncClient, orders: Path, portion: tuple[KeyId, ...], signer: Signer | None, days: int
) -> Destruction:
    from kms.statements.envelope import statement_hash, unpack
    from kms_client.retaining import write_order

    said = await write_order(client.session, portion, signer, days * 86400)
    kind, payload, _ = unpack(said, "order")
    # On disk before anybody has it: with the file, the order can be followed, brought again and proved.
    with (orders / f"{statement_hash(kind, payload).hex()}.order").open("xb") as file:
        file.write(said)
    return await client.bring_order(said)


def _facts(done: Destruction) -> dict[str, Any]:
    return done.facts() | {"accepted": done.accepted}


def _tell_plan(found: Outlook, portions: list[tuple[KeyId, ...]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"orders": [[key.hex() for key in portion] for portion in portions]}))
        return
    for number, portion in enumerate(portions, 1):
        typer.echo(f"order {number}: {len(portion)} keys of one owner")
        for key in portion:
            typer.echo(f"  {key.hex()}")
    typer.echo(f"{len(portions)} orders for {sum(map(len, portions))} keys; nothing was ordered")
    _tell_silent(found, as_json)


def _tell_silent(found: Outlook, as_json: bool) -> None:
    for index, reason in sorted(found.failures.items()):
        typer.echo(f"custodian {index} did not say what is due there: {reason}", err=as_json)


def _show(found: Outlook) -> None:
    from kms.ceremony.rendering import when
    from kms.policy.reasons import in_words

    if not found.lines:
        typer.echo("no keys")
    for line in found.lines:
        why = ", ".join(map(in_words, line.rules))
        typer.echo(f"{line.category or 'other categories'}: {_length(line)} ({why})")
        counts = [f"{word} {line.counts[name]}" for name, word in COLUMNS.items() if line.counts[name]]
        typer.echo("  " + ", ".join(counts))
        if line.next_due_at:
            typer.echo(f"  the next at {when(line.next_due_at)}")
    typer.echo(f"as custodians {', '.join(map(str, found.answered)) or 'none'} say")
    _tell_silent(found, False)


def _length(line: Line) -> str:
    from kms.policy.lengths import in_words

    return f"kept {in_words(line.seconds or None)}"


def _signer(path: Path | None) -> Signer | None:
    from kms.cli.admin import read_key

    return read_key(path) if path else None


def _policy(path: Path | None) -> str:
    from kms.cli.key import read_file
    from kms.errors import ConfigError

    if path is None:
        return ""
    try:
        return read_file(path).decode()
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is no text") from None
