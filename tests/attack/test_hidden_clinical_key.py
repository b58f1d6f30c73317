"""One clinical key among harmless ones: keys are decided in groups, and no group's verdict reaches a key beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kms.errors import KmsError
from kms.policy.attributes import ReleaseAttributes
from kms.policy.engine import Outcome, PolicyEngine
from kms.statements.envelope import open_signed, sign
from kms.statements.release import Decision, Purpose, build_certificate
from kms_client.cache import OpenKey
from tests.protocol.adversary import decision, opened_shares, ruling
from tests.protocol.world import BOOKING, LAB, Device, World, signing_key

CONTACT = {"patient": "p-1", "category": "contact"}
NEARLY = [
    {"patient": "p-1", "category": "Booking"},
    {"patient": "p-1", "category": "booking "},
    {"patient": "p-1", "category": ""},
    {"patient": "p-1", "kategory": "booking"},
    {"patient": "booking", "category": "laboratory"},
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """2 of 3, shared: nothing here changes it."""
    made = World.found(Path(tmp_path_factory.mktemp("world")), n=3, threshold=2)
    yield made
    made.close()


@pytest.fixture(scope="module")
def backend(world: World) -> Device:
    """A back end that owns what it is given: bookings go to it by a rule, clinical records never."""
    return replace(world.device("backend", "service", issuers=("b",)), key=signing_key("backend"))


@pytest.fixture(scope="module")
def harmless(world: World, backend: Device) -> tuple[OpenKey, ...]:
    return world.create(world.device("alice"), [BOOKING, CONTACT] * 8, owner=backend)


@pytest.mark.parametrize("context", [LAB, *NEARLY], ids=str)
def test_the_one_is_denied_and_the_others_are_not(
    world: World, backend: Device, harmless: tuple[OpenKey, ...], context: dict[str, str]
) -> None:
    (hidden,) = world.create(world.device("alice"), [context], owner=backend)
    prepared = world.prepare(backend, [*harmless, hidden], purpose=Purpose.SCHEDULING)
    at = prepared.opened.request.key_ids.index(hidden.key_id)
    for index in (1, 2, 3):
        decided = world.decide_at(index, prepared)
        assert ruling(decided, at) == ("DENY", "NO_CLINICAL_FOR_SERVICES")
        assert {ruling(decided, p)[0] for p in range(len(harmless) + 1) if p != at} == {"ALLOW"}
    events = world.coordinator().release(prepared)
    assert set(opened_shares(prepared, events)) == set(range(len(harmless) + 1)) - {at}


def test_wherever_it_sorts_among_the_others(
    world: World, backend: Device, harmless: tuple[OpenKey, ...]
) -> None:
    places = set()
    hidden = world.create(world.device("alice"), [LAB] * 24, owner=backend)
    for key in hidden:
        prepared = world.prepare(backend, [*harmless[:4], key], purpose=Purpose.SCHEDULING, to=[1])
        at = prepared.opened.request.key_ids.index(key.key_id)
        places.add(at)
        assert [
            r.verdict.name for r in decision(world.decide_at(1, prepared)).rulings if at in r.positions
        ] == ["DENY"]
    assert len(places) > 1


def test_a_key_of_another_owner_does_not_ride_on_a_grant(world: World) -> None:
    alice, bob, reader = (world.device(name) for name in ("alice", "bob", "carol"))
    hers, his = world.create(alice, [LAB] * 4), world.create(bob, [LAB])
    grant = sign(world.grant(alice, reader, category="laboratory"), alice.key).envelope
    collector = world.release(reader, [*hers, *his], purpose=Purpose.TREATMENT, grants=[grant])
    assert set(collector.opened) == {key.key_id for key in hers}


def test_an_approval_for_some_keys_of_a_batch_reaches_no_other(world: World, backend: Device) -> None:
    doctor = world.device("dr", "professional", issuers=("b",))
    own = world.create(doctor, [BOOKING], owner=doctor)
    others = world.create(world.device("alice"), [LAB])
    foreign = [own[0].key_id, others[0].key_id, bytes(32)]
    prepared = world.prepare(doctor, foreign, purpose=Purpose.TREATMENT, to=[1])  # type: ignore[arg-type]
    before = _rulings(world.decide_at(1, prepared), prepared.opened.request.key_ids)
    assert before[bytes(32)] == ("DENY", "UNKNOWN_KEY")
    assert before[others[0].key_id] == ("PENDING", "NEEDS_HUMAN")
    assert world.nodes[1].waiting_view(prepared.opened.hash).facts.count == sum(
        v == "PENDING" for v, _ in before.values()
    )
    after = _rulings(world.approve(1, prepared.opened.hash), prepared.opened.request.key_ids)
    assert after[bytes(32)] == ("DENY", "UNKNOWN_KEY")
    assert after[others[0].key_id] == ("ALLOW", "HUMAN_APPROVED")


def _rulings(envelope: bytes, key_ids: tuple[bytes, ...]) -> dict[bytes, tuple[str, str]]:
    return {key_id: ruling(envelope, position) for position, key_id in enumerate(key_ids)}


def test_decisions_on_the_others_make_no_certificate_for_it(
    world: World, backend: Device, harmless: tuple[OpenKey, ...]
) -> None:
    (hidden,) = world.create(world.device("alice"), [LAB], owner=backend)
    together = world.prepare(backend, [harmless[0], hidden], purpose=Purpose.SCHEDULING)
    alone = world.prepare(backend, [hidden], purpose=Purpose.SCHEDULING)
    allows = [open_signed(Decision, world.decide_at(i, together), world.identities[i].public) for i in (1, 2)]
    for i in (1, 2):
        world.decide_at(i, alone)
    certificate = build_certificate(alone.opened.hash, allows)
    for node in world.nodes.values():
        with pytest.raises(KmsError):
            node.release(alone.opened.hash, certificate)


def test_equal_keys_are_decided_once(
    world: World, backend: Device, harmless: tuple[OpenKey, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[ReleaseAttributes] = []
    once = PolicyEngine.decide_release

    def counted(engine: PolicyEngine, attributes: ReleaseAttributes) -> Outcome:
        asked.append(attributes)
        return once(engine, attributes)

    monkeypatch.setattr(PolicyEngine, "decide_release", counted)
    world.decide_at(1, world.prepare(backend, harmless, purpose=Purpose.SCHEDULING, to=[1]))
    assert len(asked) == 2  # bookings and contacts
