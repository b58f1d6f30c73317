"""The gRPC face of the owners' door: the public port, since whoever signs is told by the statement itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from kms.custodian.consent import Answered
from kms.custodian.node import CustodianNode
from kms.custodian.seats import Seats
from kms.custodian.turns import Run
from kms.transport.server import Call, Method
from kms.wire.v1 import consent_pb2 as pb
from kms.wire.v1 import keyring_pb2

SERVICE = "kms.v1.ConsentService"
MAX_BYTES = 128 << 10
WATCH_SECONDS = 3600.0


class ConsentService:
    """Messages in, node steps, messages out."""

    def __init__(self, node: Callable[[], CustodianNode], run: Run) -> None:
        self._node, self._run = node, run
        self._changed: set[asyncio.Event] = set()
        self.seats = Seats()

    def wake(self) -> None:
        """There may be new notices: whoever watches looks again."""
        for changed in self._changed:
            changed.set()

    def methods(self) -> tuple[Method, ...]:
        return (
            Method(
                "SubmitConsent",
                pb.SubmitConsentRequest,
                self.submit_consent,
                public=True,
                max_bytes=MAX_BYTES,
            ),
            Method(
                "WatchAccount",
                pb.WatchAccountRequest,
                self.watch_account,
                streams=True,
                public=True,
                max_bytes=MAX_BYTES,
                max_seconds=WATCH_SECONDS,
            ),
            Method("GetAccount", pb.GetAccountRequest, self.get_account, public=True, max_bytes=MAX_BYTES),
        )

    async def submit_consent(self, request: pb.SubmitConsentRequest, call: Call) -> pb.SubmitConsentResponse:
        receipt = await self._run(self._node().submit_consent, request.statement)
        self.wake()
        return pb.SubmitConsentResponse(receipt=keyring_pb2.Envelope.FromString(receipt))

    async def get_account(self, request: pb.GetAccountRequest, call: Call) -> pb.GetAccountResponse:
        answered = await self._run(self._node().account, request.question)
        return pb.GetAccountResponse(
            answer=keyring_pb2.Envelope.FromString(answered.envelope), sealed=answered.sealed
        )

    async def watch_account(
        self, request: pb.WatchAccountRequest, call: Call
    ) -> AsyncIterator[pb.WatchAccountResponse]:
        asked_at = self._node().context.now()
        changed = asyncio.Event()
        self._changed.add(changed)
        try:
            answered = await self._run(self._node().account, request.question, asked_at, 0)
            with self.seats.taken(answered.owner, answered.known):
                yield _answer(answered)
                while True:
                    last = answered.last_notice
                    changed.clear()
                    answered = await self._run(self._node().account, request.question, asked_at, last)
                    if answered.last_notice == last:
                        await changed.wait()
                    else:  # and at once again: one answer may not hold them all
                        yield _answer(answered)
        finally:
            self._changed.discard(changed)


def _answer(answered: Answered) -> pb.WatchAccountResponse:
    return pb.WatchAccountResponse(
        answer=keyring_pb2.Envelope.FromString(answered.envelope), sealed=answered.sealed
    )
