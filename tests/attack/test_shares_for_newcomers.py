"""A newcomer that asks for shares of before its time: of a version with a lower threshold than it was let in under.

Whoever raises the threshold from three to four counts on it that three custodians learn nothing. If those who joined
could be helped to shares of the old version, two of them and one of before would hold three, and open every key.
"""

from __future__ import annotations

import secrets

import pytest

from kms.crypto import derivation
from kms.custodian.resharing import OldPlan
from kms.statements.ceremony import RepairTask, plan_version
from kms.statements.envelope import sign
from kms.statements.ids import KeyId, Version
from kms_client.cache import OpenKey
from tests.protocol.adversary import reason_of
from tests.protocol.ceremonies import Resharing, change_committee, make_order
from tests.protocol.repairs import Repairing, lose_store
from tests.protocol.world import LAB, World


@pytest.fixture
def keys(world: World) -> tuple[OpenKey, ...]:
    return world.create(world.device("alice"), [LAB] * 2)


def greedy(world: World, index: int, version: Version, ids: tuple[KeyId, ...]) -> Repairing:
    """A repair that a custodian asks for whatever its own node would say."""
    repair = Repairing(world, index, version, ids, (1, 3, 4))
    task = RepairTask(
        world.keyring.keyring_id,
        world.keyring.manifest_hash,
        index,
        secrets.token_bytes(16),
        version,
        repair.helpers,
        derivation.batch_root(list(ids)),
        len(ids),
        world.clock(),
    )
    repair.task = sign(task, world.identities[index]).envelope
    return repair


def test_nobody_helps_newcomers_to_shares_that_were_dealt_before_they_came(
    world: World, keys: tuple[OpenKey, ...]
) -> None:
    change_committee(world, range(1, 8), 4)
    version, ids = keys[0].descriptor.version, tuple(key.key_id for key in keys)
    for newcomer in (6, 7):
        assert reason_of(greedy(world, newcomer, version, ids).make) == "NOT_A_HOLDER"
        assert world.nodes[newcomer].missing(version, ids) == []
    lose_store(world, 2)
    Repairing(world, 2, version, ids, (1, 3, 4)).run()  # who was there before is helped as ever


def test_nor_to_shares_that_were_dealt_on_before_they_came(world: World, keys: tuple[OpenKey, ...]) -> None:
    run = Resharing(world, make_order(world, 1))
    ((version, threshold, ids),) = run.batches()
    case = run.case(version, threshold, ids)
    run.collect_dealings(case)
    made = case.plan()
    assert run.install(case, made) == {}
    change_committee(world, range(1, 8), 4)
    assert reason_of(greedy(world, 6, made.version, ids).make) == "NOT_A_HOLDER"
    lose_store(world, 2)
    assert plan_version(made.payload) == made.version
    Repairing(world, 2, made.version, ids, (1, 3, 4)).run(OldPlan(made.payload, ids, made.points))
