"""Nodes that look at one another's logs without sockets, through doors that a test may let lie."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from kms.custodian.ledger import Ledger
from kms.custodian.mirrors import tree_of
from kms.custodian.node import CustodianNode
from kms.custodian.peers import Door
from kms.custodian.recovery import Recovered, recover
from kms.custodian.sqlite import SqliteCustodianStore
from kms.custodian.vault import Vault
from kms.custodian.watch import Shown, Watch
from kms.custodian.witnessing import Round, Witnessing
from kms.errors import Unavailable
from kms.statements.checkpoint import CheckpointNote, log_origin
from kms.statements.misbehaviour import Misbehaviour
from tests.protocol.world import World, storage_root

R = TypeVar("R")


class NodeDoor:
    """A node's door as another one reaches it; Unavailable while it is down."""

    def __init__(self, world: World, index: int) -> None:
        self._world, self.index = world, index

    @property
    def _node(self) -> CustodianNode:
        if self.index not in self._world.nodes:
            raise Unavailable("the node is down")
        return self._world.nodes[self.index]

    async def add_checkpoint(self, body: bytes) -> bytes:
        return self._node.witness.add_checkpoint(body)

    async def witnessed(self) -> Sequence[Shown]:
        return self._node.watch.witnessed()

    async def entries(self, origin: str, start: int) -> Sequence[bytes]:
        return self._node.watch.entries(origin, start)

    async def beginning(self, origin: str, size: int, of: int) -> tuple[bytes, Sequence[bytes]]:
        return self._node.watch.beginning(origin, size, of)

    async def misbehaviour(self) -> Sequence[Misbehaviour]:
        return self._node.watch.misbehaviour()

    async def close(self) -> None:
        """Nothing is open."""


async def run(step: Callable[..., R], *arguments: object) -> R:
    """A step of a node, now."""
    return step(*arguments)


@dataclass(slots=True)
class Peering:
    """All nodes' rounds. `bent` doors stand in the place of honest ones: (who asks, who is asked) -> door."""

    world: World
    bent: dict[tuple[int, int], Door] = field(default_factory=dict)
    _witnessing: dict[int, Witnessing] = field(default_factory=dict)

    def doors(self, index: int) -> list[Door]:
        others = [i for i in self.world.keyring.manifest.indices if i != index]
        return [self.bent.get((index, i)) or NodeDoor(self.world, i) for i in others]

    def round(self, index: int) -> Round:
        """One node's round."""
        witnessing = self._witnessing.get(index)
        if witnessing is None:
            witnessing = Witnessing(lambda: self.world.nodes[index], run, lambda: self.doors(index))
            self._witnessing[index] = witnessing
        return asyncio.run(witnessing.round())

    def all(self) -> Mapping[int, Round]:
        """A round of each node that is up."""
        return {index: self.round(index) for index in sorted(self.world.members)}

    def origin(self, index: int) -> str:
        return log_origin(self.world.keyring.keyring_id, index)

    def copied(self, at: int, index: int) -> int:
        """How many entries of a log are kept at another node."""
        tree = tree_of(self.world.nodes[at].context.store.mirrors, self.origin(index))
        return tree[0].checkpoint.size if tree else 0


def size_of(node: CustodianNode) -> int:
    return node.context.ledger.head()[0]


def snapshot(world: World, index: int) -> None:
    """Copy a custodian's disk."""
    world.nodes.pop(index).close()
    for file in world.folder.glob(f"custodian-{index}.db*"):
        shutil.copy(file, file.with_name(f"snapshot-{file.name}"))
    world.start(index)


def put_back(world: World, index: int) -> None:
    """Put the copy in the place of the disk; the node is down."""
    if index in world.nodes:
        world.nodes.pop(index).close()
    for file in world.folder.glob(f"custodian-{index}.db*"):
        file.unlink()
    for file in world.folder.glob(f"snapshot-custodian-{index}.db*"):
        shutil.copy(file, file.with_name(file.name.removeprefix("snapshot-")))


def look(world: World, index: int, peering: Peering) -> CheckpointNote | None:
    """What a node finds at the start, before it is a node: our own checkpoint that the disk does not have."""
    with closing(SqliteCustodianStore.open(world.folder / f"custodian-{index}.db")) as store:
        watch = Watch(store, lambda: world.chain)
        return watch.hold_against(shown_to(peering, index))


def shown_to(peering: Peering, index: int) -> list[bytes]:
    """Notes that the other nodes show."""

    async def ask() -> list[bytes]:
        found = []
        for door in peering.doors(index):
            with suppress(Unavailable):
                found += [one.note for one in await door.witnessed()]
        return found

    return asyncio.run(ask())


def bring_back(world: World, index: int, peering: Peering) -> Recovered | None:
    """What `kms custodian recover` does to the disk of a node that is down."""
    with closing(SqliteCustodianStore.open(world.folder / f"custodian-{index}.db")) as store:
        vault = Vault(storage_root(index))
        ledger, watch = Ledger(store, vault), Watch(store, lambda: world.chain)
        notes, doors = shown_to(peering, index), peering.doors(index)
        return asyncio.run(
            recover(store, ledger, watch, doors, notes, world.clock(), lambda done, total: None)
        )
