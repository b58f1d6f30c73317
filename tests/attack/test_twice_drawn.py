"""A key of a pool that two deposits draw: whoever owns the one would learn the secret of the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from kms.crypto.sharing import decode_share, interpolate
from kms.custodian.context import NodeContext
from kms.statements.ids import DepositHash
from tests.protocol import pools
from tests.protocol.adversary import reason_of, refusals
from tests.protocol.ceremonies import Resharing, make_order, message
from tests.protocol.world import BOOKING, LAB, Device, Sent, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.found(tmp_path)


@pytest.fixture
def patient(world: World) -> Device:
    return world.device("patient")


@pytest.fixture
def thief(world: World) -> Device:
    return world.device("thief")


def claimed_share(node: NodeContext, deposit: DepositHash) -> bytes:
    """What a custodian holds of a key that a deposit drew and that nobody confirmed."""
    ((_, descriptor, row),) = node.store.pool.drawn(deposit)
    return node.vault.open_share(descriptor.key_id, row)


def test_without_confirmation_the_relay_would_hand_a_patients_key_to_a_thief(
    world: World, patient: Device, thief: Device
) -> None:
    """Custodians 1 and 2 are bought and 3 was shown the thief's deposit: three shares of the patient's secret."""
    row = pools.fill(world)[:1]
    ours, theirs = pools.describe(world, patient, row), pools.describe(world, thief, row, [BOOKING])
    bought = {}
    for index in (1, 2):
        world.deposit_at(index, ours)
        bought[index] = claimed_share(world.nodes[index].context, pools.name_of(ours))
    world.deposit_at(3, theirs)
    for index in (4, 5):
        world.deposit_at(index, ours)
    stolen = {**bought, 3: claimed_share(world.nodes[3].context, pools.name_of(theirs))}
    honest = {i: claimed_share(world.nodes[i].context, pools.name_of(ours)) for i in (1, 4, 5)}
    secrets = [
        interpolate(tuple(shares), [decode_share(share)[0] for share in shares.values()])
        for shares in (stolen, honest)
    ]
    assert secrets[0] == secrets[1]
    # And this is what stops it: the thief's key is not there for anybody to release.
    receipt = {3: world.deposit_at(3, theirs)}
    assert pools.confirm(world, theirs, receipt, 3) == {3: "NOT_EXCLUSIVE"}
    assert world.release(thief, theirs.key_ids()).opened == {}


def test_a_custodian_gives_a_key_to_one_deposit(world: World, patient: Device, thief: Device) -> None:
    row = pools.fill(world)[:1]
    world.deposit_at(1, pools.describe(world, patient, row))
    assert refusals(world.deposit_at(1, pools.describe(world, thief, row))) == {0: "NOT_IN_POOL"}


def test_two_deposits_cannot_both_be_confirmed(world: World, patient: Device, thief: Device) -> None:
    """Three honest custodians are split, and two that are bought sign for both: neither has five."""
    row = pools.fill(world)[:1]
    ours, theirs = pools.describe(world, patient, row), pools.describe(world, thief, row)
    mine, yours = pools.take(world, ours, 1, 2, 3), pools.take(world, theirs, 4, 5)
    assert set(pools.confirm(world, ours, mine, 1, 2, 3).values()) == {"NOT_EXCLUSIVE"}
    assert set(pools.confirm(world, theirs, yours, 4, 5).values()) == {"NOT_EXCLUSIVE"}


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_too_few_receipts_confirm_nothing(world: World, patient: Device, count: int) -> None:
    sent = pools.describe(world, patient, pools.fill(world)[:1])
    receipts = pools.take(world, sent)
    shown = dict(list(receipts.items())[:count])
    assert set(pools.confirm(world, sent, shown).values()) == {"NOT_EXCLUSIVE"}
    assert world.release(patient, sent.key_ids()).opened == {}


def test_one_custodian_that_signs_often_is_one(world: World, patient: Device) -> None:
    sent = pools.describe(world, patient, pools.fill(world)[:1])
    receipts = pools.take(world, sent)
    often = [message(receipts[1])] * 5
    assert reason_of(lambda: world.nodes[1].confirm_draw(pools.name_of(sent), often)) == "NOT_EXCLUSIVE"


def test_receipts_of_another_deposit_confirm_nothing(world: World, patient: Device, thief: Device) -> None:
    rows = pools.fill(world)
    ours, theirs = pools.describe(world, patient, rows[:1]), pools.describe(world, thief, rows[1:2])
    pools.take(world, theirs)
    assert set(pools.confirm(world, theirs, pools.take(world, ours)).values()) == {"WRONG_RECEIPT"}


def test_strangers_receipts_confirm_nothing(world: World, patient: Device, tmp_path: Path) -> None:
    other = World.found(tmp_path / "other", name="other")
    sent = pools.describe(world, patient, pools.fill(world)[:1])
    pools.take(world, sent)
    elsewhere = pools.describe(other, patient, pools.fill(other)[:1])
    foreign = pools.take(other, elsewhere)
    assert set(pools.confirm(world, sent, foreign).values()) <= {"WRONG_KEYRING", "STALE_MANIFEST"}
    assert world.release(patient, sent.key_ids()).opened == {}


def test_a_key_that_a_receipt_refuses_is_not_confirmed_by_it(
    world: World, patient: Device, thief: Device
) -> None:
    rows = pools.fill(world)
    world.deposit_at(5, pools.describe(world, thief, rows[:1]))
    sent = pools.describe(world, patient, rows[:2])
    receipts = pools.take(world, sent)
    assert refusals(receipts[5]) == {0: "NOT_IN_POOL"}
    assert pools.confirm(world, sent, receipts, 1) == {1: 1}
    lost, won = sent.key_ids()
    assert set(world.nodes[1].context.store.keys([lost, won])) == {won}


def unconfirmed(world: World, patient: Device) -> Sent:
    sent = pools.describe(world, patient, pools.fill(world)[:1])
    pools.take(world, sent)
    return sent


def test_what_is_not_confirmed_is_neither_released_nor_dealt_on_nor_repaired(
    world: World, patient: Device
) -> None:
    sent = unconfirmed(world, patient)
    key = sent.key_ids()
    assert world.release(patient, key).opened == {}
    assert Resharing(world, make_order(world)).batches() == []
    keys = [message(node.sealing_key().envelope) for node in world.nodes.values()]
    version = world.create(patient)[0].descriptor.version
    order = make_order(world).message
    assert reason_of(lambda: world.nodes[1].deal(order, version, key, keys, frozenset())) == "KEYS_MISSING"
    # Nobody has a key of this name, so nobody can lack it, and nobody helps to bring it back.
    task = message(world.nodes[1].start_repair(version, (2, 3, 4), key))
    assert reason_of(world.nodes[2].make_pieces, task, key, keys[1:4]) == "KEYS_MISSING"


def test_a_key_cannot_be_deposited_under_a_pools_commitments_by_who_has_no_shares(
    world: World, thief: Device
) -> None:
    """A dealt key's description on a pool's commitments: its shares are none."""
    (row, *_) = pools.fill(world)
    dealt = world.deal(thief, [LAB])
    sent = world.send(thief, dealt)
    assert refusals(world.deposit_at(1, sent)) == {}
    drawn = pools.describe(world, thief, [dealt.keys[0].descriptor.core.commitments])
    assert refusals(world.deposit_at(2, drawn)) == {0: "NOT_IN_POOL"}
    mixed = pools.describe(world, thief, [(row[0], *dealt.keys[0].descriptor.core.commitments[1:])])
    assert refusals(world.deposit_at(2, mixed)) == {0: "WRONG_COMMITMENTS"}
