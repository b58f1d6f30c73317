"""Who was let in lets in others: a grantee signs grants of their own, in their own name or in the owner's."""

from __future__ import annotations

from dataclasses import replace

from kms.statements.envelope import sign
from kms.statements.release import Purpose
from tests.protocol.adversary import ruling
from tests.protocol.world import World


def test_who_was_let_in_lets_in_nobody(world: World) -> None:
    alice, bob = world.device("alice"), world.device("bob", issuers=("a",))
    carol = world.device("carol", issuers=("a",))
    keys = world.create(alice)
    to_bob = world.grant(alice, bob, keys=keys)
    own_name = sign(world.grant(bob, carol, keys=keys), bob.key).envelope
    owners_name = sign(world.grant(alice, carol, keys=keys), bob.key).envelope
    passed_on = sign(to_bob, alice.key).envelope
    readdressed = sign(replace(to_bob, grantee_thumbprint=carol.thumbprint), bob.key).envelope

    chains = ([own_name], [owners_name], [readdressed], [passed_on], [passed_on, own_name])
    for grants in chains:
        prepared = world.prepare(carol, keys, purpose=Purpose.TREATMENT, grants=grants)
        assert ruling(world.decide_at(1, prepared))[0] != "ALLOW"

    prepared = world.prepare(bob, keys, purpose=Purpose.TREATMENT, grants=[passed_on])
    assert ruling(world.decide_at(1, prepared))[0] == "ALLOW"
