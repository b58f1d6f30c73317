"""Custodians that deal terms which cannot be added up, or leave members out: no pool would ever be made.

Two of five may lie. Three others deal in their place, and the batch is kept by all that are honest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kms.coordinator.pools import Pools
from kms.statements.ceremony import points_hash, unpack_points
from kms.statements.codec import decode
from kms.statements.envelope import sign
from kms.statements.pool import PoolDealing
from kms.wire.v1 import ceremony_service_pb2 as pb
from tests.protocol.ceremonies import message
from tests.protocol.pools import make_pool_order
from tests.protocol.relays import DirectRelay, at_the_end, ceremonies
from tests.protocol.world import World

LIARS = (1, 2)
COUNT = 2
Dealt = tuple[PoolDealing, bytes, dict[int, bytes]]
"""What is signed, the points of all keys, the blobs by receiver."""


def no_points(dealt: Dealt) -> Dealt:
    said, points, blobs = dealt
    none = bytes([5]) * len(points)
    digest = points_hash(unpack_points(none, COUNT, len(points) // 33 // COUNT))
    return replace(said, points_hash=digest), none, blobs


def nothing_for_two(dealt: Dealt) -> Dealt:
    said, points, blobs = dealt
    targets = tuple(target for target in said.targets if target.index < 4)
    return replace(said, targets=targets), points, {i: blob for i, blob in blobs.items() if i < 4}


def other_blobs(dealt: Dealt) -> Dealt:
    said, points, blobs = dealt
    return said, points, {i: blob[:-1] + bytes([blob[-1] ^ 1]) for i, blob in blobs.items()}


def blobs_withheld(dealt: Dealt) -> Dealt:
    said, points, blobs = dealt
    return said, points, {i: blob for i, blob in blobs.items() if i < 4}


BENDS: dict[str, Callable[[Dealt], Dealt]] = {
    "points that are none": no_points,
    "nothing for two members": nothing_for_two,
    "other blobs than it signed for": other_blobs,
    "blobs for some": blobs_withheld,
}


@pytest.mark.parametrize("what", BENDS)
def test_a_pool_is_made_though_two_spoil_what_they_deal(world: World, what: str, tmp_path: Path) -> None:
    bent: list[int] = []

    def deal(index: int) -> Callable[[pb.DealPoolRequest], pb.DealPoolResponse]:
        def answer(request: pb.DealPoolRequest) -> pb.DealPoolResponse:
            dealt = world.nodes[index].deal_pool(request.order, request.batch, list(request.sealing_keys))
            said = decode(PoolDealing, message(dealt.dealing).payload)
            said, points, blobs = BENDS[what]((said, dealt.points, dict(dealt.blobs)))
            bent.append(index)
            return pb.DealPoolResponse(
                dealing=message(sign(said, world.identities[index]).envelope),
                points=points,
                blobs=[pb.SealedBlob(index=i, sealed=blob) for i, blob in blobs.items()],
            )

        return answer

    relay: Any = DirectRelay(world, {(i, "DealPool"): deal(i) for i in LIARS})
    pools = Pools(relay, ceremonies(world, relay, tmp_path))
    progress = asyncio.run(at_the_end(pools.generate(make_pool_order(world, COUNT).message)))
    assert set(bent) == set(LIARS)
    assert (progress.done, progress.failed) == (COUNT, 0)
    assert [node.context.store.pool.count() for node in world.nodes.values()] == [COUNT] * 5
