"""Keys that custodians make jointly, over real stores: made, drawn, released, and what becomes of a pool."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kms.custodian.drawing import pool_shares
from kms.custodian.generating import PoolBatch
from kms.statements.ids import ManifestHash
from kms.statements.keys import parse_descriptor
from kms.statements.pool import POOL_BATCH
from tests.protocol import pools
from tests.protocol.adversary import reason_of, refusals
from tests.protocol.ceremonies import Resharing, change_committee, make_order, message
from tests.protocol.world import LAB, Device, World, signing_key

pytestmark = pytest.mark.each_store


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.found(tmp_path)


@pytest.fixture
def alice(world: World) -> Device:
    return world.device("alice")


def left(world: World, index: int) -> int:
    return sum(len(positions) for _, positions in world.nodes[index].pool(64))


def test_a_drawn_key_is_released_to_its_owner(world: World, alice: Device) -> None:
    rows = pools.fill(world)
    ids = pools.draw(world, alice, rows[:2])
    collected = world.release(alice, ids)
    assert set(collected.opened) == set(ids)
    assert not collected.faults
    assert all(key.context == LAB for key in collected.opened.values())
    first, second = collected.opened.values()
    assert first.secret.reveal() != second.secret.reveal()


def test_any_quorum_opens_a_drawn_key_to_the_same_secret(world: World, alice: Device) -> None:
    ids = pools.draw(world, alice, pools.fill(world)[:1])
    whole = world.release(alice, ids).opened[ids[0]].secret
    for index in (1, 2):
        world.nodes.pop(index).close()
    assert world.release(alice, ids).opened[ids[0]].secret == whole


def test_drawing_uses_a_pool_up(world: World, alice: Device) -> None:
    rows = pools.fill(world)
    pools.draw(world, alice, rows[:3])
    assert [left(world, index) for index in world.nodes] == [1] * 5


def test_a_pool_survives_a_restart(world: World, alice: Device) -> None:
    rows = pools.fill(world)
    sent = pools.describe(world, alice, rows[:1])
    receipts = pools.take(world, sent)
    for index in tuple(world.nodes):
        world.start(index)
    assert pools.confirm(world, sent, receipts) == dict.fromkeys(world.nodes, 1)
    assert set(world.release(alice, sent.key_ids()).opened) == set(sent.key_ids())


def test_the_same_plan_and_the_same_deposit_again_get_the_same_answer(world: World, alice: Device) -> None:
    case = pools.case_of(world, pools.make_pool_order(world))
    pools.collect(world, case)
    made = case.plan()
    assert pools.hand_out(world, case, made) == pools.hand_out(world, case, made)
    sent = pools.describe(world, alice, made.opened.rows)
    assert pools.take(world, sent) == pools.take(world, sent)


def test_a_large_order_comes_in_batches(world: World) -> None:
    order = pools.make_pool_order(world, POOL_BATCH + 3).statement
    assert order.batches == 2
    assert [order.size(batch) for batch in range(2)] == [POOL_BATCH, 3]
    assert reason_of(lambda: order.size(2)) == "INVALID_FIELD"


def test_only_an_admin_quorum_orders_a_pool(world: World) -> None:
    case = pools.case_of(world, pools.make_pool_order(world))
    stranger = pools.make_pool_order(world, 4, signing_key("stranger"))
    keys = [message(node.sealing_key().envelope) for node in world.nodes.values()]
    assert reason_of(lambda: world.nodes[1].deal_pool(stranger.message, 0, keys)) == "WRONG_SIGNER"
    pools.collect(world, case)
    batch = pools.batch_for(case, case.plan(), 1)
    forged = PoolBatch(
        stranger.message, batch.plan, batch.points, batch.dealings, batch.dealt_points, batch.blobs
    )
    assert reason_of(lambda: world.nodes[1].keep_pool(forged)) == "WRONG_SIGNER"


def test_a_drawn_key_is_dealt_anew_and_opens_as_before(world: World, alice: Device) -> None:
    ids = pools.draw(world, alice, pools.fill(world)[:2])
    before = {k: v.secret for k, v in world.release(alice, ids).opened.items()}
    Resharing(world, make_order(world)).run()
    collected = world.release(alice, ids)
    assert {k: v.secret for k, v in collected.opened.items()} == before
    assert not collected.faults


def test_a_refresh_drops_what_was_not_drawn(world: World) -> None:
    """Its shares may have leaked as well as the others', and keys in no use are made anew."""
    pools.fill(world)
    Resharing(world, make_order(world)).run()
    resharing = world.nodes[1]
    assert left(world, 1) == 4  # no key, no dealing: nobody has shown it the order
    world.create(world.device("alice"))
    Resharing(world, make_order(world, 2)).run()
    assert [left(world, index) for index in world.nodes] == [0] * 5
    assert resharing.pool(64) == []


