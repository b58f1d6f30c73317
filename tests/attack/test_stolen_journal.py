"""A thief of a disk who looks for erased shares where a database keeps what it wrote: in its journal.

The storage root may lie beside the store. So what makes an erased share unreadable is that its row's key is gone from
the disk, and not only from the table: from the pages that the write-ahead log still holds, too.
"""

from __future__ import annotations

import pytest

from kms_client.cache import OpenKey
from tests.protocol.ceremonies import Resharing, change_committee, make_order
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
