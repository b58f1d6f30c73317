"""The end of a resharing: old shares go once enough custodians have signed that the new ones are on their disks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from kms.coordinator.progress import Progress
from kms.coordinator.relay import Relay
from kms.coordinator.transcripts import Transcript
from kms.crypto.hashing import equal
from kms.errors import KmsError
from kms.statements import quorums
from kms.statements.ceremony import Installed, open_from, parse_plan, plan_version
from kms.statements.chain import Chain
from kms.statements.envelope import Envelope
from kms.statements.ids import KeyId, Version
from kms.wire.v1 import ceremony_service_pb2 as pb

T = TypeVar("T", bound=Message)


class Erasing:
    """Brings certificates to all custodians; what they say that they erased goes into the transcript."""

    def __init__(self, relay: Relay, chain: Chain, transcript: Transcript, progress: Progress) -> None:
        self._relay, self._chain = relay, chain
        self._transcript, self._progress = transcript, progress

    async def erase(self, plan: bytes, key_ids: Sequence[KeyId], certificate: Sequence[Envelope]) -> None:
        request = pb.EraseRequest(plan=plan, key_ids=key_ids, installed=certificate)
        erased = []

        async def tell(index: int) -> None:
            with contextlib.suppress(KmsError):
                answer = await self._ask(index, "Erase", request, pb.EraseResponse)
                erased.append(answer.erased)

        await asyncio.gather(*(tell(index) for index in self._relay.reachable))
        self._transcript.write_statements(erased)
        self._progress.erased += len(key_ids)

    async def settle(self) -> None:
        """Erase what a run before this one had made durable and not erased."""
        for index in self._relay.reachable:
            with contextlib.suppress(KmsError):
                await self._settle_at(index)

    async def _settle_at(self, index: int) -> None:
        known: set[bytes] = set()
        while True:
            answer = await self._ask(
                index, "ListInstalled", pb.ListInstalledRequest(limit=64), pb.ListInstalledResponse
            )
            new = [held for held in answer.versions if plan_version(held.plan) not in known]
            if not new:
                return
            erased = 0
            for held in new:
                version = plan_version(held.plan)
                known.add(version)
                certificate = await self._certificate(version, held.plan, len(held.key_ids))
                if certificate:
                    await self.erase(held.plan, [KeyId(k) for k in held.key_ids], certificate)
                    erased += 1
            if not erased:  # it would list the same again; or, if it lies, others for ever
                return

    async def _certificate(self, version: Version, plan: bytes, count: int) -> list[Envelope]:
        """INSTALLED statements of as many members as make it durable; none if there are fewer."""
        bound = self._chain.of(parse_plan(plan).to_manifest_hash)
        found: list[Envelope] = []

        async def ask(index: int) -> None:
            with contextlib.suppress(KmsError):
                answer = await self._ask(
                    index,
                    "ListInstalled",
                    pb.ListInstalledRequest(limit=1, versions=[version]),
                    pb.ListInstalledResponse,
                )
                for held in answer.versions:
                    signed = open_from(Installed, held.installed, bound, index, bound, "installed")
                    if equal(signed.statement.version, version) and signed.statement.count == count:
                        found.append(held.installed)

        await asyncio.gather(*(ask(i) for i in bound.manifest.indices if i in self._relay.reachable))
        needed = quorums.durable(bound.threshold)
        return found[:needed] if len(found) >= needed else []

    def _ask(self, index: int, method: str, request: Any, response: type[T]) -> Awaitable[T]:
        return self._relay.ceremony(index, method, request, response)
