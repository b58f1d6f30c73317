"""Ceremonies as the coordinator carries them out: chains handed round, orders to deal keys on begun and gone on with.

Nothing of it is written down here: what is left to do is asked of the custodians, so a ceremony that was killed
anywhere goes on when its order is given again.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from kms.coordinator.dealing import Resharing
from kms.coordinator.progress import Progress
from kms.coordinator.relay import Relay
from kms.coordinator.transcripts import Transcript
from kms.coordinator.workflow import threshold_in_use
from kms.errors import Exhausted, KmsError
from kms.statements.ceremony import Status, open_from, open_order
from kms.statements.chain import Chain, follow, open_chain
from kms.statements.envelope import Envelope
from kms.statements.ids import KeyId
from kms.statements.manifest import Keyring
from kms.transport import logs
from kms.wire.v1 import ceremony_service_pb2 as pb
from kms.wire.v1 import keyring_pb2

T = TypeVar("T", bound=Message)


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
            run = Resharing(self, self._relay, order, self._now)
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
