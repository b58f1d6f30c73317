"""Rolls the row root when it is due, a little at a time, between what else the node is asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from kms.custodian.node import CustodianNode
from kms.custodian.rolling import RollProgress
from kms.errors import KmsError
from kms.transport import logs, metrics

REST = 3.0
"""Seconds of rest for each second of work: a roll takes a quarter of one processor at most."""


class RollService:
    """`run` does one step of the node on its turn."""

    def __init__(
        self,
        node: Callable[[], CustodianNode],
        run: Callable[..., Awaitable[RollProgress | None]],
    ) -> None:
        self._node, self._run = node, run

    async def keep(self, opened: asyncio.Event, seconds: float) -> None:
        """Look every `seconds` whether a roll is due, for as long as the node runs and is open."""
        await opened.wait()
        while True:
            rest = None
            try:
                rest = await self.step()
            except KmsError as error:
                logs.logger().error("roll", reason=error.reason)
            except Exception as error:  # whatever it is, the next look may do better
                logs.logger().error("roll", error=type(error).__name__)
            await asyncio.sleep(seconds if rest is None else rest)

    async def step(self) -> float | None:
        """One step, and for how many seconds to rest after it; None if nothing is due."""
        node = self._node()
        began = time.monotonic()
        told = await self._run(node.roll)
        metrics.ROW_ROOT_AGE.set(node.row_root_age())
        metrics.ROLL_ROWS_LEFT.set(told.total - told.done if told else 0)
        if told is None:
            return None
        if told.ended:
            logs.logger().info("roll", outcome="ROLLED", generation=told.generation, rows=told.total)
        if told.lost:
            logs.logger().warning("roll", outcome="DAMAGED_ROWS", rows=told.lost)
        return REST * (time.monotonic() - began)
