"""A peer shows a larger checkpoint of ours than we ever signed, to switch us off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from kms.crypto.signing import SigningKey
from kms.custodian.watch import Shown
from kms.errors import Stale
from kms.statements.checkpoint import Checkpoint, cosign, sign_checkpoint
from tests.protocol.peering import NodeDoor, Peering, size_of
from tests.protocol.world import World


class Inventive(NodeDoor):
    """Shows these notes beside what the node saw."""

    notes: tuple[bytes, ...] = ()

    async def witnessed(self) -> Sequence[Shown]:
        return [*await super().witnessed(), *(Shown(note, 10**6) for note in self.notes)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path)
    yield made
    made.close()


def invented(world: World, key: SigningKey, size: int = 10**6) -> bytes:
    """A larger checkpoint of custodian 1, signed by this key, and cosigned by the peer."""
    node = world.nodes[1]
    note = sign_checkpoint(Checkpoint(node.watch.own, size, bytes(32)), key)
    return note.with_signatures((cosign(note, "peer", world.identities[2], world.clock()),)).to_bytes()


def test_a_peers_word_does_not_switch_us_off(world: World) -> None:
    peering = Peering(world)
    peering.all()
    signed = world.nodes[1].checkpoint().to_bytes()
    size = size_of(world.nodes[1])
    notes = (
        invented(world, world.identities[2]),
        signed.replace(b"\n%d\n" % size, b"\n%d\n" % (size + 1)),
        b"garbage",
        b"",
    )
    for index in (2, 3, 4, 5):
        liar = Inventive(world, index)
        liar.notes = notes
        peering.bent[1, index] = liar
    done = peering.round(1)
    assert done.ahead is None
    assert len(done.cosigned) == 4
    assert world.nodes[1].watch.misbehaviour() == []


def test_but_our_own_word_does(world: World) -> None:
    peering = Peering(world)
    honest = Inventive(world, 2)
    honest.notes = (invented(world, world.identities[1]),)
    peering.bent = {(1, 2): honest}
    done = peering.round(1)
    assert done.ahead is not None
    assert done.ahead.checkpoint.size == 10**6
    assert not done.cosigned, "nothing more is signed"


def test_no_old_size_that_a_peer_tells_makes_us_prove_nonsense(world: World) -> None:
    class Confused(NodeDoor):
        told = ""

        async def add_checkpoint(self, body: bytes) -> bytes:
            raise Stale("no", reason="OLD_SIZE", details={"size": self.told})

    for told in ("-1", "1e9", "9" * 30, "", "0", "1", str(10**9), "\u0663"):
        peering, door = Peering(world), Confused(world, 2)
        door.told = told
        peering.bent = {(1, 2): door}
        done = peering.round(1)
        assert "OLD_SIZE" in [reason for _, reason in done.problems]
        assert len(done.cosigned) == 3
