"""The gRPC face of the coordinator: what devices call, and what it calls of the custodians."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from kms.coordinator import ceremony_service
from kms.coordinator.ceremonies import Ceremonies
from kms.coordinator.config import CoordinatorConfig, read_manifests
from kms.coordinator.deposits import Deposits
from kms.coordinator.destructions import Destructions
from kms.coordinator.pools import Pools
from kms.coordinator.promises import PromiseFolder
from kms.coordinator.relay import Relay, failure, read_tap
from kms.coordinator.runs import Feed, ReleaseRun
from kms.coordinator.store import CoordinatorStore, SqliteCoordinatorStore
from kms.coordinator.transcripts import Transcript
from kms.coordinator.workflow import PENDING, ReleaseCase
from kms.crypto import derivation
from kms.crypto.hashing import equal
from kms.errors import Exhausted, KmsError, NotFound
from kms.statements.chain import Chain
from kms.statements.evidence import open_revocation
from kms.statements.ids import KeyId
from kms.statements.manifest import Keyring, open_sealing_key
from kms.statements.release import HUMAN_LIFETIME, open_cancellation, open_request
from kms.transport import logs, metrics
from kms.transport.process import Port, Server
from kms.transport.server import Call, Endpoint, Method
from kms.wire.v1 import coordinator_pb2, keyring_pb2

SERVICE = "kms.v1.CoordinatorService"
MAX_RUNS = 1024
MAX_RUNS_OF_ONE = 64
ALONE_SECONDS = 60.0
R = TypeVar("R")


class CoordinatorService:
    """Directory, relay and workflow. Every statement is checked here too, so that junk stops at the door."""

    def __init__(
        self,
        chain: Chain,
        store: CoordinatorStore,
        relay: Relay,
        endpoints: Callable[[Keyring], Mapping[int, str]],
        transcripts: Path,
        now: Callable[[], float] = time.time,
        promises: PromiseFolder | None = None,
    ) -> None:
        self._store, self._relay, self._endpoints = store, relay, endpoints
        self._promises = promises or PromiseFolder(transcripts.parent / "promises", 0)
        self._now = now
        self.ceremonies = Ceremonies(
            chain,
            relay,
            self._adopt,
            lambda name: Transcript(transcripts, name),
            self.refresh_sealing_keys,
            now,
        )
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._releases: dict[bytes, ReleaseRun] = {}
        self._changed = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()
        self._sealing_keys: dict[int, bytes] = dict(store.sealing_keys())
        self.pools = Pools(relay, self.ceremonies)
        self.destructions = Destructions(store, relay, self._run, lambda: self.ceremonies.chain, now)
        self.deposits = Deposits(store, relay, self._run, self.pools, now, self._keep_promises)

    async def _run(self, step: Callable[..., R], *arguments: object) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._disk, step, *arguments)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def methods(self) -> tuple[Method, ...]:
        return (
            Method("GetKeyring", coordinator_pb2.GetKeyringRequest, self.get_keyring),
            Method(
                "CreateKeys",
                coordinator_pb2.CreateKeysRequest,
                self.create_keys,
                streams=True,
                max_bytes=16 << 20,
            ),
            Method("LookUpKeys", coordinator_pb2.LookUpKeysRequest, self.look_up_keys),
            Method(
                "ReleaseKeys",
                coordinator_pb2.ReleaseKeysRequest,
                self.release_keys,
                streams=True,
                max_bytes=8 << 20,
                max_seconds=HUMAN_LIFETIME,
            ),
            Method("CancelRelease", coordinator_pb2.CancelReleaseRequest, self.cancel_release),
            Method("RevokeGrant", coordinator_pb2.RevokeGrantRequest, self.revoke_grant),
            Method(
                "KeepDestruction",
                coordinator_pb2.KeepDestructionRequest,
                self.keep_destruction,
                max_bytes=4 << 20,
            ),
            Method("ListPromises", coordinator_pb2.ListPromisesRequest, self.list_promises),
        )

    @property
    def _keyring(self) -> Keyring:
        return self._relay.keyring

    async def _adopt(self, keyring: Keyring) -> None:
        """Live by another manifest from now on."""
        try:
            self._relay.adopt(keyring, self._endpoints(keyring))
        except KmsError as error:
            # Whom we cannot reach counts as away, like one that is down.
            logs.logger().error("endpoints", reason=error.reason, message=error.message)
            self._relay.adopt(keyring, {})
        self._changed.set()
        self._sealing_keys.clear()
        self.ceremonies.statuses.clear()
        await self.refresh_sealing_keys()

    def _check_keyring(self, keyring_id: bytes) -> None:
        if not equal(keyring_id, self._keyring.keyring_id):
            raise NotFound("this coordinator serves another keyring", reason="WRONG_KEYRING")

    # -- directory ---------------------------------------------------------------------------------------

    async def get_keyring(
        self, request: coordinator_pb2.GetKeyringRequest, call: Call
    ) -> coordinator_pb2.GetKeyringResponse:
        self._check_keyring(request.keyring_id)
        return coordinator_pb2.GetKeyringResponse(
            manifests=[keyring_pb2.Envelope.FromString(e) for e in self.ceremonies.chain.envelopes],
            sealing_keys=[keyring_pb2.Envelope.FromString(e) for e in self._sealing_keys.values()],
            statuses=list(self.ceremonies.statuses.values()),
        )

    async def refresh_sealing_keys(self) -> None:
        """Ask every custodian for its current sealing key; keep the last good one of who does not answer."""

        async def refresh(index: int) -> None:
            with contextlib.suppress(KmsError):
                envelope = await self._relay.sealing_key(index)
                signed = open_sealing_key(envelope, self._keyring, index, int(self._now()))
                if self._sealing_keys.get(index) != signed.envelope:
                    self._sealing_keys[index] = signed.envelope
                    await self._run(self._store.put_sealing_key, index, signed.envelope)

        await asyncio.gather(*(refresh(index) for index in self._relay.indices))

    async def look_up_keys(
        self, request: coordinator_pb2.LookUpKeysRequest, call: Call
    ) -> coordinator_pb2.LookUpKeysResponse:
        self._check_keyring(request.keyring_id)
        found = await self._find([KeyId(k) for k in request.key_ids])
        return coordinator_pb2.LookUpKeysResponse(
            keys=[
                coordinator_pb2.FoundKey(descriptor=descriptor, state=state)  # type: ignore[arg-type]
                for descriptor, state in found
            ]
        )

    async def _find(self, key_ids: list[KeyId]) -> list[tuple[bytes, int]]:
        found = dict(await self._run(self._store.found, key_ids))
        missing: list[bytes] = [key_id for key_id in key_ids if key_id not in found]
        # The directory was lost: custodians keep descriptors too. Names are hashes, so one that answers with
        # something else, or with a part, does not keep the others from being asked.
        for index in self._relay.indices if missing else ():
            with contextlib.suppress(KmsError):
                for payload in await self._relay.look_up(index, missing):
                    key_id = KeyId(derivation.key_id(payload))
                    if key_id in missing:
                        found[key_id] = (payload, PENDING)
                        missing.remove(key_id)
            if not missing:
                break
        return list(found.values())

    # -- deposits ----------------------------------------------------------------------------------------

    async def create_keys(
        self, request: coordinator_pb2.CreateKeysRequest, call: Call
    ) -> AsyncIterator[coordinator_pb2.CreateKeysResponse]:
        opened = await self.deposits.open(request.deposit)
        for blob in request.blobs:
            opened.deposit.target(blob.index)
        feed: Feed[coordinator_pb2.CreateKeysResponse] = Feed()
        self._spawn(self.deposits.bring(opened, request, feed))
        async for events in feed.follow():
            for event in events:
                yield event

    # -- releases ----------------------------------------------------------------------------------------

    async def release_keys(
        self, request: coordinator_pb2.ReleaseKeysRequest, call: Call
    ) -> AsyncIterator[coordinator_pb2.ReleaseKeysResponse]:
        opened = open_request(request.request, self._keyring, int(self._now()))
        run = self._releases.get(opened.hash)
        if run is None:
            self._check_room(opened.request.requester_thumbprint)
            run = ReleaseRun(
                self._relay,
                ReleaseCase(self._keyring, opened, self.ceremonies.old_threshold),
                request,
                self._now,
            )
            self._releases[opened.hash] = run
            self._spawn(self._follow_to_the_end(opened.hash, run))
        known: list[coordinator_pb2.ReleaseEvent] = []
        if not request.omit_descriptors:
            found = coordinator_pb2.Descriptors(
                descriptors=[d for d, _ in await self._find(list(opened.request.key_ids))]
            )
            known.append(coordinator_pb2.ReleaseEvent(descriptors=found))
        run.followers += 1
        try:
            async for events in run.feed.follow():
                yield coordinator_pb2.ReleaseKeysResponse(events=known + events)
                known = []
        finally:
            run.followers -= 1
            if not run.followers:
                self._spawn(self._give_up_alone(run))

    def _check_room(self, requester: bytes) -> None:
        """No requester may take the place of all others."""
        theirs = sum(run.requester == requester for run in self._releases.values())
        if len(self._releases) >= MAX_RUNS or theirs >= MAX_RUNS_OF_ONE:
            raise Exhausted("too many requests are under way: try again", reason="TOO_MANY_REQUESTS")

    async def _give_up_alone(self, run: ReleaseRun) -> None:
        """A request that nobody follows is let go: at once if its caller has enough, else after a while.

        Custodians keep it, and can be asked again. A caller that has its keys must not be kept from asking for others
        by the custodians that are down, and take seconds to be known as such.
        """
        if not run.satisfied():
            await asyncio.sleep(ALONE_SECONDS)
        if not run.followers:
            run.give_up()

    async def _follow_to_the_end(self, request: bytes, run: ReleaseRun) -> None:
        try:
            await run.run()
        finally:
            self._releases.pop(request, None)
            await self._keep_promises(run.promises())

    async def keep_destruction(
        self, request: coordinator_pb2.KeepDestructionRequest, call: Call
    ) -> coordinator_pb2.KeepDestructionResponse:
        await self.destructions.keep(request)
        return coordinator_pb2.KeepDestructionResponse()

    async def _keep_promises(self, envelopes: Sequence[bytes]) -> None:
        """For auditors; that there is no room for it stops nobody's release."""
        if envelopes:
            try:
                await self._run(self._promises.keep, envelopes, self._now())
            except OSError as error:
                logs.logger().error("promises", error=error.strerror)

    async def list_promises(
        self, request: coordinator_pb2.ListPromisesRequest, call: Call
    ) -> coordinator_pb2.ListPromisesResponse:
        self._check_keyring(request.keyring_id)
        found, token = await asyncio.to_thread(self._promises.page, request.page_token)
        return coordinator_pb2.ListPromisesResponse(
            promises=[keyring_pb2.Envelope.FromString(one) for one in found], next_page_token=token
        )

    async def cancel_release(
        self, request: coordinator_pb2.CancelReleaseRequest, call: Call
    ) -> coordinator_pb2.CancelReleaseResponse:
        open_cancellation(request.cancellation, self._keyring)
        done, failed = await self._tell_all(lambda i: self._relay.cancel(i, request.cancellation))
        return coordinator_pb2.CancelReleaseResponse(acknowledged=done, failures=failed)

    async def revoke_grant(
        self, request: coordinator_pb2.RevokeGrantRequest, call: Call
    ) -> coordinator_pb2.RevokeGrantResponse:
        open_revocation(request.revocation, self._keyring)
        done, failed = await self._tell_all(lambda i: self._relay.revoke(i, request.revocation))
        return coordinator_pb2.RevokeGrantResponse(acknowledged=done, failures=failed)

    async def _tell_all(
        self, tell: Callable[[int], Awaitable[None]]
    ) -> tuple[list[int], list[coordinator_pb2.CustodianFailure]]:
        done: list[int] = []
        failed: list[coordinator_pb2.CustodianFailure] = []

        async def one(index: int) -> None:
            try:
                await tell(index)
                done.append(index)
            except KmsError as error:
                failed.append(failure(index, error))

        await asyncio.gather(*(one(index) for index in self._relay.indices))
        return sorted(done), failed

    # -- life --------------------------------------------------------------------------------------------

    async def keep_fresh(self, seconds: float) -> None:
        """Sealing keys and missed deliveries, for as long as the process runs."""
        while True:
            try:
                await self.ceremonies.keep_up()
                await self.refresh_sealing_keys()
                await self.deposits.redeliver()
                await self.destructions.redeliver()
                await self.deposits.confirm_draws()
            except KmsError as error:
                logs.logger().warning("refresh", reason=error.reason)
            except Exception as error:  # whatever it is, keys must go on being fetched
                logs.logger().error("refresh", error=type(error).__name__)
            missing = len(self._sealing_keys) < len(self._relay.indices)
            pause = min(seconds, 0.5 if missing else seconds, self.ceremonies.until_change())
            with contextlib.suppress(TimeoutError):  # a new manifest wants new sealing keys at once
                async with asyncio.timeout(max(pause, 0.05)):
                    await self._changed.wait()
            self._changed.clear()

    async def close(self) -> None:
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._relay.close()
        await self._run(self._store.close)
        self._disk.shutdown()


