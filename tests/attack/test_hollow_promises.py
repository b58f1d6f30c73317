"""A host that has old shares erased against words that are no quorum's promise to keep these very keys.

An erased share does not come back. So each INSTALLED must be of another custodian of the plan's own manifest, for that
very plan, and about all of its keys.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kms.coordinator.resharing import MadePlan, ReshareCase
from kms.statements.ceremony import Installed, encode_plan, parse_plan, plan_version
from kms.statements.envelope import Envelope, sign
from kms_client.cache import OpenKey
from tests.protocol.adversary import reason_of
from tests.protocol.ceremonies import Resharing, change_committee, make_order, message
from tests.protocol.world import LAB, World


@pytest.fixture
def keys(world: World) -> tuple[OpenKey, ...]:
    return world.create(world.device("alice"), [LAB] * 2)


@pytest.fixture
def planned(world: World, keys: tuple[OpenKey, ...]) -> tuple[ReshareCase, MadePlan]:
    """A plan that all five have installed."""
    run = Resharing(world, make_order(world))
    ((version, threshold, ids),) = run.batches()
    case = run.case(version, threshold, ids)
    run.collect_dealings(case)
    made = case.plan()
    assert run.install(case, made) == {}
    return case, made


def words(world: World, case: ReshareCase, signers: Any = (), **changes: Any) -> list[Envelope]:
    """The five promises, of which these custodians signed others: with these changes."""
    said = {i: signed.message for i, signed in case.installed.items()}
    for index in signers:
        altered = replace(case.installed[index].statement, **changes)
        said[index] = message(sign(altered, world.identities[index]).envelope)
    return [said[index] for index in sorted(said)]


HOLLOW: dict[str, tuple[dict[str, Any], str]] = {
    "of fewer keys": ({"count": 1}, "WRONG_VERSION"),
    "of none, as who was repaired says": ({"count": 0}, "WRONG_VERSION"),
    "of another order": ({"sequence": 2}, "WRONG_VERSION"),
    "of another version": ({"version": bytes(32)}, "WRONG_VERSION"),
    "of another manifest": ({"manifest_hash": bytes(32)}, "STALE_MANIFEST"),
    "of another keyring": ({"keyring_id": bytes(32)}, "WRONG_KEYRING"),
    "in another's name": ({"index": 1}, "WRONG_CUSTODIAN"),
}


@pytest.mark.parametrize("what", HOLLOW)
def test_one_hollow_promise_makes_no_quorum(
    world: World, planned: tuple[ReshareCase, MadePlan], what: str
) -> None:
    case, made = planned
    changes, reason = HOLLOW[what]
    node = world.nodes[5]
    shown = words(world, case, [2], **changes)
    assert reason_of(node.erase, made.payload, case.key_ids, shown) == reason
    assert all(key.dealt for key in node.context.store.keys(case.key_ids).values())
    assert reason_of(node.erase, made.payload, case.key_ids, words(world, case)) == ""
    assert not any(key.dealt for key in node.context.store.keys(case.key_ids).values())


def test_promises_of_who_came_later_are_none_of_this_manifest(
    world: World, planned: tuple[ReshareCase, MadePlan]
) -> None:
    case, made = planned
    bound = case.keyring
    change_committee(world, range(1, 8), 3)
    said = replace(case.installed[1].statement, index=6, manifest_hash=bound.manifest_hash)
    newcomer = message(sign(said, world.identities[6]).envelope)
    shown = [*words(world, case)[:4], newcomer]
    assert reason_of(world.nodes[5].erase, made.payload, case.key_ids, shown) == "WRONG_SIGNER"


BENT: dict[str, Callable[[Any], Any]] = {
    "a lower threshold": lambda plan: replace(plan, threshold=2),
    "another keyring": lambda plan: replace(plan, keyring_id=bytes(32)),
}


@pytest.mark.parametrize("what", BENT)
def test_a_plan_that_its_manifest_does_not_bear_out_erases_nothing(
    world: World, planned: tuple[ReshareCase, MadePlan], what: str
) -> None:
    case, made = planned
    plan = encode_plan(BENT[what](parse_plan(made.payload)))
    said: Installed = replace(case.installed[1].statement, version=plan_version(plan))
    shown = [
        message(sign(replace(said, index=index), world.identities[index]).envelope) for index in range(1, 6)
    ]
    assert reason_of(world.nodes[5].erase, plan, case.key_ids, shown) == "WRONG_PLAN"
