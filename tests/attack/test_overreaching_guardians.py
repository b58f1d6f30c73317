"""A guardian goes beyond what the owner said: acts as the owner's own key would, or grants without leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from kms.errors import BadSignature, Denied, KmsError
from kms.statements.consent import NoticeKind
from kms.statements.envelope import sign
from kms.statements.release import Purpose
from kms_client.cache import OpenKey
from kms_client.requesting import prepare_request
from tests.protocol.adversary import ruling
from tests.protocol.world import Device, World


@pytest.fixture
def child(world: World) -> Device:
    return world.device("alice")


def reads(
    world: World,
    who: Device,
    keys: Sequence[OpenKey],
    purpose: Purpose = Purpose.PATIENT_ACCESS,
    tokens: Sequence[str] = (),
) -> bool:
    prepared = prepare_request(
        world.keyring,
        [key.key_id for key in keys],
        purpose,
        "",
        tokens or world.credentials(who),
        (),
        world.sealing_keys(),
        who.key,
        world.clock(),
        900,
        omit_descriptors=False,
    )
    return ruling(world.decide_at(1, prepared))[0] == "ALLOW"


@pytest.fixture
def parent(world: World, child: Device) -> Device:
    parent = world.device("parent", issuers=("a",))
    world.tell(world.guardian(child, parent), child)
    return parent


def test_two_independent_issuers_name_a_guardian_of_whom_the_owner_bound(world: World, child: Device) -> None:
    keys, later = world.create(child), world.clock() + 3600
    mother = replace(world.device("mother"), guardian_of=(("alice", later),))
    assert not reads(world, mother, keys)  # the owner's key has bound nobody yet
    world.tell(world.binding(child, ("a", "alice"), ("b", "alice")), child)
    assert world.release(mother, keys).opened
    assert world.account(1, child).notices[-1].kind is NoticeKind.READ_BY_GUARDIAN
    assert not reads(world, mother, keys, Purpose.RESEARCH)

    doctor = world.device("doctor", "professional", issuers=("a",))
    grant = sign(world.grant(mother, doctor, keys=keys), mother.key).envelope
    prepared = world.prepare(doctor, keys, purpose=Purpose.TREATMENT, grants=[grant])
    assert ruling(world.decide_at(1, prepared))[0] != "ALLOW"

    world.clock.turn(3600)
    assert not reads(world, mother, keys)  # of age
    again = replace(mother, guardian_of=(("alice", world.clock() + 3600),))
    assert reads(world, again, keys)
    world.tell(world.key_revocation(child, child, mother), child)
    assert not reads(world, again, keys)


@pytest.mark.parametrize(
    "named",
    [
        {"a": (("alice", 1),), "b": ()},
        {"a": (("alice", 1),), "b": (("another child", 1),)},
        {"a": (("another child", 1),), "b": (("another child", 1),)},
        {"a": (("alice", 1),), "b": (("alice", 0),)},
    ],
    ids=["one issuer", "two children", "another child", "one is over"],
)
def test_less_than_two_issuers_name_no_guardian(
    world: World, child: Device, named: dict[str, tuple[tuple[str, int], ...]]
) -> None:
    world.tell(world.binding(child, ("a", "alice"), ("b", "alice")), child)
    keys = world.create(child)
    mother = world.device("mother")
    tokens = [
        token
        for issuer, wards in named.items()
        for token in world.credentials(
            replace(
                mother,
                issuers=(issuer,),
                guardian_of=tuple((who, world.clock() + 3600 * lasts) for who, lasts in wards),
            )
        )
    ]
    assert not reads(world, mother, keys, tokens=tokens)


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
