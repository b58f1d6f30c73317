"""What a node finds of its former self at the start, on real files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.protocol.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world", n=3, threshold=2)
    yield made
    made.close()


def database(world: World, index: int = 1) -> Path:
    return world.folder / f"custodian-{index}.db"


def image(world: World) -> dict[str, bytes]:
    """Bytes of each file of node 1's store."""
    return {path.name: path.read_bytes() for path in world.folder.glob("custodian-1.db*")}


def killed(world: World) -> None:
    """Node 1 as after `kill -9`: its files as they lie there now, nothing tidied up on the way out."""
    left = image(world)
    world.nodes.pop(1).close()
    for name, data in left.items():
        (world.folder / name).write_bytes(data)


def test_a_sealing_key_that_a_killed_node_had_erased_is_gone_from_every_file_after_the_start(
    world: World,
) -> None:
    store = world.nodes[1].context.store
    (erased,) = store.sealing_keys()
    with store.transaction():
        store.erase_sealing_key(erased.period)
    killed(world)  # before the journal was emptied
    assert [name for name, data in image(world).items() if erased.seed in data] == ["custodian-1.db-wal"]
    world.start(1)
    assert [name for name, data in image(world).items() if erased.seed in data] == []
