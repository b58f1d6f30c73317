"""A provider is taken over, or its name is led elsewhere: what it shows from then on are an attacker's keys.

Custodians fetch these, for nothing about the connection is wrong. They are refused because nothing ties them to the
keys that counted before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kms.custodian.vouching import vouch
from kms.errors import EvidenceRefused
from kms.statements.envelope import open_signed
from kms.statements.providers import fingerprint
from kms.statements.release import Decision, Purpose, build_certificate
from tests.protocol.adversary import ruling
from tests.protocol.providers import (
    AGE,
    DELAY,
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

ATTACKERS = other("attacker's")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = provider_world(tmp_path / "world")
    show_usual(made)
    yield made
    made.close()


def reasons(world: World) -> list[str]:
    """What each custodian says to a token that the attacker signs in provider a's name."""
    thief = world.device("thief", "device", ("a",))
    said = []
    for node in world.members.values():
        try:
            vouch(
                node.context,
                [token(world, "a", thief, ATTACKERS)],
                thief.key.thumbprint,
                world.clock(),
            )
            said.append("")
        except EvidenceRefused as error:
            said.append(error.reason)
    return said


def refetch(world: World, *names: str) -> None:
    for name in names:
        show(world, name, usual(world, name))


def test_keys_that_are_all_exchanged_at_once_count_nowhere(world: World) -> None:
    show(world, "a", ATTACKERS)
    assert reasons(world) == ["ISSUER_SWITCHED"] * 3
    for _ in range(20):  # however long it is shown
        world.clock.turn(DELAY)
        show(world, "a", ATTACKERS)
    assert reasons(world) == ["ISSUER_SWITCHED"] * 3


def test_nothing_opens_while_a_provider_is_switched_not_even_for_its_honest_users(world: World) -> None:
    patient = world.device("p-1")
    keys = world.create(patient)
    assert ruling(world.decide_at(1, world.prepare(patient, keys)))[0] == "ALLOW"
    show(world, "a", ATTACKERS)
    prepared = world.prepare(patient, keys, purpose=Purpose.PATIENT_ACCESS)
    assert ruling(world.decide_at(1, prepared)) == ("DENY", "ISSUER_SWITCHED")


def test_a_request_that_was_allowed_before_the_switch_goes_out_no_more(world: World) -> None:
    patient = world.device("p-1")
    prepared = world.prepare(patient, world.create(patient))
    allowed = [world.decide_at(index, prepared) for index in world.members]
    assert [ruling(envelope)[0] for envelope in allowed] == ["ALLOW"] * 3
    decided = [
        open_signed(Decision, envelope, world.identities[index].public, "decision")
        for index, envelope in zip(world.members, allowed, strict=True)
    ]
    proof = build_certificate(prepared.opened.hash, decided)
    show(world, "a", ATTACKERS)
    for node in world.members.values():
        with pytest.raises(EvidenceRefused) as caught:
            node.release(prepared.opened.hash, proof)
        assert caught.value.reason == "ISSUER_SWITCHED"
    show_usual(world)
    assert world.nodes[1].release(prepared.opened.hash, proof)[1]


def test_an_attacker_who_shows_the_old_keys_too_waits_as_everybody_does(world: World) -> None:
    show(world, "a", usual(world, "a"), ATTACKERS)
    assert reasons(world) == ["CREDENTIAL_KEY_TOO_NEW"] * 3
    world.clock.turn(DELAY - 1)
    show(world, "a", usual(world, "a"), ATTACKERS)
    assert reasons(world) == ["CREDENTIAL_KEY_TOO_NEW"] * 3
    # Meanwhile the provider's people saw it and took the key away: all that waiting was for nothing.
    refetch(world, "a")
    world.clock.turn(1)
    show(world, "a", usual(world, "a"), ATTACKERS)
    assert reasons(world) == ["CREDENTIAL_KEY_TOO_NEW"] * 3


def test_a_first_set_is_believed_and_where_the_manifest_pins_a_key_only_with_it(tmp_path: Path) -> None:
    fresh = provider_world(tmp_path / "fresh")
    show(fresh, "a", ATTACKERS)
    assert reasons(fresh) == [""] * 3  # nobody here could know better; this is what pinning is for
    fresh.close()
    pinned = provider_world(tmp_path / "pinned", pinned=True)
    show(pinned, "a", ATTACKERS)
    assert reasons(pinned) == ["ISSUER_SWITCHED"] * 3
    show(pinned, "a", usual(pinned, "a"), ATTACKERS)
    assert reasons(pinned) == ["CREDENTIAL_KEY_TOO_NEW"] * 3
    pinned.close()


def test_an_attacker_does_not_gain_by_an_outage(world: World) -> None:
    world.clock.turn(AGE + DELAY)
    show(world, "a", ATTACKERS)
    assert reasons(world) == ["ISSUER_SWITCHED"] * 3


def test_nor_by_the_name_of_a_key_that_counts(world: World) -> None:
    kid, _ = usual(world, "a")
    show(world, "a", (kid, ATTACKERS[1]))
    assert reasons(world) == ["ISSUER_SWITCHED"] * 3


def test_one_custodian_that_was_led_astray_and_whose_people_were_too_is_one(world: World) -> None:
    show(world, "a", ATTACKERS)
    world.nodes[1].accept_issuer_keys(iss("a"), fingerprint(iss("a"), read(ATTACKERS)))
    assert reasons(world) == ["", "ISSUER_SWITCHED", "ISSUER_SWITCHED"]


def test_keys_of_one_provider_are_never_held_against_the_others(world: World) -> None:
    theirs = replace(issuer_of(world, "b"), iss=iss("a"))
    assert world.nodes[1].take_issuer_keys(theirs, read(ATTACKERS)) == ""
    assert show(world, "a", usual(world, "b")) == ["SWITCHED"] * 3
