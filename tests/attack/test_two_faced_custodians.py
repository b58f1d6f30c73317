"""A custodian shows one log to some of the others and another to the rest, with copies to match: all find out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from kms.errors import Invalid, Unavailable
from kms.statements.misbehaviour import Misbehaviour, check, split_view
from tests.protocol.loose_logs import Log
from tests.protocol.peering import NodeDoor, Peering
from tests.protocol.world import World

LIAR = 1


class Face(NodeDoor):
    """The liar's door as some of the others find it: it gives them the entries of their log, and is else silent."""

    def __init__(self, world: World, log: Log) -> None:
        super().__init__(world, LIAR)
        self.log = log

    async def add_checkpoint(self, body: bytes) -> bytes:
        raise Unavailable("silent")

    async def entries(self, origin: str, start: int) -> Sequence[bytes]:
        return self.log.leaves[start:]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path)
    yield made
    made.close()


def two_faced(world: World, peering: Peering, longer: int) -> None:
    """Custodians 2 and 3 have cosigned and copied one log, 4 and 5 another one, of so many entries more."""
    peering.all()
    peering.all()
    own = tuple(world.nodes[LIAR].watch.entries(peering.origin(LIAR), 0))
    log = Log(LIAR, world.identities[LIAR], own, peering.origin(LIAR))
    faces = {index: log.grown([b"with a release"]) for index in (2, 3)}
    faces |= {index: log.grown([b"without it"] * (1 + longer)) for index in (4, 5)}
    for index, face in faces.items():
        peering.bent[index, LIAR] = Face(world, face)
        seen = world.nodes[index].context.store.witness.last(log.origin)
        assert seen is not None
        world.nodes[index].witness.add_checkpoint(face.addition(seen.size))


@pytest.mark.parametrize("longer", [0, 3])
def test_all_have_proof_after_one_round(world: World, longer: int) -> None:
    peering = Peering(world)
    two_faced(world, peering, longer)
    for index in (2, 3, 4, 5, 2, 3, 4, 5):
        peering.round(index)
    keys = {peering.origin(LIAR): world.identities[LIAR].public}
    for index in (2, 3, 4, 5):
        found = world.nodes[index].watch.misbehaviour()
        assert found, index
        assert {check(evidence, keys.get) for evidence in found} == {peering.origin(LIAR)}
        assert {evidence.kind.name for evidence in found} == {"REWRITTEN" if longer else "SPLIT_VIEW"}


def test_what_one_found_convinces_who_saw_nothing_wrong(world: World) -> None:
    peering = Peering(world)
    two_faced(world, peering, 0)
    peering.round(4)
    assert world.nodes[4].watch.misbehaviour()
    world.nodes.pop(2).close()
    world.nodes.pop(3).close()
    peering.round(5)
    assert world.nodes[5].watch.misbehaviour() == world.nodes[4].watch.misbehaviour()


def test_evidence_that_proves_nothing_is_taken_from_nobody(world: World) -> None:
    peering = Peering(world)
    honest = Log(2, world.identities[2], (b"an entry",), peering.origin(2))
    forged = honest.note(world.identities[LIAR])

    class Accuser(NodeDoor):
        async def misbehaviour(self) -> Sequence[Misbehaviour]:
            return [split_view(honest.note(), forged)]

    peering.bent[3, LIAR] = Accuser(world, LIAR)
    done = peering.round(3)
    assert world.nodes[3].watch.misbehaviour() == []
    assert LIAR in done.answered
    assert len(done.cosigned) == 4, "and it keeps nobody from anything"


def test_a_false_beginning_accuses_nobody_and_teaches_nothing(world: World) -> None:
    peering = Peering(world)
    peering.all()
    peering.all()
    witness = world.nodes[3].witness
    seen = world.nodes[3].context.store.witness.last(peering.origin(2))
    assert seen is not None
    own = tuple(world.nodes[2].watch.entries(peering.origin(2), 0))[: seen.size]
    grown = Log(2, world.identities[2], own, peering.origin(2)).grown([b"one", b"more"])
    for root, proof in ((bytes(32), grown.proof(seen.size)), (seen.root, (bytes(32),) * 3)):
        with pytest.raises(Invalid):
            witness.learn(grown.note(), root, proof)
    assert world.nodes[3].watch.misbehaviour() == []
    assert world.nodes[3].context.store.witness.last(peering.origin(2)) == seen
    assert witness.learn(grown.note(), seen.root, grown.proof(seen.size))
