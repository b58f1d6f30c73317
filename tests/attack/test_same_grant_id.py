"""Grant ids are chosen by who signs a grant: one that was overheard must not let others use the grant up."""

from __future__ import annotations

from dataclasses import replace

from kms.statements.envelope import sign
from kms.statements.release import Purpose
from tests.protocol.world import LAB, World


def test_another_owners_grant_of_the_same_id_does_not_use_up_mine(world: World) -> None:
    alice, doctor = world.device("alice"), world.device("bob")
    mallory, accomplice = world.device("mallory"), world.device("carol")
    keys, other_keys = world.create(alice, [LAB] * 2), world.create(mallory, [LAB] * 2)
    grant = world.grant(alice, doctor, keys=keys, max_count=2)
    copied = replace(world.grant(mallory, accomplice, keys=other_keys), grant_id=grant.grant_id)
    envelope = sign(copied, mallory.key).envelope
    spent = world.release(accomplice, other_keys, purpose=Purpose.TREATMENT, grants=[envelope])
    assert len(spent.opened) == 2
    envelope = sign(grant, alice.key).envelope
    assert len(world.release(doctor, keys, purpose=Purpose.TREATMENT, grants=[envelope]).opened) == 2


def test_an_owners_wider_grant_of_the_same_id_does_not_widen_the_narrower_one(world: World) -> None:
    alice, doctor = world.device("alice"), world.device("bob")
    few, more = world.create(alice, [LAB] * 3), world.create(alice, [LAB] * 3)
    narrow = world.grant(alice, doctor, keys=few, max_count=1)
    wide = replace(world.grant(alice, doctor, keys=more, max_count=9), grant_id=narrow.grant_id)
    grants = [sign(grant, alice.key).envelope for grant in (wide, narrow)]
    opened = world.release(doctor, [*few, *more], purpose=Purpose.TREATMENT, grants=grants).opened
    assert {key.key_id for key in more} <= set(opened)
    assert len(opened) <= len(more) + 1
