"""Who has old blobs, an old store, or one good share brings a destroyed key back: by every door that a share comes in.

The host recorded the deposit. A custodian that was broken into kept a share. Each of them needs others to take a share
of that key again, so each custodian has a tombstone, for ever, at every one of these doors.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from kms.statements.envelope import open_signed
from kms.statements.ids import KeyId
from kms.statements.release import Decision, ShareRelease, build_certificate
from kms_client.cache import OpenKey
from tests.attack.test_reused_commitment import leaked
from tests.protocol import pools
from tests.protocol.adversary import reason_of, refusals
from tests.protocol.ceremonies import Resharing, change_committee, make_order
from tests.protocol.destroying import (
    WEEK,
    destroy,
    holds_nothing,
    pass_time,
    submission,
    tell,
)
from tests.protocol.destroying import make_order as make_destroy_order
from tests.protocol.repairs import Repairing, lose_store
from tests.protocol.world import LAB, Device, World


@pytest.fixture
def alice(world: World) -> Device:
    return world.device("alice")


@pytest.fixture
def keys(world: World, alice: Device) -> tuple[OpenKey, ...]:
    return world.create(alice, [LAB] * 3)


def names(keys: Sequence[OpenKey]) -> tuple[KeyId, ...]:
    return tuple(key.key_id for key in keys)


# -- deposits ------------------------------------------------------------------------------------------------------


def test_a_recorded_deposit_of_a_destroyed_key_is_taken_by_nobody(world: World, alice: Device) -> None:
    dealt = world.deal(alice, [LAB] * 2)
    sent = world.send(alice, dealt)
    for index in world.nodes:
        world.deposit_at(index, sent)
    destroy(world, alice, dealt.keys[:1])
    again = world.send(alice, dealt)  # the dealer itself, with fresh credentials
    for index in world.nodes:
        refused = refusals(world.deposit_at(index, again))
        assert refused == {0: "KEY_DESTROYED", 1: "KEY_SEEN"}
        assert holds_nothing(world, index, dealt.keys[:1])


@pytest.mark.parametrize("negated", [False, True], ids=["C_0", "-C_0"])
def test_nor_its_secret_under_another_name(world: World, alice: Device, negated: bool) -> None:
    dealt, mallory = world.deal(alice, [LAB]), world.device("mallory")
    sent = world.send(alice, dealt)
    for index in world.nodes:
        world.deposit_at(index, sent)
    destroy(world, alice, dealt.keys)
    again = world.send(mallory, leaked(dealt, mallory, negated=negated))
    for index in world.nodes:
        assert refusals(world.deposit_at(index, again)) == {0: "KEY_DESTROYED"}
        assert world.nodes[index].context.store.count_keys() == 0


def test_a_custodian_that_had_missed_the_deposit_takes_it_no_more(world: World, alice: Device) -> None:
    dealt = world.deal(alice, [LAB])
    sent = world.send(alice, dealt)
    for index in (1, 2, 3, 4):
        world.deposit_at(index, sent)
    order = make_destroy_order(world, alice, dealt.keys)
    described = [dealt.keys[0].descriptor.payload]
    alone = submission(world, order, by=alice)
    assert tell(world, alone, 5) == {5: "KEYS_MISSING"}  # without C_0 the tombstone would be half of one
    tell(world, submission(world, order, by=alice, descriptors=described))
    pass_time(world, WEEK)
    for spelled in (world.send(alice, dealt), world.send(alice, leaked(dealt, alice, negated=True))):
        assert refusals(world.deposit_at(5, spelled)) == {0: "KEY_DESTROYED"}
    assert holds_nothing(world, 5, dealt.keys)


# -- releases ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("counted", [False, True], ids=["allowed before", "released before"])
@pytest.mark.parametrize("remembered", [False, True], ids=["read again", "remembered"])
@pytest.mark.parametrize("done", [False, True], ids=["scheduled", "destroyed"])
def test_a_request_that_was_allowed_before_opens_it_no_more(
    tmp_path: Path, counted: bool, remembered: bool, done: bool
) -> None:
    world = World.found(tmp_path / "hasty", destruction_delay=20)
    alice = world.device("alice")
    keys = world.create(alice, [LAB] * 3)
    prepared = world.prepare(alice, keys)
    decisions = [
        open_signed(Decision, world.decide_at(i, prepared), world.identities[i].public) for i in (1, 2, 3)
    ]
    certificate = build_certificate(prepared.opened.hash, decisions)
    if counted:
        world.nodes[1].release(prepared.opened.hash, certificate)
    if not remembered:
        world.start(1)
    tell(world, submission(world, make_destroy_order(world, alice, keys[:1]), by=alice))
    if done:
        pass_time(world, 20)
    envelope, _ = world.nodes[1].release(prepared.opened.hash, certificate)
    released = open_signed(ShareRelease, envelope, world.identities[1].public).statement
    ids = prepared.opened.request.key_ids
    assert {ids[p] for group in released.versions for p in group.positions} == set(names(keys[1:]))
    world.close()


def test_a_key_that_waits_for_its_end_or_is_at_it_is_denied_by_name(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order = make_destroy_order(world, alice, keys[:1])
    tell(world, submission(world, order, by=alice))
    collector = world.release(alice, keys)
    assert set(collector.opened) == set(names(keys[1:]))
    assert _reasons(world, alice, keys) == ["KEY_DESTROY_SCHEDULED", "OWNER_READS_OWN", "OWNER_READS_OWN"]
    pass_time(world, WEEK)
    assert _reasons(world, alice, keys) == ["KEY_DESTROYED", "OWNER_READS_OWN", "OWNER_READS_OWN"]


def _reasons(world: World, who: Device, keys: Sequence[OpenKey]) -> list[str]:
    """In the order of these keys, what custodian 1 says of each."""
    prepared = world.prepare(who, keys)
    decided = open_signed(Decision, world.decide_at(1, prepared), world.identities[1].public).statement
    outcomes, asked = decided.by_position(), prepared.opened.request.key_ids
    return [outcomes[asked.index(key.key_id)].reason for key in keys]


# -- repair --------------------------------------------------------------------------------------------------------


def test_no_repair_of_it_is_asked_for_or_helped_with(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    version, ids = keys[0].descriptor.version, names(keys)
    lose_store(world, 2)
    destroy(world, alice, keys[:1], 1, 3, 4)  # 5 was away and still has its share, 2 lost all that it knew
    assert reason_of(world.nodes[1].start_repair, version, (2, 3, 5), ids[:1]) == "KEY_DESTROYED"
    assert ids[0] not in world.nodes[1].missing(version, ids)
    repairing = Repairing(world, 2, version, ids, helpers=(3, 4, 5))
    assert reason_of(repairing.run) == "KEY_DESTROYED"  # 3 and 4 help with nothing of it
    Repairing(world, 2, version, ids[1:], helpers=(3, 4, 5)).run()  # and the others come back
    assert set(world.nodes[2].context.store.keys(ids)) == set(ids[1:])


def test_a_repair_that_was_under_way_brings_it_to_no_end(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    version, ids = keys[0].descriptor.version, names(keys)
    lose_store(world, 2)
    order = make_destroy_order(world, alice, keys[:1], waiting=WEEK)
    described = [keys[0].descriptor.payload]
    tell(world, submission(world, order, by=alice, descriptors=described), 2)
    world.clock.turn(WEEK)
    repairing = Repairing(world, 2, version, ids, helpers=(1, 3, 4))
    repairing.start()
    repairing.make()
    repairing.sum_up()
    world.nodes[2].tick()
    assert reason_of(world.nodes[2].finish_repair, repairing.repair()) == "KEY_DESTROYED"
    assert holds_nothing(world, 2, keys[:1])


# -- resharing -----------------------------------------------------------------------------------------------------


def test_nobody_deals_it_on_and_nobody_installs_it(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    version, ids = keys[0].descriptor.version, names(keys)
    destroy(world, alice, keys[:1], 1, 2)  # the others were away: three shares are left
    run = Resharing(world, make_order(world))
    case = run.case(version, 3, ids)
    run.collect_dealings(case)
    assert {case.refused[1], case.refused[2]} == {"KEY_DESTROYED"}
    made = case.plan()  # of those that still have it
    refused = run.install(case, made)
    assert refused == {1: "KEY_DESTROYED", 2: "KEY_DESTROYED"}
    assert holds_nothing(world, 1, keys[:1])
    rest = run.case(version, 3, ids[1:])  # and the others are dealt on
    run.collect_dealings(rest)
    assert run.install(rest, rest.plan()) == {}


def test_a_newcomer_with_a_tombstone_installs_nothing_of_it(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    change_committee(world, range(1, 8), 3)
    order = make_destroy_order(world, alice, keys[:1])
    described = [keys[0].descriptor.payload]
    tell(world, submission(world, order, by=alice, descriptors=described), 6)
    pass_time(world, WEEK)
    run = Resharing(world, make_order(world))
    case = run.case(keys[0].descriptor.version, 3, names(keys))
    run.collect_dealings(case)
    assert run.install(case, case.plan()) == {6: "KEY_DESTROYED"}
    assert holds_nothing(world, 6, keys[:1])


def test_shares_of_every_version_go(world: World, alice: Device, keys: tuple[OpenKey, ...]) -> None:
    Resharing(world, make_order(world, 1)).run(erase=False)
    destroy(world, alice, keys[:2])
    for index, node in world.nodes.items():
        assert holds_nothing(world, index, keys[:2])
        found = node.context.store.keys(names(keys))
        assert [len(key.reshared) for key in found.values()] == [1]
    assert set(world.release(alice, keys[2:]).opened) == {keys[2].key_id}
    world.start(1)  # its inventory agrees with what it has


# -- pools ---------------------------------------------------------------------------------------------------------


def test_a_drawn_key_that_is_destroyed_is_drawn_no_more(world: World, alice: Device) -> None:
    rows = pools.fill(world, 2)
    sent = pools.describe(world, alice, rows[:1])
    pools.take(world, sent, 1, 2, 3, 4)  # 5 missed it, and still has the pool's share
    (key_id,) = sent.key_ids()
    order = make_destroy_order(world, alice, [key_id])
    described = list(sent.signed.statement.descriptors)
    tell(world, submission(world, order, by=alice, descriptors=described))
    pass_time(world, WEEK)
    again = pools.describe(world, world.device("mallory"), rows[:1])
    for index, node in world.nodes.items():
        assert holds_nothing(world, index, [key_id])
        assert node.context.store.pool.shares([rows[0][0]]) == {}
        assert node.context.store.pool.drawn(pools.name_of(sent)) == []
        assert refusals(world.deposit_at(index, again)) == {0: "KEY_DESTROYED"}
    assert set(pools.draw(world, alice, rows[1:]))  # the pool's other key is drawn as ever


def test_a_draw_that_was_not_confirmed_is_confirmed_no_more(world: World, alice: Device) -> None:
    rows = pools.fill(world, 1)
    sent = pools.describe(world, alice, rows)
    receipts = pools.take(world, sent)
    (key_id,) = sent.key_ids()
    order = make_destroy_order(world, alice, [key_id])
    tell(world, submission(world, order, by=alice, descriptors=list(sent.signed.statement.descriptors)))
    pass_time(world, WEEK)
    assert set(pools.confirm(world, sent, receipts).values()) == {"NO_DRAW"}
    assert all(holds_nothing(world, index, [key_id]) for index in world.nodes)
