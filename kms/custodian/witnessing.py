"""What a node does about logs, again and again: it has its own cosigned, looks at what others saw, and keeps copies.

A round asks every other custodian three things. What have you seen (which shows at once if somebody shows two
histories, or if our own log is not what it was)? Will you cosign ours? Which entries of yours are new? Nothing of the
answers is believed: notes count under their logs' signatures, entries when they lead to a signed root.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from kms.crypto.merkle import EMPTY_ROOT
from kms.custodian.mirrors import Cosignature, Growing
from kms.custodian.node import CustodianNode
from kms.custodian.peers import Door
from kms.custodian.turns import Run
from kms.custodian.watch import Shown
from kms.custodian.witness import Addition
from kms.errors import BadSignature, Fork, KmsError
from kms.statements.checkpoint import (
    CheckpointNote,
    NoteSignature,
    cosigned_at,
    log_origin,
    read_note,
    read_signatures,
    witness_name,
)

PAGES: Final = 64
"""Pages of one log that are copied in a round: a log that grows without end keeps nobody from anything."""
COPIED_A_DAY: Final = 1 << 30
"""Bytes of one log that are copied in a day: one custodian's endless log fills nobody's disk overnight."""
MAX_COMPARED: Final = 8192
"""Notes that are remembered as harmless."""
_SIZE: Final = re.compile("[0-9]{1,18}")


@dataclass(slots=True)
class Round:
    """What came of a round: who answered, who cosigned, what was found."""

    answered: set[int] = field(default_factory=set)
    cosigned: set[str] = field(default_factory=set)
    ahead: CheckpointNote | None = None
    """Our own checkpoint that our log does not have."""
    problems: list[tuple[str, str]] = field(default_factory=list)
    """(whose log or which peer, reason)."""


class Cosigner(Protocol):
    """A witness that is asked to cosign: one of the custodians, or an outside one."""

    @property
    def name(self) -> str: ...
    @property
    def public_key(self) -> bytes: ...
    async def add_checkpoint(self, body: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Peer:
    name: str
    public_key: bytes
    door: Door

    async def add_checkpoint(self, body: bytes) -> bytes:
        return await self.door.add_checkpoint(body)


class Witnessing:
    """`doors` are the other custodians now. Steps of the node run in its turn, by `run`."""

    def __init__(
        self,
        node: Callable[[], CustodianNode],
        run: Run,
        doors: Callable[[], Sequence[Door]],
        *,
        outside: Sequence[Cosigner] = (),
        mirror: bool = True,
    ) -> None:
        self._node, self._run, self._doors = node, run, doors
        self._outside, self._mirror = outside, mirror
        self._old: dict[str, int] = {}
        """By witness: how much of our log it has cosigned, as far as we know."""
        self._growing: dict[str, Growing] = {}
        self._copied: dict[str, tuple[int, int]] = {}
        """By log: the day (since 1970), and bytes that were copied on it."""
        self._copying = asyncio.Lock()
        self._compared: set[bytes] = set()

    async def round(self) -> Round:
        """Ask everybody. If our log turns out not to be what it was, nothing more is done: `ahead` says so."""
        doors, done = self._doors(), Round()
        shown = await asyncio.gather(*(self._look(door, done) for door in doors))
        notes = [one.note for answer in shown for one in answer]
        done.ahead = await self._run(self._node().watch.hold_against, notes)
        if done.ahead is not None:
            return done
        for door, answer in zip(doors, shown, strict=True):
            await self._compare(door, answer, done)
        note = await self._run(self._node().checkpoint)
        witnesses = [*(self._cosigner(door) for door in doors), *self._outside]
        await asyncio.gather(*(self._push(witness, note, done) for witness in witnesses))
        if done.cosigned:
            await self._run(self._node().context.store.mirrors.set_cosigned_note, note.to_bytes())
        done.problems += await self.copy()
        return done

    async def copy(self) -> list[tuple[str, str]]:
        """Bring the copies up to what was seen; (whose log, reason) where that failed."""
        done = Round()
        if self._mirror:
            async with self._copying:
                await asyncio.gather(*(self._copy(door, done) for door in self._doors()))
        return done.problems

    async def learn(self, answers: Mapping[Door, Sequence[Shown]]) -> None:
        """Take up what others saw of third logs: a witness that was put back forgot what it has cosigned."""
        for door, shown in answers.items():
            await self._compare(door, shown, Round())

    def _cosigner(self, door: Door) -> Cosigner:
        keyring = self._node().context.keyring
        key = keyring.custodian(door.index).identity_key
        return _Peer(witness_name(keyring.keyring_id, door.index), key, door)

    async def _look(self, door: Door, done: Round) -> Sequence[Shown]:
        shown: Sequence[Shown] = ()
        try:
            shown = await door.witnessed()
            done.answered.add(door.index)
            for evidence in await door.misbehaviour():
                await self._run(self._node().witness.take_evidence, evidence)
        except KmsError as error:
            done.problems.append((str(door.index), error.reason))
        return shown

    async def _compare(self, door: Door, shown: Sequence[Shown], done: Round) -> None:
        """Hold what a peer saw of third logs against what was seen here."""
        for one in shown:
            if one.note in self._compared:
                continue
            try:
                note = read_note(one.note)
            except KmsError:
                continue
            try:
                await self._learn(door, note, one.kept)
            except Fork as fork:
                done.problems.append((note.checkpoint.origin, fork.reason))
            except KmsError:
                continue  # of our own log, of one that is unknown here, or nobody signed it

    async def _learn(self, door: Door, note: CheckpointNote, kept: int) -> None:
        node = self._node()
        note = await self._run(node.witness.verified, note)
        await self._run(node.witness.compare, note)
        origin, theirs = note.checkpoint.origin, note.checkpoint.size
        if theirs <= await self._run(node.watch.copied, origin):
            # Held against every entry of it: what all show in every round is looked at once.
            if len(self._compared) >= MAX_COMPARED:
                self._compared.clear()
            self._compared.add(note.to_bytes())
        seen = await self._run(node.context.store.witness.last, origin)
        if seen is None:
            await self._run(node.witness.learn, note, EMPTY_ROOT, ())
        elif 0 < seen.size < theirs <= kept:
            # Whoever keeps a copy can show how what it saw began: then it is one history, or there is proof.
            root, proof = await door.beginning(origin, seen.size, theirs)
            await self._run(node.witness.learn, note, root, proof)

    async def _push(self, witness: Cosigner, note: CheckpointNote, done: Round) -> None:
        size, old, reason = note.checkpoint.size, self._old.get(witness.name, 0), ""
        for _ in range(2):
            try:
                proof = await self._run(self._node().consistency_proof, min(old, size), size)
                lines = await witness.add_checkpoint(Addition(min(old, size), tuple(proof), note).to_bytes())
                await self._run(self._keep, witness, note, lines)
                self._old[witness.name] = size
                done.cosigned.add(witness.name)
                return
            except KmsError as error:
                reason, told = error.reason, error.details.get("size", "")
                if reason != "OLD_SIZE" or not _SIZE.fullmatch(told) or int(told) > size:
                    break
                old = int(told)
        done.problems.append((witness.name, reason))

    def _keep(self, witness: Cosigner, note: CheckpointNote, lines: bytes) -> None:
        """A cosignature, if it is one: under the witness's name and key, of this very note."""
        more = note.with_signatures(read_signatures(lines.decode("utf-8", "replace")))
        at = cosigned_at(more, witness.name, witness.public_key)
        if at is None:
            raise BadSignature("a witness answered with no cosignature of its own", reason="NOT_COSIGNED")
        # Of several lines under that name only one that verifies is shown on.
        line = next(one.line for one in more.signatures if self._is_of(witness, note, one))
        checkpoint = note.checkpoint
        self._node().context.store.mirrors.keep_cosignature(
            Cosignature(witness.name, checkpoint.size, checkpoint.root, line, at)
        )

    @staticmethod
    def _is_of(witness: Cosigner, note: CheckpointNote, line: NoteSignature) -> bool:
        try:
            alone = note.with_signatures((line,))
            return (
                line.name == witness.name and cosigned_at(alone, witness.name, witness.public_key) is not None
            )
        except BadSignature:
            return False

    async def _copy(self, door: Door, done: Round) -> None:
        """Bring the copy of a peer's log up to what was last seen of it."""
        origin = log_origin(self._node().context.keyring.keyring_id, door.index)
        try:
            growing = self._growing.get(origin) or await self._run(self._begin, origin)
            for _ in range(PAGES):
                if growing is None or growing.whole:
                    break
                self._growing[origin] = growing
                if not self._has_room(origin):
                    done.problems.append((origin, "MIRROR_LIMIT"))
                    break
                entries = await door.entries(origin, growing.next)
                self._count(origin, sum(map(len, entries)))
                await self._run(growing.take, entries)
            if growing is not None and growing.whole:
                self._growing.pop(origin, None)
        except KmsError as error:
            # What came is forgotten, and asked for again from where the copy was whole.
            self._growing.pop(origin, None)
            done.problems.append((origin, error.reason))

    def _has_room(self, origin: str) -> bool:
        return self._copied_today(origin) < COPIED_A_DAY

    def _count(self, origin: str, size: int) -> None:
        self._copied[origin] = (self._today(), self._copied_today(origin) + size)

    def _copied_today(self, origin: str) -> int:
        day, size = self._copied.get(origin, (0, 0))
        return size if day == self._today() else 0

    def _today(self) -> int:
        return self._node().context.now() // 86400

    def _begin(self, origin: str) -> Growing | None:
        store = self._node().context.store
        seen = store.witness.last(origin)
        if seen is None:
            return None
        log = store.mirrors.begin(origin)
        return Growing(log, read_note(seen.note)) if log.settled()[0] < seen.size else None
