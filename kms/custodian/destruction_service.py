"""The gRPC face of the end of keys: messages in, node steps, messages out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kms.custodian.destroy_rights import Submission
from kms.custodian.ending import Told
from kms.custodian.node import CustodianNode
from kms.custodian.turns import Run
from kms.transport.server import Call, Method
from kms.wire.v1 import destruction_pb2 as pb
from kms.wire.v1 import keyring_pb2

SERVICE: Final = "kms.v1.DestructionService"
MAX_BYTES: Final = 4 << 20


class DestructionService:
    """The same methods on the public port, where owners and other custodians call, and on the relay's."""

    def __init__(self, node: Callable[[], CustodianNode], run: Run, wake: Callable[[], None]) -> None:
        self._node, self._run, self._wake = node, run, wake

    def methods(self) -> tuple[Method, ...]:
        return (
            Method(
                "SubmitDestruction",
                pb.SubmitDestructionRequest,
                self.submit,
                public=True,
                max_bytes=MAX_BYTES,
            ),
            Method("GetDestruction", pb.GetDestructionRequest, self.get, public=True),
            Method("ListDestructions", pb.ListDestructionsRequest, self.list, public=True),
        )

    async def submit(self, request: pb.SubmitDestructionRequest, call: Call) -> pb.SubmitDestructionResponse:
        word = await self._run(self._node().destroy, submission(request))
        self._wake()  # owners who watch are told
        return pb.SubmitDestructionResponse(word=keyring_pb2.Envelope.FromString(word))

    async def get(self, request: pb.GetDestructionRequest, call: Call) -> pb.GetDestructionResponse:
        told = await self._run(self._node().destruction, request.order_hash)
        return pb.GetDestructionResponse(destruction=to_message(told))

    async def list(self, request: pb.ListDestructionsRequest, call: Call) -> pb.ListDestructionsResponse:
        told, holds, following = await self._run(self._node().list_destructions, request.question)
        return pb.ListDestructionsResponse(
            destructions=[to_message(one) for one in told],
            holds=[keyring_pb2.Envelope.FromString(hold) for hold in holds],
            next=following,
        )


def submission(request: pb.SubmitDestructionRequest) -> Submission:
    """As the node takes it."""
    return Submission(
        request.statement,
        tuple(request.credentials),
        tuple(request.descriptors),
        tuple(request.words),
        request.order if request.HasField("order") else None,
    )


_STATES = {
    "scheduled": pb.DESTRUCTION_STATE_SCHEDULED,
    "cancelled": pb.DESTRUCTION_STATE_CANCELLED,
    "erased": pb.DESTRUCTION_STATE_SCHEDULED,
    "destroyed": pb.DESTRUCTION_STATE_DESTROYED,
}


def to_message(told: Told) -> pb.Destruction:
    """As it goes out."""
    words = [word for word in (told.word, *told.words) if word]
    made = pb.Destruction(
        order=keyring_pb2.Envelope.FromString(told.order),
        state=_STATES[told.state],
        due_at=told.due_at,
        held=told.held,
        words=[keyring_pb2.Envelope.FromString(word) for word in words],
        descriptors=told.descriptors,
    )
    if told.cancellation:
        made.cancellation.CopyFrom(keyring_pb2.Envelope.FromString(told.cancellation))
    return made
