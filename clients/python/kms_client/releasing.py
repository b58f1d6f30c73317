"""Asking a quorum for keys: one signed request, its answers, retries, people, late liars."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kms.errors import DeadlineExceeded, Invalid, KmsError, Unavailable
from kms.statements.ceremony import open_version
from kms.statements.envelope import sign
from kms.statements.ids import KeyId, RequestHash, Version
from kms.statements.release import HUMAN_LIFETIME, RULE_LIFETIME, Cancellation, Purpose
from kms.wire.v1 import ceremony_service_pb2, coordinator_pb2
from kms_client.blame import Fault
from kms_client.cache import KeyCache, OpenKey
from kms_client.collecting import Collector
from kms_client.directory import SERVICE
from kms_client.requesting import Prepared, prepare_request
from kms_client.session import Session, pauses, through_changes

RELEASE_BATCH = 256
ASK_AGAIN, UNREACHABLE_PAUSE = 2, 0.7
"""How often, and after how many seconds, a request is put again that only lacks custodians that were not reached.

A node that has just started is found again within a second: the coordinator looks for it as often.
"""
CEREMONIES = "kms.v1.CoordinatorCeremonyService"
Events = AsyncGenerator[coordinator_pb2.ReleaseKeysResponse, None]


@dataclass(frozen=True, slots=True)
class Release:
    """What became of a release: open keys, and for each other key the error that says why not."""

    keys: Mapping[KeyId, OpenKey]
    failures: Mapping[KeyId, KmsError]
    request_hash: RequestHash | None = None
    stale: bool = field(default=False, repr=False)
    """Whether custodians refused because they live by another manifest."""


@dataclass(slots=True)
class _Asked:
    prepared: Prepared
    collector: Collector = field(repr=False)


class Releaser:
    """Releases of one client: what is under way, what waits for people, who was caught lying."""

    def __init__(
        self,
        session: Session,
        cache: KeyCache,
        linger: float,
        hear_out: float,
        on_fault: Callable[[Fault], None] | None,
    ) -> None:
        self.faults: list[Fault] = []
        self._session, self._cache = session, cache
        self._linger, self._hear_out, self._on_fault = linger, hear_out, on_fault
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: dict[RequestHash, _Asked] = {}

    async def release(
        self,
        key_ids: Sequence[bytes],
        purpose: Purpose,
        justification: str,
        grants: Sequence[bytes],
        wait: float,
    ) -> Release:
        """In requests of 256 keys; a failure of one key stays with that key."""
        ids = [KeyId(key_id) for key_id in dict.fromkeys(key_ids)]
        parts = [ids[start : start + RELEASE_BATCH] for start in range(0, len(ids), RELEASE_BATCH)]
        done = await asyncio.gather(
            *(self._release_through_changes(part, purpose, justification, grants, wait) for part in parts)
        )
        keys = {k: v for release in done for k, v in release.keys.items()}
        failures = {k: v for release in done for k, v in release.failures.items()}
        return Release(keys, failures, done[0].request_hash if len(done) == 1 else None)

    async def _release_through_changes(
        self,
        ids: Sequence[KeyId],
        purpose: Purpose,
        justification: str,
        grants: Sequence[bytes],
        wait: float,
    ) -> Release:
        """A manifest that changes meanwhile needs another request, for other custodians: nobody need notice."""

        async def attempt() -> Release:
            return await self._release_part(ids, purpose, justification, grants, wait)

        return await through_changes(self._session, attempt, lambda release: release.stale)

    async def through(self, key_id: KeyId, version: Version, purpose: Purpose) -> OpenKey:
        """The key by shares of this version alone; raises what kept it shut."""

        async def attempt() -> Release:
            return await self._release_part([key_id], purpose, "", (), 0.0, version)

        release = await through_changes(self._session, attempt, lambda release: release.stale)
        if key_id in release.failures:
            raise release.failures[key_id]
        return release.keys[key_id]

    async def _release_part(
        self,
        ids: Sequence[KeyId],
        purpose: Purpose,
        justification: str,
        grants: Sequence[bytes],
        wait: float,
        only: Version | None = None,
    ) -> Release:
        session = self._session
        keyring = await session.directory.keyring()
        # Beyond a rule's quarter of an hour only people answer, and they have up to three days.
        lifetime = HUMAN_LIFETIME if wait > RULE_LIFETIME else RULE_LIFETIME
        prepared = prepare_request(
            keyring,
            ids,
            purpose,
            justification,
            await session.credentials(),
            grants,
            await session.directory.sealing_keys(keyring.threshold),
            session.profile.device_key,
            int(session.now()),
            lifetime,
            omit_descriptors=False,
        )
        collector = Collector(keyring, prepared.opened, prepared.recipient, only)
        return await self._finish(_Asked(prepared, collector), wait)

    async def resume(self, request_hash: bytes, wait: float) -> Release:
        """Go on with a request that people had not answered; Invalid if this client has no such one."""
        asked = self._waiting.get(RequestHash(request_hash))
        if asked is None:
            raise Invalid("this client has no such request open", reason="UNKNOWN_REQUEST")
        return await self._finish(asked, wait)

    async def _finish(self, asked: _Asked, wait: float) -> Release:
        collector, opened = asked.collector, asked.prepared.opened
        await self._follow(asked.prepared, collector, wait)
        collector.suspect_unopened()
        await self._look_into(collector)
        self._session.keep(collector.promises())
        for key in collector.opened.values():
            self._cache.put(key)
        failures = {
            key_id: collector.failure(position)
            for position, key_id in enumerate(opened.request.key_ids)
            if key_id not in collector.opened
        }
        if any(isinstance(error, Unavailable) for error in failures.values()):
            self._waiting[opened.hash] = asked
            self._forget_expired()
        else:
            self._waiting.pop(opened.hash, None)
        stale = bool(failures) and "STALE_MANIFEST" in collector.failures.values()
        return Release(dict(collector.opened), failures, opened.hash, stale)

    def _forget_expired(self) -> None:
        now = self._session.now()
        for name, asked in list(self._waiting.items()):
            if now >= asked.prepared.opened.request.expires_at:
                del self._waiting[name]

    async def _follow(self, prepared: Prepared, collector: Collector, wait: float) -> None:
        budget = max(wait, self._session.timeout)
        deadline = time.monotonic() + budget
        again = 0
        for pause in pauses(budget):
            await asyncio.sleep(pause)
            left = deadline - time.monotonic()
            if left <= 0:
                break
            events = self._session.channel.stream(
                SERVICE, "ReleaseKeys", prepared.message, coordinator_pb2.ReleaseKeysResponse, timeout=left
            )
            try:
                async for response in events:
                    for event in response.events:
                        collector.add(event)
                    if collector.done():
                        if collector.faults or collector.suspected or self._hears_out():
                            self._spawn(self._listen_on(events, collector))
                        else:
                            await events.aclose()  # who hangs up needs no more answers: nobody else is asked
                        return
                    if not wait and collector.waits_for_humans():
                        await events.aclose()
                        return
                if again < ASK_AGAIN and collector.lacks_only_the_unreachable():
                    again += 1
                    await asyncio.sleep(UNREACHABLE_PAUSE)
                    continue
            except DeadlineExceeded:
                break
            except Unavailable:
                continue  # the same signed bytes again: custodians answer them as before
            break
        self._report(collector)

    async def _look_into(self, collector: Collector) -> None:
        """Ask for the plans of versions of which a wrong share came: with their points the liar is named."""
        if not collector.suspected:
            return
        with contextlib.suppress(KmsError):
            answer = await self._session.channel.call(
                CEREMONIES,
                "GetVersions",
                ceremony_service_pb2.GetVersionsRequest(versions=sorted(collector.suspected)[:64]),
                ceremony_service_pb2.GetVersionsResponse,
                timeout=self._session.timeout,
            )
            for found in answer.versions:
                with contextlib.suppress(KmsError):
                    ids = [KeyId(key_id) for key_id in found.key_ids]
                    collector.add_version(open_version(found.plan, ids, found.points))
        self._report(collector)

    def _hears_out(self) -> bool:
        # Not to be foreseen: a custodian that knew when nobody listens would lie just then.
        return secrets.randbelow(1 << 16) < self._hear_out * (1 << 16)

    async def _listen_on(self, events: Events, collector: Collector) -> None:
        """Hear out the late custodians for a moment: one that lied after the quorum is to be named too."""
        with contextlib.suppress(KmsError, TimeoutError):
            async with asyncio.timeout(self._linger):
                async for response in events:
                    for event in response.events:
                        collector.add(event)
        await self._look_into(collector)
        self._session.keep(collector.promises())
        self._report(collector)

    def _report(self, collector: Collector) -> None:
        new, collector.faults = collector.faults, []
        for fault in new:
            self.faults.append(fault)
            if self._on_fault is not None:
                self._on_fault(fault)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Until late answers of finished requests have been heard."""
        await asyncio.gather(*list(self._tasks), return_exceptions=True)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self.settle()

    async def cancel(self, request_hash: bytes) -> list[int]:
        """Withdraw a request; the indices of custodians that acknowledged, as the coordinator says."""
        session = self._session
        keyring = await session.directory.keyring()
        cancellation = Cancellation(
            keyring.keyring_id,
            keyring.manifest_hash,
            RequestHash(request_hash),
            session.thumbprint,
            int(session.now()),
        )
        answer = await session.channel.call(
            SERVICE,
            "CancelRelease",
            coordinator_pb2.CancelReleaseRequest(
                cancellation=sign(cancellation, session.profile.device_key).message
            ),
            coordinator_pb2.CancelReleaseResponse,
            timeout=session.timeout,
        )
        self._waiting.pop(RequestHash(request_hash), None)
        return list(answer.acknowledged)
