"""A coordinator that lost its directory asks custodians; one of them that answers junk stops nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from kms.coordinator.service import CoordinatorService
from tests.protocol.world import LAB, World


def test_one_custodian_that_answers_junk_or_a_part_does_not_hide_keys(world: World) -> None:
    keys = world.create(world.device("alice"), [LAB] * 2)
    payloads = [key.descriptor.payload for key in keys]
    answers = {1: [b"junk"], 2: payloads[:1], 3: payloads, 4: [], 5: []}

    async def look_up(index: int, key_ids: list[bytes]) -> list[bytes]:
        return answers[index]

    store: Any = SimpleNamespace(found=lambda ids: {}, sealing_keys=dict)
    relay: Any = SimpleNamespace(indices=(1, 2, 3, 4, 5), look_up=look_up)

    async def scene() -> list[tuple[bytes, int]]:
        return await CoordinatorService(world.chain, store, relay, lambda keyring: {}, Path())._find(
            [key.key_id for key in keys]
        )

    assert {payload for payload, _ in asyncio.run(scene())} == set(payloads)
