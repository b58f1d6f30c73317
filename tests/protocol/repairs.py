"""A repair over a world's nodes, carried out without a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kms.custodian import repairing
from kms.custodian.repairing import MadePieces, Pieces, Repair
from kms.custodian.resharing import OldPlan
from kms.statements.ids import KeyId, Version
from tests.protocol.ceremonies import message
from tests.protocol.world import World


@dataclass(slots=True)
class Repairing:
    """One repair, step by step."""

    world: World
    lost: int
    version: Version
    key_ids: tuple[KeyId, ...]
    helpers: tuple[int, ...] = (1, 3, 4)
    task: bytes = b""
    made: dict[int, MadePieces] = field(default_factory=dict)
    sums: dict[int, repairing.SummedPieces] = field(default_factory=dict)

    def start(self) -> None:
        self.task = self.world.nodes[self.lost].start_repair(self.version, self.helpers, self.key_ids)

    def make(self) -> None:
        sealing_keys = [message(self.world.nodes[i].sealing_key().envelope) for i in self.helpers]
        for helper in self.helpers:
            self.made[helper] = self.world.nodes[helper].make_pieces(
                message(self.task), self.key_ids, sealing_keys
            )

    def pieces(self) -> Pieces:
        return Pieces(
            message(self.task),
            self.key_ids,
            tuple(message(self.made[i].statement) for i in self.helpers),
            tuple(self.made[i].points for i in self.helpers),
        )

    def blobs(self, helper: int) -> Mapping[int, bytes]:
        return {i: made.blobs[helper] for i, made in self.made.items()}

    def sum_up(self) -> None:
        sealing_key = message(self.world.nodes[self.lost].sealing_key().envelope)
        for helper in self.helpers:
            self.sums[helper] = self.world.nodes[helper].sum_pieces(
                self.pieces(), self.blobs(helper), sealing_key
            )

    def repair(self, planned: OldPlan | None = None) -> Repair:
        return Repair(
            self.pieces(),
            tuple(self.world.nodes[self.helpers[0]].descriptors(self.key_ids)),
            tuple(message(self.sums[i].statement) for i in self.helpers),
            {i: summed.sealed for i, summed in self.sums.items()},
            planned or OldPlan(),
        )

    def run(self, planned: OldPlan | None = None) -> bytes:
        self.start()
        self.make()
        self.sum_up()
        return self.world.nodes[self.lost].finish_repair(self.repair(planned))


def lose_store(world: World, index: int) -> None:
    world.forget(index)
    for path in world.folder.glob(f"custodian-{index}.db*"):  # the row root, where the store was no file
        path.unlink()
    world.start(index)
