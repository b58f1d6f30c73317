"""A custodian that lies tells so much of the end of keys that what the others say should go under."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from kms.custodian import hearsay
from kms.custodian.hearsay import Heard, Hearsay, Telling
from kms.errors import KmsError
from kms.statements.envelope import Signed, statement_hash
from kms.statements.ids import KeyId
from kms.wire.v1 import keyring_pb2
from kms_client.cache import OpenKey
from tests.protocol.ceremonies import message
from tests.protocol.destroying import (
    WEEK,
    holds_nothing,
    make_cancellation,
    make_order,
    pass_time,
    submission,
    tell,
    words_on,
)
from tests.protocol.world import LAB, Device, World

LIAR, AWAY = 1, 5


@pytest.fixture
def alice(world: World) -> Device:
    return world.device("alice")


@pytest.fixture
def keys(world: World, alice: Device) -> tuple[OpenKey, ...]:
    return world.create(alice, [LAB] * 2)


def told(order: Signed[Any], words: Sequence[bytes] = (), descriptors: Sequence[bytes] = ()) -> Telling:
    return Telling(order.message, [message(word) for word in words], descriptors)


def act(world: World, heard: Sequence[Heard]) -> list[str]:
    """What the node that was away makes of it: reasons of refusals, empty where it took it."""
    reasons = []
    for one in heard:
        for sent in one.submissions():
            try:
                world.nodes[AWAY].destroy(sent)
                reasons.append("")
            except KmsError as error:
                reasons.append(error.reason)
    return reasons


def garbage(order: Signed[Any], count: int) -> Telling:
    made = []
    for n in range(count):
        word = keyring_pb2.Envelope.FromString(order.message.SerializeToString())
        word.signatures[0].sig = bytes([n % 256]) * 64
        made.append(word)
    return Telling(order.message, made)


def test_words_that_nobody_signed_crowd_out_none_that_somebody_did(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order = make_order(world, alice, keys)
    tell(world, submission(world, order, by=alice), 1, 2, 3, 4)
    pass_time(world, WEEK)
    context, said = world.nodes[AWAY].context, Hearsay()
    for _ in range(3):
        assert said.take(context, LIAR, garbage(order, 1000)) == order.hash
    for teller, word in words_on(world, order, 2, 3, 4).items():
        said.take(context, teller, told(order, [word]))
    [heard] = said.heard([order.hash])
    assert len(heard.words) == 3
    act(world, [heard])
    assert holds_nothing(world, AWAY, keys)


def test_a_cancellation_that_nobody_may_give_hides_none_that_counts(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order = make_order(world, alice, keys)
    tell(world, submission(world, order, by=alice), AWAY)
    mallory, said = world.device("mallory"), Hearsay()
    for _ in range(3):
        lie = make_cancellation(world, mallory, order).message
        said.take(world.nodes[AWAY].context, LIAR, Telling(order.message, cancellation=lie))
    true = make_cancellation(world, alice, order).message
    said.take(world.nodes[AWAY].context, 2, Telling(order.message, cancellation=true))
    assert act(world, said.heard([order.hash])) == ["NOT_OWNER", "", "ORDER_CANCELLED"]


def test_a_flood_of_orders_washes_away_nothing_but_itself(
    world: World, alice: Device, keys: tuple[OpenKey, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearsay, "MAX_ORDERS", 8)
    context, said = world.nodes[AWAY].context, Hearsay()
    order, mallory = make_order(world, alice, keys), world.device("mallory")
    said.take(context, 2, told(order))
    said.try_again(order.hash)
    for n in range(20):
        lie = make_order(world, mallory, [KeyId(n.to_bytes(32, "big"))])
        said.take(context, LIAR, told(lie))
        said.try_again(lie.hash)
    assert len(said) == 8
    assert order.hash in [heard_hash(one) for one in said.heard([])]


def heard_hash(heard: Heard) -> bytes:
    return statement_hash(heard.order.payload_type, heard.order.payload)


def test_descriptions_of_other_keys_are_in_nobodys_way(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order = make_order(world, alice, keys)
    other = world.create(alice, [LAB] * 2)
    context, said = world.nodes[AWAY].context, Hearsay()
    said.take(context, LIAR, told(order, descriptors=[key.descriptor.payload for key in other]))
    said.take(context, LIAR, told(order, descriptors=[b"nothing"] * 5))
    said.take(context, 2, told(order, descriptors=[key.descriptor.payload for key in keys]))
    [heard] = said.heard([order.hash])
    assert set(heard.descriptors) == {key.key_id for key in keys}


def test_what_is_no_order_is_not_remembered(world: World, alice: Device, keys: tuple[OpenKey, ...]) -> None:
    order = make_order(world, alice, keys)
    broken = garbage(order, 1).words[0]
    said = Hearsay()
    assert said.take(world.nodes[AWAY].context, LIAR, Telling(broken)) is None
    assert len(said) == 0


def test_what_was_refused_is_tried_again_and_no_more_than_it_must(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order, said = make_order(world, alice, keys), Hearsay()
    said.take(world.nodes[AWAY].context, 2, told(order))
    for _ in range(3):
        said.try_again(order.hash)
    assert len(said.heard([])) == 1
    assert said.heard([]) == []
