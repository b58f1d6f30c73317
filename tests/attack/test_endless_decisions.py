"""A custodian that signs one decision after another must not fill the coordinator's memory."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from kms.coordinator.runs import MAX_CHANGES, ReleaseRun
from kms.coordinator.workflow import ReleaseCase
from kms.wire.v1 import custodian_pb2, keyring_pb2
from tests.protocol.world import World


def test_a_custodian_that_changes_its_mind_for_ever_is_no_longer_heard(world: World) -> None:
    alice, bob = world.device("alice"), world.device("bob")
    prepared = world.prepare(bob, world.create(alice), to=(1,))
    decision = keyring_pb2.Envelope.FromString(world.decide_at(1, prepared))
    heard = itertools.count()

    async def decide(*_: object) -> custodian_pb2.DecideResponse:
        return custodian_pb2.DecideResponse(decision=decision, waiting=True)

    async def watch(*_: object) -> AsyncIterator[keyring_pb2.Envelope]:
        while next(heard) < 10 * MAX_CHANGES:
            yield decision

    relay: Any = SimpleNamespace(
        indices=(1,), answered=lambda index: True, patience=lambda: 0.0, decide=decide, watch=watch
    )
    run = ReleaseRun(relay, ReleaseCase(world.keyring, prepared.opened), prepared.message)

    async def events() -> int:
        await run.run()
        return sum([len(handful) async for handful in run.feed.follow()])

    assert asyncio.run(events()) <= MAX_CHANGES + 1
