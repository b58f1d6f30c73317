"""One order of resharing, carried out over all keys: dealings collected, plans handed out, cheats left out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf.message import Message

from kms.coordinator.destroyed_keys import DestroyedKeys
from kms.coordinator.erasing import Erasing
from kms.coordinator.holdings import holdings, planned_version
from kms.coordinator.lists import PAGE, Page, possible_liars, read_lists
from kms.coordinator.progress import BATCH, IN_FLIGHT, Progress
from kms.coordinator.relay import Relay
from kms.coordinator.resharing import MadePlan, ReshareCase, held_in_common
from kms.crypto.hashing import equal
from kms.errors import KmsError, NotFound, Unavailable
from kms.statements import quorums
from kms.statements.ceremony import ReshareOrder, Status, open_from, order_hash, parse_plan
from kms.statements.envelope import Envelope, Signed
from kms.statements.ids import KeyId, Version
from kms.statements.keys import parse_descriptor
from kms.statements.manifest import open_sealing_key
from kms.transport import logs
from kms.wire.v1 import ceremony_service_pb2 as pb

if TYPE_CHECKING:
    from kms.coordinator.ceremonies import Ceremonies

ROUNDS = 8
"""Attempts at one batch, each without a dealer that the one before left out."""
T = TypeVar("T", bound=Message)


class Resharing:
    """One run over all keys."""

    def __init__(
        self,
        ceremonies: Ceremonies,
        relay: Relay,
        order: Signed[ReshareOrder],
        now: Callable[[], float],
    ) -> None:
        self.progress = Progress()
        self._ceremonies, self._relay, self._order, self._now = ceremonies, relay, order, now
        self._chain, self._keyring = ceremonies.chain, relay.keyring
        self._sealing: dict[int, Envelope] = {}
        self._newcomers: set[int] = set()
        self._accusers: dict[int, set[int]] = {}
        self._destroyed = DestroyedKeys()
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._batches: set[asyncio.Task[None]] = set()
        self._turn = 0

    async def run(self, canary: KeyId | None) -> None:
        name = f"reshare-{self._order.statement.sequence:06d}"
        with self._ceremonies.record(name, self._order.message) as self._transcript:
            self._erasing = Erasing(self._relay, self._chain, self._transcript, self.progress)
            await self._run(canary)

    async def _run(self, canary: KeyId | None) -> None:
        await self._fetch_sealing_keys()
        if len(self._sealing) < quorums.durable(self._keyring.threshold):
            raise Unavailable(
                f"{len(self._sealing)} custodians are up, a resharing needs "
                f"{quorums.durable(self._keyring.threshold)}",
                reason="NOT_DURABLE",
            )
        self._count()
        if canary is not None:
            self.progress.keys = 1
            self.progress.canary_plan = await self._deal_canary(canary)
            self.progress.done = 1
            return
        refreshing = asyncio.create_task(self._keep_sealing_keys())
        try:
            # What one custodian does not list, another does: a liar, or one with a lost store, hides no key.
            await read_lists(self._relay.reachable, self._read_page, possible_liars(self._relay))
            await asyncio.gather(*self._batches)
            await self._erasing.settle()
            self.progress.keys = self.progress.done + self.progress.failed
        finally:
            refreshing.cancel()

    def _count(self) -> None:
        sequence = self._order.statement.sequence
        for index, envelope in self._ceremonies.statuses.items():
            with contextlib.suppress(KmsError):
                status = open_from(Status, envelope, self._keyring, index, self._keyring, "status").statement
                if not any(v.count for v in status.versions):
                    self._newcomers.add(
                        index
                    )  # it has never held these keys: dealers open their contexts to it
                left = sum(v.count for v in status.versions if v.sequence < sequence)
                self.progress.keys = max(self.progress.keys, left)

    async def _fetch_sealing_keys(self) -> None:
        async def fetch(index: int) -> None:
            try:
                key = await self._relay.sealing_key(index)
                # Dealers refuse to deal to a bad one, so a member that gives one out could stop every dealing.
                open_sealing_key(key, self._keyring, index, int(self._now()))
                self._sealing[index] = key
                self.progress.away.discard(index)
            except KmsError:
                self._sealing.pop(index, None)
                self.progress.away.add(index)

        await asyncio.gather(*(fetch(index) for index in self._keyring.manifest.indices))

    async def _keep_sealing_keys(self) -> None:
        while True:
            await asyncio.sleep(10)
            await self._fetch_sealing_keys()

    async def _read_page(self, index: int, after: bytes) -> Page:
        before = self.progress.done
        try:
            page = await self._ask(
                index,
                "ListKeys",
                pb.ListKeysRequest(order_sequence=self._order.statement.sequence, after=after, limit=PAGE),
                pb.ListKeysResponse,
            )
        except KmsError:
            return Page(b"")
        keys = sum(len(group.key_ids) for group in page.versions)
        if keys > PAGE:
            return Page(b"")  # more than it was asked for: it lies
        for group in page.versions:
            ids = [KeyId(key_id) for key_id in group.key_ids]
            for at in range(0, len(ids), BATCH):
                await self._room.acquire()
                task = asyncio.create_task(
                    self._deal_on(Version(group.version), group.threshold, tuple(ids[at : at + BATCH]))
                )
                self._batches.add(task)
                task.add_done_callback(self._batches.discard)
        if not page.last:  # the next custodian lists what is not dealt on by then
            await asyncio.gather(*self._batches)
        return Page(page.last, keys, self.progress.done > before)

    async def _deal_on(self, version: Version, threshold: int, key_ids: tuple[KeyId, ...]) -> None:
        left: Sequence[KeyId] = key_ids
        try:
            try:
                await self._deal_batch(version, threshold, key_ids, split=True)
                left = ()
            except KmsError as error:
                rest = tuple(key_id for key_id in key_ids if not self._destroyed.by(key_id))
                if len(rest) == len(key_ids):
                    await self._deal_what_is_common(version, key_ids, error)
                    left = ()
                else:
                    left = await self._deal_apart(version, threshold, rest, key_ids)
        except KmsError as error:
            logs.logger().warning("batch not dealt on", keys=len(left), reason=error.reason)
        finally:
            self.progress.failed += len(left)
            self.progress.done += len(key_ids) - len(left)
            self.progress.keys = max(self.progress.keys, self.progress.done)
            self._room.release()

    async def _deal_apart(
        self, version: Version, threshold: int, rest: tuple[KeyId, ...], key_ids: tuple[KeyId, ...]
    ) -> list[KeyId]:
        """Deal on what nobody says is destroyed, and each of the others by itself; those that were not.

        A key that is destroyed at some custodians must not keep the others of its batch back. Of it `t` custodians'
        word is enough that nothing is left to deal on.
        """
        left: list[KeyId] = []
        for batch in (rest, *((key_id,) for key_id in key_ids if key_id not in rest)):
            try:
                if batch:
                    await self._deal_batch(version, threshold, batch)
            except KmsError as error:
                if batch is rest or len(self._destroyed.by(batch[0])) < self._keyring.threshold:
                    logs.logger().warning("batch not dealt on", keys=len(batch), reason=error.reason)
                    left += batch
        return left

    async def _deal_batch(
        self, version: Version, threshold: int, key_ids: tuple[KeyId, ...], *, split: bool = False
    ) -> None:
        case = ReshareCase(self._chain, self._keyring, self._order, version, threshold, key_ids)
        case.accusers = self._accusers
        made = await self._install(case)
        if split and any(self._destroyed.by(key_id) for key_id in key_ids):
            # Who has destroyed one of the keys installed none of them: the others are dealt on to it too.
            raise Unavailable("a key of the batch is destroyed at some custodians", reason="KEY_DESTROYED")
        if case.durable():
            await self._erasing.erase(made.payload, key_ids, case.certificate())

    async def _deal_canary(self, key_id: KeyId) -> bytes:
        """The plan by which this key was dealt on, under this order, while every older share of it stays."""
        common = held_in_common(await holdings(self._relay, [key_id]))
        for version, _, _ in common:
            planned = await self._planned(self._relay.reachable, version)
            if planned is not None and equal(
                parse_plan(planned.plan).order_hash, order_hash(self._order.payload)
            ):
                return planned.plan
        failure: KmsError = NotFound("too few custodians hold shares of the canary", reason="NO_CANARY")
        for version, threshold, _ in common:
            case = ReshareCase(self._chain, self._keyring, self._order, version, threshold, (key_id,))
            try:
                return (await self._install(case)).payload
            except KmsError as error:
                failure = error
        raise failure

    async def _deal_what_is_common(
        self, scarce: Version, key_ids: tuple[KeyId, ...], error: KmsError
    ) -> None:
        """Too few hold the version that somebody listed, or too few of them are honest: try others."""
        left = set(key_ids)
        for version, threshold, held in held_in_common(await holdings(self._relay, key_ids)):
            batch = tuple(key_id for key_id in held if key_id in left)
            if version != scarce and batch:
                with contextlib.suppress(KmsError):
                    await self._deal_batch(version, threshold, batch)
                    left -= set(batch)
        if left:
            raise error

    async def _install(self, case: ReshareCase) -> MadePlan:
        for _ in range(ROUNDS):
            await self._collect(case)
            made = await asyncio.to_thread(case.plan)
            known, heard = len(self._newcomers), case.heard()
            await self._hand_out(case, made)
            if case.durable():
                self._transcript.write_plan(case, made)
                return made
            self.progress.cheats.update(case.proven_cheats())
            if len(self._newcomers) > known:
                case.dealings.clear()  # they were not known to be any: all deal again, with openings
            elif case.heard() == heard:
                break
        self._transcript.write_complaints(case)
        raise Unavailable(
            f"{len(case.installed)} custodians installed a batch, "
            f"{quorums.durable(self._keyring.threshold)} must have",
            reason="NOT_DURABLE",
        )

    async def _collect(self, case: ReshareCase) -> None:
        """Ask as many holders as are needed, and others in the place of those that fail or are complained of."""
        holders = [i for i in case.holders() if i in self._relay.reachable]
        turn = self._turn % len(holders)  # another one begins each time, so that all work alike
        self._turn += 1
        able = (*holders[turn:], *holders[:turn])
        while asked := [i for i in case.choose_dealers(able) if i not in case.dealings]:
            await asyncio.gather(*(self._ask_to_deal(case, index) for index in asked))

    async def _ask_to_deal(self, case: ReshareCase, index: int) -> None:
        sealing_keys = dict(self._sealing)
        request = pb.DealRequest(
            order=self._order.message,
            from_version=case.from_version,
            key_ids=case.key_ids,
            sealing_keys=list(sealing_keys.values()),
            newcomers=sorted(self._newcomers),
        )
        try:
            answer = await self._ask(index, "Deal", request, pb.DealResponse)
            self.progress.relayed += answer.ByteSize()
            blobs = {blob.index: blob.sealed for blob in answer.blobs}
            case.add_dealing(index, answer.dealing, answer.points, blobs, sealing_keys)
        except KmsError as error:
            self._destroyed.hear(index, case.key_ids, error)
            case.refused.setdefault(index, error.reason)

    async def _hand_out(self, case: ReshareCase, made: MadePlan) -> None:
        """Let all members install the plan, and hear the complaints of those to whom it is wrong."""
        descriptors: list[bytes] = []
        if self._newcomers:
            descriptors = await self._describe(made.dealers, case.key_ids)

        async def hand(index: int) -> None:
            request = self._install_request(case, made, index, descriptors)
            try:
                answer = await self._ask(index, "Install", request, pb.InstallResponse)
                case.add_installed(index, answer.installed)
            except KmsError as error:
                self._destroyed.hear(index, case.key_ids, error)
                if error.reason == "KEYS_MISSING" and index not in self._newcomers:
                    self._newcomers.add(index)
                elif error.reason != "COMBINED_WRONG" or not await self._complains(
                    case, made, index, request
                ):
                    case.unable.add(index)

        members = [i for i in self._sealing if all(i in d.blobs for d in made.dealings.values())]
        await asyncio.gather(*(hand(index) for index in members))

    def _install_request(
        self, case: ReshareCase, made: MadePlan, index: int, descriptors: Sequence[bytes]
    ) -> pb.InstallRequest:
        return pb.InstallRequest(
            order=self._order.message,
            plan=made.payload,
            key_ids=case.key_ids,
            points=made.points,
            dealings=[d.signed.message for d in made.dealings.values()],
            blobs=[pb.SealedBlob(index=i, sealed=d.blobs[index]) for i, d in made.dealings.items()],
            descriptors=descriptors if index in self._newcomers else (),
        )

    async def _complains(
        self, case: ReshareCase, made: MadePlan, index: int, install: pb.InstallRequest
    ) -> bool:
        """Let a member hold each dealing against its points; whether it complains of one."""
        heard = 0
        with contextlib.suppress(KmsError):
            request = pb.FindCheatRequest(
                install=install, dealt_points=[d.packed_points for d in made.dealings.values()]
            )
            old = await self._planned(made.dealers, case.from_version)
            if old is not None:
                request.old.CopyFrom(old)
            answer = await self._ask(index, "FindCheat", request, pb.FindCheatResponse)
            for complaint in answer.complaints:
                with contextlib.suppress(KmsError):
                    case.add_complaint(index, complaint)
                    heard += 1
        return heard > 0

    async def _planned(self, holders: Iterable[int], version: Version) -> pb.PlannedVersion | None:
        return await planned_version(self._relay, holders, version)

    async def _describe(self, holders: Iterable[int], key_ids: Sequence[KeyId]) -> list[bytes]:
        for index in holders:
            with contextlib.suppress(KmsError):
                found = await self._relay.look_up(index, list(key_ids))
                if {parse_descriptor(payload).key_id for payload in found} >= set(key_ids):
                    return found
        return []

    def _ask(self, index: int, method: str, request: Any, response: type[T]) -> Awaitable[T]:
        return self._relay.ceremony(index, method, request, response)
