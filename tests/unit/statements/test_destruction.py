"""What is refused of statements on the end of keys, whoever signed them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kms.errors import Invalid, KmsError
from kms.statements.destruction import open_destroy_cancellation, open_destroy_order, open_hold
from kms.statements.ids import KeyId
from tests.protocol.ceremonies import change_committee
from tests.protocol.destroying import (
    make_admin_cancellation,
    make_admin_order,
    make_cancellation,
    make_hold,
    make_order,
)
from tests.protocol.world import World, signing_key

FIRST, SECOND = KeyId(b"a" * 32), KeyId(b"b" * 32)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path, n=3, threshold=2)
    yield made
    made.close()


@pytest.mark.parametrize("keys", [(SECOND, FIRST), (FIRST, FIRST)], ids=["out of order", "twice"])
@pytest.mark.parametrize("kind", ["owner", "admins", "hold"])
def test_each_key_is_named_once_and_in_order(world: World, kind: str, keys: tuple[KeyId, ...]) -> None:
    """Else one order is many: each order of its keys is another hash, and a key counts as often as it is named."""
    make: dict[str, Callable[[], object]] = {
        "owner": lambda: make_order(world, world.device("alice"), [], key_ids=keys),
        "admins": lambda: make_admin_order(world, [], key_ids=keys),
        "hold": lambda: make_hold(world, [FIRST], key_ids=keys),
    }
    with pytest.raises(Invalid) as refused:
        make[kind]()
    assert "sorted and unique" in str(refused.value.fields)


@pytest.mark.parametrize(
    "changes",
    [
        {"owner_thumbprint": b"o" * 31, "key_ids": ()},
        {"owner_thumbprint": b"o" * 32, "key_ids": (FIRST,)},
        {"owner_thumbprint": b"", "key_ids": ()},
    ],
    ids=["half an owner", "both", "neither"],
)
def test_a_hold_is_of_keys_or_of_an_owner(world: World, changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        make_hold(world, [FIRST], **changes)


def reason(step: Any, *arguments: Any) -> str:
    try:
        step(*arguments)
    except KmsError as error:
        return error.reason
    return ""


def test_what_is_from_the_future_counts_for_nothing_yet(world: World) -> None:
    """It would be good for as much longer: an order for 90 days, a hold for ten years."""
    now, admin = world.clock(), signing_key("admin")
    order = make_order(world, world.device("alice"), [FIRST], created_at=now + 3600)
    admins = make_admin_order(world, [FIRST], admin, created_at=now + 3600)
    hold = make_hold(world, [FIRST], admin, created_at=now + 3600)
    world.clock.turn(3600)
    off = make_admin_cancellation(world, order)
    for at, expected in ((now, "INVALID_FIELD"), (now + 3600, "")):
        for signed in (order, admins):
            assert reason(open_destroy_order, signed.envelope, world.chain, world.keyring, at) == expected
        assert reason(open_hold, hold.envelope, world.chain, world.keyring, at) == expected
        assert reason(open_destroy_cancellation, off.envelope, world.chain, world.keyring, at) == expected


def test_admins_call_off_under_the_manifest_in_force(world: World) -> None:
    order = make_order(world, world.device("alice"), [FIRST])
    off = make_admin_cancellation(world, order)
    change_committee(world, range(1, 4), 2, name="later")
    assert reason(open_destroy_cancellation, off.envelope, world.chain, world.keyring, world.clock()) == (
        "STALE_MANIFEST"
    )


def test_an_owners_cancellation_is_of_this_keyring(world: World) -> None:
    alice, other = world.device("alice"), World.found(world.folder / "other", n=3, threshold=2, name="other")
    off = make_cancellation(other, alice, make_order(other, alice, [FIRST]))
    now = world.clock()
    assert reason(open_destroy_cancellation, off.envelope, other.chain, other.keyring, now) == ""
    assert reason(open_destroy_cancellation, off.envelope, world.chain, world.keyring, now)
    other.close()


@pytest.mark.parametrize("size", [1, 31, 33])
def test_a_hash_of_words_is_whole_or_not_there(world: World, size: int) -> None:
    order = make_order(world, world.device("alice"), [FIRST], text_hash=b"")
    assert reason(open_destroy_order, order.envelope, world.chain, world.keyring, world.clock()) == ""
    try:
        bad = make_order(world, world.device("alice"), [FIRST], text_hash=b"t" * size)
    except Invalid:
        return
    assert (
        reason(open_destroy_order, bad.envelope, world.chain, world.keyring, world.clock()) == "INVALID_FIELD"
    )
