"""Providers' keys followed from set to set: which count, since when, until when, and what survives a restart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kms.custodian.providers import KEEP_GONE, MAX_GONE, follow, usable_keys
from kms.custodian.vouching import vouch
from kms.errors import EvidenceRefused, NotFound, StoreError
from kms.statements.audit import LogEntry, LogKind
from kms.statements.codec import decode
from kms.statements.ids import KeyId
from kms.statements.manifest import HolderClass, Issuer, IssuerKey, IssuerKeyType
from kms.statements.providers import ProviderState, fingerprint
from kms.statements.release import Purpose
from tests import stores
from tests.protocol.adversary import ruling
from tests.protocol.ceremonies import change_committee
from tests.protocol.providers import (
    AGE,
    DELAY,
    Shown,
    issuer_of,
    other,
    provider_world,
    read,
    show,
    show_usual,
    token,
    usual,
)
from tests.protocol.world import World, iss
from tests.unit.policy.certificates import authority

OLD, NEW, NEXT = other("old"), other("new"), other("next")
NOW = 1_800_000_000
PROVIDER = Issuer(
    "https://login.example",
    "Login AG",
    (HolderClass.DEVICE,),
    (),
    trust_anchors=(authority("login", now=NOW).der,),
    key_delay=DELAY,
    max_key_age=AGE,
)
PINNING = replace(PROVIDER, keys=(IssuerKey("old", IssuerKeyType.ED25519, OLD[1].public),))


def followed(*steps: tuple[int, tuple[Shown, ...]], issuer: Issuer = PROVIDER) -> ProviderState:
    """After sets that were fetched so many seconds after the first."""
    state = ProviderState(issuer.iss)
    for at, keys in steps:
        state = follow(state, issuer, read(*keys), NOW + at)
    return state


def verdict(state: ProviderState, kid: str, at: int, issuer: Issuer = PROVIDER) -> str:
    """ "" if this kid's key counts then, else the reason why not."""
    keys = usable_keys(issuer, state)
    try:
        keys.check_usable(NOW + at)
        keys.key_of(kid, NOW + at)
    except EvidenceRefused as error:
        return error.reason
    return ""


def test_the_first_set_counts_at_once() -> None:
    state = followed((0, (OLD, NEW)))
    assert [verdict(state, kid, 0) for kid in ("old", "new")] == ["", ""]
    assert verdict(state, "next", 0) == "CREDENTIAL_UNKNOWN_KEY"


def test_a_new_key_counts_after_it_was_seen_beside_one_that_counts_for_the_delay() -> None:
    both = (OLD, NEW)
    for last, expected in ((0, "CREDENTIAL_KEY_TOO_NEW"), (DELAY - 1, "CREDENTIAL_KEY_TOO_NEW"), (DELAY, "")):
        state = followed((-60, (OLD,)), (0, both), (last, both))
        assert verdict(state, "new", last) == expected
        assert verdict(state, "old", last) == ""


def test_time_alone_makes_no_key_count() -> None:
    # It was seen once. Whoever showed it for a minute need not have it any more.
    state = followed((-60, (OLD,)), (0, (OLD, NEW)))
    patient = replace(PROVIDER, max_key_age=7 * 86400)
    assert verdict(state, "new", DELAY + 1, patient) == "CREDENTIAL_KEY_TOO_NEW"


