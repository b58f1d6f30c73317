"""Requests that are replayed, kept beyond their time, or changed on their way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kms.statements.codec import decode, encode
from kms.statements.release import HUMAN_LIFETIME, RULE_LIFETIME, Purpose, ReleaseRequest
from tests.protocol.adversary import opened_shares, reason_of, ruling, with_payload
from tests.protocol.world import World, evidence_for


def test_a_reader_of_unsigned_bytes_believes_any_purpose(world: World) -> None:
    owner = world.device("alice")
    prepared = world.prepare(owner, world.create(owner))
    payload = encode(replace(prepared.opened.request, purpose=Purpose.EMERGENCY))
    assert decode(ReleaseRequest, payload).purpose is Purpose.EMERGENCY


@pytest.mark.parametrize("field", ["purpose", "expires_at", "key_ids"])
def test_an_altered_request_is_refused(world: World, field: str) -> None:
    owner = world.device("alice")
    mine, other = world.create(owner), world.create(owner)
    prepared = world.prepare(owner, mine)
    request = prepared.opened.request
    changed = {
        "purpose": {"purpose": Purpose.EMERGENCY},
        "expires_at": {"expires_at": request.expires_at + 600},
        "key_ids": {"key_ids": tuple(sorted([*request.key_ids, other[0].key_id]))},
    }[field]
    envelope = with_payload(prepared.message.request, encode(replace(request, **changed)))  # type: ignore[arg-type]
    assert reason_of(world.nodes[2].decide, envelope, evidence_for(prepared, 2)) == "BAD_SIGNATURE"


def test_an_expired_request_is_refused_and_so_is_its_release(world: World) -> None:
    owner = world.device("alice")
    keys = world.create(owner)
    early, late = world.prepare(owner, keys), world.prepare(owner, keys)
    events = world.coordinator().release(early)
    certificate = next(e.certificate for e in events if e.certificate)
    world.clock.turn(RULE_LIFETIME)
    assert reason_of(world.nodes[1].decide, late.message.request, evidence_for(late, 1)) == "REQUEST_EXPIRED"
    assert reason_of(world.nodes[1].release, early.opened.hash, certificate) == "REQUEST_EXPIRED"


def test_a_rule_answers_no_request_that_is_older_than_a_quarter_of_an_hour(world: World) -> None:
    owner = world.device("alice")
    prepared = world.prepare(owner, world.create(owner), lifetime=HUMAN_LIFETIME)
    world.clock.turn(RULE_LIFETIME)
    assert ruling(world.decide_at(1, prepared)) == ("DENY", "REQUEST_TOO_OLD")


def test_a_request_from_the_future_is_refused(world: World) -> None:
    owner = world.device("alice")
    keys = world.create(owner)
    world.clock.turn(3600)
    prepared = world.prepare(owner, keys)
    world.clock.turn(-3600)
    assert (
        reason_of(world.nodes[1].decide, prepared.message.request, evidence_for(prepared, 1))
        == "INVALID_FIELD"
    )


def test_a_replayed_request_gives_the_host_nothing_new(world: World) -> None:
    """The same bytes get the same decision, and shares sealed to the same device."""
    owner = world.device("alice")
    prepared = world.prepare(owner, world.create(owner))
    first, second = world.coordinator().release(prepared), world.coordinator().release(prepared)
    assert [e.decision.payload for e in first] == [e.decision.payload for e in second]
    assert opened_shares(prepared, first) == opened_shares(prepared, second)
