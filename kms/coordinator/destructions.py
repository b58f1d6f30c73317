"""Orders to destroy keys at the host: kept, and brought to custodians that were away when the owner brought them.

Everything in them is signed. The host may keep an order back, which the custodians tell one another all the same; it
can make none up, and hurry none.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from kms.coordinator.relay import Relay
from kms.coordinator.store import CoordinatorStore
from kms.crypto.hashing import equal
from kms.errors import Denied, Invalid, KmsError
from kms.statements import quorums
from kms.statements.chain import Chain
from kms.statements.destroyed import destroyed_words, open_cancelled, scheduled_words
from kms.statements.destruction import Order, open_destroy_cancellation, open_destroy_order
from kms.transport import logs
from kms.wire.v1 import coordinator_pb2, keyring_pb2
from kms.wire.v1 import destruction_pb2 as pb

SCHEDULED: Final = 4
DESTROYED: Final = 5
NOT_ENDED: Final = 0
AT_ONCE: Final = 64
"""Orders that are looked at in one round."""
R = TypeVar("R")


class OnDisk(Protocol):
    """Runs a step of the store on its thread."""

    def __call__(self, step: Callable[..., R], *arguments: object) -> Awaitable[R]: ...


class Destructions:
    """Keeps orders that `t` custodians have checked, until all custodians have carried them out or called them off."""

    def __init__(
        self,
        store: CoordinatorStore,
        relay: Relay,
        on_disk: OnDisk,
        chain: Callable[[], Chain],
        now: Callable[[], float],
    ) -> None:
        self._store, self._relay, self._on_disk = store, relay, on_disk
        self._chain, self._now = chain, now

    async def keep(self, request: coordinator_pb2.KeepDestructionRequest) -> None:
        """Denied unless as many custodians as open a key have said that they checked it: no disk fills with junk."""
        order = self._open(request)
        keyring = self._relay.keyring
        vouching = {
            *scheduled_words(request.words, keyring, order),
            *destroyed_words(request.words, keyring, order),
        }
        vouching |= set(self._calling_off(request, order))
        if len(vouching) < keyring.threshold:
            raise Denied("too few custodians have checked that order", reason="NOT_VOUCHED")
        if request.HasField("cancellation"):
            said = open_destroy_cancellation(request.cancellation, self._chain(), keyring, int(self._now()))
            if not equal(said.order_hash, order.hash):
                raise Invalid("the cancellation is of another order", reason="WRONG_ORDER")
        await self._note(order, request)

    def _open(self, request: coordinator_pb2.KeepDestructionRequest) -> Order:
        return open_destroy_order(request.order, self._chain(), self._relay.keyring, int(self._now()))

    def _calling_off(self, request: coordinator_pb2.KeepDestructionRequest, order: Order) -> list[int]:
        found = []
        for word in request.words:
            for index in self._relay.keyring.manifest.indices:
                with contextlib.suppress(KmsError):
                    open_cancelled(word, self._relay.keyring, index, order.hash)
                    found.append(index)
        return found

    async def _note(self, order: Order, request: coordinator_pb2.KeepDestructionRequest) -> None:
        keyring = self._relay.keyring
        n = len(keyring.manifest.custodians)
        gone, off = destroyed_words(request.words, keyring, order), self._calling_off(request, order)
        enough = quorums.erased(n, keyring.threshold)
        state = DESTROYED if len(gone) >= enough else NOT_ENDED if len(set(off)) >= enough else SCHEDULED
        done = len({*gone, *off}) == n
        kept = request.SerializeToString(deterministic=True)
        await self._on_disk(self._store.put_destruction, order.hash, order.key_ids, kept, state, done)

    async def redeliver(self) -> None:
        """Ask every custodian where each order stands, and bring it to those that do not know of it."""
        for kept in await self._on_disk(self._store.destructions_left, AT_ONCE):
            try:
                await self._bring(coordinator_pb2.KeepDestructionRequest.FromString(kept))
            except KmsError as error:
                logs.logger().warning("destruction", reason=error.reason)

    async def _bring(self, kept: coordinator_pb2.KeepDestructionRequest) -> None:
        order = self._open(kept)
        told = await self._ask_all(order)
        words = {word.SerializeToString(deterministic=True): word for word in kept.words}
        for one in told.values():
            for word in one.words:
                words[word.SerializeToString(deterministic=True)] = word
            if one.HasField("cancellation") and not kept.HasField("cancellation"):
                kept.cancellation.CopyFrom(one.cancellation)
        latest = list(words.values())[-256:]
        del kept.words[:]
        kept.words.extend(latest)
        descriptors = {k: d for k, (d, _) in (await self._on_disk(self._store.found, order.key_ids)).items()}
        request = pb.SubmitDestructionRequest(
            statement=kept.order,
            descriptors=[descriptors[key_id] for key_id in order.key_ids if key_id in descriptors],
            words=latest,
        )
        if kept.HasField("cancellation"):
            request.statement.CopyFrom(kept.cancellation)
            request.order.CopyFrom(kept.order)
            del request.words[:]
        behind = [
            i for i in self._relay.indices if i not in told or told[i].state == pb.DESTRUCTION_STATE_SCHEDULED
        ]
        for said in await asyncio.gather(*(self._submit(index, request) for index in behind)):
            if said is not None and said not in kept.words and len(kept.words) < 256:
                kept.words.append(said)
        await self._note(order, kept)

    async def _ask_all(self, order: Order) -> dict[int, pb.Destruction]:
        found: dict[int, pb.Destruction] = {}

        async def ask(index: int) -> None:
            with contextlib.suppress(KmsError):
                found[index] = await self._relay.destruction(index, order.hash)

        await asyncio.gather(*(ask(index) for index in self._relay.indices))
        return found

    async def _submit(self, index: int, request: pb.SubmitDestructionRequest) -> keyring_pb2.Envelope | None:
        with contextlib.suppress(KmsError):  # away, or not to be hurried
            return await self._relay.submit_destruction(index, request)
        return None
