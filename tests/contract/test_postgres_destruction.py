"""A custodian whose store keeps what was erased signs that keys are destroyed when their row root is rolled away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.custodian.rolling import AFTER_DESTRUCTION
from kms.errors import StoreError, Unavailable
from kms.statements.destroyed import Destroyed, DestroyScheduled
from kms_client.cache import OpenKey
from tests import stores
from tests.postgres import Server
from tests.protocol.destroying import (
    WEEK,
    holds_nothing,
    is_word,
    make_order,
    roll,
    submission,
    tell,
    words_on,
)
from tests.protocol.world import LAB, Device, World


@pytest.fixture
def world(tmp_path: Path, server: Server) -> Iterator[World]:
    with stores.kept_on(server):
        made = World.found(tmp_path / "world", n=3, threshold=2)
        yield made
        made.close()
        for index in made.identities:
            stores.remove(made.folder / f"custodian-{index}.db")


@pytest.fixture
def alice(world: World) -> Device:
    return world.device("alice")


@pytest.fixture
def keys(world: World, alice: Device) -> tuple[OpenKey, ...]:
    return world.create(alice, [LAB] * 2)


def row_keys(world: World, keys: tuple[OpenKey, ...]) -> list[bytes]:
    """Wrapped keys of custodian 1's rows: what dead tuples and the write-ahead log still hold after they are gone."""
    found = world.nodes[1].context.store.keys([key.key_id for key in keys]).values()
    return [key.row.wrapped_key for key in found]


def end(world: World) -> None:
    """Let the wait of what was ordered end at custodian 1."""
    world.clock.turn(WEEK)
    world.nodes[1].tick()


def test_nothing_is_signed_while_the_old_row_root_opens_what_the_database_keeps(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order = make_order(world, alice, keys)
    tell(world, submission(world, order, by=alice), 1)
    old, vault = row_keys(world, keys), world.nodes[1].context.vault
    end(world)
    assert holds_nothing(world, 1, keys)
    assert all(vault.rewrap(key) for key in old)  # a thief of the whole machine opens them
    assert words_on(world, order, 1) == {}
    assert is_word(DestroyScheduled, world.nodes[1].destroy(submission(world, order, by=alice)))
    world.start(1)
    assert words_on(world, order, 1) == {}, "nor after a start"

    roll(world, 1)
    for key in old:
        with pytest.raises(StoreError) as refused:
            world.nodes[1].context.vault.rewrap(key)
        assert refused.value.reason == "ROW_ROOT_GONE"
    assert list(words_on(world, order, 1)) == [1]
    assert is_word(Destroyed, tell(world, submission(world, order, by=alice), 1)[1])


def test_a_roll_that_began_before_is_not_the_one(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    """It may have wrapped the rows under the new root already when they were erased."""
    order = make_order(world, alice, keys)
    tell(world, submission(world, order, by=alice), 1)
    node = world.nodes[1]
    world.clock.turn(WEEK)
    for _ in range(7):  # all rows lie under the new root; the old one is not destroyed yet
        node.roll(at_once=True)
    told = node.roll()
    assert told is not None
    assert not told.ended
    old = row_keys(world, keys)
    node.tick()
    assert holds_nothing(world, 1, keys)
    while told is not None and not told.ended:
        told = node.roll()
    node.tick()
    assert all(node.context.vault.rewrap(key) for key in old)
    assert words_on(world, order, 1) == {}
    roll(world, 1)
    assert list(words_on(world, order, 1)) == [1]


def test_the_node_rolls_and_signs_by_itself_within_the_hour(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order = make_order(world, alice, keys)
    tell(world, submission(world, order, by=alice), 1)
    roll(world, 1)
    end(world)
    world.nodes[1].tick()
    world.clock.turn(AFTER_DESTRUCTION)
    node = world.nodes[1]
    while (told := node.roll()) is not None and not told.ended:
        pass
    node.tick()
    assert list(words_on(world, order, 1)) == [1]


def test_one_that_follows_the_others_has_no_word_until_then(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order = make_order(world, alice, keys)
    tell(world, submission(world, order, by=alice), 2, 3)
    world.clock.turn(WEEK)
    for index in (2, 3):
        world.nodes[index].tick()
        roll(world, index)
    sent = submission(world, order, words=words_on(world, order, 2, 3).values())
    with pytest.raises(Unavailable) as refused:
        world.nodes[1].destroy(sent)
    assert refused.value.reason == "ROLL_PENDING"
    assert holds_nothing(world, 1, keys)
    roll(world, 1)
    assert is_word(Destroyed, world.nodes[1].destroy(sent))
