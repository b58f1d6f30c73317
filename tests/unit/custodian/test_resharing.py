"""Resharing over real stores: what opens before, meanwhile and after."""

from __future__ import annotations

from pathlib import Path

import pytest

from kms.statements.manifest import Seen
from kms_client.cache import OpenKey
from tests.protocol.adversary import reason_of
from tests.protocol.ceremonies import Resharing, change_committee, make_order, message
from tests.protocol.world import LAB, Device, World

pytestmark = pytest.mark.each_store


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.found(tmp_path)


@pytest.fixture
def alice(world: World) -> Device:
    return world.device("alice")


@pytest.fixture
def keys(world: World, alice: Device) -> tuple[OpenKey, ...]:
    return world.create(alice, [LAB] * 5)


def opens(world: World, who: Device, keys: tuple[OpenKey, ...]) -> bool:
    """Whether each key opens to what it was, and nobody is blamed."""
    collected = world.release(who, keys)
    assert not collected.faults
    return {k: v.secret for k, v in collected.opened.items()} == {k.key_id: k.secret for k in keys}


def shares(world: World, index: int, keys: tuple[OpenKey, ...]) -> list[tuple[bool, int]]:
    """For each key: whether the dealt share is there, and how many later ones."""
    found = world.nodes[index].context.store.keys([key.key_id for key in keys])
    return [(found[k.key_id].dealt, len(found[k.key_id].reshared)) for k in keys]


def test_a_refresh_makes_new_shares_and_erases_the_old_ones(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    Resharing(world, make_order(world)).run()
    assert all(shares(world, index, keys) == [(False, 1)] * 5 for index in world.nodes)
    assert opens(world, alice, keys)


def test_old_and_new_shares_stand_beside_each_other_until_the_certificate(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    Resharing(world, make_order(world)).run(erase=False)
    assert all(shares(world, index, keys) == [(True, 1)] * 5 for index in world.nodes)
    assert opens(world, alice, keys)


def test_a_second_refresh_starts_from_the_first(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    for sequence in (1, 2):
        Resharing(world, make_order(world, sequence)).run()
    assert shares(world, 2, keys) == [(False, 1)] * 5
    assert opens(world, alice, keys)


def test_nothing_is_left_to_do_after_a_resharing(world: World, keys: tuple[OpenKey, ...]) -> None:
    resharing = Resharing(world, make_order(world))
    resharing.run()
    assert resharing.batches() == []


@pytest.mark.parametrize(
    ("indices", "threshold"),
    [((1, 2, 3, 4, 5, 6, 7), 3), ((1, 2, 3, 4, 5, 6, 7), 4), ((1, 2, 3), 2), ((1, 2, 3, 4, 6), 3)],
)
def test_a_committee_and_a_threshold_change(
    world: World,
    alice: Device,
    keys: tuple[OpenKey, ...],
    indices: tuple[int, ...],
    threshold: int,
) -> None:
    change_committee(world, indices, threshold)
    assert opens(world, alice, keys)
    Resharing(world, make_order(world)).run()
    for index in indices:
        assert shares(world, index, keys) == [(False, 1)] * 5
    for index in set(world.nodes) - set(indices):
        assert shares(world, index, keys) == [(False, 0)] * 5  # who left keeps nothing
        world.nodes.pop(index).close()
    assert opens(world, alice, keys)


def test_keys_that_are_deposited_meanwhile_open_and_are_dealt_on(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    change_committee(world, range(1, 8), 4)
    late = world.create(alice, [LAB] * 2)
    resharing = Resharing(world, make_order(world))
    resharing.run()
    assert opens(world, alice, (*keys, *late))


def test_the_manifest_is_kept_over_a_restart(world: World, keys: tuple[OpenKey, ...]) -> None:
    change_committee(world, range(1, 8), 4)
    node = world.start(2)
    assert node.context.keyring.threshold == 4
    seen = node.context.store.seen()
    assert seen == Seen(1, world.chain.last.manifest_hash)


def test_an_installed_plan_gives_the_same_word_again(world: World, keys: tuple[OpenKey, ...]) -> None:
    resharing = Resharing(world, make_order(world))
    version, threshold, ids = resharing.batches()[0]
    case = resharing.case(version, threshold, ids)
    resharing.collect_dealings(case)
    made = case.plan()
    first = world.nodes[1].install(resharing.batch_for(case, made, 1))
    assert world.start(1).install(resharing.batch_for(case, made, 1)) == first


def test_an_order_needs_the_admins_and_goes_forward_only(world: World, keys: tuple[OpenKey, ...]) -> None:
    node = world.nodes[1]

    def refused(order: bytes) -> str:
        return reason_of(node.deal, message(order), bytes(32), [keys[0].key_id], [], frozenset())

    assert refused(make_order(world, 1, world.identities[1]).envelope) == "WRONG_SIGNER"
    assert refused(make_order(world, 2).envelope) == "NOT_DURABLE"  # good, but nobody to deal to
    assert refused(make_order(world, 1).envelope) == "ORDER_STALE"
    assert refused(make_order(world, 2, reason="another").envelope) == "ORDER_FORK"
