"""The gRPC face of ceremonies at the coordinator. Who may order one follows from the signatures alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

from kms.coordinator.ceremonies import Ceremonies
from kms.coordinator.holdings import planned_version
from kms.coordinator.pools import Pools
from kms.coordinator.relay import Relay
from kms.coordinator.repairs import repair
from kms.crypto.hashing import equal
from kms.errors import NotFound
from kms.statements.ids import KeyId, Version
from kms.transport.server import Call, Method
from kms.wire.v1 import ceremony_service_pb2 as pb

SERVICE = "kms.v1.CoordinatorCeremonyService"
DAYS = 30 * 86400.0


def methods(ceremonies: Ceremonies, pools: Pools, relay: Relay) -> tuple[Method, ...]:
    """What admins' commands call, and clients that were handed a wrong share."""

    async def publish(request: pb.PublishChainRequest, call: Call) -> pb.PublishChainResponse:
        offered = [m.SerializeToString(deterministic=True) for m in request.manifests]
        following, away = await ceremonies.publish(offered)
        return pb.PublishChainResponse(following=following, away=away)

    async def reshare(request: pb.ReshareRequest, call: Call) -> AsyncIterator[pb.ReshareResponse]:
        canary = KeyId(request.canary) if request.canary else None
        async for so_far in ceremonies.reshare(request.order, canary):
            yield pb.ReshareResponse(
                keys=so_far.keys,
                done=so_far.done,
                erased=so_far.erased,
                cheats=sorted(so_far.cheats),
                away=sorted(so_far.away),
                failed=so_far.failed,
                bytes_relayed=so_far.relayed,
                canary_plan=so_far.canary_plan,
            )

    async def get_versions(request: pb.GetVersionsRequest, call: Call) -> pb.GetVersionsResponse:
        found = [
            await planned_version(relay, relay.reachable, Version(version)) for version in request.versions
        ]
        return pb.GetVersionsResponse(versions=[version for version in found if version is not None])

    async def bring_back(request: pb.RepairRequest, call: Call) -> AsyncIterator[pb.RepairResponse]:
        async for so_far in repair(relay, ceremonies, request.index):
            yield pb.RepairResponse(keys=so_far.keys, done=so_far.done, failed=so_far.failed)

    async def generate(request: pb.GenerateRequest, call: Call) -> AsyncIterator[pb.GenerateResponse]:
        async for so_far in pools.generate(request.order):
            yield pb.GenerateResponse(
                keys=so_far.keys,
                done=so_far.done,
                failed=so_far.failed,
                cheats=sorted(so_far.cheats),
                away=sorted(so_far.away),
            )

    async def offer(request: pb.OfferKeysRequest, call: Call) -> pb.OfferKeysResponse:
        if not equal(request.keyring_id, relay.keyring.keyring_id):
            raise NotFound("this coordinator serves another keyring", reason="WRONG_KEYRING")
        rows = await pools.offer(request.count)
        return pb.OfferKeysResponse(keys=[pb.OfferedKey(commitments=row) for row in rows])

    return (
        Method("PublishChain", pb.PublishChainRequest, publish, max_bytes=16 << 20),
        Method("Reshare", pb.ReshareRequest, reshare, streams=True, max_seconds=DAYS),
        Method("GetVersions", pb.GetVersionsRequest, get_versions),
        Method("Repair", pb.RepairRequest, bring_back, streams=True, max_seconds=DAYS),
        Method("Generate", pb.GenerateRequest, generate, streams=True, max_seconds=DAYS),
        Method("OfferKeys", pb.OfferKeysRequest, offer),
    )
