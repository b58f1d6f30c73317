"""Bringing a custodian's lost shares back: which are missing, who helps, batch by batch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from google.protobuf.message import Message

from kms.coordinator.ceremonies import Ceremonies
from kms.coordinator.destroyed_keys import DestroyedKeys
from kms.coordinator.holdings import holdings, planned_version
from kms.coordinator.lists import PAGE, Page, possible_liars, read_lists
from kms.coordinator.progress import BATCH, IN_FLIGHT, Progress
from kms.coordinator.relay import Relay
from kms.coordinator.resharing import held_in_common
from kms.coordinator.transcripts import RepairedBatch, Transcript
from kms.errors import Invalid, KmsError, Unavailable
from kms.statements.ceremony import Status
from kms.statements.ids import KeyId, Version
from kms.transport import logs
from kms.wire.v1 import ceremony_service_pb2 as pb

T = TypeVar("T", bound=Message)
R = TypeVar("R")
RETRY_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
ALL_ORDERS = (1 << 63) - 1
"""A sequence beyond every order: under it a custodian lists all its keys."""


async def repair(relay: Relay, ceremonies: Ceremonies, index: int) -> AsyncIterator[Progress]:
    """Give custodian `index` every share that t others can; ends when no more can be."""
    if index not in relay.keyring.manifest.indices:
        raise Invalid(f"the manifest has no custodian {index}", reason="UNKNOWN_CUSTODIAN")
    await ceremonies.keep_up()
    # There is no order that could give it a name, and a later repair of the same custodian is another ceremony.
    with ceremonies.record(f"repair-{index}-{ceremonies.now}") as transcript:
        run = _Repair(relay, index, transcript)
        run.progress.keys = expected(ceremonies.heard(), index)
        # With its store it lost its sealing keys: what is sealed to the old ones it cannot open.
        work = asyncio.create_task(run.run(ceremonies.renew))
        try:
            while not work.done():
                yield run.progress
                await asyncio.wait([work], timeout=0.25)
            work.result()
            await ceremonies.keep_up()  # whoever asks next where it stands hears of what it has now
            yield run.progress
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)


def expected(statuses: Mapping[int, Status], index: int) -> int:
    """How many shares custodian `index` seems to lack: of each version, the most that another has, less its own.

    For whoever waits for the end of it; what is really missing is asked of the custodian, key by key.
    """
    mine = {v.version: v.count for v in statuses[index].versions} if index in statuses else {}
    most: dict[Version, int] = {}
    for other, status in statuses.items():
        for held in status.versions if other != index else ():
            most[held.version] = max(most.get(held.version, 0), held.count)
    return sum(max(0, count - mine.get(version, 0)) for version, count in most.items())


class _Repair:
    def __init__(self, relay: Relay, index: int, transcript: Transcript) -> None:
        self.progress = Progress()
        self._relay, self._index, self._transcript = relay, index, transcript
        self._helpers = [i for i in relay.indices if i != index]
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._batches: set[asyncio.Task[None]] = set()
        self._reached = False
        self._destroyed = DestroyedKeys()
        self._turn = self._found = 0

    async def run(self, renew: Callable[[], Awaitable[None]]) -> None:
        await self._await_patient()
        await renew()
        await read_lists(self._helpers, self._read_page, possible_liars(self._relay))
        await asyncio.gather(*self._batches)
        if not self._reached:
            raise Unavailable("no other custodian is up", reason="NOT_ENOUGH_HELPERS")
        self.progress.keys = self._found

    async def _await_patient(self) -> None:
        """It may have come up this moment, and the connection to it is tried again now and then only."""
        for pause in RETRY_PAUSES:
            try:
                await self._relay.sealing_key(self._index)
            except Unavailable:
                await asyncio.sleep(pause)
            else:
                return
        await self._relay.sealing_key(self._index)

    async def _read_page(self, source: int, after: bytes) -> Page:
        before, listed = self.progress.done, 0
        try:
            page = await self._relay.ceremony(
                source,
                "ListKeys",
                pb.ListKeysRequest(order_sequence=ALL_ORDERS, after=after, limit=PAGE),
                pb.ListKeysResponse,
            )
        except KmsError:
            return Page(b"")  # another one lists its keys
        if sum(len(group.key_ids) for group in page.versions) > PAGE:
            return Page(b"")  # more than it was asked for: it lies
        self._reached = True
        for group in page.versions:
            lacking = await self._relay.ceremony(
                self._index,
                "ListMissing",
                pb.ListMissingRequest(version=group.version, key_ids=group.key_ids),
                pb.ListMissingResponse,
            )
            ids = [KeyId(key_id) for key_id in lacking.key_ids]
            listed += len(ids)
            self._found += len(ids)
            self.progress.keys = max(self.progress.keys, self._found)
            for at in range(0, len(ids), BATCH):
                await self._room.acquire()
                batch = tuple(ids[at : at + BATCH])
                task = asyncio.create_task(
                    self._bring_back(source, Version(group.version), group.threshold, batch)
                )
                self._batches.add(task)
                task.add_done_callback(self._batches.discard)
        if not page.last:  # what the next custodian lists is still missing then
            await asyncio.gather(*self._batches)
        return Page(page.last, listed, self.progress.done > before)

    async def _bring_back(
        self, source: int, version: Version, threshold: int, key_ids: tuple[KeyId, ...]
    ) -> None:
        left: Sequence[KeyId] = key_ids
        try:
            try:
                await self._bring_batch(source, version, threshold, key_ids)
                left = ()
            except KmsError as error:
                rest = tuple(key_id for key_id in key_ids if not self._destroyed.by(key_id))
                if error.reason != "NOT_ENOUGH_HELPERS":
                    raise
                if len(rest) == len(key_ids):
                    await self._bring_what_is_common(source, version, key_ids, error)
                    left = ()
                else:
                    left = await self._bring_apart(source, version, threshold, rest, key_ids)
        except KmsError as error:
            logs.logger().warning("batch not repaired", keys=len(left), reason=error.reason)
        finally:
            self.progress.failed += len(left)
            self.progress.done += len(key_ids) - len(left)
            self._room.release()

    async def _bring_apart(
        self,
        source: int,
        version: Version,
        threshold: int,
        rest: tuple[KeyId, ...],
        key_ids: tuple[KeyId, ...],
    ) -> list[KeyId]:
        """Bring back what no helper says is destroyed, and each of the others by itself; those that were not.

        Of a destroyed key as many helpers' word as open one is enough that nothing is left to bring back.
        """
        left: list[KeyId] = []
        for batch in (rest, *((key_id,) for key_id in key_ids if key_id not in rest)):
            try:
                if batch:
                    await self._bring_batch(source, version, threshold, batch)
            except KmsError as error:
                if batch is rest or len(self._destroyed.by(batch[0])) < threshold:
                    logs.logger().warning("batch not repaired", keys=len(batch), reason=error.reason)
                    left += batch
        return left

    async def _bring_what_is_common(
        self, source: int, scarce: Version, key_ids: tuple[KeyId, ...], error: KmsError
    ) -> None:
        """The source's newest version is one that hardly another has: bring back those that enough hold."""
        known = await holdings(self._relay, key_ids)
        mine = set(known.pop(self._index, []))
        common = held_in_common(known)
        if any(version == scarce for version, _, _ in common):
            raise error  # enough hold it, and would not help
        left = set(key_ids)
        for version, threshold, held in common:
            batch = tuple(k for k in held if k in key_ids and (version, threshold, k) not in mine)
            if batch:
                await self._bring_batch(source, version, threshold, batch)
            left -= set(held)
        if left:
            raise error

    async def _bring_batch(
        self, source: int, version: Version, threshold: int, key_ids: tuple[KeyId, ...]
    ) -> None:
        liars: set[int] = set()
        for _ in range(len(self._helpers)):
            try:
                return await self._attempt(source, version, threshold, key_ids, liars)
            except _Failed as error:
                liars.add(error.helper)
        raise Unavailable("no helpers are left", reason="NOT_ENOUGH_HELPERS")

    async def _attempt(
        self, source: int, version: Version, threshold: int, key_ids: Sequence[KeyId], liars: set[int]
    ) -> None:
        free = [i for i in self._helpers if i not in liars]
        if len(free) < threshold:
            raise Unavailable(
                f"{len(free)} helpers are left, {threshold} are needed", reason="NOT_ENOUGH_HELPERS"
            )
        turn = self._turn % len(free)
        self._turn += 1
        helpers = sorted((free + free)[turn : turn + threshold])
        keys = {i: await _of(i, self._relay.sealing_key(i)) for i in (*helpers, self._index)}
        started = await self._ask(
            self._index,
            "StartRepair",
            pb.StartRepairRequest(version=version, helpers=helpers, key_ids=key_ids),
            pb.StartRepairResponse,
        )
        request = pb.MakePiecesRequest(
            task=started.task, key_ids=key_ids, sealing_keys=[keys[i] for i in helpers]
        )
        made = await asyncio.gather(
            *(self._ask(i, "MakePieces", request, pb.MakePiecesResponse) for i in helpers)
        )
        pieces, points = [m.pieces for m in made], [m.points for m in made]
        blobs = {i: {b.index: b.sealed for b in m.blobs} for i, m in zip(helpers, made, strict=True)}
        sums = await asyncio.gather(
            *(
                self._ask(
                    i,
                    "SumPieces",
                    pb.SumPiecesRequest(
                        task=started.task,
                        key_ids=key_ids,
                        pieces=pieces,
                        points=points,
                        blobs=[pb.SealedBlob(index=h, sealed=blobs[h].get(i, b"")) for h in helpers],
                        sealing_key=keys[self._index],
                    ),
                    pb.SumPiecesResponse,
                )
                for i in helpers
            )
        )
        self.progress.relayed += sum(m.ByteSize() for m in (*made, *sums))
        finish = pb.FinishRepairRequest(
            task=started.task,
            key_ids=key_ids,
            descriptors=await self._relay.look_up(source, list(key_ids)),
            pieces=pieces,
            points=points,
            sums=[s.sums for s in sums],
            blobs=[pb.SealedBlob(index=i, sealed=s.sealed) for i, s in zip(helpers, sums, strict=True)],
        )
        planned = await planned_version(self._relay, helpers, version)
        if planned is not None:
            finish.plan, finish.version_points = planned.plan, planned.points
            finish.plan_key_ids.extend(planned.key_ids)
        done = await self._ask(self._index, "FinishRepair", finish, pb.FinishRepairResponse)
        self._transcript.write_repair(
            RepairedBatch(started.task, key_ids, pieces, points, [s.sums for s in sums], done.repaired)
        )

    async def _ask(self, index: int, method: str, request: Message, response: type[T]) -> T:
        """As the relay does; a helper that fails, or that another names, is left out of the next attempt."""
        try:
            return await self._relay.ceremony(index, method, request, response)
        except KmsError as error:
            self._destroyed.hear(index, getattr(request, "key_ids", ()), error)
            named = error.details.get("helper", "")
            if named.isdigit():
                raise _Failed(int(named)) from error
            if index != self._index:
                raise _Failed(index) from error
            raise


class _Failed(Exception):
    def __init__(self, helper: int) -> None:
        super().__init__(helper)
        self.helper = helper


async def _of(index: int, work: Awaitable[R]) -> R:
    try:
        return await work
    except KmsError as error:
        raise _Failed(index) from error
