"""Asking a coordinator to carry a ceremony out. It is trusted with nothing: what it does, custodians check."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from kms.statements.chain import Chain
from kms.transport import tls
from kms.transport.client import Channel
from kms.wire.v1 import ceremony_service_pb2 as pb
from kms.wire.v1 import keyring_pb2

SERVICE = "kms.v1.CoordinatorCeremonyService"
PUBLISH_SECONDS = 60.0
CARRY_SECONDS = 30 * 86400.0


async def publish_chain(chain: Chain, coordinator: str, authorities: Path) -> tuple[list[int], list[int]]:
    """(custodians that follow the chain now, members that are away)."""
    channel = _channel(coordinator, authorities)
    try:
        answer = await channel.call(
            SERVICE,
            "PublishChain",
            pb.PublishChainRequest(manifests=[keyring_pb2.Envelope.FromString(e) for e in chain.envelopes]),
            pb.PublishChainResponse,
            timeout=PUBLISH_SECONDS,
        )
        return list(answer.following), list(answer.away)
    finally:
        await channel.close()


async def reshare(order: bytes, coordinator: str, authorities: Path) -> AsyncIterator[pb.ReshareResponse]:
    """Progress of dealing every key anew under this order's envelope, until it ends."""
    channel = _channel(coordinator, authorities)
    try:
        request = pb.ReshareRequest(order=keyring_pb2.Envelope.FromString(order))
        async for so_far in channel.stream(
            SERVICE, "Reshare", request, pb.ReshareResponse, timeout=CARRY_SECONDS
        ):
            yield so_far
    finally:
        await channel.close()


async def repair(index: int, coordinator: str, authorities: Path) -> AsyncIterator[pb.RepairResponse]:
    """Progress of bringing custodian `index`'s shares back, until it ends."""
    channel = _channel(coordinator, authorities)
    try:
        async for so_far in channel.stream(
            SERVICE, "Repair", pb.RepairRequest(index=index), pb.RepairResponse, timeout=CARRY_SECONDS
        ):
            yield so_far
    finally:
        await channel.close()


def _channel(coordinator: str, authorities: Path) -> Channel:
    return Channel(coordinator, tls.client_credentials(authorities))
