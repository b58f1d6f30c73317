"""The other custodians' doors for logs, as a node calls them: at the address in the manifest, believed in nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

import grpc
from google.protobuf.message import Message

from kms.custodian.watch import Shown
from kms.custodian.witness_service import SERVICE
from kms.statements.misbehaviour import Misbehaviour, read_misbehaviour
from kms.transport.client import Channel
from kms.wire.v1 import witness_pb2

TIMEOUT: Final = 10.0
MAX_LOGS: Final = 1024
"""That a custodian shows: an honest one has one note of each log."""
MAX_EVIDENCES: Final = 512
R = TypeVar("R", bound=Message)


class Door(Protocol):
    """What a node asks of another one about logs. Each raises a KmsError if there is no answer, or a refusal."""

    index: int

    async def add_checkpoint(self, body: bytes) -> bytes: ...
    async def witnessed(self) -> Sequence[Shown]: ...
    async def entries(self, origin: str, start: int) -> Sequence[bytes]: ...
    async def beginning(self, origin: str, size: int, of: int) -> tuple[bytes, Sequence[bytes]]: ...
    async def misbehaviour(self) -> Sequence[Misbehaviour]: ...
    async def close(self) -> None: ...


class PeerDoor:
    """By gRPC, over one connection that is made when it is needed first."""

    def __init__(self, index: int, endpoint: str, credentials: grpc.ChannelCredentials) -> None:
        self.index = index
        self._endpoint, self._credentials = endpoint, credentials
        self._channel: Channel | None = None

    async def _ask(self, method: str, request: Message, response: type[R]) -> R:
        if self._channel is None:
            self._channel = Channel(self._endpoint, self._credentials)
        return await self._channel.call(SERVICE, method, request, response, timeout=TIMEOUT)

    async def add_checkpoint(self, body: bytes) -> bytes:
        request = witness_pb2.AddCheckpointRequest(body=body)
        return (await self._ask("AddCheckpoint", request, witness_pb2.AddCheckpointResponse)).cosignatures

    async def witnessed(self) -> Sequence[Shown]:
        answer = await self._ask(
            "ListWitnessed", witness_pb2.ListWitnessedRequest(), witness_pb2.ListWitnessedResponse
        )
        found: dict[bytes, Shown] = {}
        for log in answer.logs[:MAX_LOGS]:
            # One of each: a thousand true notes of our own log would have it hashed a thousand times, on our turn.
            found.setdefault(log.note.partition(b"\n")[0], Shown(log.note, log.kept))
        return list(found.values())

    async def entries(self, origin: str, start: int) -> Sequence[bytes]:
        request = witness_pb2.GetEntriesRequest(origin=origin, start=start)
        return list((await self._ask("GetEntries", request, witness_pb2.GetEntriesResponse)).entries)

    async def beginning(self, origin: str, size: int, of: int) -> tuple[bytes, Sequence[bytes]]:
        request = witness_pb2.GetBeginningRequest(origin=origin, size=size, of=of)
        answer = await self._ask("GetBeginning", request, witness_pb2.GetBeginningResponse)
        return answer.root, list(answer.proof)

    async def misbehaviour(self) -> Sequence[Misbehaviour]:
        answer = await self._ask(
            "ListMisbehaviour", witness_pb2.ListMisbehaviourRequest(), witness_pb2.ListMisbehaviourResponse
        )
        return [
            read_misbehaviour(one.SerializeToString(deterministic=True))
            for one in answer.misbehaviour[:MAX_EVIDENCES]
        ]

    async def close(self) -> None:
        if self._channel is not None:
            channel, self._channel = self._channel, None
            await channel.close()
