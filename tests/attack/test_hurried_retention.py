"""Whoever brings orders by age would end more than the policy does: younger keys, other kinds, other owners' too.

The rule is the authority, and each custodian asks it by its own clock, of its own records. So the messenger, a dealer
that dates its keys as it likes, and fewer custodians than could end a key anyway come to nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kms.custodian import retaining
from kms.custodian.context import DestroyLimits
from kms.custodian.destroy_rights import Submission
from kms.custodian.forbids import file_source
from kms.custodian.node import NodeOptions
from kms.errors import Denied, EvidenceRefused, Invalid, Stale
from kms.policy.engine import Lifespan, PolicyEngine
from kms.statements.consent import NoticeKind
from kms.statements.destroyed import DestroyCancelled, DestroyScheduled
from kms.statements.envelope import sign
from kms.statements.ids import KeyId
from kms.statements.keys import KeySpec
from kms.statements.kills import KeyKill
from kms_client.cache import OpenKey
from tests.protocol.ceremonies import Resharing, change_committee, make_order
from tests.protocol.destroying import (
    WEEK,
    holds_nothing,
    is_word,
    make_admin_cancellation,
    make_cancellation,
    make_hold,
    pass_time,
    submission,
    tell,
    words_on,
)
from tests.protocol.pools import draw, fill
from tests.protocol.retaining import (
    DAY,
    LAB_DAYS,
    kept,
    look,
    make_retention_order,
    messenger,
    policy,
    rule,
)
from tests.protocol.world import BOOKING, LAB, Device, World, signing_key


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Laboratory records end after a hundred days, nothing else does."""
    made = World.found(tmp_path / "world", policy=policy())
    yield made
    made.close()


@pytest.fixture
def alice(world: World) -> Device:
    return world.device("alice")


@pytest.fixture
def keys(world: World, alice: Device) -> tuple[OpenKey, ...]:
    return world.create(alice, [LAB] * 2)


def order_all(world: World, keys: tuple[OpenKey, ...], by: Device | None = None) -> dict[int, bytes | str]:
    by = by or messenger(world)
    return tell(world, submission(world, make_retention_order(world, by, keys), by=by))


def refused(answers: dict[int, bytes | str], reason: str) -> bool:
    return set(answers.values()) == {reason}


def taken(answers: dict[int, bytes | str]) -> bool:
    return all(is_word(DestroyScheduled, answer) for answer in answers.values())


# -- what is due ---------------------------------------------------------------------------------------------------


def test_a_key_ends_after_its_time_and_the_wait(world: World, keys: tuple[OpenKey, ...]) -> None:
    by = messenger(world)
    pass_time(world, LAB_DAYS * DAY - 1)
    assert refused(order_all(world, keys), "NOT_DUE")
    pass_time(world, 1)
    order = make_retention_order(world, by, keys)
    assert taken(tell(world, submission(world, order, by=by)))
    pass_time(world, WEEK - 1)
    assert not words_on(world, order)
    pass_time(world, 1)
    assert set(words_on(world, order)) == {1, 2, 3, 4, 5}
    assert all(holds_nothing(world, index, keys) for index in world.members)


