"""Deposits under way, and those that some custodian missed and is still to get."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from kms.coordinator.pools import Pools
from kms.coordinator.relay import Relay, failure
from kms.coordinator.runs import Feed
from kms.coordinator.store import CoordinatorStore, Undelivered
from kms.coordinator.workflow import DepositCase
from kms.errors import KmsError
from kms.statements.ids import KeyId
from kms.statements.keys import OpenedDeposit, open_deposit
from kms.transport import logs
from kms.wire.v1 import coordinator_pb2, keyring_pb2

TRANSIENT = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"})
REDELIVER_AT_ONCE = 100

Events = Feed[coordinator_pb2.CreateKeysResponse]


class OnDisk(Protocol):
    """Runs a step of the store where the store lives."""

    def __call__(self, step: Callable[..., Any], *arguments: object) -> Awaitable[Any]: ...


class Deposits:
    """Brings deposits to custodians and keeps their receipts.

    Nothing is written for a deposit that no custodian took: whoever has no credential fills no disk here.
    """

    def __init__(
        self,
        store: CoordinatorStore,
        relay: Relay,
        on_disk: OnDisk,
        pools: Pools,
        now: Callable[[], float],
        promised: Callable[[Sequence[bytes]], Awaitable[None]] | None = None,
    ) -> None:
        """`promised` keeps custodians' receipts for auditors."""
        self._store, self._relay, self._on_disk, self._now = store, relay, on_disk, now
        self._promised = promised or _forget
        self._pools = pools

    async def open(self, envelope: keyring_pb2.Envelope) -> OpenedDeposit:
        """The deposit, checked; aside, because a thousand descriptors take a while."""
        return await asyncio.to_thread(open_deposit, envelope, self._relay.keyring, int(self._now()))

    async def bring(
        self, opened: OpenedDeposit, request: coordinator_pb2.CreateKeysRequest, feed: Events
    ) -> None:
        """Ask every custodian; each answer goes into the feed as it comes, and onto disk."""
        case = DepositCase(self._relay.keyring, opened)
        asked = [blob for blob in request.blobs if blob.index in self._relay.indices]
        missed: list[coordinator_pb2.TargetBlob] = []
        receipts: dict[int, keyring_pb2.Envelope] = {}
        quorum = self._relay.keyring.manifest.durable_quorum
        draws = any(descriptor.jointly_made for descriptor in opened.descriptors)

        async def ask(blob: coordinator_pb2.TargetBlob) -> None:
            try:
                receipt = await self._relay.deposit(blob.index, request.deposit, blob)
                case.add_receipt(blob.index, receipt)
            except KmsError as error:
                feed.publish(coordinator_pb2.CreateKeysResponse(failure=failure(blob.index, error)))
                if error.status in TRANSIENT:
                    missed.append(blob)
                return
            receipts[blob.index] = receipt
            if draws and len(receipts) >= quorum:
                # Before the depositor hears of it: its next word may be to ask for the keys.
                await self._pools.confirm(opened.hash, _packed(receipts))
            feed.publish(coordinator_pb2.CreateKeysResponse(receipt=receipt))
            if len(receipts) == quorum:  # a slow custodian must not keep a good key out of the directory
                await self._on_disk(self._keep, opened, case.states(), dict(receipts), [])

        try:
            await asyncio.gather(*(ask(blob) for blob in asked))
        finally:
            feed.end()
        if receipts:
            await self._on_disk(self._keep, opened, case.states(), receipts, missed)
            await self._promised(list(_packed(receipts).values()))

    def _keep(
        self,
        opened: OpenedDeposit,
        states: list[int],
        receipts: Mapping[int, keyring_pb2.Envelope],
        missed: list[coordinator_pb2.TargetBlob],
    ) -> None:
        self._store.add_deposit(opened, states)
        for index, receipt in receipts.items():
            self._store.add_receipt(opened.hash, index, receipt.SerializeToString(deterministic=True))
        self._store.set_states(_by_key(opened, states))
        if missed:
            envelope = opened.signed.envelope
            self._store.add_undelivered(
                [Undelivered(opened.hash, envelope, b.index, b.sealed, b.sealed_evidence) for b in missed]
            )

    async def confirm_draws(self) -> None:
        """Show the receipts that are kept here to custodians that wait for them."""
        for deposit in await self._pools.unconfirmed():
            receipts = await self._on_disk(self._store.receipts, deposit)
            if receipts:
                await self._pools.confirm(deposit, receipts)

    async def redeliver(self) -> None:
        """Bring what custodians missed: a deposit becomes FULL when the last of them has it."""
        for index in self._relay.indices:
            for missed in await self._on_disk(self._store.undelivered, index, REDELIVER_AT_ONCE):
                if not await self._redeliver_one(missed):
                    break

    async def _redeliver_one(self, missed: Undelivered) -> bool:
        envelope = keyring_pb2.Envelope.FromString(missed.envelope)
        blob = coordinator_pb2.TargetBlob(
            index=missed.custodian, sealed=missed.sealed, sealed_evidence=missed.sealed_evidence
        )
        try:
            opened = await self.open(envelope)
            case = DepositCase(self._relay.keyring, opened)
            receipt = await self._relay.deposit(missed.custodian, envelope, blob)
            case.add_receipt(missed.custodian, receipt)
        except KmsError as error:
            if error.status in TRANSIENT:
                return False
            # Its sealing key is gone, say: this share is to be repaired, no longer to be delivered.
            logs.logger().warning("undeliverable", custodian=missed.custodian, reason=error.reason)
            await self._on_disk(self._store.delivered, missed.deposit, missed.custodian)
            return True
        await self._on_disk(self._note_delivery, case, missed, receipt)
        await self._promised([receipt.SerializeToString(deterministic=True)])
        return True

    def _note_delivery(self, case: DepositCase, missed: Undelivered, receipt: keyring_pb2.Envelope) -> None:
        stored = receipt.SerializeToString(deterministic=True)
        self._store.add_receipt(missed.deposit, missed.custodian, stored)
        self._store.delivered(missed.deposit, missed.custodian)
        for index, known in self._store.receipts(missed.deposit).items():
            with contextlib.suppress(KmsError):
                case.add_receipt(index, keyring_pb2.Envelope.FromString(known))
        self._store.set_states(_by_key(case.opened, case.states()))


async def _forget(receipts: Sequence[bytes]) -> None:
    """Nobody keeps them."""


def _packed(receipts: Mapping[int, keyring_pb2.Envelope]) -> dict[int, bytes]:
    return {index: r.SerializeToString(deterministic=True) for index, r in receipts.items()}


def _by_key(opened: OpenedDeposit, states: list[int]) -> dict[KeyId, int]:
    return {d.key_id: state for d, state in zip(opened.descriptors, states, strict=True)}
