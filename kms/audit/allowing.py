"""Whether who released had allowed it itself: its own decision must stand in its own log before its release.

Where a release names its releaser's decision among those that it rests on, that one is held against the log as all
others are (`crossing`). Where it names `t` others, nothing else would show that a custodian only passes on shares.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from kms.audit.findings import Evidence, Finding, Kind
from kms.audit.mirror import Mirror
from kms.audit.reading import ALLOW, LogRead, fact, unpack_releases
from kms.crypto.merkle import HASH_SIZE, TILE_WIDTH
from kms.statements.audit import LogKind
from kms.statements.entries import LeanEntry, read_entries

MAX_AGE: Final = 4 * 86400
"""Seconds before a release within which it was decided on: requests live for 72 hours at most."""
MAX_KEPT: Final = 64
"""Of one log, that are looked at again in the next run."""
_DISPLACED: Final = "DISPLACED_"


@dataclass(frozen=True, slots=True)
class Alone:
    """Entry `release` of `index`'s log: a release that names no decision of its own."""

    index: int
    release: int


@dataclass(slots=True)
class _Sought:
    release: LeanEntry
    displaced: bool = False
    """Whether entries were put aside before it, of which nobody knows what they were."""


def unallowed(read: LogRead, mirror: Mirror, before: Collection[Alone]) -> Iterator[Finding]:
    """Releases of one log, new ones and those of earlier runs, that no decision of its own allowed."""
    doubted = {release for release, _ in _without(read)}
    doubted |= {one.release for one in before if one.index == read.index and 0 <= one.release < mirror.size}
    for sought in _settle(mirror, read.index, sorted(doubted)):
        yield _finding(mirror, read.index, sought)


def kept(findings: Collection[Finding]) -> tuple[Alone, ...]:
    """What the next run looks at again."""
    found: dict[int, list[Alone]] = {}
    for finding in findings:
        if finding.kind is Kind.NOT_ALLOWED and isinstance(
            number := finding.evidence.parts.get("number"), int
        ):
            found.setdefault(finding.index, []).append(Alone(finding.index, number))
    return tuple(one for alone in found.values() for one in alone[:MAX_KEPT])


def _without(read: LogRead) -> Iterator[tuple[int, bytes]]:
    """(entry, fact) of new releases for which no decision came before among the new entries."""
    sought = {known for _, known in _naming_others(read)}
    earliest: dict[bytes, int] = {}
    if sought:
        facts = read.facts
        for at in range(0, len(facts), HASH_SIZE):
            known = bytes(facts[at : at + HASH_SIZE])
            if known in sought:
                earliest.setdefault(known, read.since + at // HASH_SIZE)
    for release, known in _naming_others(read):
        if earliest.get(known, release) >= release:
            yield release, known


def _naming_others(read: LogRead) -> Iterator[tuple[int, bytes]]:
    for release, known, basis in unpack_releases(read.releases):
        if all(decider != read.index for decider, _ in basis):
            yield release, known


def _settle(mirror: Mirror, index: int, doubted: list[int]) -> list[_Sought]:
    """Those that no decision before them allowed. One walk back over the copy, as far as a request may be old."""
    left: dict[bytes, list[_Sought]] = {}
    found: list[_Sought] = []
    for release in doubted:
        entry = _entry(mirror, release)
        if (
            entry.kind == LogKind.RELEASE
            and not entry.chained
            and all(one != index for one, _ in entry.basis)
        ):
            sought = _Sought(entry)
            left.setdefault(fact(entry.subject_hash, entry.principal), []).append(sought)
            found.append(sought)
    first = max((one.release.number for one in found), default=-1)
    oldest = min((one.release.at for one in found), default=0) - MAX_AGE
    for number in range(first // TILE_WIDTH, -1, -1):
        entries = list(read_entries(mirror.bundle(number), number * TILE_WIDTH))
        for entry in entries:
            if entry.kind == LogKind.DECISION and ALLOW in entry.outcome.split("+"):
                known = fact(entry.subject_hash, entry.principal)
                later = left.get(known, [])
                left[known] = [one for one in later if one.release.number < entry.number]
            elif entry.kind == LogKind.RECOVERED and _put_aside(entry):
                for one in found:
                    one.displaced |= entry.number < one.release.number
        if not any(left.values()) or max(entry.at for entry in entries) < oldest:
            break
    return [one for same in left.values() for one in same]


def _put_aside(entry: LeanEntry) -> bool:
    """Whether entries made way for others; where all was lost, requests were too, and nothing rests on them."""
    return entry.outcome.startswith(_DISPLACED) and entry.outcome != f"{_DISPLACED}0"


def _entry(mirror: Mirror, number: int) -> LeanEntry:
    payload, _ = mirror.entry(number)
    return next(iter(read_entries([payload], number)))


def _finding(mirror: Mirror, index: int, sought: _Sought) -> Finding:
    number = sought.release.number
    payload, proof = mirror.entry(number)
    parts = {"checkpoint": mirror.note, "number": number, "entry": payload, "proof": proof}
    what = f"entry {number} releases on the word of others"
    if sought.displaced:
        # Its own may be among them: a disk that was put back went on until somebody told it so.
        why = "its own decision is not in its log, and entries were put aside in it before"
        return Finding(Kind.UNDECIDED, index, f"{what}; {why}", Evidence(parts))
    why = "in its own log no decision of its own allows it before"
    return Finding(Kind.NOT_ALLOWED, index, f"{what}; {why}", Evidence(parts))