def test_another_committee_draws_from_pools_of_its_own(world: World, alice: Device) -> None:
    rows = pools.fill(world)
    change_committee(world, range(1, 8), 3)
    assert left(world, 1) == 0
    sent = pools.describe(world, alice, rows[:1])
    assert refusals(world.deposit_at(1, sent)) == {0: "NOT_IN_POOL"}
    fresh = pools.fill(world, 2)
    ids = pools.draw(world, alice, fresh)
    assert set(world.release(alice, ids).opened) == set(ids)


def test_a_node_that_was_down_while_the_committee_changed_draws_nothing_of_before(
    world: World, alice: Device
) -> None:
    rows = pools.fill(world)
    world.nodes.pop(1).close()
    change_committee(world, range(1, 8), 3)
    assert left(world, 1) == 0
    assert refusals(world.deposit_at(1, pools.describe(world, alice, rows[:1]))) == {0: "NOT_IN_POOL"}


def test_a_key_that_another_committee_made_is_not_drawn_even_where_its_share_is_left(
    world: World, alice: Device
) -> None:
    sent, node = pools.describe(world, alice, pools.fill(world)[:1]), world.nodes[1].context
    descriptor = parse_descriptor(sent.signed.statement.descriptors[0])
    assert pool_shares(node, {0: descriptor})[1] == {}
    another = replace(node, keyring=replace(node.keyring, manifest_hash=ManifestHash(bytes(32))))
    assert pool_shares(another, {0: descriptor}) == ({}, {0: "POOL_STALE"})


def test_the_description_of_a_drawn_key_has_no_check_value(world: World, alice: Device) -> None:
    sent = pools.describe(world, alice, pools.fill(world)[:1])
    descriptor = parse_descriptor(sent.signed.statement.descriptors[0])
    assert descriptor.jointly_made
    assert descriptor.key_check_value == b""


def test_the_commitment_of_a_key_is_none_of_its_dealers(world: World, alice: Device) -> None:
    case = pools.case_of(world, pools.make_pool_order(world, 1))
    pools.collect(world, case)
    made = case.plan()
    pools.hand_out(world, case, made)
    ids = pools.draw(world, alice, made.opened.rows)
    assert set(world.release(alice, ids).opened) == set(ids)
    commitments = {dealing.rows[0][0] for dealing in made.dealings.values()}
    assert len(commitments) == world.keyring.threshold
    assert made.opened.rows[0][0] not in commitments


def test_the_word_on_a_kept_plan_is_given_again_without_its_dealings(world: World) -> None:
    case = pools.case_of(world, pools.make_pool_order(world))
    pools.collect(world, case)
    made = case.plan()
    first = pools.hand_out(world, case, made, 1)
    bare = PoolBatch(case.order.message, made.opened.payload, made.points, (), (), {})
    assert world.nodes[1].keep_pool(bare) == first[1]
    assert reason_of(lambda: world.nodes[2].keep_pool(bare)) == "WRONG_PLAN"
