"""A clock that notices when the wall clock jumps.

Dates decide what is still valid and which sealing keys are erased, so a node whose clock jumped must not
decide anything: it says so and waits until the clock is back, or until it is restarted on purpose.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from kms.errors import Unavailable

TOLERANCE: Final = 120.0
"""Seconds by which wall and monotonic clock may drift apart."""
MAX_DRIFT: Final = 0.001
"""Seconds a second by which the wall clock is followed: twice what NTP slews, ten minutes in a sealing key's life."""


class SteadyClock:
    """Unix seconds, held against the monotonic clock since the start."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._read = monotonic()
        self._offset = wall() - self._read

    def now(self) -> int:
        """Unix seconds; Unavailable if the wall clock jumped since the last reading."""
        wall, monotonic = self._wall(), self._monotonic()
        offset = wall - monotonic
        if abs(offset - self._offset) > TOLERANCE:
            raise Unavailable(
                "this node's clock jumped: it decides nothing until the clock is right again",
                reason="CLOCK_JUMPED",
            )
        # Follow slow drift (a clock being disciplined), but a big step never becomes the new truth. By elapsed time,
        # not by reading: callers cause readings, and could pull the clock along to where sealing keys are erased.
        room = max(0.0, monotonic - self._read) * MAX_DRIFT
        self._offset += min(room, max(-room, offset - self._offset))
        self._read = monotonic
        return int(wall)
