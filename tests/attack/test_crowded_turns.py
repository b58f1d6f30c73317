"""Many ask at once what anybody may ask, or ask just before the node finds that its log is not what it was."""

from __future__ import annotations

import asyncio

import pytest

from kms.custodian.service import CustodianService
from kms.errors import Unavailable
from tests.protocol.world import World


def test_a_thousand_readers_of_the_log_stand_before_nobody_else(world: World) -> None:
    order: list[str] = []

    async def scene() -> None:
        service = CustodianService(world.nodes[1])
        async with service._turn:
            readers = [asyncio.create_task(service.read(order.append, "read")) for _ in range(500)]
            readers += [asyncio.create_task(service._read_aside(order.append, "read")) for _ in range(500)]
            await asyncio.sleep(0)
            step = asyncio.create_task(service._run(order.append, "a decision"))
            await asyncio.sleep(0)
        await asyncio.gather(step, *readers)
        service._thread.shutdown()

    asyncio.run(scene())
    assert order.index("a decision") <= 1
    assert len(order) == 1001


@pytest.mark.parametrize("aside", [False, True], ids=["at once", "aside"])
def test_what_waited_for_its_turn_is_not_done_once_the_node_stands_still(world: World, aside: bool) -> None:
    node = world.nodes[1]
    size = node.context.store.log.size()
    owner = world.device("owner")
    prepared = world.prepare(owner, world.create(owner, at=(2, 3, 4)))
    envelope, blob = prepared.opened.signed.message, b""

    async def scene() -> None:
        service = CustodianService(node)
        run = service._run_aside if aside else service._run
        async with service._turn:
            waiting = asyncio.create_task(run(node.decide, envelope, blob))
            cosigning = asyncio.create_task(run(node.witness.add_checkpoint, b""))
            reading = asyncio.create_task(service.read(node.watch.witnessed))
            await asyncio.sleep(0)
            service.stand_still()
        for unanswered in (waiting, cosigning):
            with pytest.raises(Unavailable) as refused:
                await unanswered
            assert refused.value.reason == "RECOVERY"
        assert await reading == []  # what is kept of logs is read on
        service._thread.shutdown()

    asyncio.run(scene())
    assert node.context.store.log.size() == size
