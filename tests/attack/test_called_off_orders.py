"""An order that was called off comes again: from the host, which kept it, or from a custodian that had not heard."""

from __future__ import annotations

import pytest

from kms.custodian.context import DestroyLimits
from kms.custodian.node import NodeOptions
from kms.statements.destroyed import DestroyCancelled, DestroyScheduled
from kms.statements.envelope import sign
from kms.statements.kills import KeyKill
from kms_client.cache import OpenKey
from tests.protocol.destroying import (
    WEEK,
    destroy,
    is_word,
    make_admin_cancellation,
    make_admin_order,
    make_cancellation,
    make_order,
    pass_time,
    submission,
    tell,
    words_on,
)
from tests.protocol.world import LAB, Device, World


@pytest.fixture
def alice(world: World) -> Device:
    return world.device("alice")


@pytest.fixture
def keys(world: World, alice: Device) -> tuple[OpenKey, ...]:
    return world.create(alice, [LAB] * 2)


def test_an_order_that_was_called_off_never_begins_again(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order = make_order(world, alice, keys)
    ordered = tell(world, submission(world, order, by=alice))
    off = submission(world, make_cancellation(world, alice, order))
    told = tell(world, off)
    assert all(is_word(DestroyCancelled, word) for word in told.values())
    assert set(world.release(alice, keys).opened) == {key.key_id for key in keys}  # it opens again at once
    words = [word for word in ordered.values() if isinstance(word, bytes)]
    again = submission(world, order, by=alice, words=words)
    assert set(tell(world, again).values()) == {"ORDER_CANCELLED"}
    world.start(1)
    pass_time(world, 2 * WEEK)
    assert set(tell(world, again).values()) == {"ORDER_CANCELLED"}
    assert not words_on(world, order)
    assert tell(world, off) == told


def test_an_order_that_comes_after_its_cancellation_never_begins(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order = make_order(world, alice, keys)
    off = make_cancellation(world, alice, order)
    assert tell(world, submission(world, off), 4) == {
        4: "NO_ORDER"
    }  # whose keys it is about nobody could tell
    assert is_word(DestroyCancelled, tell(world, submission(world, off, order=order), 4)[4])
    assert tell(world, submission(world, order, by=alice), 4) == {4: "ORDER_CANCELLED"}


def test_the_same_keys_can_be_ordered_anew(world: World, alice: Device, keys: tuple[OpenKey, ...]) -> None:
    order = make_order(world, alice, keys)
    tell(world, submission(world, order, by=alice))
    tell(world, submission(world, make_cancellation(world, alice, order)))
    _, words = destroy(world, alice, keys)
    assert set(words) == {1, 2, 3, 4, 5}


def test_only_who_acts_for_an_owner_calls_it_off(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    mallory, tablet = world.device("mallory"), world.device("tablet")
    order = make_order(world, alice, keys)
    tell(world, submission(world, order, by=alice), 1)
    assert tell(world, submission(world, make_cancellation(world, mallory, order)), 1) == {1: "NOT_OWNER"}
    world.tell(world.owner_key(alice, tablet), alice)
    # The phone was stolen: the tablet calls off what its thief ordered.
    world.tell(world.key_revocation(alice, tablet, alice), tablet)
    assert tell(world, submission(world, make_cancellation(world, alice, order)), 1) == {1: "NOT_OWNER"}
    assert is_word(
        DestroyCancelled, tell(world, submission(world, make_cancellation(world, tablet, order)), 1)[1]
    )


def test_a_key_that_was_killed_calls_nothing_off(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    """A thief of the tablet would else keep alive what the owner ends."""
    tablet = world.device("tablet")
    world.tell(world.owner_key(alice, tablet), alice)
    order = make_order(world, alice, keys)
    tell(world, submission(world, order, by=alice), 1)
    off = make_cancellation(world, tablet, order)
    killed = KeyKill(world.keyring.keyring_id, world.keyring.manifest_hash, tablet.thumbprint, world.clock())
    world.nodes[1].kill(sign(killed, tablet.key).message)
    assert tell(world, submission(world, off), 1) == {1: "NOT_OWNER"}
    assert is_word(
        DestroyCancelled, tell(world, submission(world, make_cancellation(world, alice, order)), 1)[1]
    )


def test_a_cancellation_of_one_order_calls_no_other_off(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    """The host has an old cancellation, and lays the order beside it that it would like to see stopped."""
    first, second = make_order(world, alice, keys[:1]), make_order(world, alice, keys)
    off = make_cancellation(world, alice, first)
    assert tell(world, submission(world, off, order=second), 1) == {1: "WRONG_ORDER"}
    assert is_word(DestroyScheduled, tell(world, submission(world, second, by=alice), 1)[1])


def test_what_admins_ordered_admins_call_off(world: World, alice: Device, keys: tuple[OpenKey, ...]) -> None:
    order = make_admin_order(world, keys)
    tell(world, submission(world, order), 1)
    assert tell(world, submission(world, make_cancellation(world, alice, order)), 1) == {1: "NOT_ADMINS"}
    assert is_word(
        DestroyCancelled, tell(world, submission(world, make_admin_cancellation(world, order)), 1)[1]
    )
    own = make_order(world, alice, keys)  # and what an owner ordered too
    assert is_word(DestroyScheduled, tell(world, submission(world, own, by=alice), 1)[1])
    assert is_word(
        DestroyCancelled, tell(world, submission(world, make_admin_cancellation(world, own)), 1)[1]
    )


def test_when_it_is_done_it_is_too_late(world: World, alice: Device, keys: tuple[OpenKey, ...]) -> None:
    order, _ = destroy(world, alice, keys)
    off = submission(world, make_cancellation(world, alice, order))
    assert set(tell(world, off).values()) == {"KEY_DESTROYED"}


def test_a_cancellation_that_reached_too_few_does_not_keep_a_custodian_from_following(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    """What is gone at n-t+1 opens no more: one that keeps its share then only keeps a risk."""
    order = make_order(world, alice, keys)
    tell(world, submission(world, order, by=alice))
    tell(world, submission(world, make_cancellation(world, alice, order)), 4, 5)
    pass_time(world, WEEK)
    words = words_on(world, order)
    assert set(words) == {1, 2, 3}
    assert not isinstance(tell(world, submission(world, order, words=words.values()), 4)[4], str)


def test_nobody_fills_the_disk_with_orders_that_are_called_off_at_once(world: World, alice: Device) -> None:
    world.start(1, options=NodeOptions(destroying=DestroyLimits(keys_a_day_of_owner=3)))
    keys = world.create(alice, [LAB] * 2)
    told = []
    for _ in range(2):
        order = make_order(world, alice, keys)
        off = make_cancellation(world, alice, order)
        told.append(tell(world, submission(world, off, order=order), 1)[1])
    assert is_word(DestroyCancelled, told[0])
    assert told[1] == "DESTROY_LIMIT"


def test_orders_for_keys_that_somebody_made_up_use_up_no_owners_cancellations(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    world.nodes.pop(1).close()
    world.start(1, options=NodeOptions(destroying=DestroyLimits(keys_a_day=3)))
    mallory = world.device("mallory")
    told = []
    for _ in range(2):
        made_up = world.deal(mallory, [LAB] * 2).descriptors
        lie = make_order(world, mallory, [d.key_id for d in made_up])
        off = make_cancellation(world, mallory, lie)
        sent = submission(world, off, order=lie, descriptors=[d.payload for d in made_up])
        told.append(tell(world, sent, 1)[1])
    assert is_word(DestroyCancelled, told[0])
    assert told[1] == "DESTROY_LIMIT"
    # A thief signed an order with her key, and the host holds it back here: she calls it off all the same.
    order = make_order(world, alice, keys)
    off = make_cancellation(world, alice, order)
    assert is_word(DestroyCancelled, tell(world, submission(world, off, order=order), 1)[1])
