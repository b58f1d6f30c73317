"""What an audit finds: who, what, how often, and what shows it."""

from __future__ import annotations

import base64
import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

MAX_SHOWN: Final = 20
"""Findings of one kind about one custodian whose evidence is kept; more are counted."""
MAX_WORDS: Final = 400
"""Characters of a summary."""


class Kind(enum.StrEnum):
    """What was found. The first ones accuse; the rest say what could not be looked at."""

    TWO_HISTORIES = "TWO_HISTORIES"
    ROLLED_BACK = "ROLLED_BACK"
    PROMISE_BROKEN = "PROMISE_BROKEN"
    RELEASE_UNFOUNDED = "RELEASE_UNFOUNDED"
    BASIS_SHORT = "BASIS_SHORT"
    NOT_ALLOWED = "NOT_ALLOWED"
    ENTRY_MALFORMED = "ENTRY_MALFORMED"
    LOG_UNPROVEN = "LOG_UNPROVEN"
    SILENT = "SILENT"
    UNDECIDED = "UNDECIDED"

    @property
    def accuses(self) -> bool:
        return self not in (Kind.SILENT, Kind.UNDECIDED)


MEANING: Final[Mapping[Kind, str]] = {
    Kind.TWO_HISTORIES: "signed two checkpoints of which neither continues the other",
    Kind.ROLLED_BACK: "shows a log that is shorter than what it signed",
    Kind.PROMISE_BROKEN: "signed that an entry stands in its log, and another one stands in its place",
    Kind.RELEASE_UNFOUNDED: "released on decisions that were not made, as far as anybody can show",
    Kind.BASIS_SHORT: "released on fewer decisions than any manifest's threshold",
    Kind.NOT_ALLOWED: "released what it had not allowed itself",
    Kind.ENTRY_MALFORMED: "signed a log that holds something that is no entry",
    Kind.LOG_UNPROVEN: "shows entries that do not add up to what it signed",
    Kind.SILENT: "did not show its log, or not all of it",
    Kind.UNDECIDED: "of this it could not be told who is at fault",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """Named pieces: texts, numbers, bytes (`checkpoint`, `entry`, `proof`). `kms audit verify` reads them again."""

    parts: Mapping[str, Any]

    def facts(self) -> dict[str, Any]:
        return {name: _plain(value) for name, value in self.parts.items()}

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> Evidence:
        return cls({name: _value(value) for name, value in facts.items()})


@dataclass(frozen=True, slots=True)
class Finding:
    """One custodian's fault, or what could not be seen of it.

    `transferable`: the evidence shows it to anybody, without a word of the auditor's. `count` finds of this kind were
    folded into one line.
    """

    kind: Kind
    index: int
    summary: str
    evidence: Evidence
    transferable: bool = False
    count: int = 1

    def facts(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value,
            "custodian": self.index,
            "accuses": self.kind.accuses,
            "transferable": self.transferable,
            "count": self.count,
            "meaning": MEANING[self.kind],
            "summary": self.summary,
            "evidence": self.evidence.facts(),
        }

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> Finding:
        """What `facts` wrote; KeyError, TypeError or ValueError if it did not."""
        return cls(
            Kind(facts["kind"]),
            int(facts["custodian"]),
            str(facts["summary"]),
            Evidence.read(facts["evidence"]),
            bool(facts["transferable"]),
            int(facts["count"]),
        )


def folded(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """In the order of kinds, the same thing once, and of many of one kind about one custodian the first ones."""
    groups: dict[tuple[int, Kind], dict[str, Finding]] = {}
    for finding in findings:
        # A node's own words stand in some of them: they must not fill the page.
        short = replace(finding, summary=finding.summary[:MAX_WORDS])
        groups.setdefault((finding.index, finding.kind), {}).setdefault(short.summary, short)
    found: list[Finding] = []
    order = list(Kind)
    for (_, kind), same in sorted(groups.items(), key=lambda item: (order.index(item[0][1]), item[0][0])):
        shown = list(same.values())
        found += shown[: MAX_SHOWN - 1]
        rest = shown[MAX_SHOWN - 1 :]
        if rest:
            more = sum(one.count for one in rest)
            extra = f" (and {len(rest) - 1} more of {kind.value})" if len(rest) > 1 else ""
            found.append(replace(rest[0], summary=rest[0].summary + extra, count=more))
    return tuple(found)


def accused(findings: Sequence[Finding]) -> tuple[int, ...]:
    """The custodians that are at fault, by index."""
    return tuple(sorted({one.index for one in findings if one.kind.accuses}))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value


def _value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return base64.b64decode(value["base64"], validate=True)
    if isinstance(value, list):
        return [_value(one) for one in value]
    return value
