"""Owners find in the log, each for themself, what became of orders to destroy their keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.custodian.details import owner_events
from kms.statements.audit import LogKind, read_entry
from kms.statements.details import OwnerOutcome
from tests.protocol.destroying import (
    destroy,
    ids_of,
    make_admin_order,
    make_cancellation,
    make_order,
    submission,
    tell,
)
from tests.protocol.world import LAB, Device, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world")
    yield made
    made.close()


def told(world: World, owner: Device) -> list[tuple[LogKind, tuple[OwnerOutcome, ...]]]:
    """What custodian 1 logged about the end of an owner's keys, as that owner is shown it."""
    found: list[tuple[LogKind, tuple[OwnerOutcome, ...]]] = []
    for event in owner_events(world.nodes[1].context, owner.thumbprint, -1):
        entry = read_entry(event.entry, event.log_index)
        if entry.kind in (LogKind.DESTROY_SCHEDULED, LogKind.DESTROY_CANCELLED, LogKind.DESTROYED):
            found.append((entry.kind, event.leaf.opened(entry, owner.thumbprint).outcomes))
    return found


def test_each_step_is_told_with_the_keys_it_is_about(world: World) -> None:
    alice, bob = world.device("alice"), world.device("bob")
    keys, theirs = world.create(alice, [LAB] * 2), world.create(bob)
    order = make_order(world, alice, keys)
    tell(world, submission(world, order, by=alice), 1)
    tell(world, submission(world, make_cancellation(world, alice, order)), 1)
    destroy(world, alice, keys[:1], 1)
    tell(world, submission(world, make_admin_order(world, keys[1:] + theirs)), 1)
    mine, one = ids_of(keys), ids_of(keys[:1])
    assert told(world, alice) == [
        (LogKind.DESTROY_SCHEDULED, (OwnerOutcome("DESTROY_SCHEDULED", "OWNER_WISH", mine),)),
        (LogKind.DESTROY_CANCELLED, (OwnerOutcome("DESTROY_CANCELLED", "", mine),)),
        (LogKind.DESTROY_SCHEDULED, (OwnerOutcome("DESTROY_SCHEDULED", "OWNER_WISH", one),)),
        (LogKind.DESTROYED, (OwnerOutcome("DESTROYED", "DUE", one),)),
        (LogKind.DESTROY_SCHEDULED, (OwnerOutcome("DESTROY_SCHEDULED", "LEGAL_DUTY", ids_of(keys[1:])),)),
    ]
    # Of the admins' order each owner learns of their own keys alone.
    assert told(world, bob) == [
        (LogKind.DESTROY_SCHEDULED, (OwnerOutcome("DESTROY_SCHEDULED", "LEGAL_DUTY", ids_of(theirs)),))
    ]
