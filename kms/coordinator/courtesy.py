"""Who reads goes first: a step of a ceremony waits while people read, for a while, and goes alone."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

JUST_NOW = 1.0
"""Seconds after a release in which the next one is expected: else every step would begin in the gap between two."""
LONGEST = 0.1


class Courtesy:
    """A custodian has one thread, and a step with 128 keys holds it for some 20 ms.

    While people read, steps go one at a time, and each waits first, `patience` times as long as steps take of late: so
    a ceremony gets its part of the time however much is read. `clock` gives seconds, `sleep` waits for some.
    """

    def __init__(
        self,
        patience: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._patience, self._clock, self._sleep = patience, clock, sleep
        self._readers = 0
        self._read_at = -JUST_NOW
        self._usual = 0.01
        self._alone = asyncio.Lock()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Somebody reads."""
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1
            self._read_at = self._clock()

    @property
    def busy(self) -> bool:
        """Whether people read now, or did a moment ago."""
        return self._readers > 0 or self._clock() - self._read_at < JUST_NOW

    @contextlib.asynccontextmanager
    async def step(self) -> AsyncIterator[None]:
        """One step of a ceremony."""
        if not self.busy:
            yield
            return
        async with self._alone:
            await self._sleep(self._patience * self._usual)
            started = self._clock()
            yield
            took = min(self._clock() - started, LONGEST)  # a node that hangs must not make all others wait
            self._usual += (took - self._usual) / 4
