"""A witness is put back to before it cosigned a log, and that log's custodian shows it another history."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.custodian.log_keeping import ask
from kms.custodian.witnessing import Witnessing
from kms.errors import Fork
from kms.statements.audit import LogKind
from tests.protocol.loose_logs import Log
from tests.protocol.peering import Peering, look, put_back, run, size_of, snapshot
from tests.protocol.world import World

LIAR, WITNESS = 1, 2


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path)
    yield made
    made.close()


@pytest.fixture
def peering(world: World) -> Peering:
    """The witness is put back to before it cosigned the liar's last entries; its own log lacks nothing."""
    made = Peering(world)
    made.all()
    snapshot(world, WITNESS)
    node = world.nodes[LIAR]
    with node.context.store.transaction():
        node.context.ledger.append(LogKind.MANIFEST, world.clock(), bytes(32))
    made.round(LIAR)
    made.round(3)
    put_back(world, WITNESS)
    assert look(world, WITNESS, made) is None
    return made


def fork(world: World, peering: Peering, old: int) -> bytes:
    """What the liar sends: its log as the witness saw it then, and another last entry."""
    leaves = world.nodes[LIAR].watch.entries(peering.origin(LIAR), 0)[:-1]
    forked = Log(LIAR, world.identities[LIAR], (*leaves, b"another entry"), peering.origin(LIAR))
    assert len(leaves) == old
    return forked.addition(old)


def learn(world: World, peering: Peering) -> None:
    """What a node does at its start, before it answers anybody."""
    doors = peering.doors(WITNESS)

    async def main() -> None:
        await Witnessing(lambda: world.nodes[WITNESS], run, lambda: doors).learn(await ask(doors, 5))

    asyncio.run(main())


def test_it_learns_what_it_has_seen_before_it_signs_again(world: World, peering: Peering) -> None:
    node = world.start(WITNESS)
    old = size_of(world.nodes[LIAR]) - 1
    learn(world, peering)
    with pytest.raises(Fork):
        node.witness.add_checkpoint(fork(world, peering, old))
    assert len(node.watch.misbehaviour()) == 1


def test_without_that_it_would_sign_both(world: World, peering: Peering) -> None:
    node = world.start(WITNESS)
    old = size_of(world.nodes[LIAR]) - 1
    assert node.witness.add_checkpoint(fork(world, peering, old)), "or this file shows nothing"
    # Its next round finds out, and has the proof.
    peering.round(WITNESS)
    assert [one.kind.name for one in node.watch.misbehaviour()] == ["SPLIT_VIEW"]


def test_a_checkpoint_alone_teaches_it_nothing_that_is_not_proved(world: World, peering: Peering) -> None:
    for index in (3, 4, 5):
        world.nodes[index].context.store.mirrors.forget(peering.origin(LIAR))
    node = world.start(WITNESS)
    seen = node.context.store.witness.last(peering.origin(LIAR))
    learn(world, peering)
    assert node.context.store.witness.last(peering.origin(LIAR)) == seen
