"""Ending keys: orders, cancellations and holds to each custodian directly, and the certificate of what they did."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kms.crypto import derivation
from kms.crypto.hashing import equal
from kms.errors import KmsError, NotFound
from kms.statements import quorums
from kms.statements.codec import payload_type
from kms.statements.destroyed import (
    Destroyed,
    DestroyScheduled,
    open_cancelled,
    open_destroyed,
    open_hold_taken,
    open_scheduled,
)
from kms.statements.destruction import (
    DestroyCancellation,
    DestroyOrder,
    DestroyReason,
    Order,
    open_destroy_order,
    reason_hash,
)
from kms.statements.destruction_certificate import build_certificate
from kms.statements.envelope import sign, statement_hash
from kms.statements.ids import KeyId
from kms.statements.manifest import Custodian, Keyring
from kms.transport import tls
from kms.transport.client import Channel
from kms.wire.v1 import coordinator_pb2, keyring_pb2
from kms.wire.v1 import destruction_pb2 as pb
from kms_client.directory import SERVICE as COORDINATOR
from kms_client.killing import Effect
from kms_client.session import Session

SERVICE = "kms.v1.DestructionService"
Envelope = keyring_pb2.Envelope


@dataclass(frozen=True, slots=True)
class Destruction:
    """Where an order stands: signed words by custodian, and why others gave none (a reason by index)."""

    order: bytes
    order_hash: bytes
    scheduled: Mapping[int, int]
    """When each custodian that waits will destroy (unix seconds, its clock)."""
    cancelled: Mapping[int, bytes] = field(default_factory=dict)
    destroyed: Mapping[int, bytes] = field(default_factory=dict)
    """Envelopes of Destroyed."""
    held: frozenset[int] = frozenset()
    failures: Mapping[int, str] = field(default_factory=dict)
    needed: int = 0
    """erased(n, t) = n-t+1 custodians: fewer than t are left who could still open a key."""
    words: tuple[bytes, ...] = ()

    @property
    def state(self) -> str:
        """DESTROYED where too few are left, else DESTROY_SCHEDULED, else ENABLED."""
        if len(self.destroyed) >= self.needed:
            return "DESTROYED"
        return "DESTROY_SCHEDULED" if self.scheduled or self.destroyed else "ENABLED"

    @property
    def accepted(self) -> bool:
        """Whether so many took the order that it will be done if it is not called off."""
        return len(self.scheduled) + len(self.destroyed) >= self.needed

    @property
    def called_off(self) -> bool:
        """Whether so many called it off that a quorum still opens the keys."""
        return len(self.cancelled) >= self.needed

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "order": self.order_hash.hex(),
            "state": self.state,
            "needed": self.needed,
            "scheduled": {str(i): at for i, at in sorted(self.scheduled.items())},
            "cancelled": sorted(self.cancelled),
            "destroyed": sorted(self.destroyed),
            "held": sorted(self.held),
            "failures": {str(i): reason for i, reason in sorted(self.failures.items())},
        }


def write_order(
    session: Session,
    keyring: Keyring,
    key_ids: Sequence[bytes],
    reason: DestroyReason,
    waiting: int = 0,
    text: str = "",
) -> bytes:
    """The envelope of this device's order to destroy keys that are its own, or of an owner that it acts for."""
    order_id = secrets.token_bytes(16)
    said = DestroyOrder(
        keyring.keyring_id,
        keyring.manifest_hash,
        order_id,
        tuple(KeyId(key_id) for key_id in sorted(set(key_ids))),
        reason,
        reason_hash(order_id, text) if text else b"",
        waiting,
        int(session.now()),
        session.thumbprint,
    )
    return sign(said, session.profile.device_key).envelope


async def hand_in_order(session: Session, order: bytes) -> Destruction:
    """Bring an order to every custodian of the manifest; again, to those who had not heard, or were away.

    Custodians' words are brought along, so that one that was away acts on what the others did.
    """
    opened = await _open(session, order)
    credentials = tuple(await session.credentials()) if opened.signer is not None else ()
    descriptors = await _descriptors(session, opened.key_ids)
    before = await status(session, order)
    request = pb.SubmitDestructionRequest(
        statement=Envelope.FromString(order),
        credentials=credentials,
        descriptors=descriptors,
        words=[Envelope.FromString(word) for word in before.words],
    )
    _, failures = await _tell(session, request)
    found = _with(await status(session, order), failures)
    await _leave_with_host(session, found)
    return found


