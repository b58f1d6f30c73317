"""Custodians whose lists of keys, or of versions, never end: the ceremony would be theirs alone, and never be over.

Two of five may lie. Whatever they list, the keys of the others are dealt on and brought back, and the ceremony ends.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kms.coordinator import lists
from kms.coordinator.repairs import repair
from kms.statements.ceremony import encode_plan, parse_plan
from kms.statements.envelope import sign
from kms.wire.v1 import ceremony_service_pb2 as pb
from kms_client.cache import OpenKey
from tests.protocol.ceremonies import make_order
from tests.protocol.relays import DirectRelay, at_the_end, ceremonies
from tests.protocol.repairs import lose_store
from tests.protocol.world import LAB, World

LIARS = (1, 2)
SECONDS = 100.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many keys in vain as lists are given, but fewer: it ends sooner."""
    monkeypatch.setattr(lists, "PATIENCE", 8)


@pytest.fixture
def keys(world: World) -> tuple[OpenKey, ...]:
    return world.create(world.device("alice"), [LAB] * 3)


def made_up(threshold: int, count: int) -> Callable[[pb.ListKeysRequest], pb.ListKeysResponse]:
    """Pages of keys that nobody has, each with another one after it."""
    places = itertools.count(1)

    def answer(request: pb.ListKeysRequest) -> pb.ListKeysResponse:
        ids = [secrets.token_bytes(32) for _ in range(count)]
        group = pb.KeysOfVersion(version=secrets.token_bytes(32), threshold=threshold, key_ids=ids)
        return pb.ListKeysResponse(versions=[group] if ids else [], last=next(places).to_bytes(8, "big"))

    return answer


LISTS: dict[str, Callable[[], Callable[[pb.ListKeysRequest], pb.ListKeysResponse]]] = {
    "of keys that nobody has": lambda: made_up(3, 2),
    "of shares of which none open a key": lambda: made_up(0, 2),
    "of nothing": lambda: made_up(3, 0),
    "of more keys than it was asked for": lambda: made_up(3, 1025),
}


@pytest.mark.parametrize("what", LISTS)
def test_a_resharing_ends_though_lists_do_not(
    world: World, keys: tuple[OpenKey, ...], what: str, tmp_path: Path
) -> None:
    relay = DirectRelay(world, {(i, "ListKeys"): LISTS[what]() for i in LIARS})
    run = ceremonies(world, relay, tmp_path).reshare(make_order(world).message)
    progress = asyncio.run(asyncio.wait_for(at_the_end(run), SECONDS))
    assert progress.erased >= len(keys)
    for node in world.nodes.values():
        found = node.context.store.keys([key.key_id for key in keys]).values()
        assert [[share.sequence for share in key.reshared] for key in found] == [[1]] * len(keys)


@pytest.mark.parametrize("what", LISTS)
def test_a_repair_ends_though_lists_do_not(
    world: World, keys: tuple[OpenKey, ...], what: str, tmp_path: Path
) -> None:
    lose_store(world, 5)
    relay: Any = DirectRelay(world, {(i, "ListKeys"): LISTS[what]() for i in LIARS})
    run = repair(relay, ceremonies(world, relay, tmp_path), 5)
    progress = asyncio.run(asyncio.wait_for(at_the_end(run), SECONDS))
    assert progress.done == len(keys)
    assert len(world.nodes[5].list_versions([key.key_id for key in keys])) == len(keys)


def test_a_resharing_ends_though_a_member_never_has_all_its_versions_settled(
    world: World, keys: tuple[OpenKey, ...], tmp_path: Path
) -> None:
    relay = DirectRelay(world)
    again = ceremonies(world, relay, tmp_path)
    asyncio.run(at_the_end(again.reshare(make_order(world).message)))
    (version,) = {share.version for key in stored(world, keys) for share in key.reshared}
    installed = world.nodes[3].installed(1, [version])[0]
    counts = itertools.count(1)

    def another(request: pb.ListInstalledRequest) -> pb.ListInstalledResponse:
        plan = encode_plan(replace(parse_plan(installed.plan), order_hash=next(counts).to_bytes(32, "big")))
        word = sign(make_order(world).statement, world.identities[1]).message
        held = pb.InstalledVersion(
            installed=word, plan=plan, key_ids=installed.key_ids, points=installed.points
        )
        return pb.ListInstalledResponse(versions=[held])

    relay.lies[(1, "ListInstalled")] = another
    asyncio.run(asyncio.wait_for(at_the_end(again.reshare(make_order(world, 2).message)), SECONDS))
    assert {share.sequence for key in stored(world, keys) for share in key.reshared} == {2}


def stored(world: World, keys: tuple[OpenKey, ...]) -> list[Any]:
    return list(world.nodes[3].context.store.keys([key.key_id for key in keys]).values())
