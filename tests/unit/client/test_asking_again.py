"""A request that only lacks custodians that could not be reached is put again, and no other one is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from kms.wire.v1 import coordinator_pb2
from kms_client import releasing
from kms_client.cache import KeyCache
from kms_client.collecting import Collector
from kms_client.releasing import Releaser
from tests.protocol.coordinator import Bend, failure, honest
from tests.protocol.world import World

Event = coordinator_pb2.ReleaseEvent


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world")
    yield made
    made.close()


class Link:
    """The coordinator as a client hears it: its answers to the first call, the second and so on."""

    def __init__(self, answers: list[list[Event]]) -> None:
        self._answers = answers
        self.calls = 0

    async def stream(self, *_: Any, **__: Any) -> AsyncIterator[coordinator_pb2.ReleaseKeysResponse]:
        events = self._answers[min(self.calls, len(self._answers) - 1)]
        self.calls += 1
        yield coordinator_pb2.ReleaseKeysResponse(events=events)


class Session:
    """What following a request asks of a session."""

    timeout = 20.0

    def __init__(self, channel: Link) -> None:
        self.channel = channel


def away(reason: str, *indices: int) -> list[Event]:
    return [failure(index, reason) for index in indices]


async def follow(world: World, monkeypatch: pytest.MonkeyPatch, *answers: Bend) -> tuple[Link, Collector]:
    monkeypatch.setattr(releasing, "UNREACHABLE_PAUSE", 0.0)
    owner = world.device("alice")
    prepared = world.prepare(owner, world.create(owner))
    events = world.coordinator().release(prepared)
    link = Link([answer(events) for answer in answers])
    releaser = Releaser(cast(Any, Session(link)), KeyCache(), 0.0, 0.0, None)
    collector = Collector(world.keyring, prepared.opened, prepared.recipient)
    await releaser._follow(prepared, collector, 0.0)
    await releaser.close()
    return link, collector


async def test_custodians_that_come_back_within_moments_are_heard(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, collector = await follow(world, monkeypatch, lambda _: away("UNAVAILABLE", 1, 2, 3, 4, 5), honest)
    assert len(collector.opened) == 1
    assert link.calls == 2


async def test_who_stays_away_is_asked_so_often_and_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, collector = await follow(world, monkeypatch, lambda _: away("UNAVAILABLE", 1, 2, 3, 4, 5))
    assert not collector.opened
    assert link.calls == 1 + releasing.ASK_AGAIN


@pytest.mark.parametrize("reason", ["STALE_MANIFEST", "TOO_MANY_DENIALS"])
async def test_who_answered_no_is_not_asked_again(
    world: World, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    link, _ = await follow(world, monkeypatch, lambda _: away(reason, 1, 2, 3, 4, 5))
    assert link.calls == 1


async def test_too_few_that_were_not_reached_are_no_reason_to_ask_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, _ = await follow(
        world, monkeypatch, lambda _: away("UNAVAILABLE", 1, 2) + away("STALE_MANIFEST", 3, 4, 5)
    )
    assert link.calls == 1
