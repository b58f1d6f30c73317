"""What a transcript tells: what happened, line by line, what follows from it, and the first thing that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

Tell = Callable[[str, int, int], None]
"""Hears how far the reading is: of what, how much is done, how much there is."""


def silent(what: str, done: int, total: int) -> None:
    """Tells nobody."""


class Broken(Exception):
    """A line that must not be believed; everything after it was not looked at."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")
        self.line = line
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the file in plain words."""

    line: int
    text: str


@dataclass(slots=True)
class Account:
    """The events, what they add up to, and the problem that ended the reading (None: all of it holds)."""

    lines: int = 0
    sha256: str = ""
    keyring_id: str = ""
    name: str = ""
    events: list[Event] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    problem: Event | None = None

    def tell(self, line: int, text: str) -> None:
        self.events.append(Event(line, text))


def when(seconds: int) -> str:
    """Unix seconds as a date and time in UTC."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"{seconds} seconds after 1970"


def listing(values: list[int]) -> str:
    return ", ".join(map(str, sorted(values))) or "nobody"
