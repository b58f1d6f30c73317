"""Real nodes' logs as an auditor reads them, in this process; and disks that are put back to what they were."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kms.audit.logs import LogReader
from kms.errors import NotFound
from kms.statements.ids import RequestHash
from kms.statements.tiles import Tile
from tests.protocol.world import World


@dataclass(slots=True)
class NodeLog:
    """The log of a custodian of a world, whichever node of it is up; also its own source."""

    world: World
    index: int
    live: bool = True

    def open(self) -> LogReader:
        return self

    def close(self) -> None:
        pass

    def checkpoint(self) -> bytes:
        return self.world.nodes[self.index].checkpoint().to_bytes()

    def tiles(self, wanted: Sequence[Tile]) -> Sequence[bytes]:
        found: list[bytes] = []
        while len(found) < len(wanted):
            found += self.world.nodes[self.index].tiles([tile.path for tile in wanted[len(found) :]])
        return found

    def certificate(self, request_hash: bytes) -> Sequence[bytes]:
        try:
            return self.world.nodes[self.index].certificates(RequestHash(request_hash), b"")
        except NotFound:
            return ()

    def seen(self) -> Sequence[bytes]:
        return ()

    def misbehaviour(self) -> Sequence[bytes]:
        return ()


def take_snapshot(world: World, index: int, name: str) -> None:
    """Copy a custodian's disk while its node is down; it goes on after that."""
    world.nodes.pop(index).close()
    place = world.folder / name
    place.mkdir(exist_ok=True)
    for file in _disk(world.folder, index):
        shutil.copyfile(file, place / file.name)
        (place / file.name).chmod(file.stat().st_mode)
    world.start(index)


def put_back(world: World, index: int, name: str) -> None:
    """What a snapshot brings back: the disk as it was, and a node that knows nothing of what it did since."""
    world.nodes.pop(index).close()
    for file in _disk(world.folder, index):
        file.unlink()
    for file in _disk(world.folder / name, index):
        shutil.copyfile(file, world.folder / file.name)
        (world.folder / file.name).chmod(file.stat().st_mode)
    world.start(index)


def _disk(folder: Path, index: int) -> list[Path]:
    return [file for file in folder.glob(f"custodian-{index}.db*") if file.is_file()]