async def call_off(session: Session, order: bytes, cancellation: bytes = b"") -> Destruction:
    """Call an order off at every custodian: as this device, or by what the admins signed."""
    keyring = await session.directory.keyring()
    opened = await _open(session, order)
    if not cancellation:
        said = DestroyCancellation(
            keyring.keyring_id, keyring.manifest_hash, opened.hash, session.thumbprint, int(session.now())
        )
        cancellation = sign(said, session.profile.device_key).envelope
    request = pb.SubmitDestructionRequest(
        statement=Envelope.FromString(cancellation),
        descriptors=await _descriptors(session, opened.key_ids),
        order=Envelope.FromString(order),
    )
    _, failures = await _tell(session, request)
    found = _with(await status(session, order), failures)
    await _leave_with_host(session, found, cancellation)
    return found


async def hand_in_hold(session: Session, hold: bytes) -> Effect:
    """Bring a legal hold, or its end, to every custodian."""
    keyring = await session.directory.keyring()
    message = Envelope.FromString(hold)
    name = statement_hash(message.payload_type, message.payload)
    words, failures = await _tell(session, pb.SubmitDestructionRequest(statement=message))
    good, reasons = [], dict(failures)
    for index, word in words.items():
        try:
            open_hold_taken(word, keyring, index, name)
            good.append(index)
        except KmsError as error:
            reasons[index] = error.reason
    # So many that the shares of those who keep them open the key: the threshold.
    return Effect(tuple(sorted(good)), reasons, keyring.threshold)


async def find_order(session: Session, order_hash: bytes) -> bytes:
    """An order by its hash, as notices and histories give it, from any custodian that has it; NotFound if none does."""
    keyring = await session.directory.keyring()
    for custodian in keyring.manifest.custodians:
        with contextlib.suppress(KmsError):
            answer = await _call(
                session,
                custodian,
                "GetDestruction",
                pb.GetDestructionRequest(order_hash=order_hash),
                pb.GetDestructionResponse,
            )
            order = answer.destruction.order.SerializeToString(deterministic=True)
            if equal(
                (await _open(session, order)).hash, order_hash
            ):  # whoever answers with another one is passed
                return bytes(order)
    raise NotFound("no custodian knows an order of that hash", reason="NO_ORDER")


async def status(session: Session, order: bytes) -> Destruction:
    """What every custodian says of an order, in words that it signed. It is an answer too that one does not know it."""
    keyring = await session.directory.keyring()
    opened = await _open(session, order)
    found: dict[int, pb.Destruction] = {}
    failures: dict[int, str] = {}

    async def one(custodian: Custodian) -> None:
        try:
            answer = await _call(
                session,
                custodian,
                "GetDestruction",
                pb.GetDestructionRequest(order_hash=opened.hash),
                pb.GetDestructionResponse,
            )
            found[custodian.index] = answer.destruction
        except KmsError as error:
            failures[custodian.index] = error.reason

    await asyncio.gather(*(one(custodian) for custodian in keyring.manifest.custodians))
    scheduled: dict[int, int] = {}
    cancelled: dict[int, bytes] = {}
    destroyed: dict[int, bytes] = {}
    for index, told in found.items():
        try:
            _read(keyring, opened, index, told, scheduled, cancelled, destroyed)
        except KmsError as error:
            failures[index] = error.reason
    words = [w.SerializeToString(deterministic=True) for told in found.values() for w in told.words]
    return Destruction(
        order,
        opened.hash,
        scheduled,
        cancelled,
        destroyed,
        frozenset(i for i, told in found.items() if told.held and i not in destroyed),
        failures,
        quorums.erased(len(keyring.manifest.custodians), keyring.threshold),
        tuple(dict.fromkeys(words))[:256],
    )


