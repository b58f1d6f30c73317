"""Ceremonies as the coordinator carries them out: chains handed round, keys dealt on, lost shares brought back.

Nothing of it is written down here: what is left to do is asked of the custodians, so a ceremony that was killed
anywhere goes on when its order is given again.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from google.protobuf.message import Message

from kms.coordinator.relay import Relay
from kms.coordinator.resharing import Held, MadePlan, ReshareCase, held_in_common
from kms.coordinator.transcripts import Transcript
from kms.coordinator.workflow import threshold_in_use
from kms.crypto.hashing import equal
from kms.errors import Exhausted, KmsError, NotFound, Unavailable
from kms.statements import quorums
from kms.statements.ceremony import (
    Installed,
    ReshareOrder,
    Status,
    open_from,
    open_order,
    open_version,
    order_hash,
    parse_plan,
    plan_version,
)
from kms.statements.chain import Chain, follow, open_chain
from kms.statements.envelope import Envelope, Signed
from kms.statements.ids import KeyId, Version
from kms.statements.keys import parse_descriptor
from kms.statements.manifest import Keyring, open_sealing_key
from kms.transport import logs
from kms.wire.v1 import ceremony_service_pb2 as pb
from kms.wire.v1 import keyring_pb2

BATCH = 128
"""Keys in one plan: a node's thread is busy with a batch for some 20 ms, and releases go between."""
IN_FLIGHT = 2
ROUNDS = 8
"""Attempts at one batch, each without a dealer that the one before left out."""
T = TypeVar("T", bound=Message)


@dataclass(slots=True)
class Progress:
    """Counts so far: keys to do, dealt on, erased; who cheated, who was away; bytes that came in from custodians.

    `canary_plan` is the plan by which the one key that goes first was dealt on.
    """

    keys: int = 0
    done: int = 0
    erased: int = 0
    failed: int = 0
    relayed: int = 0
    cheats: set[int] = field(default_factory=set)
    away: set[int] = field(default_factory=set)
    canary_plan: bytes = b""


