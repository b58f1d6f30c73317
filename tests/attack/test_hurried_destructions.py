"""Whoever cannot forge an order hurries one: brings it again, has others say that it is done, turns a clock.

The wait is the owner's time to notice. So each custodian waits by its own clock from when the order came to it, and
only so many others' words end that wait that too few are left who could open the keys anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from kms.custodian.context import DestroyLimits
from kms.custodian.node import NodeOptions
from kms.statements.audit import read_entry
from kms.statements.codec import decode
from kms.statements.destroyed import Destroyed, DestroyScheduled
from kms.statements.envelope import Signed, sign
from kms.statements.promises import open_promise
from kms_client.cache import OpenKey
from tests.protocol.ceremonies import change_committee, message
from tests.protocol.destroying import (
    DAY,
    WEEK,
    destroy,
    holds_nothing,
    is_word,
    make_admin_order,
    make_order,
    pass_time,
    read_word,
    submission,
    tell,
    words_on,
)
from tests.protocol.world import LAB, Device, World, signing_key


@pytest.fixture
def alice(world: World) -> Device:
    return world.device("alice")


@pytest.fixture
def keys(world: World, alice: Device) -> tuple[OpenKey, ...]:
    return world.create(alice, [LAB] * 2)


def due_at(word: bytes | str) -> int:
    assert isinstance(word, bytes), word
    return decode(DestroyScheduled, message(word).payload).due_at


# -- the wait ------------------------------------------------------------------------------------------------------


def test_an_order_that_comes_again_waits_no_less(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order = make_order(world, alice, keys)
    first = tell(world, submission(world, order, by=alice), 1)
    world.clock.turn(3 * DAY)
    assert tell(world, submission(world, order, by=alice), 1) == first
    pass_time(world, 4 * DAY - 1)
    assert not words_on(world, order, 1)
    pass_time(world, 1)
    assert holds_nothing(world, 1, keys)


def test_an_old_date_or_a_short_wait_in_the_order_shortens_nothing(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order = make_order(world, alice, keys, created_at=world.clock() - 30 * DAY, waiting=1)
    assert due_at(tell(world, submission(world, order, by=alice), 1)[1]) == world.clock() + WEEK


def test_an_order_may_wait_longer_and_so_may_a_custodian(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order = make_order(world, alice, keys, waiting=30 * DAY)
    assert due_at(tell(world, submission(world, order, by=alice), 1)[1]) == world.clock() + 30 * DAY
    world.start(2, options=NodeOptions(destroying=DestroyLimits(floor=20 * DAY)))
    short = make_order(world, alice, keys)
    assert due_at(tell(world, submission(world, short, by=alice), 2)[2]) == world.clock() + 20 * DAY


def test_the_wait_goes_on_over_a_restart(world: World, alice: Device, keys: tuple[OpenKey, ...]) -> None:
    order = make_order(world, alice, keys)
    tell(world, submission(world, order, by=alice), 1)
    pass_time(world, 3 * DAY)
    world.start(1)
    pass_time(world, 4 * DAY - 1)
    assert not words_on(world, order, 1)
    pass_time(world, 1)
    assert list(words_on(world, order, 1)) == [1]


def test_a_clock_that_was_set_ahead_while_the_node_was_down_ends_no_wait(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order = make_order(world, alice, keys)
    tell(world, submission(world, order, by=alice), 1)
    pass_time(world, DAY)
    world.nodes.pop(1).close()
    world.clock.turn(20 * DAY)
    world.start(1)
    pass_time(world, 6 * DAY - 1)
    assert not words_on(world, order, 1)
    pass_time(world, 1)
    assert list(words_on(world, order, 1)) == [1]


def test_each_custodian_goes_by_its_own_clock(world: World, alice: Device, keys: tuple[OpenKey, ...]) -> None:
    """One that heard of the order two days later, or whose clock is two days behind, is two days later."""
    order = make_order(world, alice, keys)
    tell(world, submission(world, order, by=alice), 1)
    world.clock.turn(2 * DAY)
    tell(world, submission(world, order, by=alice), 2)
    pass_time(world, 5 * DAY)
    assert list(words_on(world, order)) == [1]
    pass_time(world, 2 * DAY)
    assert list(words_on(world, order)) == [1, 2]


# -- others' words -------------------------------------------------------------------------------------------------


def test_a_node_that_was_away_follows_so_many_that_too_few_are_left(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order, words = destroy(world, alice, keys, 1, 2, 3)  # n-t+1 of 5
    told = tell(world, submission(world, order, words=words.values()), 4)[4]
    assert is_word(Destroyed, told)
    assert read_word(world, order, told).at_once  # type: ignore[arg-type]
    assert holds_nothing(world, 4, keys)


def test_who_has_destroyed_it_hears_of_it_again_and_does_nothing_more(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    """Else whoever brings the same words again fills its log, its history and its owners' notices."""
    order, words = destroy(world, alice, keys, 1, 2, 3)
    sent = submission(world, order, words=words.values())
    for index in (1, 4):  # one that waited, and one that followed
        first = tell(world, sent, index)[index]
        size = world.nodes[index].context.store.log.size()
        world.clock.turn(60)
        assert tell(world, sent, index)[index] == first
        assert world.nodes[index].context.store.log.size() == size


