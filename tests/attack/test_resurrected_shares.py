"""A host that brings erased shares back: by a repair of an old version, or by an order that it kept.

Whoever refreshes after a break-in counts on it that old shares are gone. If a custodian could be given its own back,
the adversary of before would find it there when it breaks in again elsewhere: two shares of one version.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from kms.custodian.resharing import OldPlan
from kms.errors import KmsError
from kms.statements.ids import Version
from kms_client.cache import OpenKey
from tests.protocol.adversary import reason_of
from tests.protocol.ceremonies import Resharing, change_committee, make_order, message
from tests.protocol.repairs import Repairing, lose_store
from tests.protocol.world import LAB, World


@pytest.fixture
def keys(world: World) -> tuple[OpenKey, ...]:
    return world.create(world.device("alice"), [LAB] * 2)


def refresh(
    world: World, sequence: int, away: frozenset[int] = frozenset(), erase: tuple[int, ...] = ()
) -> OldPlan:
    """One order over all keys, with a certificate that reaches only `erase`; the plan."""
    run = Resharing(world, make_order(world, sequence), away=set(away))
    version, threshold, ids = run.batches()[0]
    case = run.case(version, threshold, ids)
    run.collect_dealings(case)
    made = case.plan()
    assert run.install(case, made) == {}
    for index in erase:
        world.nodes[index].erase(made.payload, case.key_ids, case.certificate())
    return OldPlan(made.payload, case.key_ids, made.points)


def held(world: World, index: int, keys: tuple[OpenKey, ...]) -> set[int]:
    """Sequences of the shares that a custodian has; 0 for the dealt one."""
    found = world.nodes[index].context.store.keys([key.key_id for key in keys])
    return {s.sequence for k in found.values() for s in k.reshared} | {0 for k in found.values() if k.dealt}


def version_of(plan: OldPlan) -> Version:
    from kms.statements.ceremony import plan_version

    return plan_version(plan.plan)


def test_an_erased_share_is_not_missing_and_cannot_be_repaired(
    world: World, keys: tuple[OpenKey, ...]
) -> None:
    dealt = keys[0].descriptor.version
    refresh(world, 1, erase=(1,))  # the others still have the old shares: the host withholds the certificate
    ids = tuple(key.key_id for key in keys)
    assert world.nodes[1].missing(dealt, ids) == []
    assert reason_of(world.nodes[1].start_repair, dealt, (2, 3, 4), ids) == "NOT_MISSING"
    assert held(world, 1, keys) == {1}


def test_a_share_of_an_order_that_was_missed_does_not_come_after_a_later_one(
    world: World, keys: tuple[OpenKey, ...]
) -> None:
    change_committee(world, range(1, 8), 3)
    first = refresh(world, 1, away=frozenset({1}))
    refresh(world, 2, erase=(1,))
    assert held(world, 1, keys) == {2}
    repairing = Repairing(world, 1, version_of(first), first.key_ids, helpers=(2, 3, 4))
    with pytest.raises(KmsError) as refused:
        repairing.run(first)
    assert refused.value.reason == "SUPERSEDED"
    assert held(world, 1, keys) == {2}


def test_an_order_that_was_kept_installs_nothing_beside_a_later_one(
    world: World, keys: tuple[OpenKey, ...]
) -> None:
    change_committee(world, range(1, 8), 3)
    lose_store(world, 1)  # and with it which orders it has seen
    kept = Resharing(world, make_order(world, 1))
    version, threshold, ids = kept.batches()[0]
    case = kept.case(version, threshold, ids)
    kept.collect_dealings(case)
    old = kept.batch_for(case, case.plan(), 1)
    later = Resharing(world, make_order(world, 2), away={1})
    case = later.case(version, threshold, ids)
    later.collect_dealings(case)
    made = case.plan()
    assert later.install(case, made) == {}
    plan = OldPlan(made.payload, case.key_ids, made.points)
    Repairing(world, 1, made.version, ids, helpers=(2, 3, 4)).run(plan)
    world.nodes[1].erase(made.payload, ids, case.certificate())
    assert reason_of(world.nodes[1].install, replace(old, order=message(kept.order.envelope))) == "SUPERSEDED"
    assert held(world, 1, keys) == {2}


def test_old_shares_that_a_repair_comes_too_late_for_are_erased_all_the_same(
    world: World, keys: tuple[OpenKey, ...]
) -> None:
    change_committee(world, range(1, 8), 3)
    run = Resharing(world, make_order(world, 1), away={1})
    ((version, threshold, ids),) = run.batches()
    case = run.case(version, threshold, ids)
    run.collect_dealings(case)
    made = case.plan()
    assert run.install(case, made) == {}
    plan, node = OldPlan(made.payload, ids, made.points), world.nodes[1]
    for key_id in ids:  # key by key: what is erased for the first says nothing of the second
        Repairing(world, 1, made.version, (key_id,), helpers=(2, 3, 4)).run(plan)
        assert [stored.version for stored in node.installed(8, [])] == [made.version]
        node.erase(made.payload, ids, case.certificate())
        assert node.installed(8, []) == []
    assert held(world, 1, keys) == {1}
