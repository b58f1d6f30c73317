"""Repairs as the adversary's coordinator carries them out: of any version, with pieces of several attempts mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kms.custodian.repairing import MadePieces, Pieces, Repair, SummedPieces
from kms.custodian.resharing import OldPlan
from kms.statements.ceremony import RepairPieces, RepairSums, unpack_points
from kms.statements.codec import decode
from kms.statements.ids import KeyId, Version
from tests.protocol.ceremonies import message
from tests.siege.network import Coordinator
from tests.siege.views import Form, Told, total


@dataclass(slots=True)
class Task:
    """One custodian's request for its own shares, on its way through the helpers."""

    name: str
    lost: int
    version: Version
    threshold: int
    key_ids: tuple[KeyId, ...]
    helpers: tuple[int, ...]
    envelope: bytes = b""
    made: dict[int, MadePieces] = field(default_factory=dict)
    summed: dict[int, SummedPieces] = field(default_factory=dict)

    def pieces(self) -> Pieces:
        return Pieces(
            message(self.envelope),
            self.key_ids,
            tuple(message(self.made[i].statement) for i in self.helpers),
            tuple(self.made[i].points for i in self.helpers),
        )


@dataclass(slots=True)
class Repairs:
    coordinator: Coordinator
    begun: int = 0

    def begin(self, lost: int, version: Version, threshold: int, key_ids: Sequence[KeyId]) -> None:
        """Let `lost` ask for its shares of any version, missing or not."""
        c = self.coordinator
        others = [i for i in c.site.keyring.manifest.indices if i != lost]
        if len(others) < threshold or lost not in c.site.nodes:
            return
        self.begun += 1
        holding = [i for i in others if c.law.holds(i, key_ids, version)]
        able = holding if len(holding) >= threshold and c.rng.random() < 0.8 else others
        helpers = tuple(sorted(c.rng.sample(able, threshold)))
        task = Task(f"r{self.begun}", lost, version, threshold, tuple(key_ids), helpers)
        c.push(
            f"start {task.name} with {list(helpers)}",
            lost,
            lambda node: node.start_repair(version, helpers, task.key_ids),
            lambda envelope: self._started(task, envelope),
        )

    def _started(self, task: Task, envelope: bytes) -> None:
        c = self.coordinator
        if task.envelope:
            return  # a second task by the same request: one is enough
        task.envelope = envelope
        keys = c.sealing_keys(task.helpers)
        for helper in task.helpers:
            c.push(
                f"make pieces {task.name}",
                helper,
                lambda node: node.make_pieces(message(envelope), task.key_ids, keys),
                lambda made, helper=helper: self._made(task, helper, made),
            )

    def _made(self, task: Task, helper: int, made: MadePieces) -> None:
        c = self.coordinator
        statement = decode(RepairPieces, message(made.statement).payload)
        for target in statement.targets:
            told = {
                key: self._forms(task, helper, made, position)[target.index]
                for position, key in enumerate(task.key_ids)
            }
            c.records.adversary.record(target.index, target.sealing_key_id, told)
            if helper in c.site.liars:
                c.records.adversary.learn(told)
        task.made[helper] = made  # a later attempt takes the place of one before: they get mixed
        if len(task.made) == len(task.helpers):
            self._ask_for_sums(task)

    def _forms(self, task: Task, helper: int, made: MadePieces, position: int) -> dict[int, Form]:
        points = unpack_points(made.points, len(task.key_ids), task.threshold - 1)[position]
        key = task.key_ids[position]
        return self.coordinator.records.forms.pieces(
            task.version, key, helper, task.helpers, task.lost, points
        )

    def _ask_for_sums(self, task: Task) -> None:
        c = self.coordinator
        made = dict(task.made)
        pieces = task.pieces()
        (key,) = c.sealing_keys([task.lost]) or (None,)
        if key is None:
            return
        for helper in task.helpers:
            blobs = {i: m.blobs[helper] for i, m in made.items() if helper in m.blobs}
            c.push(
                f"sum pieces {task.name}",
                helper,
                lambda node, blobs=blobs: node.sum_pieces(pieces, blobs, key),
                lambda summed, helper=helper: self._summed(task, helper, made, summed),
            )

    def _summed(self, task: Task, helper: int, made: dict[int, MadePieces], summed: SummedPieces) -> None:
        c = self.coordinator
        statement = decode(RepairSums, message(summed.statement).payload)
        told: Told = {
            key: total((1, self._forms(task, i, m, position)[helper]) for i, m in made.items())
            for position, key in enumerate(task.key_ids)
        }
        c.records.adversary.record(task.lost, statement.target.sealing_key_id, told)
        task.summed[helper] = summed
        if len(task.summed) == len(task.helpers):
            self._finish(task)

    def _finish(self, task: Task) -> None:
        c = self.coordinator
        planned = c.plans.get(task.version)
        repair = Repair(
            task.pieces(),
            c.descriptors(task.key_ids),
            tuple(message(task.summed[i].statement) for i in task.helpers),
            {i: summed.sealed for i, summed in task.summed.items()},
            planned.old_plan if planned else OldPlan(),
        )
        c.push(
            f"finish {task.name}",
            task.lost,
            lambda node: node.finish_repair(repair),
            lambda word: c.count("repaired"),
        )
