"""Which of the keyring's other custodians answer at the address that the manifest gives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health_pb2

from kms.errors import KmsError
from kms.statements.manifest import Custodian
from kms.transport.client import Channel

TIMEOUT = 2.0
KEEP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A custodian, and whether its node said a moment ago that it serves."""

    index: int
    organisation: str
    answers: bool


class Neighbours:
    """Asks the public ports how they are, all at once, and not again for a while."""

    def __init__(
        self,
        custodians: Callable[[], Sequence[Custodian]],
        credentials: grpc.ChannelCredentials,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._custodians, self._credentials, self._clock = custodians, credentials, clock
        self._seen: list[Neighbour] = []
        self._until = 0.0
        self._turn = asyncio.Lock()

    async def look(self) -> Sequence[Neighbour]:
        """How they were, at most KEEP_SECONDS ago."""
        async with self._turn:
            if self._clock() >= self._until:
                self._seen = await asyncio.gather(*(self._ask(one) for one in self._custodians()))
                self._until = self._clock() + KEEP_SECONDS
            return self._seen

    async def _ask(self, custodian: Custodian) -> Neighbour:
        channel = Channel(custodian.endpoint, self._credentials)
        try:
            answer = await channel.call(
                "grpc.health.v1.Health",
                "Check",
                health_pb2.HealthCheckRequest(),
                health_pb2.HealthCheckResponse,
                timeout=TIMEOUT,
            )
            answers = answer.status == health_pb2.HealthCheckResponse.SERVING
        except KmsError:
            answers = False
        finally:
            await channel.close()
        return Neighbour(custodian.index, custodian.organisation, answers)
