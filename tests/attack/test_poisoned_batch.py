"""Somebody puts one broken key among a doctor's two hundred, so that the whole list stays shut.

A dealer is anybody with a credential. What a custodian takes in without reading it, it will choke on later,
in the middle of other people's keys.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from kms.crypto import derivation
from kms.custodian import deposits
from kms.statements.ids import KeyId
from kms.statements.keys import DepositSecrets, Opening
from kms_client.dealing import Dealt
from tests.protocol.adversary import reason_of, redescribed, refusals
from tests.protocol.coordinator import Event, Events
from tests.protocol.world import LAB, Device, World

GARBAGE = b"\xff this is no context"


@pytest.fixture
def alice(world: World) -> Device:
    return world.device("alice")


def with_context(dealt: Dealt, context: bytes) -> Dealt:
    """The dealt key with these bytes as its context, committed to as if they were one."""
    opening = Opening(bytes(32), context)
    described = redescribed(
        dealt.keys[0].descriptor, context_commitment=derivation.context_commitment(*astuple(opening))
    )
    secrets = {i: DepositSecrets(kept.shares, (opening,)) for i, kept in dealt.secrets.items()}
    return Dealt((replace(dealt.keys[0], descriptor=described),), secrets)


def astuple(opening: Opening) -> tuple[bytes, bytes]:
    return opening.salt, opening.context


TWICE = b"\x0a\x06\x0a\x01a\x12\x01b" * 2  # one name twice


@pytest.mark.parametrize("context", [GARBAGE, TWICE, b"\x10\x01"], ids=["garbage", "twice", "hidden field"])
def test_a_key_without_a_readable_context_is_not_taken(world: World, alice: Device, context: bytes) -> None:
    sent = world.send(alice, with_context(world.deal(alice, [LAB]), context))
    assert refusals(world.deposit_at(1, sent)) == {0: "WRONG_CONTEXT"}


def test_a_naive_custodian_that_took_one_cannot_read_the_rest_of_the_list(
    world: World, alice: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = world.create(alice)
    sent = world.send(alice, with_context(world.deal(alice, [LAB]), GARBAGE))
    monkeypatch.setattr(deposits, "parse_context", lambda data: {})
    for index in world.nodes:
        assert refusals(world.deposit_at(index, sent)) == {}
    prepared = world.prepare(alice, [good[0].key_id, *sent.key_ids()])
    assert reason_of(world.decide_at, 1, prepared) == "MALFORMED"


def test_a_context_that_is_not_the_committed_one_is_not_taken(world: World, alice: Device) -> None:
    dealt = world.deal(alice, [LAB])
    # Custodian 1 is told that a laboratory record is a booking, so that it lets services read it.
    lie = Opening(dealt.secrets[1].openings[0].salt, b"")
    told = replace(dealt, secrets={**dealt.secrets, 1: DepositSecrets(dealt.secrets[1].shares, (lie,))})
    sent = world.send(alice, told)
    assert refusals(world.deposit_at(1, sent)) == {0: "WRONG_CONTEXT"}
    assert refusals(world.deposit_at(2, sent)) == {}


def test_one_wrong_share_is_named_and_the_rest_of_the_batch_stands(world: World, alice: Device) -> None:
    dealt = world.deal(alice, [LAB, LAB, LAB])
    kept = dealt.secrets[1]
    swapped = DepositSecrets((kept.shares[0], kept.shares[2], kept.shares[2]), kept.openings)
    sent = world.send(alice, replace(dealt, secrets={**dealt.secrets, 1: swapped}))
    assert refusals(world.deposit_at(1, sent)) == {1: "WRONG_SHARE"}
    assert world.nodes[1].context.store.count_keys() == 2


def test_points_that_are_none_spoil_their_own_key_only(world: World, alice: Device) -> None:
    dealt = world.deal(alice, [LAB, LAB])
    points = dealt.keys[0].descriptor.core.commitments
    broken = redescribed(
        dealt.keys[0].descriptor, commitments=(points[0], b"\x05" + points[1][1:], points[2])
    )
    sent = world.send(alice, replace(dealt, keys=(replace(dealt.keys[0], descriptor=broken), dealt.keys[1])))
    assert refusals(world.deposit_at(1, sent)) == {0: "INVALID_POINT"}


def test_a_name_of_garbage_fails_alone_at_the_reader(world: World, alice: Device) -> None:
    # A record may carry any key id, that of a "descriptor" which is none, too, and the host hands it over.
    good = world.create(alice)[0]
    junk = b"no descriptor at all"
    name = KeyId(derivation.key_id(junk))

    def helpful(events: Events) -> Events:
        events[0].descriptors.descriptors.append(junk)
        return [Event.FromString(event.SerializeToString()) for event in events]

    collector = world.release(alice, [good.key_id, name], bend=helpful)
    assert collector.opened[good.key_id].secret == good.secret
    assert collector.done()
    position = collector.request.request.key_ids.index(name)
    assert collector.failure(position).reason == "MALFORMED"
