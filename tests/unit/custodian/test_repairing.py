"""A lost store, brought back by t helpers: every share that should be there, verified."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kms.crypto.resharing import add_pieces, split_for_repair
from kms.crypto.sharing import decode_share, encode_share
from kms.custodian import repairing
from kms.custodian.repairing import Pieces
from kms.custodian.resharing import OldPlan
from kms.statements.ids import KeyId
from kms_client.cache import OpenKey
from tests.protocol.adversary import reason_of
from tests.protocol.ceremonies import Resharing, make_order, message
from tests.protocol.repairs import Repairing, lose_store
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
    return world.create(alice, [LAB] * 4)


def dealt_shares(world: World, index: int, keys: tuple[OpenKey, ...]) -> list[bytes]:
    node = world.nodes[index].context
    found = node.store.keys([key.key_id for key in keys])
    return [node.vault.open_share(k.key_id, found[k.key_id].row) for k in keys]


def ids(keys: tuple[OpenKey, ...]) -> tuple[KeyId, ...]:
    return tuple(key.key_id for key in keys)


def test_a_lost_store_gets_the_very_shares_back(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    before = dealt_shares(world, 2, keys)
    lose_store(world, 2)
    assert world.nodes[2].missing(keys[0].descriptor.version, ids(keys)) == list(ids(keys))
    Repairing(world, 2, keys[0].descriptor.version, ids(keys)).run()
    assert dealt_shares(world, 2, keys) == before
    for index in (3, 4):
        world.nodes.pop(index).close()
    assert set(world.release(alice, keys).opened) == set(ids(keys))


def test_a_share_that_came_by_resharing_is_repaired_in_its_version(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    Resharing(world, make_order(world)).run()
    (stored,) = world.nodes[1].installed(10, []) or world.nodes[1].installed(
        10, [world.nodes[1].context.store.versions.counts()[0][0]]
    )
    lose_store(world, 2)
    Repairing(world, 2, stored.version, stored.key_ids).run(
        OldPlan(stored.plan, stored.key_ids, stored.points)
    )
    for index in (3, 4):
        world.nodes.pop(index).close()
    assert set(world.release(alice, keys).opened) == set(ids(keys))


def test_a_share_that_is_there_is_not_asked_for(world: World, keys: tuple[OpenKey, ...]) -> None:
    version = keys[0].descriptor.version
    assert reason_of(world.nodes[2].start_repair, version, (1, 3, 4), ids(keys)) == "NOT_MISSING"


def test_nobody_gets_help_for_another_index(world: World, keys: tuple[OpenKey, ...]) -> None:
    lose_store(world, 2)
    repair = Repairing(world, 2, keys[0].descriptor.version, ids(keys))
    repair.start()
    stranger = message(repair.task)
    stranger.signatures[0].keyid = world.device("mallory").key.public
    assert reason_of(world.nodes[1].make_pieces, stranger, ids(keys), []) == "NOT_A_MEMBER"
    other = message(repair.task)  # custodian 5 takes the task of 2 for its own
    other.signatures[0].keyid = world.identities[5].public
    other.signatures[0].sig = world.identities[5].sign(other.payload_type, other.payload)
    assert reason_of(world.nodes[1].make_pieces, other, ids(keys), []) == "WRONG_CUSTODIAN"


@pytest.mark.parametrize("helpers", [(1, 3), (1, 3, 4, 5)])
def test_as_many_helpers_as_the_threshold(
    world: World, keys: tuple[OpenKey, ...], helpers: tuple[int, ...]
) -> None:
    lose_store(world, 2)
    repair = Repairing(world, 2, keys[0].descriptor.version, ids(keys), helpers)
    repair.start()
    assert reason_of(repair.make) in ("INVALID_THRESHOLD", "INVALID_HELPERS")
    # Nor are sums made of pieces that somebody else did not refuse to make.
    others = Pieces(message(repair.task), ids(keys), (), ())
    sealing_key = message(world.nodes[2].sealing_key().envelope)
    assert reason_of(world.nodes[1].sum_pieces, others, {}, sealing_key) == "INVALID_HELPERS"


def test_other_keys_than_the_task_s_are_not_helped_with(world: World, keys: tuple[OpenKey, ...]) -> None:
    lose_store(world, 2)
    repair = Repairing(world, 2, keys[0].descriptor.version, ids(keys)[:2])
    repair.start()
    repair.key_ids = ids(keys)
    assert reason_of(repair.make) == "WRONG_TASK"


def bend(share: bytes) -> bytes:
    a, b = decode_share(share)
    return encode_share(a, b - 1 if b > 1 else b + 1)


def test_a_helper_that_splits_another_share_than_its_own_is_named(
    world: World, keys: tuple[OpenKey, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_store(world, 2)
    repair = Repairing(world, 2, keys[0].descriptor.version, ids(keys))
    repair.start()
    split = split_for_repair

    def lie(share: bytes, helper: int, *rest: object) -> object:
        return split(bend(share) if helper == 3 else share, helper, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(repairing, "split_for_repair", lie)
    repair.make()
    with pytest.raises(Exception, match="the piece of helper 3"):
        repair.sum_up()


def test_a_helper_that_adds_wrongly_is_named(
    world: World, keys: tuple[OpenKey, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_store(world, 2)
    repair = Repairing(world, 2, keys[0].descriptor.version, ids(keys))
    repair.start()
    repair.make()
    add = add_pieces
    calls = []

    class Bent:
        def __init__(self, share: bytes) -> None:
            self._share = share

        def reveal(self) -> bytes:
            return self._share

    def lie(pieces: list[bytes]) -> object:
        calls.append(1)
        honest = add(pieces)
        return Bent(bend(honest.reveal())) if len(calls) == 6 else honest  # helper 3, second key

    with monkeypatch.context() as lying:
        lying.setattr(repairing, "add_pieces", lie)
        lying.setattr(repairing, "sums_hold", lambda *_: True)  # it does not look at its own work either
        repair.sum_up()
    with pytest.raises(Exception, match="the sum of helper 3"):
        world.nodes[2].finish_repair(repair.repair())


def test_pieces_of_another_task_do_not_fit(world: World, keys: tuple[OpenKey, ...]) -> None:
    lose_store(world, 2)
    first = Repairing(world, 2, keys[0].descriptor.version, ids(keys))
    second = Repairing(world, 2, keys[0].descriptor.version, ids(keys))
    for repair in (first, second):
        repair.start()
        repair.make()
    first.made[3] = second.made[3]
    assert reason_of(first.sum_up) == "WRONG_TASK"


def test_a_version_s_plan_must_be_the_one_that_was_repaired(world: World, keys: tuple[OpenKey, ...]) -> None:
    Resharing(world, make_order(world)).run()
    version = world.nodes[1].context.store.versions.counts()[0][0]
    (stored,) = world.nodes[1].installed(1, [version])
    lose_store(world, 2)
    repair = Repairing(world, 2, version, stored.key_ids)
    assert reason_of(repair.run) == "VERSION_UNKNOWN"
    bent = stored.points[33:] + stored.points[:33]
    assert reason_of(repair.run, OldPlan(stored.plan, stored.key_ids, bent)) == "WRONG_PLAN"


def test_nobody_helps_with_a_key_in_a_version_that_another_key_has(world: World, alice: Device) -> None:
    first, second = world.create(alice), world.create(alice)
    resharing = Resharing(world, make_order(world))
    ((version, threshold, _), *_) = resharing.batches()
    case = resharing.case(version, threshold, [first[0].key_id])
    resharing.collect_dealings(case)
    made = case.plan()
    resharing.install(case, made)
    lose_store(world, 2)
    task = message(world.nodes[2].start_repair(made.version, (1, 3, 4), ids(second)))
    sealing_keys = [message(world.nodes[i].sealing_key().envelope) for i in (1, 3, 4)]
    assert reason_of(world.nodes[1].make_pieces, task, ids(second), sealing_keys) == "SHARE_MISSING"


def test_fewer_answers_than_helpers_are_refused_and_stop_no_node(
    world: World, keys: tuple[OpenKey, ...]
) -> None:
    lose_store(world, 2)
    repairing = Repairing(world, 2, keys[0].descriptor.version, ids(keys))
    repairing.start()
    two = [message(world.nodes[i].sealing_key().envelope) for i in (1, 3)]
    assert (
        reason_of(world.nodes[1].make_pieces, message(repairing.task), repairing.key_ids, two) == "WRONG_TASK"
    )
    repairing.make()
    repairing.sum_up()
    whole = repairing.repair()
    assert reason_of(world.nodes[2].finish_repair, replace(whole, sums=whole.sums[:2])) == "WRONG_TASK"