def test_a_new_key_that_was_gone_in_between_starts_anew() -> None:
    state = followed((-60, (OLD,)), (0, (OLD, NEW)), (DELAY // 2, (OLD,)), (DELAY, (OLD, NEW)))
    assert verdict(state, "new", DELAY) == "CREDENTIAL_KEY_TOO_NEW"


def test_keys_rotate_one_after_the_other() -> None:
    rotation = [
        (0, (OLD,)),
        (1, (OLD, NEW)),
        (1 + DELAY, (OLD, NEW)),
        (2 + DELAY, (NEW,)),
        (3 + DELAY, (NEW, NEXT)),
        (3 + 2 * DELAY, (NEXT, NEW)),
        (4 + 2 * DELAY, (NEXT,)),
    ]
    state = followed(*rotation)
    assert not state.refused
    assert verdict(state, "next", 4 + 2 * DELAY) == ""


def test_a_key_that_is_shown_no_more_verifies_only_what_came_before() -> None:
    state = followed((0, (OLD, NEW)), (100, (NEW,)))
    assert verdict(state, "old", 99) == ""  # a request that people answer later
    assert verdict(state, "old", 100) == "CREDENTIAL_UNKNOWN_KEY"
    assert [k.kid for k in followed((0, (OLD, NEW)), (100, (NEW,)), (100 + KEEP_GONE, (NEW,))).keys] == [
        "new"
    ]


def test_a_key_that_comes_back_is_new() -> None:
    state = followed((0, (OLD, NEW)), (100, (NEW,)), (200, (OLD, NEW)))
    assert verdict(state, "old", 200) == "CREDENTIAL_KEY_TOO_NEW"


def test_a_key_under_another_kid_is_the_same_key() -> None:
    state = followed((0, (OLD,)), (100, (("renamed", OLD[1]),)))
    assert verdict(state, "renamed", 100) == ""


def test_another_key_under_the_same_kid_is_a_new_one() -> None:
    state = followed((0, (OLD, NEW)), (100, (OLD, ("new", NEXT[1]))))
    assert verdict(state, "new", 100) == "CREDENTIAL_KEY_TOO_NEW"
    assert followed((0, (OLD,)), (100, (("old", NEW[1]),))).refused


def test_a_set_without_any_key_that_counts_is_refused_and_kept() -> None:
    state = followed((0, (OLD,)), (100, (NEW,)), (200, (NEW,)))
    assert verdict(state, "new", 200) == verdict(state, "old", 200) == "ISSUER_SWITCHED"
    assert (state.exchanged_at, state.exchanged_seen, state.fetched_at) == (NOW + 100, NOW + 200, NOW)
    assert [key.kid for key in state.exchanged] == ["new"]


def test_a_key_that_is_too_young_to_count_vouches_for_no_other() -> None:
    assert followed((0, (OLD,)), (10, (OLD, NEW)), (20, (NEW, NEXT))).refused


def test_after_a_switch_the_old_keys_alone_set_things_right() -> None:
    state = followed((0, (OLD,)), (100, (NEW,)), (200, (OLD, NEW)))
    assert verdict(state, "old", 200) == ""
    assert verdict(state, "new", 200) == "CREDENTIAL_KEY_TOO_NEW"
    assert [key.kid for key in state.exchanged] == ["new"]  # people can still see what was shown


def test_where_the_manifest_pins_keys_the_first_set_must_hold_one() -> None:
    assert followed((0, (NEW,)), issuer=PINNING).refused
    state = followed((0, (OLD, NEW)), issuer=PINNING)
    assert verdict(state, "old", 0, PINNING) == ""
    assert verdict(state, "new", 0, PINNING) == "CREDENTIAL_KEY_TOO_NEW"


def test_a_pinned_key_counts_whenever_it_is_shown() -> None:
    state = followed(
        (0, (OLD,)), (1, (OLD, NEW)), (1 + DELAY, (OLD, NEW)), (2 + DELAY, (NEW,)), issuer=PINNING
    )
    again = follow(state, PINNING, read(OLD), NOW + 3 + DELAY)
    assert verdict(again, "old", 3 + DELAY, PINNING) == ""


def test_what_is_kept_of_old_keys_is_bounded() -> None:
    state = followed((0, (OLD, NEW)))
    for n in range(MAX_GONE + 5):
        state = follow(state, PROVIDER, read(OLD, ("new", other(str(n))[1])), NOW + n)
        state = replace(state, keys=tuple(replace(key, since=key.since or 1) for key in state.keys))
    assert len(state.keys) <= MAX_GONE + 2
    assert ProviderState.parse(state.to_bytes()) == state


# -- in a node ---------------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = provider_world(tmp_path / "world")
    yield made
    made.close()


def reason(world: World, index: int = 1) -> str:
    """Why this custodian denies a read that two providers vouch for; empty if it allows it."""
    device = world.device("reader", "professional")
    prepared = world.prepare(device, [KeyId(bytes(32))], purpose=Purpose.TREATMENT)
    _, why = ruling(world.decide_at(index, prepared))
    return "" if why == "UNKNOWN_KEY" else why


def logged(world: World, index: int = 1) -> list[str]:
    store = world.nodes[index].context.store
    size = store.log.size()
    entries = [decode(LogEntry, payload, "log") for payload in store.log.entries(0, size)]
    return [entry.outcome for entry in entries if entry.kind is LogKind.ISSUER_KEYS]


def test_a_node_believes_no_provider_before_it_has_fetched_its_keys(world: World) -> None:
    assert reason(world) == "ISSUER_KEYS_STALE"
    show_usual(world)
    assert reason(world) == ""
    assert logged(world) == ["FIRST", "FIRST"]


def test_an_outage_is_borne_for_as_long_as_keys_may_be_old_and_no_longer(world: World) -> None:
    show_usual(world)
    for node in world.members.values():
        node.miss_issuer_keys(issuer_of(world, "a"), "PROVIDER_UNREACHABLE")
    world.clock.turn(AGE - 1)
    assert reason(world) == ""
    assert [k.failure for k in world.nodes[1].known_issuers()] == ["PROVIDER_UNREACHABLE", ""]
    world.clock.turn(1)
    assert reason(world) == "ISSUER_KEYS_STALE"
    show_usual(world)
    assert reason(world) == ""


def test_what_is_known_survives_a_restart_and_ages_on(world: World) -> None:
    show_usual(world)
    world.start(1)
    assert reason(world) == ""
    assert {issuer.iss for issuer in world.nodes[1].due_issuers()} == {iss("a"), iss("b")}
    world.clock.turn(AGE)
    world.start(1)
    assert reason(world) == "ISSUER_KEYS_STALE"


def test_a_switch_survives_a_restart(world: World) -> None:
    show_usual(world)
    assert show(world, "a", NEW) == ["SWITCHED"] * 3
    world.start(1)
    assert reason(world) == "ISSUER_SWITCHED"
    show_usual(world)
    assert reason(world) == ""
    assert logged(world) == ["FIRST", "FIRST", "SWITCHED", "RETURNED"]


def test_keys_in_the_store_cannot_be_exchanged_by_who_has_the_disk_only(world: World) -> None:
    show_usual(world)
    world.nodes.pop(1).close()
    with stores.edited(world.folder / "custodian-1.db") as execute:
        for iss, state in execute("SELECT iss, state FROM providers"):
            execute("UPDATE providers SET state = ? WHERE iss = ?", bytes(state) + b"\0", iss)
    with pytest.raises(StoreError):
        world.start(1)


def test_what_people_accept_counts_at_once_and_what_was_before_no_more(world: World) -> None:
    show_usual(world)
    show(world, "a", NEW)
    node = world.nodes[1]
    device = world.device("reader", "professional", ("b",))
    theirs = token(world, "a", device, NEW)
    (known, _) = node.known_issuers()
    assert known.state is not None
    node.accept_issuer_keys(iss("a"), fingerprint(iss("a"), known.state.exchanged))
    assert reason(world) == "CREDENTIAL_UNKNOWN_KEY"  # signed with the key before
    assert reason(world, 2) == "ISSUER_SWITCHED"  # each custodian's people decide for themselves
    assert node.context.issuers[0].key_of("new", world.clock()).key is not None
    assert show(world, "a", NEW, at=[1]) == [""]
    assert theirs
    assert logged(world)[-2:] == ["SWITCHED", "ACCEPTED"]


def test_people_can_let_a_young_key_count(world: World) -> None:
    show_usual(world)
    show(world, "a", usual(world, "a"), NEW)
    node = world.nodes[1]
    assert node.context.issuers[0].young == {"new"}
    (known, _) = node.known_issuers()
    assert known.state is not None
    node.accept_issuer_keys(iss("a"), fingerprint(iss("a"), known.state.shown))
    assert node.context.issuers[0].young == frozenset()
    assert reason(world) == ""


def test_only_a_set_that_the_provider_showed_last_can_be_accepted(world: World) -> None:
    show_usual(world)
    show(world, "a", NEW)
    show(world, "a", NEXT)
    for named in (fingerprint(iss("a"), read(NEW)), fingerprint(iss("b"), read(NEXT)), bytes(32)):
        with pytest.raises(NotFound):
            world.nodes[1].accept_issuer_keys(iss("a"), named)
    with pytest.raises(NotFound):
        world.nodes[1].accept_issuer_keys("https://nobody.example", fingerprint(iss("a"), read(NEXT)))
    world.nodes[1].accept_issuer_keys(iss("a"), fingerprint(iss("a"), read(NEXT)))


def test_keys_are_fetched_often_and_after_a_failure_sooner(world: World) -> None:
    node, issuer = world.nodes[1], issuer_of(world, "a")

    def due() -> bool:
        return issuer in node.due_issuers()

    assert due()
    node.take_issuer_keys(issuer, read(usual(world, "a")))
    assert not due()
    world.clock.turn(899)
    assert not due()
    world.clock.turn(1)
    assert due()
    node.miss_issuer_keys(issuer, "PROVIDER_UNREACHABLE")
    assert not due()
    world.clock.turn(30)
    assert due()


def test_an_unknown_kid_makes_a_node_look_again_and_strangers_cannot_make_it_look_often(world: World) -> None:
    show_usual(world)
    node, issuer = world.nodes[1], issuer_of(world, "a")
    device = world.device("stranger")
    node.context.providers.want("https://nobody.example")
    text = token(world, "a", device, NEW)
    with pytest.raises(EvidenceRefused):
        vouch(node.context, [text], device.key.thumbprint, world.clock())
    assert issuer not in node.due_issuers()
    world.clock.turn(60)
    assert issuer in node.due_issuers()
    assert issuer_of(world, "b") not in node.due_issuers()
    node.take_issuer_keys(issuer, read(usual(world, "a")))
    world.clock.turn(60)
    assert issuer not in node.due_issuers()


def test_keys_of_a_provider_that_left_the_manifest_while_they_were_fetched_are_dropped(world: World) -> None:
    gone = replace(issuer_of(world, "a"), iss="https://gone.example")
    assert world.nodes[1].take_issuer_keys(gone, read(OLD)) == ""
    assert world.nodes[1].context.store.providers.all() == []


def test_a_switched_provider_counts_again_by_keys_that_a_later_manifest_pins(world: World) -> None:
    show_usual(world)
    show(world, "a", NEW)
    node = world.nodes[1]
    assert node.context.issuers[0].refused == "ISSUER_SWITCHED"
    first, second = world.keyring.manifest.issuers
    key = IssuerKey("new", IssuerKeyType.ED25519, NEW[1].public)
    change_committee(world, (1, 2, 3), 2, issuers=(replace(first, keys=(key,)), second), start=False)
    node.sealing_key()
    followed_still = issuer_of(world, "a")
    assert followed_still in node.due_issuers()  # at once, not a quarter of an hour later
    assert node.take_issuer_keys(followed_still, read(NEW)) == "RETURNED"
    assert node.context.issuers[0].refused == ""


def test_keys_that_a_later_manifest_pins_count_though_they_are_followed_no_more(world: World) -> None:
    show_usual(world)
    show(world, "a", NEW)
    first, second = world.keyring.manifest.issuers
    key = IssuerKey("new", IssuerKeyType.ED25519, NEW[1].public)
    plain = replace(first, keys=(key,), trust_anchors=(), key_delay=0, max_key_age=0)
    change_committee(world, (1, 2, 3), 2, issuers=(plain, second), start=False)
    world.nodes[1].sealing_key()
    (now, _) = world.nodes[1].context.issuers
    assert (now.refused, list(now.keys)) == ("", ["new"])
    assert verdict(ProviderState(plain.iss, refused=True), "new", 0, plain) == ""
