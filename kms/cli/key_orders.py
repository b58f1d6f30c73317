"""`kms key`, the admins' side: orders with a reason, cancellations and legal holds, each signed by a quorum."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kms.cli.device import Json, ProfilePath, act, read_contact, read_profile

if TYPE_CHECKING:
    from kms.statements.manifest import Keyring
    from kms_client.aio import AsyncClient
    from kms_client.killing import Effect

HERE = Path()
DAY = 86400
Chain = Annotated[Path, typer.Option(help="The keyring's chain file.")]
Out = Annotated[Path, typer.Argument(metavar="FILE", help="The file to make, for the next admin.")]
AdminKey = Annotated[Path, typer.Option(help="This admin's key file.")]
Keys = Annotated[list[str], typer.Option("--key", help="A key's name in hex; may be repeated.")]
Text = Annotated[str, typer.Option(help="Why, in words, for the other admins: only their hash is signed.")]


def order(
    out: Out,
    chain: Chain,
    key: Keys,
    reason: Annotated[str, typer.Option(help="Why: retention, legal_duty, mistake, ...")],
    text: Text,
    admin_key: AdminKey,
    days: Annotated[int, typer.Option(help="Wait so long at least.", min=0, max=90)] = 0,
) -> None:
    """Order, as an admin, that keys be destroyed; others sign it too, then anybody hands it in."""
    from kms.cli.key import read_reason
    from kms.statements.destruction import AdminDestroyOrder, reason_hash
    from kms.statements.ids import KeyId

    keyring, now, order_id = _keyring(chain), int(time.time()), secrets.token_bytes(16)
    said = AdminDestroyOrder(
        keyring.keyring_id,
        keyring.manifest_hash,
        order_id,
        tuple(KeyId(name) for name in sorted({digest(name) for name in key})),
        read_reason(reason),
        reason_hash(order_id, text),
        days * DAY,
        now,
    )
    _write(out, said, admin_key, keyring)


def cancel(
    out: Out,
    target: Annotated[Path, typer.Option("--order", help="The order's file.")],
    chain: Chain,
    admin_key: AdminKey,
) -> None:
    """Call an order off, as an admin, whoever gave it; others sign it too."""
    from kms.cli.key import read_file
    from kms.statements.destruction import AdminDestroyCancellation
    from kms.statements.envelope import statement_hash, unpack

    keyring = _keyring(chain)
    kind, payload, _ = unpack(read_file(target), "order")
    said = AdminDestroyCancellation(
        keyring.keyring_id, keyring.manifest_hash, statement_hash(kind, payload), int(time.time())
    )
    _write(out, said, admin_key, keyring)


def hold(
    out: Out,
    chain: Chain,
    text: Text,
    admin_key: AdminKey,
    days: Annotated[int, typer.Option(help="For how long.", min=1, max=3650)],
    key: Keys = [],  # noqa: B006
    owner: Annotated[str, typer.Option(help="All keys of this owner: a contact file or thumbprint.")] = "",
) -> None:
    """Say, as an admin, that keys must be kept: while that holds nobody destroys them. Others sign it too."""
    from kms.statements.destruction import LegalHold, reason_hash
    from kms.statements.ids import KeyId

    keyring, now, hold_id = _keyring(chain), int(time.time()), secrets.token_bytes(16)
    said = LegalHold(
        keyring.keyring_id,
        keyring.manifest_hash,
        hold_id,
        tuple(KeyId(name) for name in sorted({digest(name) for name in key})),
        read_contact(owner).thumbprint if owner else b"",
        now + days * DAY,
        False,
        reason_hash(hold_id, text),
        now,
    )
    _write(out, said, admin_key, keyring)


def lift(
    out: Out,
    target: Annotated[Path, typer.Option("--hold", help="The hold's file.")],
    chain: Chain,
    admin_key: AdminKey,
) -> None:
    """End a legal hold, as an admin, for good; others sign it too."""
    from kms.cli.key import read_file
    from kms.statements.codec import decode
    from kms.statements.destruction import LegalHold
    from kms.statements.envelope import unpack

    keyring = _keyring(chain)
    said = decode(LegalHold, unpack(read_file(target), "hold")[1], "hold")
    ended = replace(said, manifest_hash=keyring.manifest_hash, lifted=True)
    _write(out, ended, admin_key, keyring)


def sign(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Another admin's order, cancellation or hold.")
    ],
    admin_key: AdminKey,
    text: Annotated[
        str, typer.Option(help="The words that you were given as the reason: they are held to it.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
) -> None:
    """Sign what another admin made, after it is shown."""
    from kms.cli.admin import read_key
    from kms.cli.key import read_file
    from kms.errors import Invalid
    from kms.statements.codec import decode
    from kms.statements.destruction import reason_hash
    from kms.statements.envelope import pack, unpack

    kind, payload, signatures = unpack(read_file(file), "statement")
    if kind not in _kinds():
        raise Invalid("no order, cancellation or hold", reason="WRONG_TYPE")
    said: Any = decode(_kinds()[kind], payload, "statement")
    for line in _shown(said):
        typer.echo(line)
    named = getattr(said, "order_id", b"") or getattr(said, "hold_id", b"")
    if named:
        right = bool(text) and said.text_hash == reason_hash(named, text)
        typer.echo(
            "text     " + ("is the one that you gave" if right else "IS ANOTHER THAN YOU GAVE, or none")
        )
        if text and not right:
            raise Invalid("the reason is another one than you were given", reason="WRONG_TEXT")
    if not yes:
        typer.confirm("Sign this?", abort=True)
    signer = read_key(admin_key)
    others = [(by, signature) for by, signature in signatures if by != signer.public]
    signed = [*others, (signer.public, signer.sign(kind, payload))]
    file.write_bytes(pack(kind, payload, signed))
    typer.echo(f"signed by {len(signed)} admins")


def hand_in(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A signed order, cancellation or hold.")],
    target: Annotated[Path | None, typer.Option("--order", help="The order, for a cancellation.")] = None,
    profile: ProfilePath = HERE,
    as_json: Json = False,
) -> None:
    """Bring what admins signed to every custodian. Exit code 1 until enough have taken it; run it again then."""
    from kms.cli.key import _tell, read_file
    from kms.errors import ConfigError
    from kms.statements.codec import payload_type
    from kms.statements.destruction import AdminDestroyCancellation, LegalHold, kind_of
    from kms_client import destroying

    device, said = read_profile(profile), read_file(file)
    kind = kind_of(said)
    if kind == payload_type(LegalHold):

        async def keep(client: AsyncClient) -> Effect:
            return await destroying.hand_in_hold(client.session, said)

        held = act(device, keep)
        if as_json:
            typer.echo(json.dumps(held.facts()))
        else:
            have = len(held.acknowledged)
            typer.echo(f"{have} custodians live by it, {held.needed} make it effective")
            for index, why in sorted(held.failures.items()):
                typer.echo(f"custodian {index} does not: {why}; run this again to tell it")
        if not held.effective:
            raise typer.Exit(1)
        return

    async def bring(client: AsyncClient) -> destroying.Destruction:
        if kind != payload_type(AdminDestroyCancellation):
            return await destroying.hand_in_order(client.session, said)
        if target is None:
            raise ConfigError("name the order that is called off: --order")
        return await destroying.call_off(client.session, read_file(target), said)

    found = act(device, bring)
    _tell(found, as_json)
    if not (found.called_off if kind == payload_type(AdminDestroyCancellation) else found.accepted):
        raise typer.Exit(1)


def digest(text: str) -> bytes:
    """A key's name from its 64 hex digits."""
    from kms.errors import Invalid

    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != 32:
        raise Invalid("a key's name is 64 hex digits", reason="INVALID_FIELD")
    return value


