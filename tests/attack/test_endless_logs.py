"""A custodian's log that grows without end is to fill the disks of those who keep copies of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.custodian import witnessing
from kms.statements.audit import LogKind
from tests.protocol.peering import Peering, size_of
from tests.protocol.world import World

LIAR, HONEST = 1, 2


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path)
    yield made
    made.close()


def grow(world: World, count: int) -> None:
    context = world.nodes[LIAR].context
    with context.store.transaction():
        for _ in range(count):
            context.ledger.append(LogKind.STARTED, world.clock(), bytes(32), outcome="x" * 64)


def test_only_so_much_of_one_log_is_copied_in_a_day(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witnessing, "COPIED_A_DAY", 100_000)
    monkeypatch.setattr("kms.custodian.watch.MAX_ANSWER", 30_000)
    peering = Peering(world)
    peering.all()
    before = peering.copied(HONEST, LIAR)
    grow(world, 2000)
    peering.round(LIAR)
    for _ in range(4):
        peering.round(HONEST)
    assert (peering.origin(LIAR), "MIRROR_LIMIT") in peering.round(HONEST).problems
    assert peering.copied(HONEST, LIAR) == before
    # Others' logs are copied as ever.
    world.nodes[3].sealing_key()
    assert peering.copied(HONEST, 3) > 0
    for _ in range(3):
        world.clock.turn(86400)
        peering.round(HONEST)
    assert (peering.origin(LIAR), "MIRROR_LIMIT") not in peering.round(HONEST).problems
    assert peering.copied(HONEST, LIAR) >= before + 2000
    assert size_of(world.nodes[LIAR]) >= before + 2000