class Ceremonies:
    """`adopt` is told of each longer chain, `renew` fetches sealing keys anew; `now` gives unix seconds."""

    def __init__(
        self,
        chain: Chain,
        relay: Relay,
        adopt: Callable[[Keyring], Awaitable[None]],
        transcript: Callable[[str], Transcript],
        renew: Callable[[], Awaitable[None]],
        now: Callable[[], float] = time.time,
    ) -> None:
        self.chain = chain
        self.renew = renew
        self.statuses: dict[int, Envelope] = {}
        self.old_threshold = 0
        self._relay, self._adopt, self._transcript, self._now = relay, adopt, transcript, now
        self._one = asyncio.Lock()

    # -- chains ------------------------------------------------------------------------------------------

    async def keep_up(self) -> None:
        """Follow whatever longer chain a custodian follows, hand ours to who is behind, and hear where all stand."""
        await self._hand_round()
        await self._follow(self.chain)
        await self._hear_statuses()

    async def _hear_statuses(self) -> None:
        opened: dict[int, Status] = {}

        async def ask(index: int) -> None:
            with contextlib.suppress(KmsError):
                answer = await self._ask(index, "GetStatus", pb.GetStatusRequest(), pb.GetStatusResponse)
                bound = self._relay.keyring
                opened[index] = open_from(Status, answer.status, bound, index, bound, "status").statement
                self.statuses[index] = answer.status

        await asyncio.gather(*(ask(index) for index in self._relay.indices))
        self.old_threshold = threshold_in_use(opened, self._relay.keyring.threshold)

    def heard(self) -> dict[int, Status]:
        """What custodians last said of themselves, under the manifest in force."""
        bound, found = self._relay.keyring, {}
        for index, envelope in self.statuses.items():
            with contextlib.suppress(KmsError):
                found[index] = open_from(Status, envelope, bound, index, bound, "status").statement
        return found

    async def publish(self, envelopes: Sequence[bytes]) -> tuple[list[int], list[int]]:
        """Take a longer chain and hand it round; (custodians that follow it, those that are away)."""
        offered = open_chain(envelopes, self.chain.keyring_id)
        self.chain = follow(self.chain, offered)
        # Custodians first: sealing keys that we fetch from one that is behind are for the manifest before, so nobody
        # could seal anything. Then newcomers, whose addresses are known only now.
        following = await self._hand_round()
        await self._follow(self.chain)
        following |= await self._hand_round()
        await self._hear_statuses()
        with self.record(f"manifest-{self.chain.last.manifest.sequence:06d}") as transcript:
            transcript.write_statements(status for _, status in sorted(self.statuses.items()))
        members = {i for link in self.chain.links[-2:] for i in link.manifest.indices}
        return sorted(following), sorted(members - following)

    def until_change(self) -> float:
        """Seconds until an announced manifest holds; infinity if none is announced."""
        announced = self.chain.announced(self.now)
        if not announced:
            return math.inf
        return max(0.0, self.chain.holds_from(announced[0].manifest.sequence) - self._now())

    @contextlib.contextmanager
    def record(self, name: str, order: Envelope | None = None) -> Iterator[Transcript]:
        """The transcript of this name, open, with the chain (and the order) at its beginning."""
        transcript = self._transcript(name)
        transcript.start([keyring_pb2.Envelope.FromString(e) for e in self.chain.envelopes], order)
        try:
            yield transcript
        finally:
            transcript.close()

    async def _hand_round(self) -> set[int]:
        following: set[int] = set()
        manifests = [keyring_pb2.Envelope.FromString(e) for e in self.chain.envelopes]

        async def hand(index: int) -> None:
            try:
                answer = await self._ask(
                    index, "FollowChain", pb.FollowChainRequest(manifests=manifests), pb.FollowChainResponse
                )
                theirs = [m.SerializeToString(deterministic=True) for m in answer.manifests]
                if len(theirs) > len(self.chain.links):
                    self.chain = follow(self.chain, open_chain(theirs, self.chain.keyring_id))
                following.add(index)
            except KmsError as error:
                logs.logger().warning("chain not followed", custodian=index, reason=error.reason)

        await asyncio.gather(*(hand(index) for index in self._relay.reachable))
        return following

    async def _follow(self, chain: Chain) -> None:
        keyring = chain.in_force(int(self._now()))
        if keyring.manifest_hash != self._relay.keyring.manifest_hash:
            await self._adopt(keyring)

    # -- resharing -----------------------------------------------------------------------------------------

    async def reshare(self, envelope: Envelope, canary: KeyId | None = None) -> AsyncIterator[Progress]:
        """Deal every key on under this order, or go on with it; ends when all that can be is done.

        With a `canary` only that key, and no old share is erased: the order goes on when it is given again without.
        """
        if self._one.locked():
            raise Exhausted("a ceremony is under way: wait for it", reason="CEREMONY_UNDER_WAY")
        async with self._one:
            await self.keep_up()
            order = open_order(envelope, self.chain, int(self._now()))
            run = _Resharing(self, self._relay, order, self._now)
            work = asyncio.create_task(run.run(canary))
            try:
                while not work.done():
                    yield run.progress
                    await asyncio.wait([work], timeout=0.25)
                work.result()
                await self.keep_up()
                yield run.progress
            finally:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)

    def _ask(self, index: int, method: str, request: Any, response: type[T]) -> Awaitable[T]:
        return self._relay.ceremony(index, method, request, response)

    @property
    def now(self) -> int:
        return int(self._now())


