"""Counts are the brake on bulk reading: what a grant allows, and how many keys anybody reads in an hour.

Whoever can have releases counted too low reads a whole practice. Decisions are not releases, certificates may
cover parts of a request, and a request may be released again: each of these has been a way around a counter.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kms.statements.envelope import Signed, open_signed, sign
from kms.statements.release import Decision, Purpose, build_certificate
from kms_client.cache import OpenKey
from kms_client.requesting import Prepared
from tests.protocol.adversary import decision, opened_shares, reason_of
from tests.protocol.coordinator import delivery
from tests.protocol.world import LAB, Device, World


@pytest.fixture
def owner(world: World) -> Device:
    return world.device("alice")


@pytest.fixture
def reader(world: World) -> Device:
    return world.device("bob")


def decided(world: World, prepared: Prepared, at: Sequence[int]) -> list[Signed[Decision]]:
    return [open_signed(Decision, world.decide_at(i, prepared), world.identities[i].public) for i in at]


def got(world: World, index: int, prepared: Prepared, certificate: bytes) -> int:
    """How many shares one custodian gives."""
    event = delivery(*world.nodes[index].release(prepared.opened.hash, certificate))
    return len(opened_shares(prepared, [event]))


def test_a_grant_for_two_opens_two_in_one_request(world: World, owner: Device, reader: Device) -> None:
    keys = world.create(owner, [LAB] * 3)
    grant = sign(world.grant(owner, reader, keys=keys, max_count=2), owner.key).envelope
    collector = world.release(reader, keys, purpose=Purpose.TREATMENT, grants=[grant])
    assert len(collector.opened) == 2


def test_a_grant_for_two_opens_two_over_many_requests(world: World, owner: Device, reader: Device) -> None:
    keys = world.create(owner, [LAB] * 3)
    grant = sign(world.grant(owner, reader, keys=keys, max_count=2), owner.key).envelope
    opened = [
        len(world.release(reader, [key], purpose=Purpose.TREATMENT, grants=[grant]).opened) for key in keys
    ]
    assert opened == [1, 1, 0]


def test_requests_that_were_all_decided_first_spend_the_grant_all_the_same(
    world: World, owner: Device, reader: Device
) -> None:
    # Each is decided while nothing is spent yet; only then are they released, one after the other.
    keys = world.create(owner, [LAB] * 3)
    grant = sign(world.grant(owner, reader, keys=keys, max_count=2), owner.key).envelope
    requests = [world.prepare(reader, [key], purpose=Purpose.TREATMENT, grants=[grant]) for key in keys]
    decisions = [decided(world, prepared, (1, 2, 3)) for prepared in requests]
    outcomes = [
        reason_of(world.nodes[1].release, p.opened.hash, build_certificate(p.opened.hash, d))
        for p, d in zip(requests, decisions, strict=True)
    ]
    assert outcomes == ["", "", "NOT_ALLOWED"]


def partly_held(world: World, owner: Device, count: int) -> tuple[OpenKey, list[OpenKey]]:
    """One key that all custodians hold, and `count` that custodian 5 was not given: its decision is narrower."""
    return world.create(owner)[0], list(world.create(owner, [LAB] * count, at=(1, 2, 3, 4)))


def test_a_narrow_certificate_before_a_wide_one_does_not_hide_releases_from_the_grant(
    world: World, owner: Device, reader: Device
) -> None:
    one, others = partly_held(world, owner, 3)
    keys = [one, *others]
    grant = sign(world.grant(owner, reader, keys=keys, max_count=4), owner.key).envelope
    first = world.prepare(reader, keys, purpose=Purpose.TREATMENT, grants=[grant])
    decisions = decided(world, first, (1, 2, 3, 4, 5))
    narrow = build_certificate(first.opened.hash, [decisions[n] for n in (0, 1, 4)])
    wide = build_certificate(first.opened.hash, decisions[:3])
    assert got(world, 1, first, narrow) == 1
    assert got(world, 1, first, wide) == 4
    # All four uses are spent now, though the first answer held one share.
    second = world.prepare(reader, keys[:1], purpose=Purpose.TREATMENT, grants=[grant])
    assert decision(world.decide_at(1, second)).by_position()[0].reason == "NEEDS_HUMAN"


def test_a_narrow_certificate_before_a_wide_one_does_not_hide_releases_from_the_brake(
    world: World, owner: Device
) -> None:
    from kms.custodian.case import HOUR, counter_key

    one, others = partly_held(world, owner, 3)
    first = world.prepare(owner, [one, *others])
    decisions = decided(world, first, (1, 2, 3, 4, 5))
    node = world.nodes[1]
    got(world, 1, first, build_certificate(first.opened.hash, [decisions[n] for n in (0, 1, 4)]))
    got(world, 1, first, build_certificate(first.opened.hash, decisions[:3]))
    name = counter_key(b"principal", owner.thumbprint)
    assert node.context.counters.total(name, world.clock(), HOUR) == 4
