"""The gRPC face of a node's part in ceremonies. Long steps go to the node's thread, one batch at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from kms.custodian.generating import PoolBatch
from kms.custodian.node import CustodianNode
from kms.custodian.repairing import Pieces, Repair
from kms.custodian.resharing import Batch, OldPlan
from kms.custodian.store import StoredVersion
from kms.statements.ids import DepositHash, KeyId, Version
from kms.transport.server import Call, Method
from kms.wire.v1 import ceremony_service_pb2 as pb
from kms.wire.v1 import keyring_pb2

SERVICE = "kms.v1.CustodianCeremonyService"
MAX_BYTES = 12 << 20
R = TypeVar("R")


class RunAside(Protocol):
    """Runs a step of the node in its turn, off the loop."""

    def __call__(self, step: Callable[..., R], *arguments: object) -> Awaitable[R]: ...


class CeremonyService:
    """Every method but the first two is only worth calling for who carries a ceremony out."""

    def __init__(self, node: Callable[[], CustodianNode], run: RunAside) -> None:
        self._node, self._run = node, run

    def methods(self) -> tuple[Method, ...]:
        return (
            Method("FollowChain", pb.FollowChainRequest, self.follow_chain, max_bytes=MAX_BYTES),
            Method("GetStatus", pb.GetStatusRequest, self.get_status),
            Method("ListKeys", pb.ListKeysRequest, self.list_keys),
            Method("Deal", pb.DealRequest, self.deal),
            Method("Install", pb.InstallRequest, self.install, max_bytes=MAX_BYTES),
            Method("FindCheat", pb.FindCheatRequest, self.find_cheat, max_bytes=MAX_BYTES),
            Method("ListInstalled", pb.ListInstalledRequest, self.list_installed),
            Method("Erase", pb.EraseRequest, self.erase),
            Method("ListMissing", pb.ListMissingRequest, self.list_missing),
            Method("StartRepair", pb.StartRepairRequest, self.start_repair),
            Method("MakePieces", pb.MakePiecesRequest, self.make_pieces),
            Method("SumPieces", pb.SumPiecesRequest, self.sum_pieces, max_bytes=MAX_BYTES),
            Method("FinishRepair", pb.FinishRepairRequest, self.finish_repair, max_bytes=MAX_BYTES),
            Method("DealPool", pb.DealPoolRequest, self.deal_pool),
            Method("KeepPool", pb.KeepPoolRequest, self.keep_pool, max_bytes=MAX_BYTES),
            Method("ListPool", pb.ListPoolRequest, self.list_pool),
            Method("ListDraws", pb.ListDrawsRequest, self.list_draws),
            Method("ConfirmDraw", pb.ConfirmDrawRequest, self.confirm_draw),
        )

    async def follow_chain(self, request: pb.FollowChainRequest, call: Call) -> pb.FollowChainResponse:
        offered = [m.SerializeToString(deterministic=True) for m in request.manifests]
        chain = await self._run(self._node().follow_chain, offered)
        return pb.FollowChainResponse(manifests=map(_envelope, chain))

    async def get_status(self, request: pb.GetStatusRequest, call: Call) -> pb.GetStatusResponse:
        return pb.GetStatusResponse(status=_envelope(await self._run(self._node().status)))

    async def list_keys(self, request: pb.ListKeysRequest, call: Call) -> pb.ListKeysResponse:
        after, last = int.from_bytes(request.after, "big"), 0
        if request.key_ids:
            listed = await self._run(self._node().list_versions, _ids(request.key_ids))
        else:
            listed, last = await self._run(
                self._node().list_keys, request.order_sequence, after, request.limit
            )
        groups: dict[tuple[Version, int], list[bytes]] = {}
        for version, threshold, key_id in listed:
            groups.setdefault((version, threshold), []).append(key_id)
        return pb.ListKeysResponse(
            versions=[
                pb.KeysOfVersion(version=version, threshold=threshold, key_ids=ids)
                for (version, threshold), ids in groups.items()
            ],
            last=last.to_bytes(8, "big") if last else b"",
        )

    async def deal(self, request: pb.DealRequest, call: Call) -> pb.DealResponse:
        dealt = await self._run(
            self._node().deal,
            request.order,
            Version(request.from_version),
            _ids(request.key_ids),
            list(request.sealing_keys),
            frozenset(request.newcomers),
        )
        return pb.DealResponse(
            dealing=_envelope(dealt.dealing), points=dealt.points, blobs=_blobs(dealt.blobs.items())
        )

    async def install(self, request: pb.InstallRequest, call: Call) -> pb.InstallResponse:
        installed = await self._run(self._node().install, _batch(request))
        return pb.InstallResponse(installed=_envelope(installed))

    async def find_cheat(self, request: pb.FindCheatRequest, call: Call) -> pb.FindCheatResponse:
        old = OldPlan(request.old.plan, _ids(request.old.key_ids), request.old.points)
        found = await self._run(
            self._node().find_cheat, _batch(request.install), list(request.dealt_points), old
        )
        return pb.FindCheatResponse(complaints=map(_envelope, found))

    async def list_installed(self, request: pb.ListInstalledRequest, call: Call) -> pb.ListInstalledResponse:
        wanted = [Version(version) for version in request.versions]
        found = await self._run(self._node().installed, request.limit, wanted)
        return pb.ListInstalledResponse(versions=map(_installed, found))

    async def erase(self, request: pb.EraseRequest, call: Call) -> pb.EraseResponse:
        erased = await self._run(
            self._node().erase, request.plan, _ids(request.key_ids), list(request.installed)
        )
        return pb.EraseResponse(erased=_envelope(erased))

    # -- repair --------------------------------------------------------------------------------------------

    async def list_missing(self, request: pb.ListMissingRequest, call: Call) -> pb.ListMissingResponse:
        missing = await self._run(self._node().missing, Version(request.version), _ids(request.key_ids))
        return pb.ListMissingResponse(key_ids=missing)

    async def start_repair(self, request: pb.StartRepairRequest, call: Call) -> pb.StartRepairResponse:
        task = await self._run(
            self._node().start_repair,
            Version(request.version),
            tuple(request.helpers),
            _ids(request.key_ids),
        )
        return pb.StartRepairResponse(task=_envelope(task))

    async def make_pieces(self, request: pb.MakePiecesRequest, call: Call) -> pb.MakePiecesResponse:
        made = await self._run(
            self._node().make_pieces, request.task, _ids(request.key_ids), list(request.sealing_keys)
        )
        return pb.MakePiecesResponse(
            pieces=_envelope(made.statement), points=made.points, blobs=_blobs(made.blobs.items())
        )

    async def sum_pieces(self, request: pb.SumPiecesRequest, call: Call) -> pb.SumPiecesResponse:
        pieces = Pieces(
            request.task,
            _ids(request.key_ids),
            tuple(request.pieces),
            tuple(request.points),
        )
        blobs = {blob.index: blob.sealed for blob in request.blobs}
        summed = await self._run(self._node().sum_pieces, pieces, blobs, request.sealing_key)
        return pb.SumPiecesResponse(sums=_envelope(summed.statement), sealed=summed.sealed)

    async def finish_repair(self, request: pb.FinishRepairRequest, call: Call) -> pb.FinishRepairResponse:
        pieces = Pieces(request.task, _ids(request.key_ids), tuple(request.pieces), tuple(request.points))
        repair = Repair(
            pieces,
            tuple(request.descriptors),
            tuple(request.sums),
            {blob.index: blob.sealed for blob in request.blobs},
            OldPlan(request.plan, _ids(request.plan_key_ids), request.version_points),
        )
        repaired = await self._run(self._node().finish_repair, repair)
        return pb.FinishRepairResponse(repaired=_envelope(repaired))

    async def deal_pool(self, request: pb.DealPoolRequest, call: Call) -> pb.DealPoolResponse:
        dealt = await self._run(
            self._node().deal_pool, request.order, request.batch, list(request.sealing_keys)
        )
        return pb.DealPoolResponse(
            dealing=_envelope(dealt.dealing), points=dealt.points, blobs=_blobs(dealt.blobs.items())
        )

    async def keep_pool(self, request: pb.KeepPoolRequest, call: Call) -> pb.KeepPoolResponse:
        batch = PoolBatch(
            request.order,
            request.plan,
            request.points,
            tuple(request.dealings),
            tuple(request.dealt_points),
            {blob.index: blob.sealed for blob in request.blobs},
        )
        kept = await self._run(self._node().keep_pool, batch)
        return pb.KeepPoolResponse(
            generated=_envelope(kept.generated) if kept.generated else None,
            complaints=map(_envelope, kept.complaints),
        )

    async def list_pool(self, request: pb.ListPoolRequest, call: Call) -> pb.ListPoolResponse:
        batches = await self._run(self._node().pool, request.limit)
        return pb.ListPoolResponse(
            batches=[pb.PoolBatch(plan=pool.plan, points=pool.points, left=left) for pool, left in batches]
        )

    async def list_draws(self, request: pb.ListDrawsRequest, call: Call) -> pb.ListDrawsResponse:
        return pb.ListDrawsResponse(deposits=await self._run(self._node().unconfirmed_draws, request.limit))

    async def confirm_draw(self, request: pb.ConfirmDrawRequest, call: Call) -> pb.ConfirmDrawResponse:
        count = await self._run(
            self._node().confirm_draw, DepositHash(request.deposit), list(request.receipts)
        )
        return pb.ConfirmDrawResponse(count=count)


def _envelope(data: bytes) -> keyring_pb2.Envelope:
    return keyring_pb2.Envelope.FromString(data)


def _ids(values: Iterable[bytes]) -> tuple[KeyId, ...]:
    return tuple(KeyId(value) for value in values)


def _blobs(blobs: Iterable[tuple[int, bytes]]) -> Sequence[pb.SealedBlob]:
    return [pb.SealedBlob(index=index, sealed=sealed) for index, sealed in blobs]


def _batch(request: pb.InstallRequest) -> Batch:
    return Batch(
        request.order,
        request.plan,
        _ids(request.key_ids),
        request.points,
        tuple(request.dealings),
        {blob.index: blob.sealed for blob in request.blobs},
        tuple(request.descriptors),
    )


def _installed(version: StoredVersion) -> pb.InstalledVersion:
    return pb.InstalledVersion(
        installed=_envelope(version.installed),
        plan=version.plan,
        key_ids=version.key_ids,
        points=version.points,
    )
