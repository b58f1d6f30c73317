"""Grants that are widened, expired, revoked, used up, to somebody else, or signed by another than the owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from kms.statements.codec import encode
from kms.statements.envelope import sign
from kms.statements.evidence import Grant
from kms.statements.release import Purpose
from kms_client.cache import OpenKey
from tests.protocol.adversary import ruling, with_payload
from tests.protocol.world import Device, World


@pytest.fixture
def owner(world: World) -> Device:
    return world.device("alice")


@pytest.fixture
def reader(world: World) -> Device:
    return world.device("bob", issuers=("a",))


def asked(
    world: World, reader: Device, keys: Sequence[OpenKey], grant: bytes, purpose: Purpose = Purpose.TREATMENT
) -> tuple[str, str]:
    prepared = world.prepare(reader, keys, purpose=purpose, grants=[grant])
    return ruling(world.decide_at(1, prepared))


def envelope(grant: Grant, by: Device) -> bytes:
    return sign(grant, by.key).envelope


def test_a_good_grant_is_allowed(world: World, owner: Device, reader: Device) -> None:
    keys = world.create(owner)
    assert asked(world, reader, keys, envelope(world.grant(owner, reader, keys=keys), owner))[0] == "ALLOW"


def test_a_naive_reading_of_an_altered_grant_covers_what_the_owner_kept(
    world: World, owner: Device, reader: Device
) -> None:
    mine, kept = world.create(owner), world.create(owner)
    grant = world.grant(owner, reader, keys=mine)
    widened = replace(grant, key_ids=(kept[0].key_id,))
    assert widened.covers({owner.thumbprint}, kept[0].key_id, "lab", Purpose.TREATMENT)


def test_a_widened_grant_opens_nothing(world: World, owner: Device, reader: Device) -> None:
    mine, kept = world.create(owner), world.create(owner)
    signed = sign(world.grant(owner, reader, keys=mine), owner.key)
    payload = encode(replace(signed.statement, key_ids=(kept[0].key_id,)))
    forged = with_payload(signed.message, payload).SerializeToString(deterministic=True)
    assert asked(world, reader, kept, forged)[0] != "ALLOW"
    assert asked(world, reader, kept, signed.envelope)[0] != "ALLOW"


def test_a_grant_by_another_than_the_keys_owner_opens_nothing(
    world: World, owner: Device, reader: Device
) -> None:
    keys = world.create(owner)
    mallory = world.device("mallory")
    own_name = world.grant(mallory, reader, keys=keys)
    assert asked(world, reader, keys, envelope(own_name, mallory))[0] != "ALLOW"
    owners_name = world.grant(owner, reader, keys=keys)
    assert asked(world, reader, keys, envelope(owners_name, mallory))[0] != "ALLOW"


def test_a_grant_to_another_or_for_another_purpose_opens_nothing(
    world: World, owner: Device, reader: Device
) -> None:
    keys = world.create(owner)
    elsewhere = world.grant(owner, world.device("carol"), keys=keys)
    assert asked(world, reader, keys, envelope(elsewhere, owner))[0] != "ALLOW"
    grant = envelope(world.grant(owner, reader, keys=keys), owner)
    assert asked(world, reader, keys, grant, Purpose.RESEARCH)[0] != "ALLOW"


def test_an_expired_grant_opens_nothing(world: World, owner: Device, reader: Device) -> None:
    keys = world.create(owner)
    grant = envelope(world.grant(owner, reader, keys=keys, valid_for=600), owner)
    world.clock.turn(600)
    assert asked(world, reader, keys, grant)[0] != "ALLOW"


@pytest.mark.parametrize("all_of_them", [False, True])
def test_a_revoked_grant_opens_nothing(
    world: World, owner: Device, reader: Device, all_of_them: bool
) -> None:
    keys = world.create(owner)
    grant = world.grant(owner, reader, keys=keys)
    if all_of_them:
        world.revoke(owner, grant, up_to_sequence=grant.sequence)
    else:
        world.revoke(owner, grant)
    assert asked(world, reader, keys, envelope(grant, owner))[0] != "ALLOW"


def test_a_stranger_revokes_nothing(world: World, owner: Device, reader: Device) -> None:
    keys = world.create(owner)
    grant = world.grant(owner, reader, keys=keys)
    world.revoke(world.device("mallory"), grant)
    assert asked(world, reader, keys, envelope(grant, owner))[0] == "ALLOW"


def test_a_grant_that_is_revoked_after_the_decision_releases_nothing(
    world: World, owner: Device, reader: Device
) -> None:
    keys = world.create(owner)
    grant = world.grant(owner, reader, keys=keys)
    prepared = world.prepare(reader, keys, purpose=Purpose.TREATMENT, grants=[envelope(grant, owner)])
    for index in world.nodes:
        assert ruling(world.decide_at(index, prepared))[0] == "ALLOW"
    world.revoke(owner, grant)
    assert not world.collect(prepared).opened
