"""Resharing with liars: a dealer that deals wrong shares, a coordinator that bends, forks or erases too early."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kms.coordinator.resharing import MadePlan, ReshareCase
from kms.crypto.group import Q
from kms.crypto.resharing import SubDealing, redeal
from kms.crypto.sealing import blob_hash
from kms.crypto.secret import ShareBytes
from kms.crypto.sharing import decode_share, encode_share
from kms.custodian import resharing
from kms.custodian.resharing import OldPlan
from kms.statements.ceremony import Dealing, encode_plan, parse_plan
from kms.statements.codec import decode
from kms.statements.envelope import sign, unpack
from kms_client.cache import OpenKey
from tests.protocol.adversary import reason_of
from tests.protocol.ceremonies import Resharing, change_committee, make_order, message
from tests.protocol.world import LAB, World


@pytest.fixture
def keys(world: World) -> tuple[OpenKey, ...]:
    return world.create(world.device("alice"), [LAB] * 3)


def begin(world: World, keys: tuple[OpenKey, ...], sequence: int = 1) -> tuple[Resharing, ReshareCase]:
    """One batch of all keys, its dealings not made yet."""
    run = Resharing(world, make_order(world, sequence))
    ((version, threshold, ids),) = run.batches()
    return run, run.case(version, threshold, ids)


def planned(world: World, keys: tuple[OpenKey, ...]) -> tuple[Resharing, ReshareCase, MadePlan]:
    run, case = begin(world, keys)
    run.collect_dealings(case)
    return run, case, case.plan()


def still_opens(world: World, keys: tuple[OpenKey, ...]) -> bool:
    collected = world.release(world.device("alice"), keys)
    return {k: v.secret for k, v in collected.opened.items()} == {k.key_id: k.secret for k in keys}


def lying(monkeypatch: pytest.MonkeyPatch, *, only_to: int | None = None, other: bool = False) -> None:
    """From now on every dealing is bent: sub-shares off their points, or a whole dealing of another share."""

    def bent(share: bytes, threshold: int, indices: tuple[int, ...]) -> SubDealing:
        if other:
            a, b = decode_share(share)
            return redeal(encode_share(a % (Q - 1) + 1, b), threshold, indices)
        honest = redeal(share, threshold, indices)
        shares = dict(honest.shares)
        for index in indices if only_to is None else (only_to,):
            a, b = decode_share(shares[index].reveal())
            shares[index] = ShareBytes(encode_share(a % (Q - 1) + 1, b))
        return SubDealing(honest.points, shares)

    monkeypatch.setattr(resharing, "redeal", bent)


@pytest.mark.parametrize("other", [False, True], ids=["bent sub-shares", "another secret"])
def test_a_dealer_that_lies_is_named_by_all_and_replaced(
    world: World, keys: tuple[OpenKey, ...], monkeypatch: pytest.MonkeyPatch, other: bool
) -> None:
    run, case = begin(world, keys)
    run.away = {2, 3, 4, 5}
    members = [message(node.sealing_key().envelope) for node in world.nodes.values()]
    with monkeypatch.context() as patch:
        lying(patch, other=other)
        dealt = world.nodes[1].deal(
            message(run.order.envelope), case.from_version, case.key_ids, members, frozenset()
        )
    case.add_dealing(1, message(dealt.dealing), dealt.points, dealt.blobs)
    run.away = set()
    run.collect_dealings(case)
    made = case.plan()
    assert 1 in made.dealers
    assert set(run.install(case, made).values()) == {"COMBINED_WRONG"}
    for index in world.nodes:
        assert run.find_cheats(case, made, index) == [1]
    assert case.proven_cheats() == [1]
    run.collect_dealings(case)
    again = case.plan()
    assert 1 not in again.dealers
    assert run.install(case, again) == {}
    run.erase(case, again)
    assert still_opens(world, keys)


def test_a_dealer_that_cheats_one_member_does_not_stop_the_others_from_keeping_old_shares(
    world: World, keys: tuple[OpenKey, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    lying(monkeypatch, only_to=5)
    run, case, made = planned(world, keys)
    assert run.install(case, made) == {5: "COMBINED_WRONG"}
    assert not case.durable()
    with pytest.raises(Exception, match="4 custodians installed it, 5 must have"):
        run.erase(case, made)
    assert still_opens(world, keys)


def test_a_dealing_is_taken_from_nobody_but_its_holder(world: World, keys: tuple[OpenKey, ...]) -> None:
    run, case, made = planned(world, keys)
    batch = run.batch_for(case, made, 5)
    first, second, *rest = batch.dealings
    assert (
        reason_of(world.nodes[5].install, replace(batch, dealings=(second, first, *rest))) == "WRONG_SIGNER"
    )
    swapped = {**batch.blobs, made.dealers[0]: batch.blobs[made.dealers[1]]}
    assert reason_of(world.nodes[5].install, replace(batch, blobs=swapped)) == "WRONG_BLOB"
    others = {i: d.blobs[4] for i, d in made.dealings.items()}
    assert reason_of(world.nodes[5].install, replace(batch, blobs=others)) == "WRONG_BLOB"
    for keys_shown in (batch.key_ids[::-1], batch.key_ids[:-1]):
        assert reason_of(world.nodes[5].install, replace(batch, key_ids=keys_shown)) == "WRONG_PLAN"


def test_a_dealing_that_was_not_planned_stands_in_for_none(world: World, keys: tuple[OpenKey, ...]) -> None:
    run, case, made = planned(world, keys)
    again = run.case(case.from_version, case.from_threshold, case.key_ids)
    run.collect_dealings(again)
    batch, unplanned = run.batch_for(case, made, 5), run.batch_for(again, again.plan(), 5)
    dealer = made.dealers[0]
    mixed = replace(
        batch,
        dealings=(unplanned.dealings[0], *batch.dealings[1:]),
        blobs={**batch.blobs, dealer: unplanned.blobs[dealer]},
    )
    assert reason_of(world.nodes[5].install, mixed) == "WRONG_PLAN"


def test_dealings_of_other_keys_of_the_same_order_are_taken_for_none(
    world: World, keys: tuple[OpenKey, ...]
) -> None:
    run, whole = begin(world, keys)
    halves = [
        run.case(whole.from_version, whole.from_threshold, ids)
        for ids in (whole.key_ids[:2], whole.key_ids[1:])
    ]
    for half in halves:
        run.collect_dealings(half)
    made, other = (half.plan() for half in halves)
    swapped = replace(parse_plan(made.payload), dealings=parse_plan(other.payload).dealings)
    batch, strange = run.batch_for(halves[0], made, 5), run.batch_for(halves[1], other, 5)
    mixed = replace(batch, plan=encode_plan(swapped), dealings=strange.dealings, blobs=strange.blobs)
    assert reason_of(world.nodes[5].install, mixed) == "WRONG_PLAN"
    assert reason_of(world.nodes[5].install, batch) == ""


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("threshold", 4, "WRONG_PLAN"),
        ("sequence", 7, "WRONG_PLAN"),
        ("order_hash", bytes(32), "WRONG_PLAN"),
        ("keyring_id", bytes(32), "WRONG_PLAN"),
        ("batch_root", bytes(32), "WRONG_PLAN"),
        ("points_hash", bytes(32), "WRONG_PLAN"),
        ("from_version", bytes(32), "WRONG_PLAN"),
        ("to_manifest_hash", bytes(32), "STALE_MANIFEST"),
    ],
)
def test_a_plan_that_a_coordinator_altered_is_installed_by_nobody(
    world: World, keys: tuple[OpenKey, ...], field: str, value: object, reason: str
) -> None:
    run, case, made = planned(world, keys)
    payload = encode_plan(replace(parse_plan(made.payload), **{field: value}))  # type: ignore[arg-type]
    batch = replace(run.batch_for(case, made, 5), plan=payload)
    assert reason_of(world.nodes[5].install, batch) == reason


def test_points_that_a_coordinator_made_up_fit_no_share(world: World, keys: tuple[OpenKey, ...]) -> None:
    run, case, made = planned(world, keys)
    bent = made.points[33:] + made.points[:33]
    batch = replace(run.batch_for(case, made, 5), points=bent)
    assert reason_of(world.nodes[5].install, batch) == "WRONG_PLAN"


def test_two_plans_of_one_order_stand_beside_each_other(world: World, keys: tuple[OpenKey, ...]) -> None:
    run, case, made = planned(world, keys)
    other = run.case(case.from_version, case.from_threshold, case.key_ids)
    run.collect_dealings(other)
    forked = other.plan()
    assert forked.version != made.version
    for one, plan in ((case, made), (other, forked)):
        assert run.install(one, plan) == {}
        run.erase(one, plan)
    held = world.nodes[2].context.store.keys(case.key_ids)
    assert {len(key.reshared) for key in held.values()} == {2}
    assert still_opens(world, keys)


def test_a_coordinator_that_forks_without_end_fills_no_disk(world: World, keys: tuple[OpenKey, ...]) -> None:
    run, case = begin(world, keys)
    refused = []
    for _ in range(resharing.MAX_PLANS_OF_ONE_ORDER + 1):
        one = run.case(case.from_version, case.from_threshold, case.key_ids)
        run.collect_dealings(one)
        refused.append(run.install(one, one.plan(), 1))
    assert [r.get(1, "") for r in refused] == [""] * resharing.MAX_PLANS_OF_ONE_ORDER + ["TOO_MANY_PLANS"]


def test_nor_does_one_whose_first_key_is_in_no_plan_yet(world: World, keys: tuple[OpenKey, ...]) -> None:
    run, case = begin(world, keys)
    fresh, *full = case.key_ids
    for _ in range(resharing.MAX_PLANS_OF_ONE_ORDER):
        one = run.case(case.from_version, case.from_threshold, tuple(full))
        run.collect_dealings(one)
        assert run.install(one, one.plan(), 1) == {}
    one = run.case(case.from_version, case.from_threshold, (fresh, *full))
    run.collect_dealings(one)
    assert run.install(one, one.plan(), 1) == {1: "TOO_MANY_PLANS"}


def test_fewer_promises_than_a_quorum_s_erase_nothing(world: World, keys: tuple[OpenKey, ...]) -> None:
    run, case, made = planned(world, keys)
    run.install(case, made)
    word = [case.installed[i].message for i in sorted(case.installed)]
    node = world.nodes[1]
    assert reason_of(node.erase, made.payload, case.key_ids, word[:4]) == "NOT_DURABLE"
    assert reason_of(node.erase, made.payload, case.key_ids, [word[0]] * 5) == "NOT_DURABLE"
    assert reason_of(node.erase, made.payload, case.key_ids[:2], word) == "WRONG_PLAN"
    stranger = message(word[0].SerializeToString())
    stranger.signatures[0].keyid = world.device("mallory").key.public
    assert reason_of(node.erase, made.payload, case.key_ids, [stranger, *word[1:]]) == "WRONG_SIGNER"
    assert all(key.dealt for key in node.context.store.keys(case.key_ids).values())


def test_a_custodian_that_has_not_installed_the_plan_keeps_its_old_shares(
    world: World, keys: tuple[OpenKey, ...]
) -> None:
    change_committee(world, range(1, 8), 3)
    run, case = begin(world, keys)
    run.away = {5}
    run.collect_dealings(case)
    made = case.plan()
    run.install(case, made)
    run.erase(case, made)
    world.nodes[5].erase(made.payload, case.key_ids, case.certificate())
    assert all(key.dealt for key in world.nodes[5].context.store.keys(case.key_ids).values())


def test_nobody_is_dealt_to_who_is_no_member(world: World, keys: tuple[OpenKey, ...]) -> None:
    run, case = begin(world, keys)
    members = [message(node.sealing_key().envelope) for node in world.nodes.values()]
    stranger = message(members[0].SerializeToString())
    key = world.device("mallory").key
    stranger.signatures[0].keyid = key.public
    stranger.signatures[0].sig = key.sign(stranger.payload_type, stranger.payload)
    deal = world.nodes[1].deal
    arguments = (message(run.order.envelope), case.from_version, case.key_ids)
    assert reason_of(deal, *arguments, [stranger, *members[1:]], frozenset()) == "UNKNOWN_CUSTODIAN"
    assert reason_of(deal, *arguments, members[:4], frozenset()) == "NOT_DURABLE"


def misdealt(world: World, run: Resharing, case: ReshareCase, how: str) -> None:
    """Custodian 1's dealing, with a blob for custodian 5 that is no sub-shares; it signs for what it sends."""
    members = [message(node.sealing_key().envelope) for node in world.nodes.values()]
    dealt = world.nodes[1].deal(
        message(run.order.envelope), case.from_version, case.key_ids, members, frozenset()
    )
    dealing = decode(Dealing, unpack(dealt.dealing)[1])
    *others, last = dealing.targets
    blobs = {**dealt.blobs, last.index: dealt.blobs[last.index][::-1]}
    if how == "unreadable":
        others.append(replace(last, blob_hash=blob_hash(blobs[last.index])))
    elif how == "another blob":
        others.append(last)
    signed = sign(replace(dealing, targets=tuple(others)), world.identities[1]).message
    case.add_dealing(1, signed, dealt.points, blobs, world.nodes)


