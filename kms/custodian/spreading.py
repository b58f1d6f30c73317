"""What a node that was away has missed of the end of keys: it asks the others, at its start and now and then.

Whatever they answer is signed by those whom it concerns, so a custodian that lies can only leave things out.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Final

import grpc

from kms.custodian.destroy_rights import Submission
from kms.custodian.destruction_service import SERVICE
from kms.custodian.hearsay import Hearsay, Telling
from kms.custodian.node import CustodianNode
from kms.custodian.turns import Run
from kms.errors import KmsError
from kms.statements.envelope import Envelope, statement_hash
from kms.statements.manifest import Custodian
from kms.transport import logs
from kms.transport.client import Channel
from kms.wire.v1 import destruction_pb2 as pb
from kms.wire.v1 import keyring_pb2

TIMEOUT: Final = 10.0
MAX_PAGES: Final = 64
"""Of one custodian in one round: a liar's list never ends."""
MAX_PAGE: Final = 64
"""Orders in one answer: an honest one holds fewer."""
MAX_TOLD: Final = 512
"""Orders of one custodian in one round."""
MAX_HOLDS: Final = 4096


class Spreader:
    """Asks the manifest's other custodians at their public ports."""

    def __init__(
        self, node: Callable[[], CustodianNode], run: Run, credentials: grpc.ChannelCredentials
    ) -> None:
        self._node, self._run, self._credentials = node, run, credentials
        self._after: dict[int, int] = defaultdict(int)
        self._hearsay = Hearsay()

    async def round(self) -> None:
        """Ask everybody once, and tell the node what they say."""
        context = self._node().context
        others = [c for c in context.keyring.manifest.custodians if c.index != context.me.index]
        answers = await asyncio.gather(*(self._ask(one) for one in others))
        for hold in (hold for _, held in answers for hold in held):
            await self._tell(Submission(hold))
        names: list[bytes] = []
        for teller, (listed, _) in zip(others, answers, strict=True):
            for told in listed:
                name = await self._run(self._hearsay.take, context, teller.index, _telling(told))
                names += [name] if name else []
        heard = self._hearsay.heard(names)
        for one in heard:
            *cancellations, order = one.submissions()
            for cancellation in cancellations:
                await self._tell(cancellation)
            if not await self._tell(order):
                self._hearsay.try_again(statement_hash(one.order.payload_type, one.order.payload))

    async def _tell(self, submission: Submission) -> bool:
        try:
            await self._run(self._node().destroy, submission)
        except KmsError as error:  # called off, held, or not for us to act on yet
            logs.logger().debug("destruction", reason=error.reason)
            return False
        return True

    async def _ask(self, custodian: Custodian) -> tuple[list[pb.Destruction], list[Envelope]]:
        listed: list[pb.Destruction] = []
        holds: list[Envelope] = []
        channel = Channel(custodian.endpoint, self._credentials)
        try:
            for _ in range(MAX_PAGES):
                after = self._after[custodian.index]
                question = await self._run(self._node().ask_destructions, custodian.index, after)
                answer = await channel.call(
                    SERVICE,
                    "ListDestructions",
                    pb.ListDestructionsRequest(question=keyring_pb2.Envelope.FromString(question)),
                    pb.ListDestructionsResponse,
                    timeout=TIMEOUT,
                )
                listed += answer.destructions[:MAX_PAGE]
                holds += answer.holds[: MAX_HOLDS - len(holds)]
                if answer.next <= after or not answer.destructions:
                    break
                self._after[custodian.index] = answer.next
                if len(listed) >= MAX_TOLD:
                    break  # the rest in the next round
        except KmsError as error:
            logs.logger().debug("destructions", custodian=custodian.index, reason=error.reason)
        finally:
            await channel.close()
        return listed, holds

    async def keep(self, opened: asyncio.Event, seconds: float) -> None:
        """For as long as the node runs and is open: at once, and then now and then."""
        await opened.wait()
        while True:
            try:
                await self.round()
            except KmsError as error:  # the node stands still for its log's sake, or waits for its clock
                logs.logger().debug("destructions", reason=error.reason)
            except Exception as error:  # whatever it is, others must go on being asked
                logs.logger().error("destructions", error=type(error).__name__)
            await asyncio.sleep(seconds)


def _telling(told: pb.Destruction) -> Telling:
    cancellation = told.cancellation if told.HasField("cancellation") else None
    return Telling(told.order, told.words, told.descriptors, cancellation)
