"""The gRPC face of the owners' door: the public port, since whoever signs is told by the statement itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from kms.custodian.node import CustodianNode
from kms.transport.server import Call, Method
from kms.wire.v1 import consent_pb2 as pb
from kms.wire.v1 import keyring_pb2

SERVICE = "kms.v1.ConsentService"
MAX_BYTES = 128 << 10
R = TypeVar("R")


class Run(Protocol):
    """Runs a step of the node in its turn."""

    def __call__(self, step: Callable[..., R], *arguments: object) -> Awaitable[R]: ...


class ConsentService:
    """Messages in, node steps, messages out."""

    def __init__(self, node: Callable[[], CustodianNode], run: Run) -> None:
        self._node, self._run = node, run

    def methods(self) -> tuple[Method, ...]:
        return (
            Method(
                "SubmitConsent",
                pb.SubmitConsentRequest,
                self.submit_consent,
                public=True,
                max_bytes=MAX_BYTES,
            ),
            Method("GetAccount", pb.GetAccountRequest, self.get_account, public=True, max_bytes=MAX_BYTES),
        )

    async def submit_consent(self, request: pb.SubmitConsentRequest, call: Call) -> pb.SubmitConsentResponse:
        receipt = await self._run(self._node().submit_consent, request.statement)
        return pb.SubmitConsentResponse(receipt=keyring_pb2.Envelope.FromString(receipt))

    async def get_account(self, request: pb.GetAccountRequest, call: Call) -> pb.GetAccountResponse:
        answer, sealed = await self._run(self._node().account, request.question)
        return pb.GetAccountResponse(answer=keyring_pb2.Envelope.FromString(answer), sealed=sealed)
