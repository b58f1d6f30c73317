"""The gRPC face of what owners are told of their records: public, since whoever signs is told by the question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kms.custodian.node import CustodianNode
from kms.custodian.turns import Run
from kms.transport.server import Call, Method
from kms.wire.v1 import history_pb2 as pb
from kms.wire.v1 import keyring_pb2

SERVICE: Final = "kms.v1.HistoryService"
MAX_BYTES: Final = 16 << 10


class HistoryService:
    """Messages in, node steps, messages out."""

    def __init__(self, node: Callable[[], CustodianNode], run: Run) -> None:
        self._node, self._run = node, run

    def methods(self) -> tuple[Method, ...]:
        return (
            Method("GetHistory", pb.GetHistoryRequest, self.get_history, public=True, max_bytes=MAX_BYTES),
        )

    async def get_history(self, request: pb.GetHistoryRequest, call: Call) -> pb.GetHistoryResponse:
        envelope, sealed = await self._run(self._node().history_of, request.question)
        return pb.GetHistoryResponse(answer=keyring_pb2.Envelope.FromString(envelope), sealed=sealed)
