"""The gRPC face of the log: public, since whoever audits is told by signatures and proofs, and asks for no secret."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kms.crypto.hashing import equal
from kms.custodian.log_keeping import RECOVERY
from kms.custodian.node import CustodianNode
from kms.custodian.turns import Run
from kms.custodian.watch import Watch
from kms.errors import NotFound, Unavailable
from kms.statements.checkpoint import CheckpointNote
from kms.statements.ids import RequestHash
from kms.transport.server import Call, Method
from kms.wire.v1 import audit_service_pb2 as pb

SERVICE: Final = "kms.v1.AuditService"
MAX_BYTES: Final = 16 << 10


class AuditService:
    """Messages in, steps, messages out. `aside` runs long steps without holding up health and small ones.

    `watch` answers in RECOVERY too; `node` does not, and so no checkpoint is signed then: what was signed is shown.
    """

    def __init__(
        self, node: Callable[[], CustodianNode], watch: Callable[[], Watch], run: Run, aside: Run
    ) -> None:
        self._node, self._watch, self._run, self._aside = node, watch, run, aside

    def methods(self) -> tuple[Method, ...]:
        return tuple(
            Method(name, request, answer, public=True, max_bytes=MAX_BYTES)
            for name, request, answer in (
                ("GetCheckpoint", pb.GetCheckpointRequest, self.get_checkpoint),
                ("GetTiles", pb.GetTilesRequest, self.get_tiles),
                ("GetInclusionProof", pb.GetInclusionProofRequest, self.get_inclusion_proof),
                ("GetConsistencyProof", pb.GetConsistencyProofRequest, self.get_consistency_proof),
                ("GetCertificate", pb.GetCertificateRequest, self.get_certificate),
            )
        )

    def _of(self, keyring_id: bytes) -> Watch:
        watch = self._watch()
        if not equal(keyring_id, watch.keyring_id):
            raise NotFound("this node serves another keyring", reason="WRONG_KEYRING")
        return watch

    async def get_checkpoint(self, request: pb.GetCheckpointRequest, call: Call) -> pb.GetCheckpointResponse:
        watch = self._of(request.keyring_id)
        note, cosigned = await self._run(
            lambda: (watch.with_cosignatures(newest(self._node, watch)), watch.cosigned())
        )
        return pb.GetCheckpointResponse(
            checkpoint=note.to_bytes(), cosigned=cosigned.to_bytes() if cosigned else b""
        )

    async def get_tiles(self, request: pb.GetTilesRequest, call: Call) -> pb.GetTilesResponse:
        tiles = await self._aside(self._of(request.keyring_id).log.tiles, list(request.paths))
        return pb.GetTilesResponse(tiles=tiles)

    async def get_inclusion_proof(
        self, request: pb.GetInclusionProofRequest, call: Call
    ) -> pb.GetInclusionProofResponse:
        log = self._of(request.keyring_id).log
        entry, proof = await self._run(log.inclusion, request.index, request.size)
        return pb.GetInclusionProofResponse(entry=entry, proof=proof)

    async def get_consistency_proof(
        self, request: pb.GetConsistencyProofRequest, call: Call
    ) -> pb.GetConsistencyProofResponse:
        log = self._of(request.keyring_id).log
        proof = await self._run(log.consistency_proof, request.old_size, request.new_size)
        return pb.GetConsistencyProofResponse(proof=proof)

    async def get_certificate(
        self, request: pb.GetCertificateRequest, call: Call
    ) -> pb.GetCertificateResponse:
        log = self._of(request.keyring_id).log
        found = await self._run(log.certificates, RequestHash(request.request_hash), request.certificate_hash)
        return pb.GetCertificateResponse(certificates=found)


def newest(node: Callable[[], CustodianNode], watch: Watch) -> CheckpointNote:
    """The checkpoint of the log as it is, signed now if need be; of a node that stands still, what it has signed.

    Asked on the node's turn and not before it: a node that has come to stand still meanwhile signs no second history.
    """
    try:
        return node().checkpoint()
    except Unavailable as error:
        if error.reason != RECOVERY:
            raise
    return watch.log.signed()
