"""Nodes that look after one another's logs: cosignatures, copies, and what a round tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.statements.checkpoint import cosigned_at, read_signatures, witness_name
from tests.protocol.peering import Peering, size_of
from tests.protocol.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path)
    yield made
    made.close()


def test_every_node_cosigns_the_others_logs(world: World) -> None:
    rounds = Peering(world).all()
    for index, done in rounds.items():
        assert len(done.cosigned) == 4, done.problems
        assert done.ahead is None
        node = world.nodes[index]
        kept = node.context.store.mirrors.cosigned()
        assert [one.size for one in kept] == [size_of(node)] * 4
        note = node.checkpoint().with_signatures([read_signatures(one.line)[0] for one in kept])
        for other in world.keyring.manifest.custodians:
            if other.index != index:
                name = witness_name(world.keyring.keyring_id, other.index)
                assert cosigned_at(note, name, other.identity_key) == world.clock()


def test_the_last_cosigned_checkpoint_is_shown_with_all_its_cosignatures(world: World) -> None:
    peering, node = Peering(world), world.nodes[1]
    assert node.watch.cosigned() is None
    peering.all()
    assert node.watch.cosigned() == node.watch.with_cosignatures(node.checkpoint())
    world.create(world.device("patient"))
    assert node.watch.with_cosignatures(node.checkpoint()) == node.checkpoint()
    shown = node.watch.cosigned()
    assert shown is not None
    assert shown.checkpoint.size < size_of(node)
    names = {one.name for one in shown.signatures}
    assert names == {peering.origin(1), *(f"{peering.origin(index)}/witness" for index in (2, 3, 4, 5))}
    world.nodes.pop(5).close()
    peering.round(1)
    shown = node.watch.cosigned()
    assert shown is not None
    assert shown.checkpoint.size == size_of(node)
    assert len(shown.signatures) == 4, "what custodian 5 cosigned was another"


def test_logs_are_cosigned_as_they_grow(world: World) -> None:
    peering = Peering(world)
    peering.all()
    world.create(world.device("patient"))
    for done in peering.all().values():
        assert len(done.cosigned) == 4, done.problems
        assert not done.problems


def test_what_was_cosigned_is_copied(world: World) -> None:
    peering = Peering(world)
    for _ in range(300):
        world.nodes[1].context.ledger.append_many(())
    device = world.device("patient")
    for _ in range(3):
        world.create(device)
    peering.all()
    peering.all()
    for at in world.nodes:
        for index, node in world.nodes.items():
            if at != index:
                assert peering.copied(at, index) == size_of(node)
                entries = world.nodes[at].watch.entries(peering.origin(index), 0)
                assert entries == node.watch.entries(peering.origin(index), 0)


def test_a_node_that_is_down_is_waited_for_by_nobody(world: World) -> None:
    world.nodes.pop(5).close()
    done = Peering(world).round(1)
    assert done.answered == {2, 3, 4}
    assert len(done.cosigned) == 3
    assert ("5", "UNAVAILABLE") in done.problems


def test_a_copy_stands_in_for_a_vanished_custodian(world: World) -> None:
    peering = Peering(world)
    peering.all()
    peering.all()
    before = world.nodes[2].watch.entries(peering.origin(2), 0)
    world.forget(2)
    assert world.nodes[1].watch.entries(peering.origin(2), 0) == before


def test_the_process_may_end_at_any_time(world: World) -> None:
    Peering(world).all()
    for index in list(world.nodes):
        world.start(index)
    peering = Peering(world)
    for done in peering.all().values():
        assert len(done.cosigned) == 4, done.problems
