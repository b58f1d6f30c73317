"""The verdict: what the host and the operator can read, by looking where they can look.

Two looks with the same needles. The first, before any record was written, finds what stands in such places
anyway (`finished` is in many a program); those values are left out, counted, and must stay few. The second,
after the work was done, counts how many of the others are found in each kind of place. A look that read
nothing of some kind, or a verdict that left out too much, proves nothing and is not `sound`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypedDict

from rich.table import Table

from kms.dev.needles import NeedleId, Needles
from kms.dev.places import Place, PlaceKind

MOST_LEFT_OUT = 0.05
"""Share of all values; at this share or above, what was left out could hide what matters."""

_AROUND = 32

Progress = Callable[[PlaceKind, int], None]
"""Called with the kind of place and the bytes just searched there."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at all places found, by kind of place. `read` counts bytes, `in_runs` see `needles`."""

    found: MappingProxyType[PlaceKind, frozenset[NeedleId]]
    in_runs: frozenset[NeedleId]
    read: MappingProxyType[PlaceKind, int]

    @property
    def everywhere(self) -> frozenset[NeedleId]:
        """All values found in any place."""
        return frozenset().union(*self.found.values())


class Report(TypedDict):
    """The verdict's part of the demo's JSON report."""

    searched: int
    left_out: int
    hits: dict[str, int]


def look(places: Iterable[Place], needles: Needles, progress: Progress | None = None) -> Look:
    """Search every place now. Passes on what a place raises: a look that could not see all is no look."""
    found: dict[PlaceKind, set[NeedleId]] = {kind: set() for kind in PlaceKind}
    read = dict.fromkeys(PlaceKind, 0)
    in_runs: set[NeedleId] = set()
    for place in places:
        for chunk in place.chunks(needles.overlap):
            seen = needles.scan(chunk.data, cut_before=chunk.cut_before, cut_after=chunk.cut_after)
            found[place.kind] |= seen.ids
            in_runs |= seen.in_runs
            read[place.kind] += len(chunk.data)
            if progress is not None:
                progress(place.kind, len(chunk.data))
    sets = {kind: frozenset(ids) for kind, ids in found.items()}
    counted = frozenset().union(*sets.values())
    return Look(MappingProxyType(sets), frozenset(in_runs) - counted, MappingProxyType(read))


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many distinct values were searched, left out, and found in each kind of place.

    `exposed` holds the ids found by kind; `unread` the kinds of place where the second look read no byte;
    `in_runs` how many digit-only texts were seen only inside longer runs of hex digits, and not counted.
    """

    searched: int
    left_out: int
    exposed: MappingProxyType[PlaceKind, frozenset[NeedleId]] = field(repr=False)
    unread: frozenset[PlaceKind]
    in_runs: int

    @property
    def hits(self) -> dict[PlaceKind, int]:
        """Distinct values found, by kind of place."""
        return {kind: len(self.exposed[kind]) for kind in PlaceKind}

    @property
    def faults(self) -> list[str]:
        """Why this verdict proves nothing, if it does not: in words, for people."""
        faults = [f"nothing was read in: {kind}" for kind in PlaceKind if kind in self.unread]
        if self.searched == 0:
            faults.append("there was nothing to search for")
        elif self.left_out >= MOST_LEFT_OUT * self.searched:
            faults.append(
                f"{self.left_out} of {self.searched} values stood there before any record was written"
            )
        return faults

    @property
    def sound(self) -> bool:
        """All places were read, and less than 5% was left out."""
        return not self.faults

    @property
    def nothing_found(self) -> bool:
        """Sound, and no hit in any place: what the product must show."""
        return self.sound and not any(self.hits.values())

    def report(self) -> Report:
        """The part of the JSON report."""
        hits = {kind.value: count for kind, count in self.hits.items()}
        return {"searched": self.searched, "left_out": self.left_out, "hits": hits}


def verdict(needles: Needles, baseline: Look, after: Look) -> Verdict:
    """Judge a look by a baseline, which may have been taken with fewer needles (keys do not exist before
    the first record): a value has the same id in both."""
    left_out = frozenset(needle for needle in baseline.everywhere if needle in needles)
    return Verdict(
        searched=len(needles),
        left_out=len(left_out),
        exposed=MappingProxyType({kind: after.found[kind] - left_out for kind in PlaceKind}),
        unread=frozenset(kind for kind in PlaceKind if after.read[kind] == 0),
        in_runs=len(after.in_runs - left_out),
    )


def table(columns: dict[str, Verdict], title: str = "What the host and the operator can read") -> Table:
    """A table with one column of counts for each named verdict (`this design`, `keys on a server`)."""
    shown = Table(title=title)
    shown.add_column("values found in")
    for name in columns:
        shown.add_column(name, justify="right")
    names = {
        PlaceKind.DATABASE: "databases and journals",
        PlaceKind.LOG: "logs",
        PlaceKind.WIRE: "traffic after TLS",
        PlaceKind.MEMORY: "memory of the processes",
    }
    for kind in PlaceKind:
        shown.add_row(names[kind], *(_count(each.hits[kind]) for each in columns.values()), end_section=False)
    shown.add_section()
    shown.add_row("distinct values searched", *(f"{each.searched:,}" for each in columns.values()))
    shown.add_row("there before any record", *(f"{each.left_out:,}" for each in columns.values()))
    if any(each.in_runs for each in columns.values()):
        shown.add_row("digits within longer digits", *(f"{each.in_runs:,}" for each in columns.values()))
    return shown


@dataclass(frozen=True, slots=True)
class Exposure:
    """Where a value stands: source, offset or address, spelling, and what kind of value it is.

    `before` and `after` are up to 32 bytes beside it; they may be a patient's and stay out of the repr.
    """

    kind: PlaceKind
    source: str
    offset: int
    form: str
    what: str
    before: bytes = field(repr=False)
    after: bytes = field(repr=False)

    def explain(self) -> str:
        """One line for whoever hunts the leak: the surroundings in hex, the value itself left out."""
        where = f"{self.kind} {self.source} at {self.offset:#x}: {self.what} as {self.form}"
        return f"{where}; {self.before.hex()} <value> {self.after.hex()}"


def exposures(
    places: Iterable[Place], needles: Needles, ids: frozenset[NeedleId], limit: int = 20
) -> Iterator[Exposure]:
    """Look again for some values and say where they stand, at most `limit` times. For failures only."""
    for place in places:
        for chunk in place.chunks(needles.overlap):
            for match in needles.matches(chunk.data, cut_before=chunk.cut_before, cut_after=chunk.cut_after):
                if match.id not in ids or match.in_run:
                    continue
                if limit <= 0:
                    return
                limit -= 1
                yield Exposure(
                    place.kind,
                    chunk.source,
                    chunk.offset + match.start,
                    match.form,
                    needles.describe(match.id),
                    chunk.data[max(0, match.start - _AROUND) : match.start],
                    chunk.data[match.end : match.end + _AROUND],
                )


def _count(hits: int) -> str:
    return f"[bold red]{hits:,}[/]" if hits else "[green]0[/]"