def test_a_dealing_that_a_member_cannot_read_names_its_dealer(
    world: World, keys: tuple[OpenKey, ...]
) -> None:
    run, case = begin(world, keys)
    misdealt(world, run, case, "unreadable")
    run.collect_dealings(case)
    made = case.plan()
    assert run.install(case, made) == {5: "COMBINED_WRONG"}
    assert run.find_cheats(case, made, 5) == [1]
    run.collect_dealings(case)
    again = case.plan()
    assert 1 not in again.dealers
    assert run.install(case, again) == {}


@pytest.mark.parametrize(("how", "reason"), [("another blob", "WRONG_BLOB"), ("none", "WRONG_DEALING")])
def test_a_dealing_that_leaves_a_member_without_what_was_signed_for_is_not_taken(
    world: World, keys: tuple[OpenKey, ...], how: str, reason: str
) -> None:
    run, case = begin(world, keys)
    assert reason_of(misdealt, world, run, case, how) == reason
    assert case.refused == {1: reason}
    run.collect_dealings(case)
    assert run.install(case, case.plan()) == {}


def test_slander_stops_no_resharing_and_convicts_nobody(world: World, keys: tuple[OpenKey, ...]) -> None:
    """Custodians 1 and 2 lie: 1 deals wrongly to one member at a time, and both complain of everybody else."""
    change_committee(world, range(1, 8), 3)
    _, case = begin(world, keys)
    for dealer in (3, 4, 5):
        case.accusers[dealer] = {1, 2}
    assert case.proven_cheats() == []
    case.accusers[1] = {7}  # the fewest complain of the one that lies, and yet no durable choice has it
    assert case.choose_dealers((1, 3, 4, 5)) == (3, 4, 5)
    for dealer in (3, 4, 5):
        case.accusers[dealer] = {2}
    case.unable = {1, 2}  # who neither installs nor complains is not counted on
    assert case.choose_dealers((1, 3, 4, 5)) == (3, 4, 5)
    case.accusers[1] = {5, 6, 7}
    assert case.proven_cheats() == [1]
    assert case.choose_dealers((1, 3, 4)) == (3, 4)


def test_points_of_fewer_dealings_than_planned_are_refused(world: World, keys: tuple[OpenKey, ...]) -> None:
    run, case, made = planned(world, keys)
    points = [dealing.packed_points for dealing in made.dealings.values()]
    batch = run.batch_for(case, made, 5)
    assert reason_of(world.nodes[5].find_cheat, batch, points[:2], OldPlan()) == "WRONG_POINTS"