async def serve(
    config: CoordinatorConfig,
    reread: Callable[[], CoordinatorConfig] | None = None,
    more: Callable[[Callable[[], Chain]], Sequence[Endpoint]] = lambda chain: (),
) -> Callable[[], Awaitable[None]]:
    """Open the store, listen, and return what stops it. `reread` gives the configuration as it is then, `more` what
    else is served on the port, given the chain as it is then.
    """
    logs.configure(config.log_level, node="coordinator")
    chain = read_manifests(config)
    keyring = chain.in_force(int(time.time()))
    tap = read_tap(config.wire_tap)
    relay = Relay(keyring, config.endpoints(keyring), config.tls, tap)
    service = CoordinatorService(
        chain,
        SqliteCoordinatorStore.open(config.place),
        relay,
        lambda adopted: (reread or (lambda: config))().endpoints(adopted),
        config.store.parent / "ceremonies",
        promises=PromiseFolder(config.store.parent / "promises", config.promise_days),
    )
    endpoint = Endpoint(SERVICE, service.methods(), tap=tap)
    ceremonies = Endpoint(
        ceremony_service.SERVICE, ceremony_service.methods(service.ceremonies, service.pools, relay)
    )
    others = more(lambda: service.ceremonies.chain)
    server = Server(
        [Port(config.listen, config.tls.server(mutual=False), [endpoint, ceremonies, *others])],
        reflection=config.reflection,
        max_concurrent=2048,
    )
    await server.start()
    if config.metrics:
        metrics.serve(config.metrics)
    fresh = asyncio.create_task(service.keep_fresh(config.refresh_seconds))

    async def close() -> None:
        fresh.cancel()
        await server.stop()
        await service.close()

    return close
