"""Pools as the coordinator carries them out: batches made, keys offered to depositors, draws confirmed.

Nothing of it is written down here but the transcript: which batches are there is asked of the custodians.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from kms.coordinator.ceremonies import Ceremonies
from kms.coordinator.pooling import MadePool, PoolCase
from kms.coordinator.progress import Progress
from kms.coordinator.relay import Relay
from kms.coordinator.transcripts import Transcript
from kms.crypto.hashing import equal
from kms.errors import KmsError, Unavailable
from kms.statements import quorums
from kms.statements.envelope import Envelope
from kms.statements.ids import DepositHash
from kms.statements.pool import open_pool_order, open_pool_plan, pool_order_hash
from kms.transport import logs
from kms.wire.v1 import ceremony_service_pb2 as pb
from kms.wire.v1 import keyring_pb2

ROUNDS = 4
"""Attempts at one batch, each without a dealer that the one before left out."""
BATCHES_ASKED = 64
DRAWS_ASKED = 256

Row = tuple[bytes, ...]
"""C_0..C_(t-1) of a key."""


class Pools:
    """What custodians made and nobody has drawn."""

    def __init__(self, relay: Relay, ceremonies: Ceremonies) -> None:
        self._relay, self._ceremonies = relay, ceremonies
        self._offers: deque[Row] = deque()
        self._given: set[bytes] = set()
        self._manifest = b""

    # -- making ------------------------------------------------------------------------------------------

    async def generate(self, envelope: Envelope) -> AsyncIterator[Progress]:
        """Make the keys of an order, or go on with it."""
        await self._ceremonies.keep_up()
        order = open_pool_order(envelope, self._ceremonies.chain, self._ceremonies.now)
        progress = Progress(keys=order.statement.count)
        cheats: set[int] = set()
        name = pool_order_hash(order.payload)
        plans = await self._plans(name)
        with self._ceremonies.record(f"pool-{name.hex()[:16]}", order.message) as transcript:
            for batch in range(order.statement.batches):
                case = PoolCase(self._relay.keyring, order, batch)
                for index in cheats:
                    case.refused[index] = "ACCUSED"
                try:
                    if not await self._is_kept(case, plans.get(batch, []), transcript):
                        await self._make(case, progress, transcript)
                    progress.done += case.size
                except KmsError as error:
                    progress.failed += case.size
                    logs.logger().warning("batch not made", batch=batch, reason=error.reason)
                cheats.update(i for i, reason in case.refused.items() if reason == "ACCUSED")
                progress.cheats.update(case.proven_cheats())
                yield progress
        yield progress

    async def _plans(self, order_hash: bytes) -> dict[int, list[MadePool]]:
        """By batch: plans of an order that a run before this one let custodians keep."""
        found: dict[int, dict[bytes, MadePool]] = {}

        async def ask(index: int) -> None:
            with contextlib.suppress(KmsError):
                request = pb.ListPoolRequest(limit=BATCHES_ASKED)
                answer = await self._relay.ceremony(index, "ListPool", request, pb.ListPoolResponse)
                for batch in answer.batches:
                    opened = open_pool_plan(batch.plan, batch.points)
                    if equal(opened.plan.order_hash, order_hash):
                        made = MadePool(opened, batch.points, {})
                        found.setdefault(opened.plan.batch, {})[opened.hash] = made

        await asyncio.gather(*(ask(index) for index in self._relay.indices))
        return {batch: list(plans.values()) for batch, plans in found.items()}

    async def _is_kept(self, case: PoolCase, plans: Sequence[MadePool], transcript: Transcript) -> bool:
        """Whether enough keep one of these plans; their word, which a run that was killed may have missed, is heard."""
        for made in plans:
            case.adopt(made)
            await self._let_keep(case, made, self._relay.indices)
            if transcript.has_pool_plan(made.opened.hash):
                transcript.write_statements(signed.message for signed in case.kept.values())
            if case.complete():
                return True
        return False

    async def _make(self, case: PoolCase, progress: Progress, transcript: Transcript) -> None:
        for _ in range(ROUNDS):
            sealing_keys = await self._sealing_keys(progress)
            made = await self._plan(case, sealing_keys)
            # First: whoever keeps a plan keeps it for ever, also if we are killed before we hear of it.
            transcript.write_pool_plan(made)
            receivers = [i for i in sealing_keys if all(i in d.blobs for d in made.dealings.values())]
            there = await self._let_keep(case, made, receivers)
            transcript.write_statements(signed.message for signed in case.heard_of(made))
            if case.complete() or there >= case.quorum:
                return
            if not case.leave_out_accused():
                break
        raise Unavailable(f"{len(case.kept)} custodians keep it, {case.quorum} must", reason="NOT_EXCLUSIVE")

    async def _plan(self, case: PoolCase, sealing_keys: Mapping[int, Envelope]) -> MadePool:
        """A plan of whoever deals what adds up; Unavailable if too few do."""
        while True:
            await self._collect(case, sealing_keys)
            try:
                return await asyncio.to_thread(case.plan)
            except Unavailable:
                if not case.untried(sealing_keys):
                    raise

    async def _sealing_keys(self, progress: Progress) -> dict[int, Envelope]:
        found: dict[int, Envelope] = {}

        async def fetch(index: int) -> None:
            try:
                found[index] = await self._relay.sealing_key(index)
                progress.away.discard(index)
            except KmsError:
                progress.away.add(index)

        await asyncio.gather(*(fetch(index) for index in self._relay.indices))
        return found

    async def _collect(self, case: PoolCase, sealing_keys: Mapping[int, Envelope]) -> None:
        request = pb.DealPoolRequest(
            order=case.order.message, batch=case.batch, sealing_keys=list(sealing_keys.values())
        )
        while case.missing_dealers() and (waiting := case.untried(sealing_keys)):
            asked = waiting[: case.missing_dealers()]
            await asyncio.gather(
                *(self._ask_to_deal(case, index, request, tuple(sealing_keys)) for index in asked)
            )

    async def _ask_to_deal(
        self, case: PoolCase, index: int, request: pb.DealPoolRequest, receivers: Sequence[int]
    ) -> None:
        try:
            answer = await self._relay.ceremony(index, "DealPool", request, pb.DealPoolResponse)
            blobs = {blob.index: blob.sealed for blob in answer.blobs}
            case.add_dealing(index, answer.dealing, answer.points, blobs, receivers)
        except KmsError as error:
            case.refused.setdefault(index, error.reason)

    async def _let_keep(self, case: PoolCase, made: MadePool, receivers: Iterable[int]) -> int:
        """Let these keep the plan; how many keep another plan of this batch, made by a run before this one."""
        others = 0

        async def hand(index: int) -> None:
            nonlocal others
            request = pb.KeepPoolRequest(
                order=case.order.message,
                plan=made.opened.payload,
                points=made.points,
                dealings=[d.signed.message for d in made.dealings.values()],
                dealt_points=[d.packed_points for d in made.dealings.values()],
                blobs=[pb.SealedBlob(index=i, sealed=d.blobs[index]) for i, d in made.dealings.items()],
            )
            try:
                answer = await self._relay.ceremony(index, "KeepPool", request, pb.KeepPoolResponse)
                for complaint in answer.complaints:
                    case.add_complaint(index, complaint)
                if answer.HasField("generated"):
                    case.add_kept(index, answer.generated)
            except KmsError as error:
                others += error.reason == "POOL_FORK"
                logs.logger().info("batch not kept", custodian=index, reason=error.reason)

        await asyncio.gather(*(hand(index) for index in receivers))
        return others

    # -- offering ----------------------------------------------------------------------------------------

    async def offer(self, count: int) -> list[Row]:
        """Up to `count` keys that enough custodians keep; each is offered once, as far as this process knows."""
        if self._manifest != self._relay.keyring.manifest_hash:
            self._offers.clear()
            self._manifest = self._relay.keyring.manifest_hash
        if len(self._offers) < count:
            await self._look()
        offered = [self._offers.popleft() for _ in range(min(count, len(self._offers)))]
        self._given.update(row[0] for row in offered)
        return offered

    async def _look(self) -> None:
        """Ask all what they have left: what one custodian makes up, or hides, counts as one voice."""
        voices: Counter[Row] = Counter()

        async def ask(index: int) -> None:
            with contextlib.suppress(KmsError):
                request = pb.ListPoolRequest(limit=BATCHES_ASKED)
                answer = await self._relay.ceremony(index, "ListPool", request, pb.ListPoolResponse)
                voices.update(self._rows(answer))

        await asyncio.gather(*(ask(index) for index in self._relay.indices))
        keyring = self._relay.keyring
        manifest = keyring.manifest
        quorum = quorums.exclusive(len(manifest.custodians), keyring.threshold, manifest.durable_quorum)
        there = [row for row, n in voices.items() if n >= quorum]
        waiting = {row[0] for row in self._offers}
        new = [row for row in there if row[0] not in waiting | self._given]
        if not new:
            # What was offered and never drawn is offered again: if two draw it, one of them gets it.
            self._given.clear()
            new = [row for row in there if row[0] not in waiting]
        self._offers.extend(new)

    def _rows(self, answer: pb.ListPoolResponse) -> set[Row]:
        rows: set[Row] = set()
        for batch in answer.batches:
            opened = open_pool_plan(batch.plan, batch.points)
            if equal(opened.plan.manifest_hash, self._relay.keyring.manifest_hash):
                rows.update(opened.rows[at] for at in batch.left if at < opened.plan.count)
        return rows

    # -- confirming --------------------------------------------------------------------------------------

    async def confirm(self, deposit: DepositHash, receipts: Mapping[int, bytes]) -> None:
        """Show every custodian the others' receipts for a deposit that drew keys."""
        request = pb.ConfirmDrawRequest(
            deposit=deposit, receipts=[keyring_pb2.Envelope.FromString(r) for r in receipts.values()]
        )

        async def tell(index: int) -> None:
            try:
                await self._relay.ceremony(index, "ConfirmDraw", request, pb.ConfirmDrawResponse)
            except KmsError as error:
                logs.logger().info("draw not confirmed", custodian=index, reason=error.reason)

        await asyncio.gather(*(tell(index) for index in receipts))

    async def unconfirmed(self) -> set[DepositHash]:
        """Deposits that drew keys and wait for receipts at some custodian."""
        waiting: set[DepositHash] = set()

        async def ask(index: int) -> None:
            with contextlib.suppress(KmsError):
                request = pb.ListDrawsRequest(limit=DRAWS_ASKED)
                answer = await self._relay.ceremony(index, "ListDraws", request, pb.ListDrawsResponse)
                waiting.update(map(DepositHash, answer.deposits))

        await asyncio.gather(*(ask(index) for index in self._relay.indices))
        return waiting