def test_one_young_key_keeps_the_order_from_being_taken(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    pass_time(world, LAB_DAYS * DAY)
    young = world.create(alice)
    assert refused(order_all(world, keys + young), "NOT_DUE")
    assert taken(order_all(world, keys))


@pytest.mark.parametrize("context", [BOOKING, {"patient": "p-1"}, {"category": "Laboratory"}])
def test_what_no_rule_ends_is_never_due(world: World, alice: Device, context: dict[str, str]) -> None:
    keys = world.create(alice, [context])
    pass_time(world, 340 * DAY)
    assert refused(order_all(world, keys), "NOT_DUE")


def test_an_inbox_never_ends_by_its_age(world: World, alice: Device) -> None:
    """What was put into it yesterday would end with it."""
    keys = world.create(alice, spec=KeySpec.INBOX)
    pass_time(world, 340 * DAY)
    assert refused(order_all(world, keys), "NOT_DUE")


@pytest.mark.parametrize("days", [-3000, 3000])
def test_the_date_that_a_dealer_writes_into_a_key_counts_for_nothing(
    world: World, alice: Device, days: int
) -> None:
    """Neither does it end records early, nor keep them for ever."""
    now = world.clock()
    world.clock.turn(days * DAY)
    dealt = world.deal(alice, [LAB])
    world.clock.turn(-days * DAY)
    sent = world.send(alice, dealt)
    for index in world.members:
        world.deposit_at(index, sent)
    assert world.clock() == now
    assert dealt.descriptors[0].core.created_at == now + days * DAY
    assert refused(order_all(world, dealt.keys), "NOT_DUE")
    pass_time(world, LAB_DAYS * DAY)
    assert taken(order_all(world, dealt.keys))


def test_a_key_that_custodians_made_counts_from_when_its_draw_was_sure(world: World, alice: Device) -> None:
    rows = fill(world, 2)
    pass_time(world, 50 * DAY)
    drawn = draw(world, alice, rows[:1])
    found = world.nodes[1].context.store.keys(drawn)
    assert [key.taken_at for key in found.values()] == [world.clock()]


# -- who brings it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("holder", ["device", "professional"])
def test_strangers_learn_from_no_refusal_what_is_due(
    world: World, keys: tuple[OpenKey, ...], holder: str
) -> None:
    by = world.device("mallory", holder, ("a", "b"))
    assert refused(order_all(world, keys, by), "NOT_A_MESSENGER")
    with pytest.raises(Denied, match="admins, operators and services"):
        look(world, 1, by)
    nobody = world.device("nobody", "operator", ())
    assert refused(order_all(world, keys, nobody), "NOT_A_MESSENGER")


def test_an_admins_key_brings_one_and_another_key_in_its_name_does_not(
    world: World, keys: tuple[OpenKey, ...]
) -> None:
    pass_time(world, LAB_DAYS * DAY)
    admin = Device("admin", signing_key("admin"), issuers=())
    mallory = signing_key("mallory")
    stolen_name = make_retention_order(
        world, replace(admin, key=mallory), keys, signer_thumbprint=admin.thumbprint
    )
    assert refused(tell(world, submission(world, stolen_name)), "WRONG_SIGNER")
    assert taken(order_all(world, keys, admin))


def test_an_admins_key_that_was_ended_brings_none(world: World, keys: tuple[OpenKey, ...]) -> None:
    pass_time(world, LAB_DAYS * DAY)
    admin = Device("admin", signing_key("admin"), issuers=())
    keyring = world.keyring
    said = KeyKill(keyring.keyring_id, keyring.manifest_hash, admin.thumbprint, world.clock())
    for node in world.nodes.values():
        node.kill(sign(said, admin.key).message)
    assert refused(order_all(world, keys, admin), "NOT_A_MESSENGER")


def test_nobody_couples_one_owners_keys_with_anothers(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    """One of them would call off, or a hold would keep, what is another's."""
    others = world.create(world.device("carol"))
    pass_time(world, LAB_DAYS * DAY)
    assert refused(order_all(world, keys + others), "SEVERAL_OWNERS")


def test_an_order_is_as_old_as_any_may_be(world: World, keys: tuple[OpenKey, ...]) -> None:
    by = messenger(world)
    order = make_retention_order(world, by, keys)
    pass_time(world, LAB_DAYS * DAY)
    assert refused(tell(world, submission(world, order, by=by)), "ORDER_TOO_OLD")


def test_an_order_from_the_future_is_none(world: World, keys: tuple[OpenKey, ...]) -> None:
    """It would be good for longer than any may be."""
    by = messenger(world)
    pass_time(world, LAB_DAYS * DAY)
    order = make_retention_order(world, by, keys, created_at=world.clock() + 301)
    assert refused(tell(world, submission(world, order, by=by)), "INVALID_FIELD")


def test_an_order_for_another_keyring_is_none(world: World, keys: tuple[OpenKey, ...]) -> None:
    by = messenger(world)
    pass_time(world, LAB_DAYS * DAY)
    for change in ({"keyring_id": b"k" * 32}, {"manifest_hash": b"m" * 32}):
        order = make_retention_order(world, by, keys, **change)
        assert refused(
            tell(world, submission(world, order, by=by)),
            "WRONG_KEYRING" if "keyring_id" in change else "STALE_MANIFEST",
        )


def test_a_day_on_which_much_is_due_leaves_room_for_owners(tmp_path: Path) -> None:
    world = World.found(tmp_path / "world", n=3, threshold=2, policy=policy())
    try:
        alice = world.device("alice")
        keys = world.create(alice, [LAB] * 3)
        for index in world.members:
            world.start(index, options=NodeOptions(destroying=DestroyLimits(keys_a_day=4)))
        pass_time(world, LAB_DAYS * DAY)
        assert refused(order_all(world, keys), "DESTROY_LIMIT")
        assert taken(order_all(world, keys[:2]))
        assert refused(order_all(world, keys[2:]), "DESTROY_LIMIT")
    finally:
        world.close()


# -- custodians ----------------------------------------------------------------------------------------------------


def test_one_custodian_whose_clock_jumped_ahead_ends_nothing(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    by = messenger(world)
    order = make_retention_order(world, by, keys)
    world.clock.turn(LAB_DAYS * DAY)
    ahead = tell(world, submission(world, make_retention_order(world, by, keys), by=by), 1)
    assert taken(ahead)
    world.clock.turn(-LAB_DAYS * DAY)
    words = [word for word in ahead.values() if isinstance(word, bytes)]
    sent = submission(world, order, by=by, words=words)
    assert refused(tell(world, sent, 2, 3, 4, 5), "NOT_DUE")
    assert set(world.release(alice, keys).opened) == {key.key_id for key in keys}


def test_others_words_do_not_sway_who_knows_better(world: World, keys: tuple[OpenKey, ...]) -> None:
    """Three custodians, one of them honest with a fast clock: who took the key in itself goes by its own."""
    by = messenger(world)
    world.clock.turn(LAB_DAYS * DAY)
    order = make_retention_order(world, by, keys, created_at=world.clock() - 2 * DAY)
    ahead = tell(world, submission(world, order, by=by), 1, 2, 3)
    world.clock.turn(-2 * DAY)
    words = [word for word in ahead.values() if isinstance(word, bytes)]
    assert len(words) == 3
    assert refused(tell(world, submission(world, order, by=by, words=words), 4, 5), "NOT_DUE")


def join(world: World) -> Device:
    """Custodian 6 comes in the place of 1, is given its shares by others, and what it has comes to its time."""
    change_committee(world, [2, 3, 4, 5, 6], 3)
    Resharing(world, make_order(world)).run()
    pass_time(world, LAB_DAYS * DAY)
    return messenger(world)


def scheduled_by(world: World, sent: Submission, *indices: int) -> list[bytes]:
    return [word for word in tell(world, sent, *indices).values() if isinstance(word, bytes)]


def test_a_newcomer_counts_from_the_end_of_the_keys_own_manifest_or_believes_t_others(
    world: World, keys: tuple[OpenKey, ...]
) -> None:
    """Who gave it its share may have told it any date; as many as open a key, one of them honest, may tell it."""
    by = join(world)
    assert world.nodes[6].context.store.keys([keys[0].key_id])[keys[0].key_id].taken_at == 0
    order = make_retention_order(world, by, keys)
    sent = submission(world, order, by=by)
    assert refused(tell(world, sent, 6), "NOT_DUE")
    words = scheduled_by(world, sent, 2, 3, 4, 5)
    assert len(words) == 4
    assert refused(tell(world, submission(world, order, by=by, words=words[:2]), 6), "NOT_DUE")
    assert refused(tell(world, submission(world, order, words=words[:2]), 6), "NOT_A_MESSENGER")
    assert taken(tell(world, submission(world, order, words=words[:3]), 6))


def test_a_newcomer_alone_is_due_after_the_end_of_the_keys_manifest(
    world: World, keys: tuple[OpenKey, ...]
) -> None:
    ends = world.keyring.manifest.expires_at
    by = join(world)
    (row,) = look(world, 6, by).rows
    assert row.next_due_at == ends + LAB_DAYS * DAY


def test_a_newcomer_keeps_what_its_own_rules_or_an_owner_keep_whatever_others_say(
    world: World, alice: Device, keys: tuple[OpenKey, ...], tmp_path: Path
) -> None:
    by = join(world)
    order = make_retention_order(world, by, keys)
    tell(world, submission(world, make_cancellation(world, alice, order), order=order), 6)
    again = make_retention_order(world, by, keys)
    words = scheduled_by(world, submission(world, again, by=by), 2, 3, 4)
    assert refused(tell(world, submission(world, again, words=words), 6), "NOT_DUE")
    others = world.create(alice, at=[2, 3, 4, 5])
    own = tmp_path / "own.cedar"
    own.write_text(kept("laboratory"))
    world.start(6, options=NodeOptions(forbids=file_source(own)))
    Resharing(world, make_order(world, 2)).run()
    pass_time(world, LAB_DAYS * DAY)
    order = make_retention_order(world, by, others)
    words = scheduled_by(world, submission(world, order, by=by), 2, 3, 4)
    assert len(words) == 3
    assert refused(tell(world, submission(world, order, words=words), 6), "NOT_DUE")


def test_who_has_not_the_key_knows_no_age_of_it(world: World, alice: Device) -> None:
    keys = world.create(alice, at=[1, 2, 3, 4])
    pass_time(world, LAB_DAYS * DAY)
    by = messenger(world)
    order = make_retention_order(world, by, keys)
    described = [key.descriptor.payload for key in keys]
    assert refused(tell(world, submission(world, order, by=by, descriptors=described), 5), "NOT_DUE")
    words = scheduled_by(world, submission(world, order, by=by), 1, 2, 3)
    assert taken(tell(world, submission(world, order, words=words, descriptors=described), 5))


# -- rules ---------------------------------------------------------------------------------------------------------


def renew(world: World, text: str) -> None:
    """A next manifest of the same custodians, with this policy."""
    change_committee(world, [1, 2, 3, 4, 5], 3, policy=text)


def test_an_order_under_a_manifest_whose_rule_was_shorter_ends_nothing(
    world: World, keys: tuple[OpenKey, ...]
) -> None:
    by = messenger(world)
    pass_time(world, LAB_DAYS * DAY)
    order = make_retention_order(world, by, keys)
    renew(world, policy({"laboratory": 200}))
    assert refused(tell(world, submission(world, order, by=by)), "NOT_DUE")


@pytest.mark.parametrize("later", [policy({"laboratory": 200}), policy({}), policy(more=kept("laboratory"))])
def test_a_longer_rule_saves_keys_that_wait_already_and_opens_them_at_once(
    world: World, alice: Device, keys: tuple[OpenKey, ...], later: str
) -> None:
    by = messenger(world)
    pass_time(world, LAB_DAYS * DAY)
    order = make_retention_order(world, by, keys)
    assert taken(tell(world, submission(world, order, by=by)))
    renew(world, later)
    pass_time(world, 1)
    assert set(world.release(alice, keys).opened) == {key.key_id for key in keys}
    assert refused(tell(world, submission(world, order, by=by)), "ORDER_CANCELLED")
    pass_time(world, WEEK)
    assert not words_on(world, order)


def test_words_under_a_policy_that_is_no_more_end_nothing_where_others_gave_the_shares(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    """Who spoke them calls the order off when the rule becomes longer, and who believed them does as well."""
    change_committee(world, [2, 3, 4, 6, 7], 3)
    Resharing(world, make_order(world)).run()
    pass_time(world, LAB_DAYS * DAY)
    by = messenger(world)
    waits, late = (make_retention_order(world, by, keys) for _ in range(2))
    said = {
        order.hash: scheduled_by(world, submission(world, order, by=by), 2, 3, 4) for order in (waits, late)
    }
    assert taken(tell(world, submission(world, waits, words=said[waits.hash]), 6, 7))
    change_committee(world, [2, 3, 4, 6, 7], 3, policy=policy({"laboratory": 200}))
    assert set(world.release(alice, keys).opened) == {key.key_id for key in keys}
    assert {world.nodes[i].destruction(waits.hash).state for i in (2, 3, 4, 6, 7)} == {"cancelled"}
    assert refused(tell(world, submission(world, late, by=by, words=said[late.hash]), 6, 7), "NOT_DUE")
    pass_time(world, WEEK)
    assert not any(holds_nothing(world, index, keys) for index in (6, 7))


def test_what_is_not_due_when_its_wait_ends_is_not_destroyed(
    world: World, keys: tuple[OpenKey, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though nobody looked when the manifest changed: the last look is before the act."""
    by = messenger(world)
    pass_time(world, LAB_DAYS * DAY)
    order = make_retention_order(world, by, keys)
    assert taken(tell(world, submission(world, order, by=by)))
    monkeypatch.setattr("kms.custodian.destroying.reconsider", lambda node: None)
    renew(world, policy({"laboratory": 200}))
    pass_time(world, WEEK)
    assert not words_on(world, order)
    assert world.nodes[1].destruction(order.hash).state == "cancelled"


@pytest.mark.parametrize(
    "text",
    [
        kept("laboratory"),
        '@id("no-operators") forbid (principal, action == Action::"destroy", resource)'
        ' when { principal.class == "operator" };',
    ],
)
def test_a_custodians_own_forbid_keeps_its_share(
    world: World, keys: tuple[OpenKey, ...], tmp_path: Path, text: str
) -> None:
    own = tmp_path / "own.cedar"
    own.write_text(text)
    world.start(1, options=NodeOptions(forbids=file_source(own)))
    pass_time(world, LAB_DAYS * DAY)
    answers = order_all(world, keys)
    assert answers.pop(1) == "NOT_DUE"
    assert taken(answers)


def test_a_custodians_own_forbid_that_comes_while_it_waits_keeps_its_share(
    world: World, keys: tuple[OpenKey, ...], tmp_path: Path
) -> None:
    own = tmp_path / "own.cedar"
    own.write_text("")
    world.start(1, options=NodeOptions(forbids=file_source(own)))
    pass_time(world, LAB_DAYS * DAY)
    by = messenger(world)
    order = make_retention_order(world, by, keys)
    assert taken(tell(world, submission(world, order, by=by)))
    own.write_text(kept("laboratory"))
    for _ in range(3):  # two looks that find the same
        pass_time(world, 1)
    assert world.nodes[1].destruction(order.hash).state == "cancelled"
    pass_time(world, WEEK)
    assert set(words_on(world, order)) == {2, 3, 4, 5}


def test_a_custodians_own_forbid_that_came_while_it_was_down_opens_keys_again_at_its_start(
    world: World, keys: tuple[OpenKey, ...], tmp_path: Path
) -> None:
    by = messenger(world)
    pass_time(world, LAB_DAYS * DAY)
    order = make_retention_order(world, by, keys)
    assert taken(tell(world, submission(world, order, by=by)))
    own = tmp_path / "own.cedar"
    own.write_text(kept("laboratory"))
    world.start(1, options=NodeOptions(forbids=file_source(own)))
    assert world.nodes[1].destruction(order.hash).state == "cancelled"
    world.start(2)
    assert world.nodes[2].destruction(order.hash).state == "scheduled"


def test_a_rule_that_errs_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cedar skips a rule that errs, so a forbid that errs would vanish."""
    monkeypatch.setattr("kms.custodian.node.refuse_unsafe", lambda manifest: None)
    erring = (
        '@id("overflows") forbid (principal, action == Action::"expire", resource)'
        " when { 9223372036854775807 + 1 > 0 };"
    )
    world = World.found(tmp_path / "world", n=3, threshold=2, policy=policy(more=erring))
    try:
        keys = world.create(world.device("alice"))
        pass_time(world, LAB_DAYS * DAY)
        assert refused(order_all(world, keys), "NOT_DUE")
    finally:
        world.close()


# -- holds, cancellations ------------------------------------------------------------------------------------------


def test_a_hold_keeps_what_is_due(world: World, keys: tuple[OpenKey, ...]) -> None:
    pass_time(world, LAB_DAYS * DAY)
    hold = make_hold(world, keys[:1])
    tell(world, submission(world, hold))
    assert refused(order_all(world, keys), "LEGAL_HOLD")
    assert [row.held for row in look(world, 1, messenger(world)).rows] == [1]
    assert look(world, 1, messenger(world)).due == (keys[1].key_id,)


@pytest.mark.each_store
def test_what_its_owner_called_off_is_kept_for_as_long_again(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    by = messenger(world)
    pass_time(world, LAB_DAYS * DAY)
    order = make_retention_order(world, by, keys)
    tell(world, submission(world, order, by=by))
    pass_time(world, DAY)
    off = tell(world, submission(world, make_cancellation(world, alice, order)))
    assert all(is_word(DestroyCancelled, answer) for answer in off.values())
    for index in world.members:
        world.start(index)  # it stands on the disk
    pass_time(world, LAB_DAYS * DAY - 1)
    assert refused(order_all(world, keys), "NOT_DUE")
    assert look(world, 1, by).due == ()
    pass_time(world, 1)
    assert taken(order_all(world, keys))


def test_nobody_else_calls_it_off_but_admins(world: World, alice: Device, keys: tuple[OpenKey, ...]) -> None:
    by = messenger(world)
    pass_time(world, LAB_DAYS * DAY)
    order = make_retention_order(world, by, keys)
    tell(world, submission(world, order, by=by))
    for who in (by, world.device("mallory")):
        off = make_cancellation(world, who, order)
        assert refused(tell(world, submission(world, off)), "NOT_OWNER")
    admins = tell(world, submission(world, make_admin_cancellation(world, order)))
    assert all(is_word(DestroyCancelled, answer) for answer in admins.values())
    assert refused(order_all(world, keys), "NOT_DUE")


def test_an_order_that_was_made_up_keeps_nobody_elses_keys(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    """Whoever owns one key of it calls it off, before it comes: what of it is another's goes on."""
    mallory = world.device("mallory")
    own = world.create(mallory)
    pass_time(world, LAB_DAYS * DAY)
    made_up = make_retention_order(world, mallory, own + keys)
    off = make_cancellation(world, mallory, made_up)
    assert all(
        is_word(DestroyCancelled, answer)
        for answer in tell(world, submission(world, off, order=made_up)).values()
    )
    assert refused(order_all(world, own), "NOT_DUE")
    assert taken(order_all(world, keys))


def test_the_owner_is_told_when_and_why(world: World, alice: Device, keys: tuple[OpenKey, ...]) -> None:
    by = messenger(world)
    pass_time(world, LAB_DAYS * DAY)
    order = make_retention_order(world, by, keys)
    tell(world, submission(world, order, by=by))
    (notice,) = world.account(1, alice).notices
    assert (notice.kind, notice.subject_hash) == (NoticeKind.DESTROY_SCHEDULED, order.hash)
    assert (notice.due_at, notice.destroy_reason, notice.count) == (world.clock() + WEEK, 3, 2)
    *_, event = world.nodes[1].owner_events(alice.thumbprint, 0, 200)
    assert b"RETENTION" in event.leaf.detail  # and in the history, under the log's root


# -- naive variants ------------------------------------------------------------------------------------------------


def test_who_believed_the_dealers_date_would_end_records_early(
    world: World, alice: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.clock.turn(-3000 * DAY)
    dealt = world.deal(alice, [LAB])
    world.clock.turn(3000 * DAY)
    sent = world.send(alice, dealt)
    for index in world.members:
        world.deposit_at(index, sent)
    monkeypatch.setattr(retaining, "taken_at", lambda node, key: key.descriptor.core.created_at)
    assert taken(order_all(world, dealt.keys))


def test_who_believed_the_messenger_would_end_whatever_it_names(
    world: World, keys: tuple[OpenKey, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kms.custodian.destroy_rights.check_due", lambda *arguments: None)
    assert taken(order_all(world, keys))


def test_who_asked_the_rules_of_the_orders_own_manifest_would_go_by_a_shorter_one(
    world: World, keys: tuple[OpenKey, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    by = messenger(world)
    pass_time(world, LAB_DAYS * DAY)
    order = make_retention_order(world, by, keys)
    then = world.nodes[1].context.policy
    renew(world, policy({"laboratory": 200}))
    monkeypatch.setattr(retaining, "Lifespans", lambda engine, real=retaining.Lifespans: real(then))
    assert taken(tell(world, submission(world, order, by=by)))


# -- what is shown -------------------------------------------------------------------------------------------------


def test_a_question_is_for_one_custodian_just_now_and_signed_by_who_asks(
    world: World, keys: tuple[OpenKey, ...]
) -> None:
    by = messenger(world)
    with pytest.raises(Invalid, match="another custodian"):
        look(world, 1, by, of_index=2)
    with pytest.raises(Stale, match="not of just now"):
        look(world, 1, by, created_at=world.clock() - 301)
    with pytest.raises(EvidenceRefused):
        look(world, 1, replace(by, issuers=("a",)))  # which may not call anybody an operator


def test_only_an_admin_asks_what_another_policy_would_come_to(
    world: World, keys: tuple[OpenKey, ...]
) -> None:
    with pytest.raises(Denied, match="only an admin"):
        look(world, 1, messenger(world), under=policy({"laboratory": 1}))
    admin = Device("admin", signing_key("admin"), issuers=())
    pass_time(world, DAY)
    shown = look(world, 1, admin, under=policy({"laboratory": 1}))
    assert [(row.category, row.due) for row in shown.rows] == [("laboratory", 2)]
    assert shown.due == ()  # names are for what may be ordered
    with pytest.raises(Invalid, match="laboratory-ends"):
        look(world, 1, admin, under=policy({"laboratory": 0}))


@pytest.mark.parametrize(
    "said", ["(" * 20_000 + "true" + ")" * 20_000, " || ".join(["context.clinical"] * 3000)]
)
def test_no_admin_alone_ends_a_custodian_by_asking_about_a_deep_policy(
    world: World, keys: tuple[OpenKey, ...], said: str
) -> None:
    """Cedar's parser ends the process that it is in with it, and so every custodian that is asked."""
    admin = Device("admin", signing_key("admin"), issuers=())
    text = rule("laboratory", 1).replace('context.category == "laboratory"', said)
    assert len(text) < 65536
    with pytest.raises(Invalid, match="nested too deeply"):
        look(world, 1, admin, under=text)


def test_a_policy_that_nobody_signed_is_asked_few_times_for_one_answer(
    world: World, alice: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be written to take long, and categories be made up so that it is asked for each key."""
    world.create(alice, [{"category": f"made up {n}"} for n in range(40)])
    admin = Device("admin", signing_key("admin"), issuers=())
    asked: set[str] = set()
    lifespan = PolicyEngine.lifespan

    def counted(engine: PolicyEngine, category: str) -> Lifespan:
        asked.add(category)
        return lifespan(engine, category)

    monkeypatch.setattr(PolicyEngine, "lifespan", counted)
    first = look(world, 1, admin, under=policy({"laboratory": 1}))
    assert len(asked) == 32
    rest = look(world, 1, admin, under=policy({"laboratory": 1}), after=first.following)
    assert [row.kept for shown in (first, rest) for row in shown.rows] == [32, 8]
    assert rest.following == 0


def test_categories_that_no_rule_names_are_not_told(world: World, alice: Device) -> None:
    """A depositor may have written anything there."""
    world.create(alice, [LAB, {"category": "p-17 has it"}, {"category": "p-18 too"}, BOOKING])
    rows = {row.category: row for row in look(world, 1, messenger(world)).rows}
    assert set(rows) == {"laboratory", ""}
    assert rows["laboratory"].later == 0
    assert rows["laboratory"].within == [0, 0, 1]
    assert rows["laboratory"].next_due_at == world.clock() + LAB_DAYS * DAY
    assert rows[""].kept == 3


def test_what_a_custodians_own_rules_name_is_not_told(world: World, alice: Device, tmp_path: Path) -> None:
    own = tmp_path / "own.cedar"
    own.write_text(kept("imaging"))
    world.start(1, options=NodeOptions(forbids=file_source(own)))
    world.create(alice, [LAB, {"category": "imaging"}])
    assert {row.category for row in look(world, 1, messenger(world)).rows} == {"laboratory", ""}


def test_who_orders_need_not_hear_of_keys_that_are_too_young(
    world: World, alice: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kms.custodian.outlook.PAGE", 2)
    old = world.create(alice, [LAB] * 3)
    pass_time(world, LAB_DAYS * DAY)
    world.create(alice, [LAB] * 5)
    by = messenger(world)
    first = look(world, 1, by, due_only=True)
    second = look(world, 1, by, after=first.following, due_only=True)
    assert (len(first.due), first.following, len(second.due), second.following) == (2, 2, 1, 0)
    assert {*first.due, *second.due} == {key.key_id for key in old}
    assert look(world, 1, by, after=2).following == 4


def test_pages_name_every_due_key_once(world: World, alice: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kms.custodian.outlook.PAGE", 3)
    keys = world.create(alice, [LAB] * 7)
    pass_time(world, LAB_DAYS * DAY)
    found: list[KeyId] = []
    after = 0
    while True:
        page = look(world, 1, messenger(world), after=after)
        found += page.due
        after = page.following
        if not after:
            break
    assert sorted(found) == sorted(key.key_id for key in keys)
    by = messenger(world)
    some = random.Random(1).sample(keys, 3)
    tell(world, submission(world, make_retention_order(world, by, some), by=by), 1)
    left = [key_id for n in (0, 3, 6) for key_id in look(world, 1, by, after=n).due]
    assert sorted(left) == sorted(key.key_id for key in keys if key not in some)
