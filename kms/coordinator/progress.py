"""How far a ceremony is, and in what steps it goes."""

from __future__ import annotations

from dataclasses import dataclass, field

BATCH = 128
"""Keys in one plan: a node's thread is busy with a batch for some 20 ms, and releases go between."""
IN_FLIGHT = 2


@dataclass(slots=True)
class Progress:
    """Counts so far: keys to do, dealt on, erased; who cheated, who was away; bytes that came in from custodians.

    `canary_plan` is the plan by which the one key that goes first was dealt on.
    """

    keys: int = 0
    done: int = 0
    erased: int = 0
    failed: int = 0
    relayed: int = 0
    cheats: set[int] = field(default_factory=set)
    away: set[int] = field(default_factory=set)
    canary_plan: bytes = b""
