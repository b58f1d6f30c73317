"""Requests and deposits under way: the tasks that ask custodians, and the events that callers follow.

A run goes on when its caller hangs up, and a caller that comes back with the same bytes follows it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Generic, TypeVar

from kms.coordinator.relay import Relay, failure
from kms.coordinator.workflow import ReleaseCase
from kms.errors import KmsError, Unavailable
from kms.wire.v1 import coordinator_pb2, keyring_pb2

GRACE_SECONDS = 0.1
"""How long a batch that is partly certified waits for custodians that may certify the rest."""
MAX_CHANGES = 16
"""Decisions of one custodian that are waited for: one that changes its mind for ever fills no memory here."""

E = TypeVar("E")


class Feed(Generic[E]):
    """Events so far and to come; every follower sees all of them in order, in handfuls.

    An event that a caller can do nothing with yet (`hold`) travels with the next one that it can.
    """

    def __init__(self) -> None:
        self._events: list[E] = []
        self._ready = 0
        self._ended = False
        self._changed = asyncio.Event()

    def publish(self, event: E, *, hold: bool = False) -> None:
        self._events.append(event)
        if not hold:
            self._wake()

    def end(self) -> None:
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        self._ready = len(self._events)
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def events(self) -> tuple[E, ...]:
        """All so far."""
        return tuple(self._events)

    async def follow(self) -> AsyncIterator[list[E]]:
        position = 0
        while True:
            changed = self._changed
            if position < self._ready:
                handful = self._events[position : self._ready]
                position = self._ready
                yield handful
                continue
            if self._ended:
                return
            await changed.wait()


Events = Feed[coordinator_pb2.ReleaseEvent]


class ReleaseRun:
    """One request: asks every custodian to decide, then, against certificates, to release."""

    def __init__(
        self,
        relay: Relay,
        case: ReleaseCase,
        request: coordinator_pb2.ReleaseKeysRequest,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.feed: Events = Feed()
        self._relay, self._case, self._request = relay, case, request
        self._blobs = {blob.index: blob for blob in request.blobs}
        self._now = now
        self._change = asyncio.Event()
        self._needs_all = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._certificate: tuple[frozenset[int], bytes] = (frozenset(), b"")
        self._gate_opens = 0.0
        self._started, self._answers = 0.0, 0
        self.followers = 0
        self.requester = bytes(case.opened.request.requester_thumbprint)

    def give_up(self) -> None:
        """Stop asking; `run` ends."""
        for task in self._tasks:
            task.cancel()

    def promises(self) -> list[bytes]:
        """What custodians signed that their logs hold, as it came: nothing of it is verified here."""
        found = []
        for event in self.feed.events:
            which = event.WhichOneof("event")
            if which == "decision":
                found.append(event.decision.SerializeToString(deterministic=True))
            elif which == "shares":
                found.append(event.shares.share_release.SerializeToString(deterministic=True))
        return found

    def satisfied(self) -> bool:
        """Whether a quorum has answered for each key."""
        return self._case.delivered_by_quorum() and self._answers >= self._case.quorum

    async def run(self) -> None:
        """Until nothing more can come; ends the feed."""
        self._started = asyncio.get_running_loop().time()
        try:
            first, later = self._order()
            for index in first:
                self._spawn(self._decide(index))
            self._spawn(self._ask_the_others(later))
            while self._tasks:
                await self._change.wait()
                self._change.clear()
                self._ask_for_shares()
        finally:
            for task in self._tasks:
                task.cancel()
            self.feed.end()

    def _order(self) -> tuple[list[int], list[int]]:
        """Whom to ask at once (a quorum, another one for each request) and whom a moment later."""
        indices = self._case_indices()
        turn = self._case.opened.hash[0] % max(1, len(indices))
        turned = indices[turn:] + indices[:turn]
        ready = [i for i in turned if self._relay.answered(i)] + [
            i for i in turned if not self._relay.answered(i)
        ]
        quorum = self._case.quorum
        return ready[:quorum], ready[quorum:]

    async def _ask_the_others(self, indices: list[int]) -> None:
        """All are asked, unless who asked has hung up with enough by then; so a lucky request costs t answers.

        Hedging (Dean, Barroso: The Tail at Scale, 2013): the rest is asked after a moment, and at once if
        any of the first fails, refuses or waits for people. That a quorum answered is no reason to stop: its
        shares may be bad, and only who can open them knows.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._relay.patience()):
                await self._needs_all.wait()
        if not self.followers and not self._needs_all.is_set() and self._case.delivered_by_quorum():
            return
        for index in indices:
            self._spawn(self._decide(index))

    def _case_indices(self) -> list[int]:
        asked = {target.index for target in self._case.opened.request.evidence}
        return [i for i in self._relay.indices if i in asked]

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._change.set()

    async def _decide(self, index: int) -> None:
        decided = False
        try:
            if index not in self._blobs:
                raise Unavailable("no evidence was sent for this custodian", reason="NO_TARGET")
            answer = await self._relay.decide(index, self._request.request, self._blobs[index])
            self._add(index, answer.decision)
            decided = True
            if answer.waiting:
                left = max(1.0, self._case.opened.request.expires_at - self._now())
                changes = 0
                async for decision in self._relay.watch(index, self._case.opened.hash, left):
                    self._add(index, decision)
                    changes += 1
                    if changes == MAX_CHANGES:
                        break
        except KmsError as error:
            self._fail(index, error, not decided)

    def _add(self, index: int, decision: keyring_pb2.Envelope) -> None:
        self._case.add_decision(index, decision)
        # An allow is of no use to the caller before the shares come; a refusal may be all that comes.
        useless = len(self._case.allowed_by(index)) == self._case.count
        self.feed.publish(coordinator_pb2.ReleaseEvent(decision=decision), hold=useless)
        if not useless:
            self._needs_all.set()
        self._change.set()

    def _fail(self, index: int, error: KmsError, undecided: bool) -> None:
        self._needs_all.set()
        if undecided:
            self._case.add_failure(index)
        self.feed.publish(coordinator_pb2.ReleaseEvent(failure=failure(index, error)))

    def _ask_for_shares(self) -> None:
        if not self._case.certified() or not self._gate_is_open():
            return
        for index in self._case_indices():
            due = self._case.due(index)
            if due:
                self._case.add_delivery(index, due)
                self._spawn(self._release(index, self._current_certificate()))

    def _gate_is_open(self) -> bool:
        if self._case.settled():
            return True
        loop = asyncio.get_running_loop()
        if not self._gate_opens:
            self._gate_opens = loop.time() + GRACE_SECONDS
            loop.call_at(self._gate_opens, self._change.set)
        return loop.time() >= self._gate_opens

    def _current_certificate(self) -> bytes:
        certified = self._case.certified()
        if self._certificate[0] != certified:
            self._certificate = (certified, self._case.certificate())
            certificate = coordinator_pb2.ReleaseEvent(certificate=self._certificate[1])
            self.feed.publish(certificate, hold=True)
        return self._certificate[1]

    async def _release(self, index: int, certificate: bytes) -> None:
        try:
            shares = await self._relay.release(index, self._case.opened.hash, certificate)
            self.feed.publish(coordinator_pb2.ReleaseEvent(shares=shares))
            self._answers += 1
            if self._answers == self._case.quorum:
                self._relay.took(asyncio.get_running_loop().time() - self._started)
        except KmsError as error:
            self._needs_all.set()
            self.feed.publish(coordinator_pb2.ReleaseEvent(failure=failure(index, error)))