class _Resharing:
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
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._turn = 0

    async def run(self, canary: KeyId | None) -> None:
        name = f"reshare-{self._order.statement.sequence:06d}"
        with self._ceremonies.record(name, self._order.message) as self._transcript:
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
            for index in self._relay.reachable:
                with contextlib.suppress(KmsError):
                    await self._from_list_of(index)
            await self._settle()
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

    async def _from_list_of(self, index: int) -> None:
        after, batches = b"", set()
        while True:
            page = await self._ask(
                index,
                "ListKeys",
                pb.ListKeysRequest(order_sequence=self._order.statement.sequence, after=after, limit=1024),
                pb.ListKeysResponse,
            )
            for group in page.versions:
                ids = [KeyId(key_id) for key_id in group.key_ids]
                for at in range(0, len(ids), BATCH):
                    await self._room.acquire()
                    task = asyncio.create_task(
                        self._deal_on(Version(group.version), group.threshold, tuple(ids[at : at + BATCH]))
                    )
                    batches.add(task)
                    task.add_done_callback(batches.discard)
            after = page.last
            if not after:
                break
        await asyncio.gather(*batches)

    async def _deal_on(self, version: Version, threshold: int, key_ids: tuple[KeyId, ...]) -> None:
        try:
            try:
                await self._deal_batch(version, threshold, key_ids)
            except KmsError as error:
                await self._deal_what_is_common(version, key_ids, error)
            self.progress.done += len(key_ids)
            self.progress.keys = max(self.progress.keys, self.progress.done)
        except KmsError as error:
            self.progress.failed += len(key_ids)
            logs.logger().warning("batch not dealt on", keys=len(key_ids), reason=error.reason)
        finally:
            self._room.release()

    async def _deal_batch(self, version: Version, threshold: int, key_ids: tuple[KeyId, ...]) -> None:
        case = ReshareCase(self._chain, self._keyring, self._order, version, threshold, key_ids)
        case.accusers = self._accusers
        made = await self._install(case)
        if case.durable():
            await self._erase(made.payload, key_ids, case.certificate())

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

    async def _erase(self, plan: bytes, key_ids: Sequence[KeyId], certificate: Sequence[Envelope]) -> None:
        request = pb.EraseRequest(plan=plan, key_ids=key_ids, installed=certificate)
        erased = []

        async def tell(index: int) -> None:
            with contextlib.suppress(KmsError):
                answer = await self._ask(index, "Erase", request, pb.EraseResponse)
                erased.append(answer.erased)

        await asyncio.gather(*(tell(index) for index in self._relay.reachable))
        self._transcript.write_statements(erased)
        self.progress.erased += len(key_ids)

    async def _settle(self) -> None:
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
            for held in new:
                version = plan_version(held.plan)
                known.add(version)
                certificate = await self._certificate(version, held.plan, len(held.key_ids))
                if certificate:
                    await self._erase(held.plan, [KeyId(k) for k in held.key_ids], certificate)

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


async def holdings(relay: Relay, key_ids: Sequence[KeyId]) -> dict[int, list[Held]]:
    """What each custodian that is up says it holds of these keys, in every version."""
    found: dict[int, list[Held]] = {}

    async def ask(index: int) -> None:
        with contextlib.suppress(KmsError):
            request = pb.ListKeysRequest(limit=1, key_ids=key_ids)
            answer = await relay.ceremony(index, "ListKeys", request, pb.ListKeysResponse)
            found[index] = [
                (Version(group.version), group.threshold, KeyId(key_id))
                for group in answer.versions
                for key_id in group.key_ids
            ]

    await asyncio.gather(*(ask(index) for index in relay.reachable))
    return found


async def planned_version(relay: Relay, holders: Iterable[int], version: Version) -> pb.PlannedVersion | None:
    """What the plan of a version says, from whichever of these holds it; None if nobody does, as of a dealt version."""
    for index in holders:
        with contextlib.suppress(KmsError):
            request = pb.ListInstalledRequest(limit=1, versions=[version])
            answer = await relay.ceremony(
                index, "ListInstalled", request, pb.ListInstalledResponse, reader=True
            )
            for held in answer.versions:
                if equal(plan_version(held.plan), version):
                    open_version(held.plan, [KeyId(k) for k in held.key_ids], held.points)
                    return pb.PlannedVersion(plan=held.plan, key_ids=held.key_ids, points=held.points)
    return None
