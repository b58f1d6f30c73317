"""A thousand callers for one cold key make one request; callers who ask something else are not among them."""

from __future__ import annotations

import asyncio
from typing import Any

from kms.errors import Denied
from kms.statements.ids import KeyId
from kms.statements.release import Purpose
from kms_client.aio import AsyncClient
from kms_client.cache import KeyCache
from kms_client.flights import Flights
from kms_client.releasing import Release
from tests.protocol.world import World


def ask(world: World, *asked: tuple[bytes, ...]) -> tuple[list[str], int]:
    """What callers with these grants get, all at once, and how many requests that took."""
    key = world.create(world.device("alice"))[0]
    client: Any = AsyncClient.__new__(AsyncClient)
    client.cache, client._flights, requests = KeyCache(), Flights(), []

    async def release(ids: list[KeyId], *, grants: tuple[bytes, ...], **_: object) -> Release:
        requests.append(grants)
        await asyncio.sleep(0)
        if grants == (b"good",):
            return Release({key.key_id: key}, {})
        return Release({}, {key.key_id: Denied("no grant", reason="NO_RULE_ALLOWS")})

    client.release = release
    header: Any = type("Header", (), {"key_id": key.key_id})

    async def one(grants: tuple[bytes, ...]) -> str:
        try:
            await client._key_for(header, 0, Purpose.TREATMENT, "", grants, 0.0)
            return "opened"
        except Denied as error:
            return error.reason

    async def scene() -> list[str]:
        return await asyncio.gather(*(one(grants) for grants in asked))

    return asyncio.run(scene()), len(requests)


def test_who_brings_a_grant_is_not_refused_with_who_brings_none(world: World) -> None:
    assert ask(world, (), (b"good",)) == (["NO_RULE_ALLOWS", "opened"], 2)


def test_callers_who_ask_the_same_share_one_request(world: World) -> None:
    assert ask(world, (b"good",), (b"good",), (b"good",)) == (["opened"] * 3, 1)