def test_one_that_knows_the_order_needs_nobody_to_describe_its_keys_again(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    lost = world.create(alice, [LAB], at=(1, 2, 3))  # the fourth missed that deposit
    described = [key.descriptor.payload for key in lost]
    order = make_order(world, alice, [*keys, *lost])
    tell(world, submission(world, order, by=alice, descriptors=described), 1, 2, 3, 4)
    stopped = world.nodes.pop(4)
    pass_time(world, WEEK)
    world.nodes[4] = stopped
    words = words_on(world, order, 1, 2, 3)
    assert is_word(Destroyed, tell(world, submission(world, order, words=words.values()), 4)[4])
    assert holds_nothing(world, 4, [*keys, *lost])


def test_how_it_came_to_its_end_stands_in_the_log_as_it_was_signed(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order, words = destroy(world, alice, keys, 1, 2, 3)
    words |= {4: tell(world, submission(world, order, words=words.values()), 4)[4]}  # type: ignore[dict-item]
    for index, word in words.items():
        promise = open_promise(word, world.chain)
        (payload,) = world.nodes[index].context.store.log.entries(promise.log_index, 1)
        entry = read_entry(payload, promise.log_index)
        assert entry.outcome == ("AT_ONCE" if index == 4 else "DUE")
        assert promise.broken_by(entry) == ""


def test_fewer_make_it_wait_its_own_time(world: World, alice: Device, keys: tuple[OpenKey, ...]) -> None:
    order, words = destroy(world, alice, keys, 1, 2)
    sent = submission(world, order, by=alice, words=words.values())
    assert due_at(tell(world, sent, 4)[4]) == world.clock() + WEEK
    assert tell(world, sent, 4) == tell(world, submission(world, order, by=alice), 4)
    pass_time(world, WEEK - 1)
    assert not words_on(world, order, 4)


def test_one_custodian_counts_once_and_the_asked_one_not_at_all(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order, words = destroy(world, alice, keys, 1, 2)
    said = read_word(world, order, words[1])
    again = sign(replace(said, destroyed_at=said.destroyed_at + 1), world.identities[1]).envelope
    mine = sign(replace(said, index=4), world.identities[4]).envelope
    for extra in (words[1], again, mine):
        sent = submission(world, order, by=alice, words=[*words.values(), extra])
        assert is_word(DestroyScheduled, tell(world, sent, 4)[4])


@pytest.mark.parametrize("spoil", ["signer", "order", "keys", "keyring", "stranger", "manifest"])
def test_words_that_are_not_a_members_on_this_very_order_count_for_nothing(
    world: World, alice: Device, keys: tuple[OpenKey, ...], spoil: str
) -> None:
    order, words = destroy(world, alice, keys, 1, 2, 3)
    said = read_word(world, order, words[3])
    key = world.identities[3]
    if spoil == "signer":
        key = world.identities[2]
    elif spoil == "order":
        said = replace(said, order_hash=b"o" * 32)
    elif spoil == "keys":
        said = replace(said, key_ids=said.key_ids[:1], releases=(0,))
    elif spoil == "keyring":
        said = replace(said, keyring_id=b"k" * 32)  # type: ignore[arg-type]
    elif spoil == "manifest":
        said = replace(said, manifest_hash=b"m" * 32)  # type: ignore[arg-type]
    else:
        key = signing_key("mallory")
    bad = sign(said, key).envelope
    sent = submission(world, order, by=alice, words=[words[1], words[2], bad])
    assert is_word(DestroyScheduled, tell(world, sent, 4)[4])


def test_words_from_a_former_manifest_count_for_nothing(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    """Their custodians may have left since, and their keys may be anybody's."""
    order, words = destroy(world, alice, keys, 1, 2, 3)
    change_committee(world, range(1, 6), 3, name="later")
    sent = submission(world, order, by=alice, words=words.values())
    assert is_word(DestroyScheduled, tell(world, sent, 4)[4])
    fresh = [world.nodes[i].destruction(order.hash).word for i in (1, 2, 3)]  # signed anew for who asks now
    assert is_word(Destroyed, tell(world, submission(world, order, words=fresh), 4)[4])


def test_words_do_not_make_an_order_that_was_never_signed(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    """Three bought custodians cannot have a fourth destroy what nobody ordered."""
    order = make_order(world, alice, keys)
    forged = message(order.envelope)
    forged.signatures[0].sig = bytes(64)
    bought = [_destroyed(world, order, i) for i in (1, 2, 3)]
    assert tell(world, submission(world, forged, words=bought), 4) == {4: "BAD_SIGNATURE"}
    admins = make_admin_order(world, keys, signing_key("mallory"))
    bought = [_destroyed(world, admins, i) for i in (1, 2, 3)]
    assert tell(world, submission(world, admins, words=bought), 4) == {4: "WRONG_SIGNER"}


def _destroyed(world: World, order: Signed[Any], index: int) -> bytes:
    said: Any = order.statement
    word = Destroyed(
        world.keyring.keyring_id,
        world.keyring.manifest_hash,
        index,
        order.hash,
        said.key_ids,
        (0,) * len(said.key_ids),
        world.clock(),
        (),
        1,
        False,
    )
    return sign(word, world.identities[index]).envelope


# -- an order whose credentials are no more --------------------------------------------------------------------------


def scheduled_by(world: World, order: Signed[Any], alice: Device, indices: Sequence[int]) -> list[bytes]:
    answers = tell(world, submission(world, order, by=alice), *indices)
    return [word for word in answers.values() if isinstance(word, bytes)]


def test_a_node_that_was_away_takes_an_order_that_t_others_checked_and_waits_for_itself(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order = make_order(world, alice, keys)
    words = scheduled_by(world, order, alice, (1, 2, 3))
    world.clock.turn(5 * DAY)  # nobody has those credentials any more
    told = tell(world, submission(world, order, words=words), 4)[4]
    assert due_at(told) == world.clock() + WEEK


def test_fewer_than_t_vouch_for_nothing(world: World, alice: Device, keys: tuple[OpenKey, ...]) -> None:
    order = make_order(world, alice, keys)
    words = scheduled_by(world, order, alice, (1, 2))
    sent = submission(world, order, words=[*words, words[0]])
    assert tell(world, sent, 4) == {4: "NO_RULE_ALLOWS"}
