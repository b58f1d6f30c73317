"""What a node that was away has missed of the end of keys: it asks the others, at its start and now and then.

Whatever they answer is signed by those whom it concerns, so a custodian that lies can only leave things out.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

import grpc

from kms.custodian.destroy_rights import Submission
from kms.custodian.destruction_service import SERVICE
from kms.custodian.node import CustodianNode
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
MAX_AGAIN: Final = 64
R = TypeVar("R")


class Run(Protocol):
    """Runs a step of the node in its turn."""

    def __call__(self, step: Callable[..., R], *arguments: object) -> Awaitable[R]: ...


@dataclass(slots=True)
class Heard:
    """What others tell of one order."""

    order: Envelope
    descriptors: tuple[bytes, ...]
    words: list[Envelope] = field(default_factory=list)
    cancellations: list[Envelope] = field(default_factory=list)


def gather(lists: Iterable[Iterable[pb.Destruction]]) -> list[Heard]:
    """What several custodians tell, by order: their words count together."""
    found: dict[bytes, Heard] = {}
    for listed in lists:
        for one in listed:
            name = statement_hash(one.order.payload_type, one.order.payload)
            heard = found.setdefault(name, Heard(one.order, tuple(one.descriptors)))
            heard.words += one.words
            if one.HasField("cancellation"):
                heard.cancellations.append(one.cancellation)
    return list(found.values())


def submissions(holds: Iterable[Envelope], heard: Iterable[Heard]) -> list[Submission]:
    """In which order a node is told: what keeps keys first, then what ends them."""
    orders = list(heard)
    return [
        *(Submission(hold) for hold in holds),
        *(
            Submission(cancellation, descriptors=one.descriptors, order=one.order)
            for one in orders
            for cancellation in one.cancellations[:2]
        ),
        *(Submission(one.order, (), one.descriptors, tuple(one.words[:256])) for one in orders),
    ]


def _add(known: list[Envelope], new: Iterable[Envelope]) -> None:
    for envelope in new:
        if envelope not in known and len(known) < 256:
            known.append(envelope)


class Spreader:
    """Asks the manifest's other custodians at their public ports."""

    def __init__(
        self, node: Callable[[], CustodianNode], run: Run, credentials: grpc.ChannelCredentials
    ) -> None:
        self._node, self._run, self._credentials = node, run, credentials
        self._after: dict[int, int] = defaultdict(int)
        self._known: dict[bytes, Heard] = {}
        self._refused: list[Heard] = []
        """Tried again when there is nothing new: a clock may have been wrong, or a hold has ended."""

    async def round(self) -> None:
        """Ask everybody once, and tell the node what they say."""
        context = self._node().context
        others = [c for c in context.keyring.manifest.custodians if c.index != context.me.index]
        answers = await asyncio.gather(*(self._ask(one) for one in others))
        holds = [hold for _, held in answers for hold in held]
        heard = self._together(gather(listed for listed, _ in answers)) or self._refused[:MAX_AGAIN]
        self._refused = [one for one in self._refused if one not in heard]
        for submission in submissions(holds, heard):
            try:
                await self._run(self._node().destroy, submission)
            except KmsError as error:  # called off, held, or not for us to act on yet
                logs.logger().debug("destruction", reason=error.reason)
                self._refused += [one for one in heard if one.order == submission.statement]

    def _together(self, heard: list[Heard]) -> list[Heard]:
        """With what was heard in earlier rounds: words come one by one."""
        fresh = []
        for one in heard:
            name = statement_hash(one.order.payload_type, one.order.payload)
            known = self._known.setdefault(name, Heard(one.order, one.descriptors))
            _add(known.words, one.words)
            _add(known.cancellations, one.cancellations)
            fresh.append(known)
        while len(self._known) > 4096:
            self._known.pop(next(iter(self._known)))
        return fresh

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
                listed += answer.destructions
                holds += answer.holds
                if answer.next <= after or not answer.destructions:
                    break
                self._after[custodian.index] = answer.next
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
