"""Asking a coordinator to carry a ceremony out. It is trusted with nothing: what it does, custodians check."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from kms.errors import NotFound
from kms.statements.ceremony import Status, open_from
from kms.statements.chain import Chain, follow, open_chain
from kms.transport import tls
from kms.transport.client import Channel
from kms.wire.v1 import ceremony_service_pb2 as pb
from kms.wire.v1 import coordinator_pb2, keyring_pb2, mailbox_pb2

DIRECTORY = "kms.v1.CoordinatorService"
MAILBOX = "kms.v1.CeremonyMailboxService"
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


async def reshare(
    order: bytes, coordinator: str, authorities: Path, canary: bytes = b""
) -> AsyncIterator[pb.ReshareResponse]:
    """Progress of dealing every key anew under this order's envelope, until it ends; or of the `canary` alone."""
    channel = _channel(coordinator, authorities)
    try:
        request = pb.ReshareRequest(order=keyring_pb2.Envelope.FromString(order), canary=canary)
        async for so_far in channel.stream(
            SERVICE, "Reshare", request, pb.ReshareResponse, timeout=CARRY_SECONDS
        ):
            yield so_far
    finally:
        await channel.close()


async def generate(order: bytes, coordinator: str, authorities: Path) -> AsyncIterator[pb.GenerateResponse]:
    """Progress of making the keys of this order's envelope, until it ends."""
    channel = _channel(coordinator, authorities)
    try:
        request = pb.GenerateRequest(order=keyring_pb2.Envelope.FromString(order))
        async for so_far in channel.stream(
            SERVICE, "Generate", request, pb.GenerateResponse, timeout=CARRY_SECONDS
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


async def status_of(index: int, known: Chain, now: int, coordinator: str, authorities: Path) -> Status:
    """What custodian `index` last signed of itself, under the manifest in force of a chain that goes on from `known`.

    NotFound if the coordinator has no word of it.
    """
    channel = _channel(coordinator, authorities)
    try:
        answer = await channel.call(
            DIRECTORY,
            "GetKeyring",
            coordinator_pb2.GetKeyringRequest(keyring_id=known.keyring_id),
            coordinator_pb2.GetKeyringResponse,
            timeout=PUBLISH_SECONDS,
        )
    finally:
        await channel.close()
    offered = [m.SerializeToString(deterministic=True) for m in answer.manifests]
    bound = follow(known, open_chain(offered, known.keyring_id)).in_force(now)
    key = next((c.identity_key for c in bound.manifest.custodians if c.index == index), None)
    for envelope in answer.statuses:
        if key is not None and any(s.keyid == key for s in envelope.signatures):
            return open_from(Status, envelope, bound, index, bound, "status").statement
    raise NotFound(f"the coordinator has no word of custodian {index}: is it up?", reason="NO_STATUS")


async def send_file(data: bytes, coordinator: str, authorities: Path) -> mailbox_pb2.MailboxEntry | None:
    """Leave a ceremony's file for others; the proposal that it belongs to, None if it holds enrolments."""
    channel = _channel(coordinator, authorities)
    try:
        request = mailbox_pb2.PutFileRequest(file=data)
        answer = await channel.call(
            MAILBOX, "PutFile", request, mailbox_pb2.PutFileResponse, timeout=PUBLISH_SECONDS
        )
        return answer.box if answer.HasField("box") else None
    finally:
        await channel.close()


async def list_boxes(coordinator: str, authorities: Path) -> mailbox_pb2.ListBoxesResponse:
    """What others left there, as the coordinator says."""
    channel = _channel(coordinator, authorities)
    try:
        request = mailbox_pb2.ListBoxesRequest()
        return await channel.call(
            MAILBOX, "ListBoxes", request, mailbox_pb2.ListBoxesResponse, timeout=PUBLISH_SECONDS
        )
    finally:
        await channel.close()


async def fetch_file(digest: bytes, coordinator: str, authorities: Path) -> bytes:
    """A proposal's file, or all enrolments if `digest` is empty; not checked yet."""
    channel = _channel(coordinator, authorities)
    try:
        request = mailbox_pb2.GetFileRequest(digest=digest)
        answer = await channel.call(
            MAILBOX, "GetFile", request, mailbox_pb2.GetFileResponse, timeout=PUBLISH_SECONDS
        )
        return answer.file
    finally:
        await channel.close()


def _channel(coordinator: str, authorities: Path) -> Channel:
    return Channel(coordinator, tls.client_credentials(authorities))
