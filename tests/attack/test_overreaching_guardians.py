"""A guardian goes beyond what the owner said: acts as the owner's own key would, or grants without leave."""

from __future__ import annotations

import pytest

from kms.errors import BadSignature, Denied, KmsError
from kms.statements.envelope import sign
from kms.statements.release import Purpose
from tests.protocol.adversary import ruling
from tests.protocol.world import Device, World


@pytest.fixture
def child(world: World) -> Device:
    return world.device("alice")


@pytest.fixture
def parent(world: World, child: Device) -> Device:
    parent = world.device("parent", issuers=("a",))
    world.tell(world.guardian(child, parent), child)
    return parent


def test_a_guardian_is_not_the_owner(world: World, child: Device, parent: Device) -> None:
    friend = world.device("friend")
    for statement in (world.owner_key(child, friend), world.guardian(child, friend)):
        with pytest.raises(BadSignature):
            world.tell(statement, parent)
    for key in (child, friend):
        with pytest.raises(Denied) as caught:
            world.tell(world.key_revocation(child, parent, key), parent)
        assert caught.value.reason == "NOT_OWNER"
    with pytest.raises(Denied):
        world.account(1, parent, owner=child)


def test_a_guardian_takes_back_no_grant_of_the_owners(world: World, child: Device, parent: Device) -> None:
    keys = world.create(child)
    doctor = world.device("doctor", "professional", issuers=("a",))
    grant = world.grant(child, doctor, keys=keys)
    world.revoke(parent, grant)
    world.revoke(parent, grant, up_to_sequence=grant.sequence)
    prepared = world.prepare(
        doctor, keys, purpose=Purpose.TREATMENT, grants=[sign(grant, child.key).envelope]
    )
    assert ruling(world.decide_at(1, prepared))[0] == "ALLOW"


def test_a_guardians_grant_counts_for_nothing_without_leave(
    world: World, child: Device, parent: Device
) -> None:
    keys = world.create(child)
    doctor = world.device("doctor", "professional", issuers=("a",))
    grant = world.grant(parent, doctor, keys=keys, purposes=(Purpose.PATIENT_ACCESS,))
    prepared = world.prepare(doctor, keys, grants=[sign(grant, parent.key).envelope])
    assert ruling(world.decide_at(1, prepared))[0] != "ALLOW"


def test_the_owner_dismisses_a_guardian_for_ever(world: World, child: Device, parent: Device) -> None:
    keys = world.create(child)
    assert world.release(parent, keys).opened
    world.tell(world.key_revocation(child, child, parent), child)
    assert ruling(world.decide_at(1, world.prepare(parent, keys)))[0] != "ALLOW"
    with pytest.raises(KmsError):
        world.tell(world.guardian(child, parent, sequence=2), child)
