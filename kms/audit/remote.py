"""A log at its custodian's public port. No credential is shown: what comes is signed, or proved by what is."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from kms.audit.logs import MAX_BUNDLE
from kms.crypto.merkle import HASH_SIZE, TILE_WIDTH
from kms.errors import Invalid, NotFound
from kms.statements.tiles import ENTRIES, Tile
from kms.transport.client import Channel
from kms.transport.tls import client_credentials
from kms.wire.v1 import audit_service_pb2 as pb
from kms.wire.v1 import coordinator_pb2, witness_pb2

SERVICE: Final = "kms.v1.AuditService"
WITNESS_SERVICE: Final = "kms.v1.WitnessService"
COORDINATOR: Final = "kms.v1.CoordinatorService"
MAX_PROMISES: Final = 5_000_000
TIMEOUT: Final = 30.0
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class RemoteSource:
    """Where a custodian answers, and which authorities its certificate is under (None: a local socket)."""

    endpoint: str
    authorities: Path | None
    keyring_id: bytes

    def open(self) -> RemoteLog:
        return RemoteLog(self)


class RemoteLog:
    """Reads a log over gRPC; one connection, one question after the other."""

    live = True

    def __init__(self, source: RemoteSource) -> None:
        self._keyring_id = source.keyring_id
        self._runner = asyncio.Runner()
        self._channel = self._wait(_connect(source))

    def checkpoint(self) -> bytes:
        request = pb.GetCheckpointRequest(keyring_id=self._keyring_id)
        answer: pb.GetCheckpointResponse = self._ask("GetCheckpoint", request, pb.GetCheckpointResponse)
        return answer.checkpoint

    def tiles(self, wanted: Sequence[Tile]) -> Sequence[bytes]:
        found: list[bytes] = []
        while len(found) < len(wanted):  # an answer holds as many as go into it, and at least one
            rest = wanted[len(found) :]
            request = pb.GetTilesRequest(keyring_id=self._keyring_id, paths=[tile.path for tile in rest])
            answer: pb.GetTilesResponse = self._ask("GetTiles", request, pb.GetTilesResponse)
            if not 1 <= len(answer.tiles) <= len(rest):
                raise Invalid("it answered with another number of tiles", reason="GARBAGE")
            for tile, data in zip(rest, answer.tiles, strict=False):
                if len(data) > (MAX_BUNDLE if tile.level == ENTRIES else TILE_WIDTH * HASH_SIZE):
                    raise Invalid(f"{tile.path} is larger than any", reason="TOO_LARGE")
            found += answer.tiles
        return found

    def certificate(self, request_hash: bytes) -> Sequence[bytes]:
        request = pb.GetCertificateRequest(keyring_id=self._keyring_id, request_hash=request_hash)
        try:
            answer: pb.GetCertificateResponse = self._ask(
                "GetCertificate", request, pb.GetCertificateResponse
            )
        except NotFound:
            return ()
        return list(answer.certificates)

    def seen(self) -> Sequence[bytes]:
        witnessed: witness_pb2.ListWitnessedResponse = self._ask(
            "ListWitnessed",
            witness_pb2.ListWitnessedRequest(),
            witness_pb2.ListWitnessedResponse,
            WITNESS_SERVICE,
        )
        return [one.note for one in witnessed.logs]

    def misbehaviour(self) -> Sequence[bytes]:
        answer: witness_pb2.ListMisbehaviourResponse = self._ask(
            "ListMisbehaviour",
            witness_pb2.ListMisbehaviourRequest(),
            witness_pb2.ListMisbehaviourResponse,
            WITNESS_SERVICE,
        )
        return [one.SerializeToString(deterministic=True) for one in answer.misbehaviour]

    def close(self) -> None:
        try:
            self._wait(self._channel.close())
        finally:
            self._runner.close()

    def _ask(self, method: str, request: Any, response: Any, service: str = SERVICE) -> Any:
        return self._wait(self._channel.call(service, method, request, response, timeout=TIMEOUT))

    def _wait(self, step: Coroutine[Any, Any, R]) -> R:
        return self._runner.run(step)


def promises_at(
    coordinator: str, authorities: Path, keyring_id: bytes, place: str
) -> tuple[list[bytes], str]:
    """(custodians' promises that a coordinator kept, from `place` on; where it ends now).

    A coordinator may leave some out. One that says that there are ever more is left when its list stands still, or
    holds more than any.
    """
    with asyncio.Runner() as runner:
        return runner.run(_promises_at(coordinator, authorities, keyring_id, place))


async def _promises_at(
    coordinator: str, authorities: Path, keyring_id: bytes, place: str
) -> tuple[list[bytes], str]:
    channel = Channel(coordinator, client_credentials(authorities))
    found: list[bytes] = []
    try:
        while len(found) < MAX_PROMISES:
            request = coordinator_pb2.ListPromisesRequest(keyring_id=keyring_id, page_token=place)
            answer = await channel.call(
                COORDINATOR, "ListPromises", request, coordinator_pb2.ListPromisesResponse, timeout=TIMEOUT
            )
            found += (one.SerializeToString(deterministic=True) for one in answer.promises)
            if not answer.promises or answer.next_page_token in ("", place):
                break
            place = answer.next_page_token
        return found, place
    finally:
        await channel.close()


async def _connect(source: RemoteSource) -> Channel:
    credentials = client_credentials(source.authorities) if source.authorities else None
    return Channel(source.endpoint, credentials)