def _kinds() -> dict[str, Any]:
    from kms.statements.codec import payload_type
    from kms.statements.destruction import AdminDestroyCancellation, AdminDestroyOrder, LegalHold

    return {payload_type(cls): cls for cls in (AdminDestroyOrder, AdminDestroyCancellation, LegalHold)}


def _keyring(chain: Path) -> Keyring:
    """The manifest in force of a chain's file, or of a lone manifest's; compare its id with the one that you know."""
    from kms.ceremony import files
    from kms.ceremony.proposals import read_chain
    from kms.statements.chain import open_chain
    from kms.statements.envelope import unpack
    from kms.statements.manifest import genesis_keyring_id

    data, now = files.read_bytes(chain), int(time.time())
    if data.startswith(b"{"):
        return read_chain(files.read(chain)).current(now)
    return open_chain([data], genesis_keyring_id(unpack(data, "manifest")[1])).current(now)


def _write(out: Path, said: Any, admin_key: Path, keyring: Keyring) -> None:
    from kms.cli.admin import read_key
    from kms.errors import ConfigError
    from kms.statements.codec import encode, payload_type
    from kms.statements.envelope import pack

    if out.exists():
        raise ConfigError(f"{out} exists already")
    signer, kind, payload = read_key(admin_key), payload_type(type(said)), encode(said)
    out.write_bytes(pack(kind, payload, [(signer.public, signer.sign(kind, payload))]))
    typer.echo(f"signed by 1 of {keyring.manifest.admin_quorum} admins: {out}")


def _shown(said: Any) -> list[str]:
    from kms.ceremony.rendering import when

    kind = type(said).__name__
    lines = [f"what     {kind}{' (its end)' if getattr(said, 'lifted', False) else ''}"]
    lines.append(f"keyring  {said.keyring_id.hex()}")
    if kind == "AdminDestroyCancellation":
        return [*lines, f"order    {said.order_hash.hex()}"]
    lines += [f"key      {name.hex()}" for name in said.key_ids]
    if kind == "LegalHold":
        if said.owner_thumbprint:
            lines.append(f"owner    {said.owner_thumbprint.hex()}")
        return [*lines, f"until    {when(said.until)}"]
    return [*lines, f"reason   {said.reason.name.lower()}", f"waits    {said.waiting // DAY} days at least"]
