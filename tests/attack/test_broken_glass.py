"""Emergency access without two people's yes, by the wrong class, for too long, or behind the owner's back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from kms.errors import Denied, KmsError, Stale
from kms.statements.consent import NoticeKind
from kms.statements.envelope import Signed, open_signed, sign
from kms.statements.release import HUMAN_LIFETIME, Decision, Purpose, Ruling, Verdict, build_certificate
from kms.wire.v1 import keyring_pb2
from kms_client.cache import OpenKey
from kms_client.requesting import Prepared
from tests.protocol.adversary import ruling
from tests.protocol.world import Device, World

EMERGENCY = Purpose.EMERGENCY


@pytest.fixture
def doctor(world: World) -> Device:
    """Two issuers vouch: for treatment a rule alone would do."""
    return world.device("doctor", "professional")


@pytest.fixture
def keys(world: World) -> Sequence[OpenKey]:
    return world.create(world.device("alice"))


def decided(world: World, index: int, envelope: bytes) -> Signed[Decision]:
    return open_signed(Decision, envelope, world.identities[index].public)


def corrupted(world: World, index: int, honest: Signed[Decision], human: bytes = b"") -> Signed[Decision]:
    """What a malicious custodian signs: it allows, and says of whom it likes that they said yes."""
    rulings = (Ruling(Verdict.ALLOW, "BREAK_THE_GLASS", (0,), human),)
    statement = replace(honest.statement, index=index, rulings=rulings)
    return sign(statement, world.identities[index])


def asked(world: World, doctor: Device, keys: Sequence[OpenKey], *, lifetime: int = 900) -> Prepared:
    prepared = world.prepare(doctor, keys, purpose=EMERGENCY, lifetime=lifetime)
    for index in world.nodes:
        assert ruling(world.decide_at(index, prepared)) == ("PENDING", "NEEDS_HUMAN")
    return prepared


def test_people_at_a_quorum_break_the_glass_and_the_owner_is_told_at_once(
    world: World, doctor: Device, keys: Sequence[OpenKey]
) -> None:
    prepared = asked(world, doctor, keys)
    alice = world.device("alice")
    assert [n.kind for n in world.account(1, alice).notices] == [NoticeKind.EMERGENCY_ASKED]
    for index in (1, 2, 3):
        world.approve(index, prepared.opened.hash)
    assert world.collect(prepared).opened
    asking, reading = world.account(1, alice).notices
    assert (reading.kind, reading.subject_hash, reading.count) == (
        NoticeKind.EMERGENCY,
        asking.subject_hash,
        1,
    )
    assert reading.key_thumbprint == doctor.thumbprint


def test_no_rule_and_no_grant_breaks_the_glass(world: World, doctor: Device, keys: Sequence[OpenKey]) -> None:
    treatment = world.prepare(doctor, keys, purpose=Purpose.TREATMENT)
    assert ruling(world.decide_at(1, treatment))[0] == "ALLOW"
    alice = world.device("alice")
    grant = sign(world.grant(alice, doctor, keys=keys, purposes=(EMERGENCY,)), alice.key).envelope
    prepared = world.prepare(doctor, keys, purpose=EMERGENCY, grants=[grant])
    assert ruling(world.decide_at(1, prepared))[0] == "PENDING"


@pytest.mark.parametrize("claimed", ["nobody", "the same person"])
def test_one_persons_yes_and_malicious_custodians_release_nothing(
    world: World, doctor: Device, keys: Sequence[OpenKey], claimed: str
) -> None:
    prepared = asked(world, doctor, keys)
    one = decided(world, 1, world.approve(1, prepared.opened.hash))
    human = one.statement.rulings[0].approver_thumbprint
    others = [
        corrupted(world, 2, one, human if claimed == "the same person" else b""),
        corrupted(world, 3, one),
        corrupted(world, 4, one),
    ]
    certificate = build_certificate(prepared.opened.hash, [one, *others])
    with pytest.raises(Denied) as caught:
        world.nodes[1].release(prepared.opened.hash, certificate)
    assert caught.value.reason == "NEEDS_TWO_PEOPLE"


def test_two_peoples_yes_is_enough_for_the_check(
    world: World, doctor: Device, keys: Sequence[OpenKey]
) -> None:
    prepared = asked(world, doctor, keys)
    one, two = (decided(world, i, world.approve(i, prepared.opened.hash)) for i in (1, 2))
    certificate = build_certificate(prepared.opened.hash, [one, two, corrupted(world, 3, one)])
    assert world.nodes[1].release(prepared.opened.hash, certificate)


@pytest.mark.parametrize("holder_class", ["device", "service", "operator"])
def test_an_emergency_is_for_professionals(world: World, keys: Sequence[OpenKey], holder_class: str) -> None:
    issuers = ("a", "b") if holder_class == "device" else ("b",)
    other = world.device("other", holder_class, issuers)
    prepared = world.prepare(other, keys, purpose=EMERGENCY)
    reason = "EMERGENCY_FOR_PROFESSIONALS" if holder_class == "device" else "NO_CLINICAL_FOR_SERVICES"
    assert ruling(world.decide_at(1, prepared)) == ("DENY", reason)
    assert not world.account(1, world.device("alice")).notices


def test_it_is_over_after_a_quarter_of_an_hour_whatever_the_request_says(
    world: World, doctor: Device, keys: Sequence[OpenKey]
) -> None:
    prepared = asked(world, doctor, keys, lifetime=HUMAN_LIFETIME)
    decisions = [decided(world, i, world.approve(i, prepared.opened.hash)) for i in (1, 2, 3)]
    certificate = build_certificate(prepared.opened.hash, decisions)
    world.clock.turn(899)
    assert world.nodes[1].release(prepared.opened.hash, certificate)
    late = world.approval(4, prepared.opened.hash)
    world.clock.turn(1)
    with pytest.raises(Stale) as caught:
        world.nodes[2].release(prepared.opened.hash, certificate)
    assert caught.value.reason == "REQUEST_EXPIRED"
    with pytest.raises(KmsError) as answered:
        world.nodes[4].answer(sign(replace(late, not_after=world.clock() + 60), world.approvers[4]).message)
    assert answered.value.reason == "REQUEST_EXPIRED"
    world.nodes[4].tick()
    envelope = keyring_pb2.Envelope.FromString(world.nodes[4].latest(prepared.opened.hash).envelope)  # type: ignore[union-attr]
    assert decided(world, 4, envelope.SerializeToString()).statement.rulings[0].reason == "TIMED_OUT"
    fresh = world.prepare(doctor, keys, purpose=EMERGENCY, lifetime=HUMAN_LIFETIME)
    world.clock.turn(900)
    with pytest.raises(Stale):
        world.decide_at(1, fresh)
