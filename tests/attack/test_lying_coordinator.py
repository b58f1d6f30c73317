"""A coordinator that withholds, repeats, reorders or alters: never a wrong key, never an honest one blamed."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from kms.errors import KmsError
from tests.protocol.coordinator import Bend, altered, in_turn, only, repeated, shuffled, withholding, without
from tests.protocol.world import LAB, World

BENDS: dict[str, Callable[[random.Random], Bend]] = {
    "withholds": lambda rng: withholding(rng, 0.4),
    "repeats": lambda rng: repeated(3),
    "reorders": shuffled,
    "alters": altered,
    "all of it": lambda rng: in_turn(withholding(rng, 0.2), repeated(2), altered(rng), shuffled(rng)),
}


@pytest.mark.parametrize("name", BENDS)
def test_the_client_ends_with_the_right_keys_or_a_typed_error(world: World, name: str) -> None:
    owner = world.device("alice")
    keys = {key.key_id: key.secret.reveal() for key in world.create(owner, [LAB] * 2)}
    for seed in range(25):
        bend = BENDS[name](random.Random(seed))
        collector = world.release(owner, list(keys), bend=bend)
        for position, key_id in enumerate(collector.request.request.key_ids):
            if key_id in collector.opened:
                assert collector.opened[key_id].secret.reveal() == keys[key_id], f"seed {seed}"
            else:
                assert isinstance(collector.failure(position), KmsError), f"seed {seed}"
        assert collector.faults == [], f"seed {seed}: {collector.faults}"


def test_repeating_everything_changes_nothing(world: World) -> None:
    owner = world.device("alice")
    keys = world.create(owner)
    assert set(world.release(owner, keys, bend=repeated(4)).opened) == {keys[0].key_id}


def test_in_whatever_order_the_answers_come_the_key_opens(world: World) -> None:
    owner = world.device("alice")
    keys = world.create(owner, [LAB] * 2)
    for seed in range(25):
        collector = world.release(owner, keys, bend=shuffled(random.Random(seed)))
        assert set(collector.opened) == {key.key_id for key in keys}, f"seed {seed}"


def test_the_answers_backwards_open_the_key(world: World) -> None:
    owner = world.device("alice")
    keys = world.create(owner)
    assert set(world.release(owner, keys, bend=lambda events: events[::-1]).opened) == {keys[0].key_id}


@pytest.mark.parametrize("missing", ["descriptors", "certificate", "shares"])
def test_withholding_one_kind_of_answer_opens_nothing_and_is_an_error(world: World, missing: str) -> None:
    owner = world.device("alice")
    collector = world.release(owner, world.create(owner), bend=without(missing))
    assert not collector.opened
    assert collector.failure(0).status in ("UNAVAILABLE", "INVALID_ARGUMENT")


def test_a_word_of_failure_from_the_coordinator_alone_blames_nobody(world: World) -> None:
    owner = world.device("alice")
    collector = world.release(owner, world.create(owner), bend=only("descriptors", "failure"))
    assert collector.faults == []
    assert not collector.opened


def test_a_naive_client_that_believes_the_threshold_of_an_answer_opens_with_one_share() -> None:
    """Why t comes from the manifest: with t = 1 a single share passes for the secret."""
    from kms.crypto.sharing import deal, decode_share, interpolate

    dealing = deal(3, [1, 2, 3])
    alone = interpolate((1,), [decode_share(dealing.shares[1].reveal())[0]])
    assert alone.to_bytes(32, "big") != dealing.secret.reveal()
