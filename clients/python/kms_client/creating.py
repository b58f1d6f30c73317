"""New keys: deal, deposit with every custodian, and hold the receipts against the manifest's quorum."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kms.errors import DeadlineExceeded, Denied, KmsError, Unavailable
from kms.statements.envelope import Signed
from kms.statements.ids import Thumbprint
from kms.statements.keys import Deposit, KeySpec, open_receipt
from kms.statements.manifest import Keyring
from kms.wire.v1 import coordinator_pb2
from kms_client.cache import OpenKey
from kms_client.dealing import Dealt, Drawn, build_deposit, deal_keys, join_dealt
from kms_client.directory import SERVICE
from kms_client.errors import NotDurable
from kms_client.session import Session, pauses, through_changes

DEPOSIT_BATCH = 500
DEAL_ASIDE = 64
TRANSIENT = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"})


async def create_keys(
    session: Session, contexts: Sequence[Mapping[str, str]], owner: Thumbprint, spec: KeySpec
) -> list[OpenKey]:
    """A key for each context, durable when this returns; NotDurable, or Denied, else."""

    async def attempt() -> list[OpenKey]:
        return await _create_under(await session.directory.keyring(), session, contexts, owner, spec)

    # Keys name the manifest that they are dealt under: one that changes meanwhile needs other keys.
    return await through_changes(session, attempt, lambda keys: False)


async def _create_under(
    keyring: Keyring,
    session: Session,
    contexts: Sequence[Mapping[str, str]],
    owner: Thumbprint,
    spec: KeySpec,
) -> list[OpenKey]:
    keys: list[OpenKey] = []
    deposits: list[asyncio.Task[None]] = []
    try:
        for start in range(0, len(contexts), DEPOSIT_BATCH):
            dealt = await _deal(session, keyring, contexts[start : start + DEPOSIT_BATCH], owner, spec)
            keys += dealt.keys
            # The next part is dealt while custodians check this one.
            deposits.append(asyncio.create_task(_deposit(session, keyring, dealt)))
            if len(deposits) > 2:
                await deposits[-3]
        await asyncio.gather(*deposits)
    except BaseException:
        for task in deposits:
            task.cancel()
        await asyncio.gather(*deposits, return_exceptions=True)
        raise
    return keys


async def _deal(
    session: Session,
    keyring: Keyring,
    contexts: Sequence[Mapping[str, str]],
    owner: Thumbprint,
    spec: KeySpec,
) -> Dealt:
    """Deal on two threads where there is enough to do: the group's arithmetic releases the lock."""
    half = len(contexts) // 2 if len(contexts) >= DEAL_ASIDE else 0
    parts = [part for part in (contexts[:half], contexts[half:]) if part]
    now = int(session.now())
    dealt = await asyncio.gather(
        *(asyncio.to_thread(deal_keys, keyring, part, owner, session.thumbprint, spec, now) for part in parts)
    )
    return join_dealt(dealt)


async def _deposit(session: Session, keyring: Keyring, dealt: Dealt) -> None:
    await deposit(session, keyring, dealt, keyring.manifest.durable_quorum)


async def deposit(session: Session, keyring: Keyring, batch: Dealt | Drawn, quorum: int) -> Receipts:
    """Bring a batch to the custodians until `quorum` of them keep all of it; raises what its receipts say else."""
    signed, blobs = await asyncio.to_thread(
        build_deposit,
        keyring,
        batch,
        await session.directory.sealing_keys(quorum),
        await session.credentials(),
        session.profile.device_key,
        int(session.now()),
    )
    request = coordinator_pb2.CreateKeysRequest(deposit=signed.message, blobs=blobs)
    error: KmsError = Unavailable("the coordinator was not asked")
    for pause in pauses(session.timeout):
        await asyncio.sleep(pause)
        receipts = Receipts(len(batch.descriptors), quorum, len(keyring.manifest.custodians))
        try:
            await _deposit_once(session, keyring, request, signed, receipts)
            return receipts
        except (Unavailable, DeadlineExceeded) as failure:
            error = failure  # the same signed bytes again: whoever has them answers the same
    raise error


@dataclass(slots=True)
class Receipts:
    """Who keeps which keys of a deposit, and why others do not."""

    count: int
    quorum: int
    custodians: int
    held: dict[int, frozenset[int]] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)
    final: set[int] = field(default_factory=set)

    def kept_by(self, position: int) -> int:
        """By how many custodians a key of the batch is kept."""
        return sum(position in positions for positions in self.held.values())

    def durable(self) -> int:
        """By how many custodians the least kept key of the batch is kept, at most the quorum."""
        return min(self.quorum, min(map(self.kept_by, range(self.count)), default=0))

    def error(self) -> KmsError:
        """What to raise when no more receipts come."""
        if self.custodians - len(self.final) < self.quorum:
            reason, _ = Counter(self.failures[i] for i in self.final).most_common(1)[0]
            return Denied(f"custodians refuse the new keys ({reason})", reason=reason)
        return NotDurable(self.durable(), self.quorum, self.failures)


async def _deposit_once(
    session: Session,
    keyring: Keyring,
    request: coordinator_pb2.CreateKeysRequest,
    signed: Signed[Deposit],
    receipts: Receipts,
) -> None:
    by_key = {c.identity_key: c.index for c in keyring.manifest.custodians}
    events = session.channel.stream(
        SERVICE, "CreateKeys", request, coordinator_pb2.CreateKeysResponse, timeout=session.timeout * 3
    )
    async with contextlib.aclosing(events):
        async for event in events:
            if event.WhichOneof("event") == "failure":
                receipts.failures[event.failure.index] = event.failure.reason
                if event.failure.status not in TRANSIENT:
                    receipts.final.add(event.failure.index)
                continue
            index = by_key.get(event.receipt.signatures[0].keyid if event.receipt.signatures else b"")
            if index is None:
                continue
            try:
                opened = open_receipt(event.receipt, keyring, index, signed)
            except KmsError as error:
                receipts.failures[index] = error.reason
                continue
            session.keep([opened.envelope])
            receipt = opened.statement
            receipts.held[index] = _kept(receipt.refused, receipts.count)
            if receipt.refused:
                receipts.failures[index] = next(iter(receipt.refused.values()))
                receipts.final.add(index)
            if receipts.durable() == receipts.quorum:
                return
    raise receipts.error()


def _kept(refused: Iterable[int], count: int) -> frozenset[int]:
    return frozenset(range(count)) - frozenset(refused)
