"""Connections to the custodians, and the one call that each step makes of them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TypeVar

from google.protobuf.message import Message

from kms.coordinator.courtesy import Courtesy
from kms.errors import KmsError, Unavailable
from kms.statements.ids import RequestHash
from kms.statements.manifest import Keyring
from kms.transport.client import Channel
from kms.transport.tap import WireTap
from kms.transport.tls import TlsFiles
from kms.wire.v1 import coordinator_pb2, custodian_pb2, destruction_pb2, keyring_pb2

SERVICE = "kms.v1.CustodianService"
CEREMONIES = "kms.v1.CustodianCeremonyService"
DESTRUCTIONS = "kms.v1.DestructionService"
R = TypeVar("R", bound=Message)
QUICK_SECONDS = 10.0
DEPOSIT_SECONDS = 60.0
MIN_PATIENCE, MAX_PATIENCE = 0.025, 0.5


class Relay:
    """One channel per custodian; errors are `KmsError`s."""

    def __init__(
        self, keyring: Keyring, endpoints: Mapping[int, str], tls: TlsFiles, tap: WireTap | None = None
    ) -> None:
        self._credentials, self._tap = tls.client(), tap
        self.keyring = keyring
        self.courtesy = Courtesy()
        self._silent: set[int] = set()
        self._usual = 0.0
        self._channels = {
            index: Channel(endpoint, self._credentials, tap=tap) for index, endpoint in endpoints.items()
        }

    @property
    def indices(self) -> tuple[int, ...]:
        """Members of the manifest that an endpoint is known of."""
        return tuple(i for i in self.keyring.manifest.indices if i in self._channels)

    @property
    def reachable(self) -> tuple[int, ...]:
        """Members, and then those who were or will be members."""
        return (*self.indices, *(i for i in self._channels if i not in self.keyring.manifest.indices))

    def adopt(self, keyring: Keyring, endpoints: Mapping[int, str]) -> None:
        """Live by another manifest; connections that are there stay."""
        self.keyring = keyring
        for index, endpoint in endpoints.items():
            if index not in self._channels:
                self._channels[index] = Channel(endpoint, self._credentials, tap=self._tap)

    async def ceremony(
        self, index: int, method: str, request: Message, response: type[R], *, reader: bool = False
    ) -> R:
        """One call of a custodian's part in ceremonies; it lets people who read go first, unless one of them waits."""
        channel = self._channels.get(index)
        if channel is None:
            raise Unavailable(f"no endpoint of custodian {index} is configured", reason="NO_ENDPOINT")
        async with contextlib.nullcontext() if reader else self.courtesy.step():
            return await channel.call(CEREMONIES, method, request, response, timeout=DEPOSIT_SECONDS)

    def answered(self, index: int) -> bool:
        """Whether this custodian answered when it was last asked for a decision."""
        return index not in self._silent

    def took(self, seconds: float) -> None:
        """A quorum answered one request within `seconds`."""
        self._usual += (seconds - self._usual) / 8

    def patience(self) -> float:
        """Seconds after which a quorum's answers are late: three times as long as it took of late."""
        return min(max(MIN_PATIENCE, 3 * self._usual), MAX_PATIENCE)

    async def sealing_key(self, index: int) -> keyring_pb2.Envelope:
        answer = await self._channels[index].call(
            SERVICE,
            "GetSealingKey",
            custodian_pb2.GetSealingKeyRequest(keyring_id=self.keyring.keyring_id),
            custodian_pb2.GetSealingKeyResponse,
            timeout=QUICK_SECONDS,
        )
        return answer.sealing_key

    async def deposit(
        self, index: int, deposit: keyring_pb2.Envelope, blob: coordinator_pb2.TargetBlob
    ) -> keyring_pb2.Envelope:
        answer = await self._channels[index].call(
            SERVICE,
            "Deposit",
            custodian_pb2.DepositRequest(deposit=deposit, blob=blob),
            custodian_pb2.DepositResponse,
            timeout=DEPOSIT_SECONDS,
        )
        return answer.receipt

    async def decide(
        self, index: int, request: keyring_pb2.Envelope, blob: coordinator_pb2.TargetBlob
    ) -> custodian_pb2.DecideResponse:
        try:
            with self.courtesy.reading():
                answer = await self._channels[index].call(
                    SERVICE,
                    "Decide",
                    custodian_pb2.DecideRequest(request=request, blob=blob),
                    custodian_pb2.DecideResponse,
                    timeout=QUICK_SECONDS,
                )
        except KmsError as error:
            if error.status in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
                self._silent.add(index)
            raise
        self._silent.discard(index)
        return answer

    async def watch(
        self, index: int, request: RequestHash, seconds: float
    ) -> AsyncIterator[keyring_pb2.Envelope]:
        """The latest decision, and each later one while people may still change it."""
        async for answer in self._channels[index].stream(
            SERVICE,
            "WatchDecision",
            custodian_pb2.WatchDecisionRequest(request_hash=request),
            custodian_pb2.WatchDecisionResponse,
            timeout=seconds,
        ):
            yield answer.decision

    async def release(
        self, index: int, request: RequestHash, certificate: bytes
    ) -> coordinator_pb2.SealedShares:
        with self.courtesy.reading():
            answer = await self._channels[index].call(
                SERVICE,
                "ReleaseShares",
                custodian_pb2.ReleaseSharesRequest(request_hash=request, certificate=certificate),
                custodian_pb2.ReleaseSharesResponse,
                timeout=QUICK_SECONDS,
            )
        return answer.shares

    async def cancel(self, index: int, cancellation: keyring_pb2.Envelope) -> None:
        await self._channels[index].call(
            SERVICE,
            "CancelRelease",
            custodian_pb2.CustodianServiceCancelReleaseRequest(cancellation=cancellation),
            custodian_pb2.CustodianServiceCancelReleaseResponse,
            timeout=QUICK_SECONDS,
        )

    async def revoke(self, index: int, revocation: keyring_pb2.Envelope) -> None:
        await self._channels[index].call(
            SERVICE,
            "RevokeGrant",
            custodian_pb2.CustodianServiceRevokeGrantRequest(revocation=revocation),
            custodian_pb2.CustodianServiceRevokeGrantResponse,
            timeout=QUICK_SECONDS,
        )

    async def destruction(self, index: int, order_hash: bytes) -> destruction_pb2.Destruction:
        """What a custodian has done about an order."""
        answer = await self._channels[index].call(
            DESTRUCTIONS,
            "GetDestruction",
            destruction_pb2.GetDestructionRequest(order_hash=order_hash),
            destruction_pb2.GetDestructionResponse,
            timeout=QUICK_SECONDS,
        )
        return answer.destruction

    async def submit_destruction(
        self, index: int, request: destruction_pb2.SubmitDestructionRequest
    ) -> keyring_pb2.Envelope:
        """A custodian's word on an order, or its cancellation, that is brought to it."""
        answer = await self._channels[index].call(
            DESTRUCTIONS,
            "SubmitDestruction",
            request,
            destruction_pb2.SubmitDestructionResponse,
            timeout=DEPOSIT_SECONDS,
        )
        return answer.word

    async def look_up(self, index: int, key_ids: list[bytes]) -> list[bytes]:
        answer = await self._channels[index].call(
            SERVICE,
            "LookUpKeys",
            custodian_pb2.CustodianServiceLookUpKeysRequest(key_ids=key_ids),
            custodian_pb2.CustodianServiceLookUpKeysResponse,
            timeout=QUICK_SECONDS,
        )
        return list(answer.descriptors)

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()


def read_tap(path: Path | None) -> WireTap | None:
    return WireTap(path) if path else None


def failure(index: int, error: KmsError) -> coordinator_pb2.CustodianFailure:
    """What a caller is told of a custodian that did not do what it was asked."""
    return coordinator_pb2.CustodianFailure(
        index=index, status=error.status, reason=error.reason, message=error.message
    )
