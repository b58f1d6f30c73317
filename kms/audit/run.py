"""The whole audit: each log by itself, in a process of its own; then releases against decisions, promises against logs.

Order matters. A custodian signs after it has logged, so what is in hand when a checkpoint is fetched must stand under
it. What a log read later names in one that was read earlier may be newer than that, so that one is read on once more
before anybody is accused.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import astuple, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from kms.audit import allowing
from kms.audit.crossing import Crossing, Doubt
from kms.audit.evidence import check
from kms.audit.findings import Finding, accused, folded
from kms.audit.holding import hold
from kms.audit.logs import LogSource
from kms.audit.mirror import Mirror, verified
from kms.audit.parties import Parties, Party
from kms.audit.reading import Limits, LogRead, behind, compare, read_log, shown_histories, silent
from kms.audit.state import Kept, load, save
from kms.errors import KmsError
from kms.statements.audit import LogKind
from kms.statements.checkpoint import cosigned_at, read_note, witness_name
from kms.statements.misbehaviour import read_misbehaviour
from kms.statements.promises import Promise, open_promise

Tell = Callable[[str, int, int], None]
WORTH_A_PROCESS: Final = 20_000
"""New entries: starting a process takes as long as reading about so many."""
ReadAndSeen = tuple[LogRead, list[bytes], list[bytes]]
Task = tuple[LogSource, Party, Path, Limits, int | None]


@dataclass(frozen=True, slots=True)
class LogReport:
    """One log: what was read of it now and before, and who cosigned its checkpoint when (unix seconds)."""

    index: int
    organisation: str
    since: int
    size: int
    root: bytes
    note: bytes
    current: bool
    cosigned: Mapping[int, int]
    kinds: Mapping[str, int]
    days: Mapping[int, int]
    releases: int
    chained: int


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit says."""

    keyring_id: bytes
    name: str
    at: int
    threshold: int
    logs: tuple[LogReport, ...]
    findings: tuple[Finding, ...]
    promises: int
    refused_promises: int
    checked_decisions: int
    unread_decisions: int

    @property
    def accused(self) -> tuple[int, ...]:
        return accused(self.findings)

    @property
    def clean(self) -> bool:
        """Whether every log was read whole and nothing was found."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class Given:
    """What an auditor brings along: envelopes that may be promises, and notes of any log that somebody saw."""

    promises: Sequence[bytes] = ()
    seen: Sequence[bytes] = ()
    place: str = ""
    """How far the list was read that the promises come from; kept for the next run."""


@dataclass(slots=True)
class Audit:
    """One run over `sources` (by custodian index), with what earlier runs kept in `state`."""

    parties: Parties
    sources: Mapping[int, LogSource]
    state: Path
    now: int
    limits: Limits = field(default_factory=Limits)
    workers: int = 0
    """Processes; 0: as many as there are processors. 1: everything in this one."""
    tell: Tell = lambda what, done, total: None
    _reads: dict[int, LogRead] = field(default_factory=dict)
    _seen: list[bytes] = field(default_factory=list)
    _shown: list[bytes] = field(default_factory=list)
    _findings: list[Finding] = field(default_factory=list)

    def run(self, given: Given = Given()) -> Report:
        """Read, compare, and keep what the next run needs. StoreError if the state was changed by somebody else."""
        before = load(self.state, self.parties)
        promises, refused = self._promises([*before.promises, *given.promises])
        self._read(sorted(self.sources), before.crossed)
        self._seen += given.seen
        crossing = self._crossing()
        doubts, waiting = self._doubts(crossing, promises, before.doubts)
        self._findings += crossing.shortage()
        for index, read in self._reads.items():
            self._findings += allowing.unallowed(read, crossing.mirrors[index], before.alone)
        self._findings += crossing.findings(doubts)
        self._hold(crossing, promises)
        self._compare(crossing)
        self._accuse()
        reading = [finding for read in self._reads.values() for finding in read.findings]
        found = folded([*before.findings, *reading, *self._findings])
        crossed = dict(before.crossed or {}) | {i: read.size for i, read in self._reads.items()}
        kept = Kept.of(found, doubts + waiting, given.place or before.place, crossed)
        save(self.state, self.parties, kept)
        return self._report(crossing, found, len(promises) - len(before.promises), refused)

    # -- reading -----------------------------------------------------------------------------------------

    def _read(self, indices: Iterable[int], crossed: Mapping[int, int] | None = None) -> None:
        """Read on, and take up what an earlier run read and did not cross; `crossed` None: all was."""
        tasks = [
            (
                self.sources[i],
                self.parties.members[i],
                self._folder(i),
                self.limits,
                None if crossed is None else crossed.get(i, 0),
            )
            for i in indices
        ]
        large = [task for task in tasks if self.workers != 1 and _is_large(*task)]
        answers = self._read_together(large) if len(large) > 1 else []
        for task in tasks:
            if task not in large or len(large) == 1:
                label = f"log {task[1].index}"
                answers.append(
                    _read_one(*task, tell=lambda done, total, label=label: self.tell(label, done, total))  # type: ignore[misc]
                )
        for read, seen, shown in answers:
            known = self._reads.get(read.index)
            self._reads[read.index] = read if known is None else _joined(known, read)
            self._seen += seen
            self._shown += shown

    def _read_together(self, tasks: Sequence[Task]) -> list[ReadAndSeen]:
        context = get_context("spawn")  # a process that was forked would share sockets and locks
        far = context.Array("Q", 2 * len(tasks))
        with ProcessPoolExecutor(
            self.workers or os.cpu_count() or 2, context, initializer=_share, initargs=(far,)
        ) as pool:
            futures = [pool.submit(_read_slot, slot, *task) for slot, task in enumerate(tasks)]
            while wait(futures, timeout=0.2).not_done:
                for slot, (_, party, *_) in enumerate(tasks):
                    if far[2 * slot + 1]:
                        self.tell(f"log {party.index}", far[2 * slot], far[2 * slot + 1])
        return [future.result() for future in futures]

    def _folder(self, index: int) -> Path:
        return self.state / "logs" / str(index)

    def _crossing(self) -> Crossing:
        mirrors = {i: self._mirror(i) for i in self._reads}
        return Crossing(self.parties, self._reads, mirrors, self._certificates, self.now)

    def _mirror(self, index: int) -> Mirror:
        party = self.parties.members[index]
        return Mirror(self._folder(index), party.origin, party.keys)

    def _certificates(self, index: int, request: bytes) -> Sequence[bytes]:
        reader = self.sources[index].open()
        try:
            return reader.certificate(request)
        finally:
            reader.close()

    def _doubts(
        self, crossing: Crossing, promises: Sequence[Promise], before: Sequence[Doubt]
    ) -> tuple[list[Doubt], list[Doubt]]:
        """Doubts that remain after logs that seemed too short were read on; and those that wait for the next run."""
        sizes = {i: read.size for i, read in self._reads.items()}
        doubts = [*crossing.doubts(), *filter(crossing.still, before)]
        seen = tuple(self._seen)
        short = {d.decider for d in doubts if d.cited >= sizes[d.decider]}
        short |= {p.index for p in promises if p.log_index >= sizes.get(p.index, p.log_index + 1)}
        short |= {i for i, size in self._seen_sizes().items() if size > sizes.get(i, size)}
        short = {i for i in short if self._reads[i].current}
        if not short:
            return list(dict.fromkeys(doubts)), []
        self._read(sorted(short))
        # What is cosigned only now may be newer than logs that were read before: it accuses nobody of going back.
        self._seen = list(seen)
        crossing.mirrors.update({i: self._mirror(i) for i in short})
        doubts = [*crossing.doubts(), *filter(crossing.still, before)]
        # What the second reading brought may rest on what is newer again: nobody is accused of that yet.
        ends = {i: read.size for i, read in self._reads.items()}
        waits = {d for d in doubts if d.release >= sizes[d.releaser] and d.cited >= ends[d.decider]}
        return [d for d in dict.fromkeys(doubts) if d not in waits], sorted(waits, key=astuple)

    # -- comparing ---------------------------------------------------------------------------------------

    def _promises(self, envelopes: Sequence[bytes]) -> tuple[list[Promise], int]:
        """Those that are somebody's promise, each once; and how many are nobody's, which accuse nobody."""
        found: list[Promise] = []
        refused = 0
        for done, envelope in enumerate(dict.fromkeys(envelopes), 1):
            try:
                found.append(open_promise(envelope, self.parties.chain))
            except KmsError:
                refused += 1
            if done % 1000 == 0:
                self.tell("promises", done, len(envelopes))
        return found, refused

    def _hold(self, crossing: Crossing, promises: Sequence[Promise]) -> None:
        for promise in promises:
            read = self._reads.get(promise.index)
            if read is None or (promise.log_index >= read.size and not read.current):
                continue
            broken = hold(promise, crossing.mirrors[promise.index], read.live)
            if broken is not None:
                self._findings.append(broken)

    def _compare(self, crossing: Crossing) -> None:
        """Checkpoints that others saw, against what is shown now."""
        for party, note in self._notes():
            read = self._reads.get(party.index)
            if read is None:
                continue
            checkpoint = read_note(note).checkpoint
            found = compare(note, checkpoint, crossing.mirrors[party.index], party)
            if found is None and checkpoint.size > read.size and read.current and read.live:
                found = behind(note, checkpoint.size, read.size, read.note, party.index)
            if found is not None:
                self._findings.append(found)

    def _accuse(self) -> None:
        """Evidence that custodians keep against each other: whoever keeps it, it holds or it does not."""
        origins = {party.origin: party.index for party in self.parties.members.values()}
        for raw in dict.fromkeys(self._shown):
            try:
                small, _ = read_misbehaviour(raw).checkpoints
                finding = shown_histories(origins[small.origin], small.size, raw)
                check(finding, self.parties)
            except (KmsError, KeyError):
                continue
            self._findings.append(finding)

    def _notes(self) -> Iterable[tuple[Party, bytes]]:
        """Checkpoints that were seen and that their log signed; what anybody made up is passed over."""
        origins = {party.origin: party for party in self.parties.members.values()}
        for note in dict.fromkeys(self._seen):
            try:
                party = origins[read_note(note).checkpoint.origin]
                verified(note, party.origin, party.keys)
            except (KmsError, KeyError):
                continue
            yield party, note

    def _seen_sizes(self) -> dict[int, int]:
        sizes: dict[int, int] = {}
        for party, note in self._notes():
            sizes[party.index] = max(sizes.get(party.index, 0), read_note(note).checkpoint.size)
        return sizes

    # -- what is said and kept -----------------------------------------------------------------------------

    def _report(
        self, crossing: Crossing, findings: tuple[Finding, ...], promises: int, refused: int
    ) -> Report:
        missing = [
            silent(i, "its log was not asked for") for i in self.parties.current if i not in self.sources
        ]
        unread = crossing.unread()
        link = self.parties.chain.in_force(self.now)
        return Report(
            self.parties.chain.keyring_id,
            link.manifest.name,
            self.now,
            self.parties.floor,
            tuple(self._log(i, crossing.mirrors[i]) for i in sorted(self._reads)),
            folded([*findings, *missing]),
            promises,
            refused,
            crossing.named() - unread,
            unread,
        )

    def _log(self, index: int, mirror: Mirror) -> LogReport:
        read, party = self._reads[index], self.parties.members[index]
        kinds: Counter[str] = Counter()
        days: Counter[int] = Counter()
        for (day, kind), count in read.days.items():
            kinds[_kind(kind)] += count
            if kind == LogKind.RELEASE:
                days[day] += count
        return LogReport(
            index,
            party.organisation,
            read.since,
            mirror.size,
            mirror.root,
            mirror.note,
            read.current,
            self._cosigned(mirror.note),
            dict(kinds.most_common()),
            dict(sorted(days.items())),
            kinds[LogKind.RELEASE.name],
            read.chained,
        )

    def _cosigned(self, note: bytes) -> dict[int, int]:
        found: dict[int, int] = {}
        if not note:
            return found
        parsed = read_note(note)
        for index, party in self.parties.members.items():
            for key in party.keys:
                try:
                    at = cosigned_at(parsed, witness_name(self.parties.chain.keyring_id, index), key)
                except KmsError:  # what stands under a log's note was put there by the log
                    continue
                if at is not None:
                    found[index] = at
        return found


def _listed(ask: Callable[[], Sequence[bytes]]) -> list[bytes]:
    """What a custodian tells of others; nothing if it does not."""
    try:
        return list(ask())
    except KmsError:
        return []


def _is_large(source: LogSource, party: Party, folder: Path, limits: Limits, crossed: int | None) -> bool:
    """Whether so much seems to be new that a process of its own pays; nothing else rests on it."""
    try:
        reader = source.open()
        try:
            size = read_note(reader.checkpoint()).checkpoint.size
        finally:
            reader.close()
        kept = folder / "checkpoint"
        old = read_note(kept.read_bytes()).checkpoint.size if kept.exists() else 0
    except (KmsError, OSError):
        return False
    return size - old > WORTH_A_PROCESS


def _read_one(
    source: LogSource,
    party: Party,
    folder: Path,
    limits: Limits,
    crossed: int | None,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> ReadAndSeen:
    """What one process does: a log, and the checkpoints of other logs that its custodian keeps."""
    reader = source.open()
    try:
        read = read_log(reader, party, folder, limits, tell, crossed=crossed)
        return read, _listed(reader.seen), _listed(reader.misbehaviour)
    finally:
        reader.close()


_FAR: list[Any] = []
"""In a process that reads: how far each one is, done and total of each log, in memory that all share."""


def _share(far: Any) -> None:
    _FAR.append(far)


def _read_slot(
    slot: int, source: LogSource, party: Party, folder: Path, limits: Limits, crossed: int | None
) -> ReadAndSeen:
    def tell(done: int, total: int) -> None:
        _FAR[0][2 * slot], _FAR[0][2 * slot + 1] = done, total

    return _read_one(source, party, folder, limits, crossed, tell)


def _joined(first: LogRead, then: LogRead) -> LogRead:
    """Two readings of one log in one run, as one."""
    then.facts = first.facts + then.facts
    then.releases = first.releases + then.releases
    then.findings = first.findings + then.findings
    then.days = first.days + then.days
    then.chained += first.chained
    then.since = first.since
    return then


def _kind(number: int) -> str:
    try:
        return LogKind(number).name
    except ValueError:
        return f"KIND_{number}"
