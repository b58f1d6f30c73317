"""What this custodian is told of the end of keys, by the kind of statement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kms.custodian import calling_off, destroying, holding
from kms.custodian.context import NodeContext
from kms.custodian.destroy_rights import Submission
from kms.custodian.destruction_store import DESTROYED, StoredDestruction
from kms.custodian.tombstones import held_keys
from kms.errors import Invalid, NotFound
from kms.statements.codec import payload_type
from kms.statements.destruction import (
    AdminDestroyCancellation,
    AdminDestroyOrder,
    DestroyCancellation,
    DestroyOrder,
    LegalHold,
)


def take(node: NodeContext, submission: Submission) -> bytes:
    """The envelope of our word. The same statement again gets the same."""
    taker = _TAKERS.get(submission.statement.payload_type)
    if taker is None:
        raise Invalid("no statement about the end of keys", reason="WRONG_TYPE")
    return taker(node, submission)


@dataclass(frozen=True, slots=True)
class Told:
    """What this custodian tells of an order: all of it is signed by others or, in `word`, by itself.

    `due_at` in unix seconds; `held`: a legal hold lies on one of its keys, and it sleeps.
    """

    order: bytes
    state: str
    due_at: int
    held: bool
    cancellation: bytes
    word: bytes
    words: tuple[bytes, ...]
    descriptors: tuple[bytes, ...]
    number: int


def told(node: NodeContext, order_hash: bytes) -> Told:
    """What is here of an order; NotFound if it never came."""
    known = node.store.destructions.find(order_hash)
    if known is None:
        raise NotFound("no such order came here", reason="NO_ORDER")
    return _told(node, known)


def _told(node: NodeContext, known: StoredDestruction) -> Told:
    store = node.store.destructions
    keys = store.descriptors(known.order_hash)
    word = destroying.destroyed_word(node, known) if known.state == DESTROYED else known.word
    return Told(
        known.envelope,
        known.state,
        known.due_at,
        bool(held_keys(node, keys, node.now())),
        known.cancellation,
        word,
        tuple(store.words(known.order_hash)),
        tuple(key.payload for key in keys),
        known.number,
    )


_TAKERS: dict[str, Callable[[NodeContext, Submission], bytes]] = {
    payload_type(DestroyOrder): destroying.schedule,
    payload_type(AdminDestroyOrder): destroying.schedule,
    payload_type(DestroyCancellation): calling_off.cancel,
    payload_type(AdminDestroyCancellation): calling_off.cancel,
    payload_type(LegalHold): lambda node, submission: holding.hold(node, submission.statement),
}
