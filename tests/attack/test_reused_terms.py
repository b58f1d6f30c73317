"""A dealer's random terms in two plans: the secret of the one key would give away that of the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kms.coordinator.pooling import PoolCase
from kms.crypto.group import SECP256K1, Q
from kms.crypto.sharing import deal
from kms.statements.pool import open_pool_plan
from tests.protocol import pools
from tests.protocol.adversary import reason_of
from tests.protocol.ceremonies import message
from tests.protocol.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.found(tmp_path)


def second_plan(world: World, case: PoolCase) -> PoolCase:
    """Custodian 1's dealing again, beside fresh ones of two others."""
    other = pools.case_of(world, case.order)
    other.dealings[1] = case.dealings[1]
    pools.collect(world, other, (2, 3))
    return other


def test_two_plans_with_one_dealers_terms_would_tell_its_part() -> None:
    """What a thief computes: it knows the terms of all dealers but one, and is released the second sum."""
    honest = int.from_bytes(deal(3, range(1, 6)).secret.reveal(), "big")
    known = [int.from_bytes(deal(3, range(1, 6)).secret.reveal(), "big") for _ in range(4)]
    first, second = (honest + known[0] + known[1]) % Q, (honest + known[2] + known[3]) % Q
    assert (second - known[2] - known[3] + known[0] + known[1]) % Q == first


def test_a_custodian_keeps_one_plan_of_a_batch(world: World) -> None:
    case = pools.case_of(world, pools.make_pool_order(world))
    pools.collect(world, case)
    pools.hand_out(world, case, case.plan())
    other = second_plan(world, case)
    made = other.plan()
    for index in world.nodes:
        batch = pools.batch_for(other, made, index)
        assert reason_of(world.nodes[index].keep_pool, batch) == "POOL_FORK"


def test_it_remembers_the_batch_when_all_its_keys_are_drawn_and_after_a_restart(world: World) -> None:
    case = pools.case_of(world, pools.make_pool_order(world, 1))
    pools.collect(world, case)
    made = case.plan()
    pools.hand_out(world, case, made)
    pools.draw(world, world.device("alice"), made.opened.rows)
    world.start(2)
    other = second_plan(world, case)
    assert reason_of(world.nodes[2].keep_pool, pools.batch_for(other, other.plan(), 2)) == "POOL_FORK"


def test_keys_of_two_plans_that_split_the_custodians_are_never_released(world: World) -> None:
    alice = world.device("alice")
    case = pools.case_of(world, pools.make_pool_order(world))
    pools.collect(world, case)
    first = case.plan()
    pools.hand_out(world, case, first, 1, 2, 3)
    other = second_plan(world, case)
    second = other.plan()
    pools.hand_out(world, other, second, 4, 5)
    for made in (first, second):
        sent = pools.describe(world, alice, made.opened.rows[:1])
        pools.confirm(world, sent, pools.take(world, sent))
        assert world.release(alice, sent.key_ids()).opened == {}


def test_terms_that_cancel_the_others_are_kept_by_nobody(world: World) -> None:
    """The last dealer publishes its own points less all others', so that the sum would be its own secret."""
    case = pools.case_of(world, pools.make_pool_order(world, 1))
    pools.collect(world, case)
    own = deal(3, range(1, 6))
    others = [case.dealings[i].rows[0] for i in (1, 2)]
    bent = tuple(
        SECP256K1.combine([(c,), (a,), (b,)], 1, [1, Q - 1, Q - 1])
        for c, a, b in zip(own.commitments, *others, strict=True)
    )
    shares = {i: [share.reveal()] for i, share in own.shares.items()}
    case.dealings[3] = pools.terms_of(world, case, 3, [bent], shares)
    made = case.plan()
    assert made.opened.rows[0] == own.commitments
    for index in (1, 2, 4, 5):
        kept = world.nodes[index].keep_pool(pools.batch_for(case, made, index))
        assert kept.generated == b""
        (complaint,) = kept.complaints
        assert case.add_complaint(index, message(complaint)) == 3


def test_a_dealer_that_sends_wrong_shares_is_named_and_replaced(world: World) -> None:
    case = pools.case_of(world, pools.make_pool_order(world))
    pools.collect(world, case)
    wrong = {i: [share.reveal()] * 4 for i, share in deal(3, range(1, 6)).shares.items()}
    case.dealings[2] = pools.terms_of(world, case, 2, list(case.dealings[2].rows), wrong)
    made = case.plan()
    answers = pools.hand_out(world, case, made)
    assert all(not kept.generated and len(kept.complaints) == 1 for kept in answers.values())
    assert case.proven_cheats() == [2]
    assert case.leave_out_accused() == [2]
    pools.collect(world, case, (4,))
    pools.hand_out(world, case, case.plan())
    assert case.complete()


def test_a_plan_of_fewer_dealers_than_the_threshold_is_refused(world: World) -> None:
    case = pools.case_of(world, pools.make_pool_order(world))
    pools.collect(world, case, (1, 2))
    assert reason_of(case.plan) == "NOT_ENOUGH_DEALERS"
    rows = [deal(3, range(1, 6)).commitments] * 4
    assert reason_of(lambda: open_pool_plan(*pools.plan_of(case, rows))) == "INVALID_FIELD"


def test_points_that_are_not_the_dealings_sum_are_kept_by_nobody(world: World) -> None:
    case = pools.case_of(world, pools.make_pool_order(world, 1))
    pools.collect(world, case)
    made = case.plan()
    rows = [deal(3, range(1, 6)).commitments]
    payload, points = pools.plan_of(case, rows)
    swapped = replace(pools.batch_for(case, made, 1), plan=payload, points=points)
    assert reason_of(world.nodes[1].keep_pool, swapped) == "WRONG_PLAN"


def test_a_blob_of_another_dealer_batch_or_custodian_is_refused(world: World) -> None:
    case = pools.case_of(world, pools.make_pool_order(world))
    pools.collect(world, case)
    made = case.plan()
    bent = pools.with_blobs(made, 2, {**made.dealings[2].blobs, 1: made.dealings[2].blobs[4]})
    assert reason_of(world.nodes[1].keep_pool, pools.batch_for(case, bent, 1)) == "WRONG_BLOB"
