"""A thief of a disk who looks for erased shares where a database keeps what it wrote: in its journal.

The storage root may lie beside the store. So what makes an erased share unreadable is that its row's key is gone from
the disk, and not only from the table: from the pages that the write-ahead log still holds, too.
"""

from __future__ import annotations

import pytest

from kms.custodian import destroying
from kms.custodian.sqlite import SqliteCustodianStore
from kms.custodian.store import StoredKey
from kms_client.cache import OpenKey
from tests.protocol.ceremonies import Resharing, change_committee, make_order
from tests.protocol.destroying import WEEK, destroy, submission, tell, words_on
from tests.protocol.destroying import make_order as make_destroy_order
from tests.protocol.pools import Row, fill
from tests.protocol.world import LAB, World


@pytest.fixture
def keys(world: World) -> tuple[OpenKey, ...]:
    return world.create(world.device("alice"), [LAB] * 3)


def on_disk(world: World, index: int) -> bytes:
    """All that the files of a custodian's store hold: table pages, free pages, journal."""
    return b"".join(path.read_bytes() for path in sorted(world.folder.glob(f"custodian-{index}.db*")))


def row_keys(world: World, index: int, keys: tuple[OpenKey, ...]) -> list[bytes]:
    """Wrapped keys of the rows of all shares that a custodian has now."""
    found = world.nodes[index].context.store.keys([key.key_id for key in keys]).values()
    return [k.row.wrapped_key for k in found if k.dealt] + [s.wrapped_key for k in found for s in k.reshared]


def test_nothing_on_the_disk_opens_a_share_that_was_erased(world: World, keys: tuple[OpenKey, ...]) -> None:
    for sequence in (1, 2):  # what was dealt goes first, then what came by a resharing
        before = {index: row_keys(world, index, keys) for index in world.nodes}
        assert all(key in on_disk(world, index) for index, found in before.items() for key in found)
        Resharing(world, make_order(world, sequence)).run()
        for index, old in before.items():
            assert len(old) == len(keys)
            assert [key for key in old if key in on_disk(world, index)] == []


def test_nor_a_share_that_was_destroyed(world: World, keys: tuple[OpenKey, ...]) -> None:
    alice = world.device("alice")
    Resharing(world, make_order(world, 1)).run(erase=False)
    openings = [k.row.opening for k in _stored(world, 1, keys)]
    before = {index: row_keys(world, index, keys) for index in world.nodes}
    assert all(opening in on_disk(world, 1) for opening in openings)
    destroy(world, alice, keys)
    for index, old in before.items():
        assert len(old) == 2 * len(keys)
        assert [key for key in old if key in on_disk(world, index)] == []
    assert [opening for opening in openings if opening in on_disk(world, 1)] == []


@pytest.mark.parametrize("killed_before", ["the journal was emptied", "the word was kept"])
def test_a_node_that_is_killed_as_it_destroys_finishes_at_its_next_start(
    world: World, keys: tuple[OpenKey, ...], killed_before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The word that shares are gone leaves only when nothing of them lies in the journal."""
    alice = world.device("alice")
    order = make_destroy_order(world, alice, keys)
    tell(world, submission(world, order, by=alice), 1)
    old = row_keys(world, 1, keys)
    world.clock.turn(WEEK)
    world.nodes[1].sealing_key()  # which erases the last one, and empties the journal by itself

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if killed_before == "the journal was emptied":
            patch.setattr(SqliteCustodianStore, "empty_journal", kill)
        else:
            patch.setattr(destroying, "destroyed_word", kill)
        with pytest.raises(KeyboardInterrupt):
            world.nodes[1].tick()
    assert words_on(world, order, 1) == {}
    world.start(1)
    assert list(words_on(world, order, 1)) == [1]
    assert [key for key in old if key in on_disk(world, 1)] == []


def _stored(world: World, index: int, keys: tuple[OpenKey, ...]) -> list[StoredKey]:
    return list(world.nodes[index].context.store.keys([key.key_id for key in keys]).values())


def pool_keys(world: World, index: int, rows: list[Row]) -> list[bytes]:
    """Wrapped keys of a custodian's shares of undrawn keys."""
    found = world.nodes[index].context.store.pool.shares([row[0] for row in rows])
    return [share.wrapped_key for share in found.values()]


@pytest.mark.parametrize("ended_by", ["order", "manifest", "manifest while it was down"])
def test_nor_a_share_of_a_pool_that_came_to_an_end(world: World, ended_by: str) -> None:
    rows = fill(world)
    before = pool_keys(world, 1, rows)
    assert len(before) == len(rows)
    assert all(key in on_disk(world, 1) for key in before)
    if ended_by == "order":
        world.create(world.device("alice"))
        Resharing(world, make_order(world, 1)).run(erase=False)
    elif ended_by == "manifest":
        change_committee(world, range(1, 6), 3, name="another")
    else:
        world.nodes.pop(1).close()
        change_committee(world, range(1, 6), 3, name="another")
    assert pool_keys(world, 1, rows) == []
    assert [key for key in before if key in on_disk(world, 1)] == []
