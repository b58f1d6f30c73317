"""A node's people learn on its socket why a request was decided so, and what was missing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.custodian.policy_service import SERVICE, ask_node
from kms.custodian.service import CustodianService
from kms.errors import NotFound
from kms.statements.release import Purpose
from kms.transport.process import Port, Server
from kms.transport.server import Endpoint
from tests.protocol.world import LAB, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world", n=3, threshold=2)
    yield made
    made.close()


def test_a_waiting_request_is_explained_over_the_socket(world: World, tmp_path: Path) -> None:
    keys = world.create(world.device("alice"), [LAB, LAB])
    doctor = world.device("dr", "professional", issuers=("b",))
    prepared = world.prepare(doctor, keys, purpose=Purpose.TREATMENT, to=[1])
    world.decide_at(1, prepared)
    world.start(1)  # nothing is remembered but what is on disk

    async def scene() -> None:
        service = CustodianService(world.nodes[1])
        server = Server([Port(f"unix:{tmp_path}/s", None, [Endpoint(SERVICE, service.policy_methods())])])
        await server.start()
        try:
            name, (told,) = await ask_node(tmp_path / "s", prepared.opened.hash.hex()[:12])
        finally:
            await server.stop()
            service._thread.shutdown()
        assert name == prepared.opened.hash
        assert (told.positions, told.verdict, told.reason) == ((0, 1), "pending", "NEEDS_HUMAN")
        assert told.explanation is not None
        assert "the owner granted it" in {way.text for way in told.explanation.ways}
        assert told.explanation == world.nodes[1].explain(name.hex())[1][0].explanation

    asyncio.run(scene())


def test_of_a_denied_request_the_reason_stays_when_its_evidence_is_gone(world: World) -> None:
    keys = world.create(world.device("alice"), [LAB])
    backend = world.device("backend", "service", issuers=("b",))
    prepared = world.prepare(backend, [keys[0].key_id, bytes(32)], purpose=Purpose.SCHEDULING, to=[1])  # type: ignore[arg-type]
    world.decide_at(1, prepared)
    now = {one.reason: one.explanation for one in world.nodes[1].explain(prepared.opened.hash.hex())[1]}
    assert now["UNKNOWN_KEY"] is None
    assert now["NO_CLINICAL_FOR_SERVICES"] is not None
    world.start(1)
    later = {one.reason: one for one in world.nodes[1].explain(prepared.opened.hash.hex())[1]}
    assert later["NO_CLINICAL_FOR_SERVICES"].explanation is None
    assert later["NO_CLINICAL_FOR_SERVICES"].text.startswith("the rule no-clinical-for-services never allows")


def test_a_request_that_is_not_here_is_not_explained(world: World) -> None:
    with pytest.raises(NotFound):
        world.nodes[1].explain("ab" * 32)