def _read(
    keyring: Keyring,
    order: Order,
    index: int,
    told: pb.Destruction,
    scheduled: dict[int, int],
    cancelled: dict[int, bytes],
    destroyed: dict[int, bytes],
) -> None:
    """The custodian's own word, which comes first: what it says of others is for them to say."""
    if not told.words:
        raise NotFound("a custodian says nothing that it signed", reason="NO_WORD")
    word = told.words[0]
    if word.payload_type == payload_type(Destroyed):
        signed = open_destroyed(word, keyring, order)
        if signed.statement.index == index:
            destroyed[index] = signed.envelope
    elif word.payload_type == payload_type(DestroyScheduled):
        waiting = open_scheduled(word, keyring, order).statement
        if waiting.index == index:
            scheduled[index] = told.due_at or waiting.due_at
    else:
        cancelled[index] = open_cancelled(word, keyring, index, order.hash).envelope


async def certificate(session: Session, order: bytes) -> bytes:
    """A destruction certificate of the words that custodians give now; NotFound if there are none."""
    chain = await session.directory.chain()
    now = await status(session, order)
    if not now.destroyed:
        raise NotFound("no custodian says yet that it destroyed these keys", reason="NOT_DESTROYED")
    opened = await _open(session, order)
    descriptors = await _descriptors(session, opened.key_ids)
    # Up to the manifest in force, under which custodians sign: a later one may be announced.
    length = (await session.directory.keyring()).manifest.sequence + 1
    return build_certificate(chain.envelopes[:length], order, descriptors, list(now.destroyed.values()))


async def _open(session: Session, order: bytes) -> Order:
    chain, keyring = await session.directory.chain(), await session.directory.keyring()
    return open_destroy_order(order, chain, keyring, int(session.now()))


async def described(session: Session, key_ids: Sequence[bytes]) -> dict[bytes, bytes]:
    """Descriptors by key: from the coordinator, whose answer's names are hashes of what it gives. At most 1024 keys."""
    answer = await session.channel.call(
        COORDINATOR,
        "LookUpKeys",
        coordinator_pb2.LookUpKeysRequest(keyring_id=session.profile.keyring_id, key_ids=key_ids),
        coordinator_pb2.LookUpKeysResponse,
        timeout=session.timeout,
    )
    return {derivation.key_id(one.descriptor): one.descriptor for one in answer.keys}


async def _descriptors(session: Session, key_ids: Sequence[bytes]) -> list[bytes]:
    """The same of these keys in their order; NotFound if one is missing."""
    found = await described(session, key_ids)
    missing = [key_id for key_id in key_ids if key_id not in found]
    if missing:
        raise NotFound(
            f"nobody described {len(missing)} of the keys, the first {missing[0].hex()}",
            reason="NO_DESCRIPTOR",
        )
    return [found[key_id] for key_id in key_ids]


async def _leave_with_host(session: Session, found: Destruction, cancellation: bytes = b"") -> None:
    """So that custodians that are away hear of it without this device; if the host will not, they tell one another."""
    request = coordinator_pb2.KeepDestructionRequest(
        order=Envelope.FromString(found.order), words=[Envelope.FromString(word) for word in found.words]
    )
    if cancellation:
        request.cancellation.CopyFrom(Envelope.FromString(cancellation))
    with contextlib.suppress(KmsError):
        await session.channel.call(
            COORDINATOR,
            "KeepDestruction",
            request,
            coordinator_pb2.KeepDestructionResponse,
            timeout=session.timeout,
        )


async def _tell(
    session: Session, request: pb.SubmitDestructionRequest
) -> tuple[dict[int, Envelope], dict[int, str]]:
    keyring = await session.directory.keyring()
    words: dict[int, Envelope] = {}
    failures: dict[int, str] = {}

    async def one(custodian: Custodian) -> None:
        try:
            answer = await _call(
                session, custodian, "SubmitDestruction", request, pb.SubmitDestructionResponse
            )
            words[custodian.index] = answer.word
        except KmsError as error:
            failures[custodian.index] = error.reason

    await asyncio.gather(*(one(custodian) for custodian in keyring.manifest.custodians))
    return words, failures


async def _call(session: Session, custodian: Custodian, method: str, request: Any, response: Any) -> Any:
    direct = Channel(custodian.endpoint, tls.client_credentials(session.profile.authorities))
    try:
        return await direct.call(SERVICE, method, request, response, timeout=session.timeout)
    finally:
        await direct.close()


def _with(found: Destruction, failures: Mapping[int, str]) -> Destruction:
    return replace(found, failures={**found.failures, **failures})
