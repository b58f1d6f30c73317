"""Upkeep of a running custodian's store: the row root is rolled when it is due, or now; copies are made.

A roll goes a little at a time, between what else the node is asked. Both ends of the door on the local socket are here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from kms.custodian.node import CustodianNode
from kms.custodian.rolling import RollProgress
from kms.errors import KmsError
from kms.transport import logs, metrics
from kms.transport.client import Channel
from kms.transport.server import Call, Method
from kms.wire.v1 import upkeep_pb2

SERVICE: Final = "kms.v1.UpkeepService"
ROLL_SECONDS: Final = 6 * 3600.0
"""How long a caller may watch a roll, which goes on without one."""
BACKUP_SECONDS: Final = 3600.0

REST = 3.0
"""Seconds of rest for each second of work: a roll takes a quarter of one processor at most."""


class UpkeepService:
    """`run` does one step of the node on its turn."""

    def __init__(
        self,
        node: Callable[[], CustodianNode],
        run: Callable[..., Awaitable[Any]],
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

    def methods(self) -> tuple[Method, ...]:
        """Methods of the local socket."""
        return (
            Method("Roll", upkeep_pb2.RollRequest, self.roll, streams=True, max_seconds=ROLL_SECONDS),
            Method("Backup", upkeep_pb2.BackupRequest, self.back_up, max_seconds=BACKUP_SECONDS),
        )

    async def roll(
        self, request: upkeep_pb2.RollRequest, call: Call
    ) -> AsyncIterator[upkeep_pb2.RollResponse]:
        """A roll that begins now, after the one that may be under way: that began before what was erased since.

        `keep` may take some of its steps, and the last.
        """
        while (told := await self._step()) is not None and not told.ended:
            yield _response(told)
            await asyncio.sleep(0)  # whoever waits for the node's turn comes first
        told = last = await self._step(begin=True)
        while told is not None and not told.ended:
            yield _response(told)
            await asyncio.sleep(0)
            last, told = told, await self._step()
        told = told or last
        if told is not None:
            yield _response(replace(told, done=told.total, ended=True))

    async def back_up(self, request: upkeep_pb2.BackupRequest, call: Call) -> upkeep_pb2.BackupResponse:
        rows, size = await self._run(self._node().back_up, Path(request.path))
        logs.logger().info("backup", rows=rows)
        return upkeep_pb2.BackupResponse(rows=rows, bytes=size)

    async def step(self) -> float | None:
        """One step, and for how many seconds to rest after it; None if nothing is due."""
        began = time.monotonic()
        told = await self._step()
        return None if told is None else REST * (time.monotonic() - began)

    async def _step(self, begin: bool = False) -> RollProgress | None:
        node = self._node()
        told: RollProgress | None = await self._run(node.roll, begin)
        metrics.ROW_ROOT_AGE.set(node.row_root_age())
        metrics.ROLL_ROWS_LEFT.set(told.total - told.done if told else 0)
        if told is not None and told.ended:
            logs.logger().info("roll", outcome="ROLLED", generation=told.generation, rows=told.total)
        if told is not None and told.lost:
            logs.logger().warning("roll", outcome="DAMAGED_ROWS", rows=told.lost)
        return told


def _response(told: RollProgress) -> upkeep_pb2.RollResponse:
    return upkeep_pb2.RollResponse(
        generation=told.generation, done=told.done, total=told.total, lost=told.lost, ended=told.ended
    )


async def roll_node(socket: Path) -> AsyncIterator[upkeep_pb2.RollResponse]:
    """How the roll of the node behind this socket goes; Unavailable if there is none."""
    channel = Channel(f"unix:{socket}", None)
    try:
        steps = channel.stream(
            SERVICE, "Roll", upkeep_pb2.RollRequest(), upkeep_pb2.RollResponse, timeout=ROLL_SECONDS
        )
        async with aclosing(steps):
            async for told in steps:
                yield told
    finally:
        await channel.close()


async def back_up_node(socket: Path, path: Path) -> tuple[int, int]:
    """(rows, bytes) of the copy that the node behind this socket made; Unavailable if there is none."""
    channel = Channel(f"unix:{socket}", None)
    try:
        answer = await channel.call(
            SERVICE,
            "Backup",
            upkeep_pb2.BackupRequest(path=str(path)),
            upkeep_pb2.BackupResponse,
            timeout=BACKUP_SECONDS,
        )
    finally:
        await channel.close()
    return answer.rows, answer.bytes
