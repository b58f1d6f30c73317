"""Whoever withdraws a request, because they asked for the wrong patient, say, gets nothing of it any more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kms.statements.envelope import open_signed, sign
from kms.statements.ids import RequestHash
from kms.statements.release import Cancellation, Decision, Purpose, build_certificate
from kms_client.requesting import Prepared
from tests.protocol.adversary import decision, reason_of
from tests.protocol.world import LAB, Device, World


@pytest.fixture
def reader(world: World) -> Device:
    return world.device("bob")


def half_granted(world: World, reader: Device) -> tuple[Prepared, bytes]:
    """A request of which a grant covers one key and people are asked for the other; its certificate."""
    owner = world.device("alice")
    keys = world.create(owner, [LAB] * 2)
    grant = sign(world.grant(owner, reader, keys=keys[:1]), owner.key).envelope
    prepared = world.prepare(reader, keys, purpose=Purpose.TREATMENT, grants=[grant])
    decisions = [
        open_signed(Decision, world.decide_at(i, prepared), world.identities[i].public) for i in (1, 2, 3)
    ]
    names = {r.verdict.name for r in decision(decisions[0].envelope).rulings}
    assert names == {"ALLOW", "PENDING"}
    return prepared, build_certificate(prepared.opened.hash, decisions)


def test_without_a_cancellation_the_granted_half_is_released(world: World, reader: Device) -> None:
    prepared, certificate = half_granted(world, reader)
    assert reason_of(world.nodes[1].release, prepared.opened.hash, certificate) == ""


def test_a_cancelled_request_of_which_some_keys_still_waited_is_released_no_more(
    world: World, reader: Device
) -> None:
    prepared, certificate = half_granted(world, reader)
    cancellation = Cancellation(
        world.keyring.keyring_id,
        world.keyring.manifest_hash,
        prepared.opened.hash,
        reader.thumbprint,
        world.clock(),
    )
    world.nodes[1].cancel(sign(cancellation, reader.key).message)
    assert reason_of(world.nodes[1].release, prepared.opened.hash, certificate) == "NOT_ALLOWED"


def test_nobody_else_can_withdraw_a_request(world: World, reader: Device) -> None:
    prepared, certificate = half_granted(world, reader)
    mallory = world.device("mallory")
    cancellation = Cancellation(
        world.keyring.keyring_id,
        world.keyring.manifest_hash,
        prepared.opened.hash,
        mallory.thumbprint,
        world.clock(),
    )
    assert reason_of(world.nodes[1].cancel, sign(cancellation, mallory.key).message) == "NOT_REQUESTER"
    unknown = replace(cancellation, request_hash=RequestHash(bytes(32)))
    assert reason_of(world.nodes[1].cancel, sign(unknown, mallory.key).message) == "NOT_DECIDED"
    assert reason_of(world.nodes[1].release, prepared.opened.hash, certificate) == ""
