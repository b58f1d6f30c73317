"""Further keys and guardians at the custodians: what they may, and what the owner sees of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.statements.consent import NoticeKind
from kms.statements.envelope import sign
from kms.statements.evidence import Grant
from kms.statements.release import Purpose
from kms_client.cache import OpenKey
from kms_client.mandates import actors
from tests.protocol.adversary import ruling
from tests.protocol.world import BOOKING, LAB, Device, World

pytestmark = pytest.mark.each_store

TREATMENT, ACCESS = Purpose.TREATMENT, Purpose.PATIENT_ACCESS


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world")
    yield made
    made.close()


def asked(world: World, who: Device, keys: tuple[OpenKey, ...], purpose: Purpose, *grants: Grant) -> str:
    signed = [sign(grant, signer(world, grant).key).envelope for grant in grants]
    return ruling(world.decide_at(1, world.prepare(who, keys, purpose=purpose, grants=signed)))[0]


def signer(world: World, grant: Grant) -> Device:
    people = (world.device(name) for name in ("alice", "second", "parent"))
    return next(person for person in people if person.thumbprint == grant.owner_thumbprint)


def test_a_second_key_reads_grants_and_takes_back_for_the_owner(world: World) -> None:
    alice, second = world.device("alice", issuers=("a",)), world.device("second", issuers=("a",))
    bob = world.device("bob", issuers=("a",))
    keys = world.create(alice)
    assert asked(world, second, keys, ACCESS) != "ALLOW"
    hers = world.grant(alice, bob, keys=keys)
    world.tell(world.owner_key(alice, second), alice)

    assert world.release(second, keys).opened
    his = world.grant(second, bob, keys=keys)
    for grant in (hers, his):
        assert asked(world, bob, keys, TREATMENT, grant) == "ALLOW"
    world.revoke(second, hers)
    world.revoke(alice, his)
    for grant in (hers, his):
        assert asked(world, bob, keys, TREATMENT, grant) != "ALLOW"


def test_a_second_key_ends_with_its_date_and_what_it_took_back_stays_taken_back(world: World) -> None:
    alice, second = world.device("alice", issuers=("a",)), world.device("second", issuers=("a",))
    bob = world.device("bob", issuers=("a",))
    keys = world.create(alice)
    grant = world.grant(alice, bob, keys=keys, valid_for=7 * 86400)
    world.tell(world.owner_key(alice, second, valid_for=3600), alice)
    world.revoke(second, grant)
    world.clock.turn(3600)
    assert asked(world, second, keys, ACCESS) != "ALLOW"
    assert asked(world, bob, keys, TREATMENT, grant) != "ALLOW"


def test_a_lost_device_is_replaced_by_the_second(world: World) -> None:
    alice, second = world.device("alice", issuers=("a",)), world.device("second", issuers=("a",))
    bob = world.device("bob", issuers=("a",))
    keys = world.create(alice)
    world.tell(world.owner_key(alice, second), alice)
    before = world.grant(alice, bob, keys=keys)
    prepared = world.prepare(alice, keys)
    assert ruling(world.decide_at(1, prepared))[0] == "ALLOW"
    world.tell(world.key_revocation(alice, second, alice), second)
    assert not world.collect(prepared).opened  # decided before, and no longer
    assert asked(world, alice, keys, ACCESS) != "ALLOW"
    assert asked(world, bob, keys, TREATMENT, before) != "ALLOW"
    assert world.release(second, keys).opened
    found = actors({1: world.account(1, second, owner=alice)}, alice.thumbprint)
    assert [(a.key, a.facts()["kind"], a.known, a.revoked) for a in found] == [
        (alice.thumbprint, "owner", (1,), (1,)),
        (second.thumbprint, "further key", (1,), ()),
    ]


def test_a_guardian_reads_within_bounds_and_the_owner_sees_it(world: World) -> None:
    child, parent = world.device("alice"), world.device("parent", issuers=("a",))
    lab, booking = world.create(child, (LAB,)), world.create(child, (BOOKING,))
    world.tell(world.guardian(child, parent, categories=("laboratory",)), child)
    assert world.release(parent, lab).opened
    assert asked(world, parent, booking, ACCESS) != "ALLOW"
    assert asked(world, parent, lab, TREATMENT) != "ALLOW"

    told = world.account(1, child).notices
    assert [n.kind for n in told] == [NoticeKind.GUARDIAN_ADDED, NoticeKind.READ_BY_GUARDIAN]
    assert [n.count for n in told] == [0, 1]
    assert {n.key_thumbprint for n in told} == {parent.thumbprint}

    world.clock.turn(86400)
    assert asked(world, parent, lab, ACCESS) != "ALLOW"


def test_a_guardian_grants_only_if_the_owner_said_so_and_only_within_bounds(world: World) -> None:
    child, parent = world.device("alice"), world.device("parent", issuers=("a",))
    doctor = world.device("doctor", "professional", issuers=("a",))
    lab, booking = world.create(child, (LAB,)), world.create(child, (BOOKING,))
    bounds = {"categories": ("laboratory",), "purposes": (TREATMENT,)}
    world.tell(world.guardian(child, parent, **bounds), child)  # type: ignore[arg-type]
    grants = [world.grant(parent, doctor, keys=(*lab, *booking))]
    assert asked(world, doctor, lab, TREATMENT, *grants) != "ALLOW"
    world.tell(world.guardian(child, parent, **bounds, may_grant=True, sequence=2), child)  # type: ignore[arg-type]
    assert asked(world, doctor, lab, TREATMENT, *grants) == "ALLOW"
    assert asked(world, doctor, booking, TREATMENT, *grants) != "ALLOW"
    world.revoke(child, grants[0])  # a guardian's grants are the owner's to take back
    assert asked(world, doctor, lab, TREATMENT, *grants) != "ALLOW"


def test_mandates_and_notices_survive_a_restart(world: World) -> None:
    alice, second = world.device("alice"), world.device("second", issuers=("a",))
    keys = world.create(alice)
    world.tell(world.owner_key(alice, second), alice)
    for index in list(world.nodes):
        world.start(index)
    assert world.release(second, keys).opened
    (told,) = world.account(1, alice).notices
    assert (told.kind, told.key_thumbprint) == (NoticeKind.OWNER_KEY_ADDED, second.thumbprint)
