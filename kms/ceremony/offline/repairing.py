"""Repairs, line by line: who asked whom for which shares, what helpers signed, and what came back.

A share is sealed wherever it goes, so its arithmetic is for who is repaired to check, and the word that it did is the
last line of each batch. What anybody can check is that all of it is of one task, and that nobody's part is left out.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from kms.ceremony.offline import messages as m
from kms.ceremony.offline.account import Broken, listing
from kms.ceremony.offline.attachments import Attachments
from kms.crypto import labels
from kms.crypto.hashing import H
from kms.errors import Invalid


@dataclass(slots=True)
class Task:
    """One batch of lost shares, and what was signed about it so far."""

    line: int
    said: m.RepairTask
    pieces: dict[int, bytes] = field(default_factory=dict)
    """Helper -> hash of its statement."""
    points: dict[int, bytes] = field(default_factory=dict)
    summed: set[int] = field(default_factory=set)
    back: bool = False


@dataclass(slots=True)
class Repairs:
    """All tasks of a file, by hash. What reads a line raises Invalid if it does not fit those before it."""

    tasks: dict[bytes, Task] = field(default_factory=dict)

    def ask(self, number: int, said: m.RepairTask, members: tuple[int, ...], payload: bytes) -> str:
        helpers = list(said.helpers)
        if helpers != sorted(set(helpers)) or said.index in helpers or not set(helpers) <= set(members):
            raise _refuse("its helpers are not other members, each named once and in order")
        self.tasks[H(labels.REPAIR_TASK, payload)] = Task(number, said)
        return f"asks custodians {listing(helpers)} for {said.count} shares that it lost"

    def add_pieces(self, said: m.RepairPieces, statement_hash: bytes) -> str:
        task = self._of(said.task_hash)
        if said.index not in task.said.helpers or said.index in task.pieces:
            raise _refuse("it is no helper of this repair, or says it twice")
        if tuple(target.index for target in said.targets) != task.said.helpers:
            raise _refuse("its pieces are not for the helpers")
        task.pieces[said.index] = statement_hash
        task.points[said.index] = said.points_hash
        return f"made pieces of {task.said.count} terms for custodians {listing(list(task.said.helpers))}"

    def add_sums(self, said: m.RepairSums) -> str:
        task = self._of(said.task_hash)
        if said.index not in task.said.helpers or said.index in task.summed:
            raise _refuse("it is no helper of this repair, or says it twice")
        # Sums of other pieces than those in the file would be nobody's fault and nobody's share.
        if said.pieces != tuple(task.pieces.get(helper, b"") for helper in task.said.helpers):
            raise _refuse("it added up other pieces than those before it in this file")
        if len(said.target) != 1 or said.target[0].index != task.said.index:
            raise _refuse("its sums are not for who lost the shares")
        task.summed.add(said.index)
        return f"added up the pieces that it got, for custodian {task.said.index}"

    def finish(self, said: m.Repaired) -> str:
        task = self._of(said.task_hash)
        if task.said.index != said.index:
            raise _refuse("it is of another custodian's repair")
        if task.summed != set(task.said.helpers) or task.back:
            raise _refuse("not all helpers have added up before it, or it was said before")
        if said.count != task.said.count:
            raise _refuse(f"{task.said.count} shares were asked for, not {said.count}")
        task.back = True
        return f"has {said.count} of its lost shares back"

    def outcomes(self, attachments: Attachments) -> list[str]:
        """What the tasks add up to, a line for each custodian; Broken if what they name is not attached."""
        asked: dict[int, int] = defaultdict(int)
        back: dict[int, int] = defaultdict(int)
        helped: dict[int, set[int]] = defaultdict(set)
        for task in self.tasks.values():
            asked[task.said.index] += task.said.count
            if not task.back:
                continue
            back[task.said.index] += task.said.count
            helped[task.said.index].update(task.said.helpers)
            if attachments.keys.get(task.said.batch_root) != task.said.count:
                raise Broken(task.line, f"the names of its {task.said.count} keys are not in the file")
            if not all(digest in attachments.points for digest in task.points.values()):
                raise Broken(task.line, "the points of a helper's pieces are not in the file")
        return [
            f"custodian {index}: {back[index]} of {asked[index]} lost shares are back, "
            f"with the help of custodians {listing(list(helped[index]))}"
            for index in sorted(asked)
        ]

    def _of(self, task_hash: bytes) -> Task:
        if task_hash not in self.tasks:
            raise _refuse("it is of a repair that is not before it")
        return self.tasks[task_hash]


def _refuse(problem: str) -> Invalid:
    return Invalid(problem, reason="REPAIR_REFUSED")
