"""Whoever hangs up in the middle of a deposit must not let another step into its transaction."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

from kms.custodian.service import CustodianService
from tests.protocol.world import World


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_step_keeps_its_turn_until_it_ends_however_often_its_caller_is_cancelled(
    world: World, times: int
) -> None:
    # A deadline cancels twice: the server's own timeout, and gRPC when the call is over.
    order: list[str] = []
    inside, go = threading.Event(), threading.Event()

    def slow() -> None:
        inside.set()
        go.wait()
        order.append("slow step ends")

    async def scene() -> None:
        service = CustodianService(world.nodes[1])
        caller = asyncio.create_task(service._run_aside(slow))
        await asyncio.to_thread(inside.wait)
        for _ in range(times):
            caller.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        other = asyncio.create_task(service._run(order.append, "next step"))
        for _ in range(5):
            await asyncio.sleep(0)
        go.set()
        with contextlib.suppress(asyncio.CancelledError):
            await caller
        await other
        assert caller.cancelled()
        service._thread.shutdown()

    asyncio.run(scene())
    assert order == ["slow step ends", "next step"]
