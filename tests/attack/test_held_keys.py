"""Evidence that somebody wants gone: a legal hold keeps it, and nobody but the admins' quorum sets or ends one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kms.errors import Invalid
from kms.statements.destroyed import DestroyScheduled, HoldTaken
from kms.statements.envelope import sign
from kms_client.cache import OpenKey
from tests.attack.test_forged_destroy_orders import ADMINS, change_admins
from tests.protocol.destroying import (
    DAY,
    WEEK,
    holds_nothing,
    is_word,
    make_admin_order,
    make_hold,
    make_order,
    pass_time,
    submission,
    tell,
    words_on,
)
from tests.protocol.world import LAB, Device, World, signing_key


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two of three admins act together."""
    made = World.found(
        tmp_path / "world",
        admins=tuple(key.public for key in ADMINS),
        admin_quorum=2,
        founders=ADMINS,
    )
    yield made
    made.close()


@pytest.fixture
def alice(world: World) -> Device:
    return world.device("alice")


@pytest.fixture
def keys(world: World, alice: Device) -> tuple[OpenKey, ...]:
    return world.create(alice, [LAB] * 2)


def test_one_admin_alone_neither_sets_nor_ends_a_hold(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    alone = make_hold(world, keys, ADMINS[0])
    assert tell(world, submission(world, alone), 1) == {1: "SIGNATURES_MISSING"}
    stranger = make_hold(world, keys, ADMINS[0], signing_key("mallory"))
    assert tell(world, submission(world, stranger), 1) == {1: "WRONG_SIGNER"}
    held = make_hold(world, keys, *ADMINS[:2])
    assert is_word(HoldTaken, tell(world, submission(world, held), 1)[1])
    ended = replace(held.statement, lifted=True)
    assert tell(world, submission(world, sign(ended, ADMINS[0])), 1) == {1: "SIGNATURES_MISSING"}
    assert tell(world, submission(world, make_order(world, alice, keys), by=alice), 1) == {1: "LEGAL_HOLD"}


@pytest.mark.parametrize("of", ["keys", "owner"])
def test_what_is_held_is_neither_ordered_nor_destroyed(
    world: World, alice: Device, keys: tuple[OpenKey, ...], of: str
) -> None:
    first = make_order(world, alice, keys)
    tell(world, submission(world, first, by=alice))
    held = make_hold(
        world, keys[:1] if of == "keys" else (), *ADMINS[:2], owner=alice if of == "owner" else None
    )
    tell(world, submission(world, held))
    assert set(tell(world, submission(world, make_order(world, alice, keys), by=alice)).values()) == {
        "LEGAL_HOLD"
    }
    admins = make_admin_order(world, keys, *ADMINS[:2])
    assert set(tell(world, submission(world, admins)).values()) == {"LEGAL_HOLD"}
    pass_time(world, 2 * WEEK)
    assert not words_on(world, first)
    # It is evidence: it opens as policy says, though an order waits.
    assert keys[0].key_id in world.release(alice, keys).opened
    ended = sign(replace(held.statement, lifted=True), *ADMINS[1:])
    tell(world, submission(world, ended))
    pass_time(world, 1)
    assert set(words_on(world, first)) == {1, 2, 3, 4, 5}


def test_a_hold_ends_by_itself(world: World, alice: Device, keys: tuple[OpenKey, ...]) -> None:
    tell(world, submission(world, make_hold(world, keys, *ADMINS[:2], days=3)), 1)
    order = make_order(world, alice, keys)
    assert tell(world, submission(world, order, by=alice), 1) == {1: "LEGAL_HOLD"}
    world.clock.turn(3 * DAY)
    assert is_word(DestroyScheduled, tell(world, submission(world, order, by=alice), 1)[1])


def test_a_hold_that_was_ended_does_not_come_again(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    held = make_hold(world, keys, *ADMINS[:2])
    ended = sign(replace(held.statement, lifted=True), *ADMINS[:2])
    tell(world, submission(world, held), 1)
    tell(world, submission(world, ended), 1, 2)  # to 2 the end came first
    assert tell(world, submission(world, held), 1, 2) == {1: "HOLD_KNOWN", 2: "HOLD_KNOWN"}
    assert is_word(
        DestroyScheduled, tell(world, submission(world, make_order(world, alice, keys), by=alice), 1)[1]
    )
    other = sign(replace(ended.statement, key_ids=held.statement.key_ids[:1]), *ADMINS[:2])
    second = make_hold(world, keys, *ADMINS[:2])
    tell(world, submission(world, second), 1)
    part = sign(replace(other.statement, hold_id=second.statement.hold_id), *ADMINS[:2])
    assert tell(world, submission(world, part), 1) == {1: "WRONG_HOLD"}


def test_the_same_hold_and_the_same_end_are_one_word_each(world: World, keys: tuple[OpenKey, ...]) -> None:
    hold = make_hold(world, keys, *ADMINS[:2])
    end = sign(replace(hold.statement, lifted=True), *ADMINS[:2])
    for said in (hold, end):
        first = tell(world, submission(world, said), 1)
        assert is_word(HoldTaken, first[1])
        size = world.nodes[1].context.store.log.size()
        world.clock.turn(60)
        assert tell(world, submission(world, said), 1) == first
        assert world.nodes[1].context.store.log.size() == size


def test_nothing_else_takes_a_holds_name(world: World, keys: tuple[OpenKey, ...], alice: Device) -> None:
    """One that is shorter would end it before its time, and a second end would be a second line in the log."""
    hold = make_hold(world, keys, *ADMINS[:2], days=100)
    tell(world, submission(world, hold), 1)
    shorter = sign(replace(hold.statement, until=world.clock() + 60), *ADMINS[:2])
    assert tell(world, submission(world, shorter), 1) == {1: "HOLD_KNOWN"}
    world.clock.turn(120)
    assert tell(world, submission(world, make_order(world, alice, keys), by=alice), 1) == {1: "LEGAL_HOLD"}
    end = sign(replace(hold.statement, lifted=True), *ADMINS[:2])
    again = sign(replace(end.statement, created_at=world.clock()), *ADMINS[:2])
    assert is_word(HoldTaken, tell(world, submission(world, end), 1)[1])
    assert tell(world, submission(world, again), 1) == {1: "HOLD_KNOWN"}


def test_a_hold_keeps_what_others_have_destroyed(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    """It reached one custodian only: that one keeps its share, whatever the others say."""
    order = make_order(world, alice, keys)
    tell(world, submission(world, order, by=alice))
    tell(world, submission(world, make_hold(world, keys, *ADMINS[:2])), 4)
    pass_time(world, WEEK)
    words = words_on(world, order)
    assert set(words) == {1, 2, 3, 5}
    assert tell(world, submission(world, order, words=words.values()), 4) == {4: "LEGAL_HOLD"}
    assert not holds_nothing(world, 4, keys)


def test_a_hold_outlives_its_manifest_and_its_end_needs_present_admins(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    held = make_hold(world, keys, *ADMINS[:2])
    change_admins(world)
    assert is_word(HoldTaken, tell(world, submission(world, held), 1)[1])
    ended = sign(replace(held.statement, lifted=True), *ADMINS[:2])
    assert tell(world, submission(world, ended), 1) == {1: "STALE_MANIFEST"}


def test_no_hold_is_for_ever_or_of_nothing(world: World, keys: tuple[OpenKey, ...], alice: Device) -> None:
    for spoil in ({"days": 4000}, {"owner": alice}):
        with pytest.raises(Invalid):
            make_hold(world, keys, *ADMINS[:2], **spoil)
    with pytest.raises(Invalid):
        make_hold(world, (), *ADMINS[:2])
    tell(world, submission(world, make_hold(world, keys, *ADMINS[:2], days=1)), 1)
    late = make_hold(world, keys, *ADMINS[:2], days=1)
    world.clock.turn(2 * DAY)
    assert tell(world, submission(world, late), 1) == {1: "HOLD_ENDED"}
