"""The host keeps orders that custodians have checked, and knows from their words what became of keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from kms.coordinator.destructions import DESTROYED, SCHEDULED, Destructions
from kms.coordinator.relay import Relay
from kms.coordinator.store import SqliteCoordinatorStore
from kms.errors import KmsError
from kms.statements.envelope import Signed
from kms.statements.ids import KeyId
from kms.statements.keys import open_deposit
from kms.wire.v1 import coordinator_pb2
from tests.protocol.ceremonies import message
from tests.protocol.destroying import (
    WEEK,
    make_cancellation,
    make_order,
    pass_time,
    submission,
    tell,
    words_on,
)
from tests.protocol.world import LAB, Device, World

R = TypeVar("R")


class Away:
    """Custodians that the host does not reach: what it knows, it was told."""

    def __init__(self, world: World) -> None:
        self.keyring = world.keyring
        self.indices: tuple[int, ...] = ()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world")
    yield made
    made.close()


@pytest.fixture
def alice(world: World) -> Device:
    return world.device("alice")


@pytest.fixture
def host(
    world: World, alice: Device, tmp_path: Path
) -> Iterator[tuple[Destructions, SqliteCoordinatorStore, KeyId]]:
    store = SqliteCoordinatorStore.open(tmp_path / "coordinator.db")
    sent = world.send(alice, world.deal(alice, [LAB]))
    for index in world.nodes:
        world.deposit_at(index, sent)
    store.add_deposit(open_deposit(sent.envelope, world.keyring, world.clock()), [2])

    async def on_disk(step: Callable[..., R], *arguments: object) -> R:
        return step(*arguments)

    kept = Destructions(store, cast(Relay, Away(world)), on_disk, lambda: world.chain, world.clock)
    yield kept, store, sent.key_ids()[0]
    store.close()


def keep(kept: Destructions, order: Signed[Any], words: list[bytes], **more: Any) -> str:
    """Why the host did not keep it; empty if it did."""
    request = coordinator_pb2.KeepDestructionRequest(
        order=order.message, words=[message(word) for word in words], **more
    )
    try:
        asyncio.run(kept.keep(request))
    except KmsError as error:
        return error.reason
    return ""


def state(store: SqliteCoordinatorStore, key_id: KeyId) -> int:
    return store.found([key_id])[key_id][1]


def test_it_follows_the_words_of_custodians(
    world: World, alice: Device, host: tuple[Destructions, SqliteCoordinatorStore, KeyId]
) -> None:
    kept, store, key_id = host
    order = make_order(world, alice, [key_id])
    said = [w for w in tell(world, submission(world, order, by=alice)).values() if isinstance(w, bytes)]
    # Nobody's disk fills with what custodians never checked: fewer than t of them are no witness.
    assert keep(kept, order, [said[0], said[1], said[0]]) == "NOT_VOUCHED"
    assert state(store, key_id) == 2
    assert keep(kept, order, said) == ""
    assert state(store, key_id) == SCHEDULED
    pass_time(world, WEEK)
    done = list(words_on(world, order).values())
    assert keep(kept, order, said[:3] + done[:2]) == ""
    assert state(store, key_id) == SCHEDULED
    assert keep(kept, order, done[:3]) == ""
    assert state(store, key_id) == DESTROYED
    assert len(store.destructions_left(8)) == 1  # two have not said so yet
    assert keep(kept, order, done) == ""
    assert store.destructions_left(8) == []


def test_an_order_that_was_called_off_leaves_keys_as_they_were(
    world: World, alice: Device, host: tuple[Destructions, SqliteCoordinatorStore, KeyId]
) -> None:
    kept, store, key_id = host
    order = make_order(world, alice, [key_id])
    said = [w for w in tell(world, submission(world, order, by=alice)).values() if isinstance(w, bytes)]
    assert keep(kept, order, said) == ""
    off = make_cancellation(world, alice, order)
    words = [w for w in tell(world, submission(world, off)).values() if isinstance(w, bytes)]
    other = make_cancellation(world, alice, make_order(world, alice, [key_id]))
    assert keep(kept, order, words, cancellation=other.message) == "WRONG_ORDER"
    assert keep(kept, order, words, cancellation=off.message) == ""
    assert state(store, key_id) == 2
    assert store.destructions_left(8) == []


def test_a_forged_order_is_not_kept(
    world: World, alice: Device, host: tuple[Destructions, SqliteCoordinatorStore, KeyId]
) -> None:
    kept, store, key_id = host
    order = make_order(world, alice, [key_id])
    said = [w for w in tell(world, submission(world, order, by=alice)).values() if isinstance(w, bytes)]
    forged = order.message
    forged.signatures[0].sig = bytes(64)
    request = coordinator_pb2.KeepDestructionRequest(order=forged, words=[message(word) for word in said])
    with pytest.raises(KmsError):
        asyncio.run(kept.keep(request))
    assert store.destructions_left(8) == []
