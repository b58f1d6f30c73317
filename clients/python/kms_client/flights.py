"""Single flight: callers who ask the same at the same time share one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

V = TypeVar("V")


class Flights(Generic[V]):
    """Answers under way, by what was asked. Nobody's giving up harms the others; once all have, it ends."""

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Task[V]] = {}
        self._waiting: dict[asyncio.Task[V], int] = {}

    async def join(self, asked: Hashable, start: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """The answer of the flight for `asked`, which `start` begins if there is none."""
        task = self._tasks.get(asked)
        if task is None:
            task = self._tasks[asked] = asyncio.create_task(start())
            self._waiting[task] = 0
            task.add_done_callback(lambda _: self._land(asked, task))
        self._waiting[task] += 1
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if self._waiting.get(task) == 1:
                self._land(asked, task)  # who comes from now on starts anew
                task.cancel()
            raise
        finally:
            if task in self._waiting:
                self._waiting[task] -= 1

    def _land(self, asked: Hashable, task: asyncio.Task[V]) -> None:
        if self._tasks.get(asked) is task:
            del self._tasks[asked]
        self._waiting.pop(task, None)
