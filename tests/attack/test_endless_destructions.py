"""Whoever stole an owner's key, or a quorum of admins, destroys as much as they can in the days before it is noticed.

Each custodian takes orders for so many keys a day and no more, in however many orders and over however many restarts.
"""

from __future__ import annotations

import pytest

from kms.custodian.context import DestroyLimits
from kms.custodian.node import NodeOptions
from kms.statements.destroyed import DestroyScheduled
from kms_client.cache import OpenKey
from tests.protocol.destroying import (
    DAY,
    is_word,
    make_admin_order,
    make_order,
    pass_time,
    submission,
    tell,
)
from tests.protocol.world import LAB, Device, World

OPTIONS = NodeOptions(destroying=DestroyLimits(keys_a_day=5, keys_a_day_of_owner=3))


@pytest.fixture
def alice(world: World) -> Device:
    world.start(1, options=OPTIONS)
    return world.device("alice")


@pytest.fixture
def keys(world: World, alice: Device) -> tuple[OpenKey, ...]:
    return world.create(alice, [LAB] * 8)


def takes(world: World, by: Device | None, keys: tuple[OpenKey, ...]) -> bool:
    order = make_order(world, by, keys) if by else make_admin_order(world, keys)
    told = tell(world, submission(world, order, by=by), 1)[1]
    assert is_word(DestroyScheduled, told) or told == "DESTROY_LIMIT"
    return is_word(DestroyScheduled, told)


def test_many_small_orders_are_no_way_around_the_owners_limit(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    assert [takes(world, alice, (key,)) for key in keys[:5]] == [True, True, True, False, False]
    assert not takes(world, alice, keys[:2])  # the same keys under another order count again


def test_nor_is_a_restart(world: World, alice: Device, keys: tuple[OpenKey, ...]) -> None:
    assert takes(world, alice, keys[:3])
    world.start(1, options=OPTIONS)
    assert not takes(world, alice, keys[3:4])
    pass_time(world, DAY + 600)
    assert takes(world, alice, keys[3:6])
    assert not takes(world, alice, keys[6:7])


def test_nor_is_calling_off(world: World, alice: Device, keys: tuple[OpenKey, ...]) -> None:
    from tests.protocol.destroying import make_cancellation

    order = make_order(world, alice, keys[:3])
    tell(world, submission(world, order, by=alice), 1)
    tell(world, submission(world, make_cancellation(world, alice, order)), 1)
    assert not takes(world, alice, keys[3:4])


def test_nor_are_fresh_keys_of_one_person(world: World, keys: tuple[OpenKey, ...]) -> None:
    """One person with a new device key, and records, for each order: counted by whom their issuers name."""
    first = Device("eve", world.device("eve").key)
    second = Device("eve", world.device("eve again").key)
    mine, also_mine = world.create(first, [LAB] * 2), world.create(second, [LAB] * 2)
    assert takes(world, first, mine)
    assert not takes(world, second, also_mine)


def test_the_custodians_limit_holds_for_all_owners_and_for_admins(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    bob = world.device("bob")
    theirs = world.create(bob, [LAB] * 4)
    assert takes(world, alice, keys[:3])
    assert not takes(world, None, theirs[:3])
    assert takes(world, bob, theirs[:2])
    assert not takes(world, None, theirs[2:3])
    assert not takes(world, alice, keys[3:4])
