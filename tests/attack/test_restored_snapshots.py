"""A custodian's disk is put back to what it was: it must not go on from there, and it must become whole again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from kms.custodian.check import check_store
from kms.custodian.sqlite import SqliteCustodianStore
from kms.custodian.vault import Vault
from kms.custodian.watch import Shown, Watch
from kms.errors import Fork, StoreError, Unavailable
from kms.statements.audit import LogKind
from tests.protocol.logs import entries_of
from tests.protocol.peering import NodeDoor, Peering, bring_back, look, put_back, shown_to, size_of, snapshot
from tests.protocol.world import World, storage_root


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path)
    yield made
    made.close()


@pytest.fixture
def peering(world: World) -> Peering:
    """Custodian 1 was copied, has signed more since, and is put back; it is down."""
    made = Peering(world)
    made.all()
    snapshot(world, 1)
    world.create(world.device("patient"))
    made.all()
    made.all()
    put_back(world, 1)
    world.clock.turn(60)
    return made


def test_it_is_known_before_the_node_is_one(world: World, peering: Peering) -> None:
    ahead = look(world, 1, peering)
    assert ahead is not None
    with closing(SqliteCustodianStore.open(world.folder / "custodian-1.db")) as store:
        Watch(store, lambda: world.chain).enter_recovery(ahead)
        assert check_store(store, Vault(storage_root(1))).ahead == ahead.checkpoint.size
    assert ahead.checkpoint.origin == peering.origin(1)
    assert world.nodes[2].watch.hold_against(shown_to(peering, 2)) is None


def test_a_node_that_missed_it_at_the_start_sees_it_in_its_next_round(world: World, peering: Peering) -> None:
    world.start(1)
    done = peering.round(1)
    assert done.ahead is not None
    assert not done.cosigned


def test_the_log_comes_back_as_it_was(world: World, peering: Peering) -> None:
    ahead = look(world, 1, peering)
    assert ahead is not None
    before = world.nodes[2].watch.entries(peering.origin(1), 0)
    done = bring_back(world, 1, peering)
    assert done is not None
    assert (done.kept + done.brought, done.displaced) == (ahead.checkpoint.size, 0)
    node = world.start(1)
    assert node.watch.entries(peering.origin(1), 0)[: len(before)] == before
    assert entries_of(node)[len(before)].kind is LogKind.RECOVERED
    node.context.ledger.check()
    rounds = peering.all()
    assert rounds[1].ahead is None
    assert len(rounds[1].cosigned) == 4, rounds[1].problems
    assert node.watch.misbehaviour() == []


def test_what_was_written_in_between_is_put_aside(world: World, peering: Peering) -> None:
    node = world.start(1)  # nobody answered, so it went on; but it gave no checkpoint out
    size = size_of(node)
    world.nodes.pop(1).close()
    done = bring_back(world, 1, peering)
    assert done is not None
    assert done.displaced > 0
    assert done.kept + done.displaced == size
    node = world.start(1)
    node.context.ledger.check()
    assert look_again(world, peering) is None


def look_again(world: World, peering: Peering) -> object:
    world.nodes.pop(1).close()
    found = look(world, 1, peering)
    world.start(1)
    return found


def test_the_log_of_a_disk_that_is_gone_comes_back_too(world: World, peering: Peering) -> None:
    for file in world.folder.glob("custodian-1.db*"):
        file.unlink()
    SqliteCustodianStore.create(world.folder / "custodian-1.db", world.keyring.keyring_id, 1).close()
    ahead = look(world, 1, peering)
    assert ahead is not None
    done = bring_back(world, 1, peering)
    assert done is not None
    assert (done.kept, done.brought, done.displaced) == (0, ahead.checkpoint.size, 0)
    # What else was on it is gone, the list of approvers too: it begins again, and the log tells.
    node = world.start(1)
    told = entries_of(node)[ahead.checkpoint.size :]
    assert [entry.kind for entry in told[:1]] == [LogKind.RECOVERED]
    assert LogKind.APPROVERS_FOUNDED in [entry.kind for entry in told]
    world.start(1).context.ledger.check()


def test_nobody_begins_the_approvers_list_again_because_a_log_came_back(
    world: World, peering: Peering
) -> None:
    assert bring_back(world, 1, peering) is not None
    with closing(SqliteCustodianStore.open(world.folder / "custodian-1.db")) as store:
        store._db.execute("DELETE FROM approver_entries")
        store._db.execute("DELETE FROM meta WHERE name = 'approvers_head'")
        with store.transaction():
            store.mirrors.set_lost_before(store.log.size() - 1)
    with pytest.raises(StoreError, match="registry"):
        world.start(1)


def test_it_stays_away_while_nobody_has_its_entries(world: World, peering: Peering) -> None:
    ahead = look(world, 1, peering)
    assert ahead is not None
    for index in (2, 3, 4, 5):
        world.nodes[index].context.store.mirrors.forget(peering.origin(1))
    with pytest.raises(Unavailable, match="nobody has"):
        bring_back(world, 1, peering)
    assert look(world, 1, peering) == ahead


def test_false_copies_are_not_taken(world: World, peering: Peering) -> None:
    class Forger(NodeDoor):
        async def entries(self, origin: str, start: int) -> Sequence[bytes]:
            right = await super().entries(origin, start)
            return [*right[:-1], right[-1][:-1] + b"?"]

    peering.bent = {(1, index): Forger(world, index) for index in (2, 3, 4, 5)}
    with pytest.raises(Unavailable, match="MIRROR_MISMATCH"):
        bring_back(world, 1, peering)
    peering.bent = {(1, index): Forger(world, index) for index in (2, 3, 4)}
    assert bring_back(world, 1, peering) is not None, "one honest copy is enough"


def test_two_histories_are_not_made_one(world: World, peering: Peering) -> None:
    world.start(1)
    forked = world.nodes[1].checkpoint().to_bytes()
    ahead = peering.round(1).ahead
    assert ahead is not None
    world.nodes.pop(1).close()

    class Told(NodeDoor):
        async def witnessed(self) -> Sequence[Shown]:
            return [*await super().witnessed(), Shown(forked, 0)]

    peering.bent = {(1, 2): Told(world, 2)}
    with pytest.raises(Fork, match="two histories"):
        bring_back(world, 1, peering)
    assert look(world, 1, peering) is not None, "nothing was changed"
