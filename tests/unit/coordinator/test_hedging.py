"""Whom a release asks: a quorum first, all others if it is late or refuses, nobody else once the requester hung up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kms.coordinator.runs import ReleaseRun
from kms.coordinator.workflow import ReleaseCase
from kms.errors import Unavailable
from kms.statements.ids import RequestHash
from kms.wire.v1 import coordinator_pb2, custodian_pb2, keyring_pb2
from tests.protocol.world import World


class Nodes:
    """A relay to nodes of this process that notes whom it asked."""

    def __init__(self, world: World, patience: float) -> None:
        self.world, self.wait = world, patience
        self.dead: frozenset[int] = frozenset()
        self.indices = tuple(world.nodes)
        self.asked: list[int] = []
        self.took_seconds: list[float] = []
        self.slow: asyncio.Event | None = None

    def answered(self, index: int) -> bool:
        return True

    def patience(self) -> float:
        return self.wait

    def took(self, seconds: float) -> None:
        self.took_seconds.append(seconds)

    async def decide(
        self, index: int, request: keyring_pb2.Envelope, blob: coordinator_pb2.TargetBlob
    ) -> custodian_pb2.DecideResponse:
        self.asked.append(index)
        if index in self.dead:
            raise Unavailable("nobody is there", reason="UNAVAILABLE")
        if self.slow and len(self.asked) <= self.world.keyring.threshold:
            await self.slow.wait()  # the first quorum dawdles until somebody else was asked
        elif self.slow:
            self.slow.set()
        decided = self.world.nodes[index].decide(request, blob.sealed_evidence)
        envelope = keyring_pb2.Envelope.FromString(decided.envelope)
        return custodian_pb2.DecideResponse(decision=envelope, waiting=decided.waiting)

    async def release(
        self, index: int, request: RequestHash, certificate: bytes
    ) -> coordinator_pb2.SealedShares:
        envelope, sealed = self.world.nodes[index].release(request, certificate)
        return coordinator_pb2.SealedShares(
            share_release=keyring_pb2.Envelope.FromString(envelope), sealed=sealed
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path)
    yield made
    made.close()


def run_of(world: World, relay: Any) -> ReleaseRun:
    alice = world.device("alice")
    prepared = world.prepare(alice, world.create(alice))
    return ReleaseRun(relay, ReleaseCase(world.keyring, prepared.opened), prepared.message, world.clock)


async def shares_until_hung_up(run: ReleaseRun, enough: int) -> int:
    """Follow the run until `enough` shares came, hang up, and let it end."""
    run.followers, shares = 1, 0
    running = asyncio.create_task(run.run())
    async for events in run.feed.follow():
        shares += sum(event.HasField("shares") for event in events)
        if shares == enough:
            break
    run.followers = 0
    await running
    return shares


def test_after_the_requester_hung_up_nobody_else_is_asked(world: World) -> None:
    relay = Nodes(world, patience=0.05)
    assert asyncio.run(shares_until_hung_up(run_of(world, relay), enough=3)) == 3
    assert len(relay.asked) == 3
    assert len(relay.took_seconds) == 1


def test_while_the_requester_listens_all_are_asked(world: World) -> None:
    relay = Nodes(world, patience=0.0)
    assert asyncio.run(shares_until_hung_up(run_of(world, relay), enough=5)) == 5
    assert sorted(relay.asked) == [1, 2, 3, 4, 5]


def test_one_that_fails_brings_in_the_others_at_once(world: World) -> None:
    relay = Nodes(world, patience=3600.0)
    run = run_of(world, relay)
    first, _ = run._order()
    relay.dead = frozenset(first[1:])
    assert asyncio.run(shares_until_hung_up(run, enough=3)) == 3
    assert sorted(relay.asked) == [1, 2, 3, 4, 5]


def test_a_quorum_that_is_late_is_not_waited_for_even_if_nobody_follows(world: World) -> None:
    relay = Nodes(world, patience=0.0)

    async def run() -> None:
        relay.slow = asyncio.Event()
        await run_of(world, relay).run()

    asyncio.run(run())
    assert sorted(relay.asked) == [1, 2, 3, 4, 5]


def test_each_request_begins_with_another_quorum(world: World) -> None:
    first: set[int] = set()
    for _ in range(24):
        relay = Nodes(world, patience=0.05)
        asyncio.run(shares_until_hung_up(run_of(world, relay), enough=3))
        first.update(relay.asked)
        assert len(relay.asked) == 3
    assert first == {1, 2, 3, 4, 5}
