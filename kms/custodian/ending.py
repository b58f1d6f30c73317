"""What this custodian is told of the end of keys, by the kind of statement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kms.custodian import calling_off, destroying, holding
from kms.custodian.context import NodeContext
from kms.custodian.destroy_rights import Submission
from kms.custodian.destruction_store import DESTROYED, SCHEDULED, StoredDestruction
from kms.custodian.tombstones import held_keys
from kms.errors import Invalid, NotFound
from kms.statements.codec import payload_type
from kms.statements.destroyed import (
    DestructionQuestion,
    destroyed_words,
    open_destruction_question,
    scheduled_words,
)
from kms.statements.destruction import (
    AdminDestroyCancellation,
    AdminDestroyOrder,
    DestroyCancellation,
    DestroyOrder,
    LegalHold,
    open_destroy_order,
)
from kms.statements.envelope import Envelope, sign
from kms.statements.retention import RetentionOrder

PAGE = 16
"""Orders in one answer, of up to 1024 keys each."""


def take(node: NodeContext, submission: Submission) -> bytes:
    """The envelope of our word. The same statement again gets the same."""
    taker = _TAKERS.get(submission.statement.payload_type)
    if taker is None:
        raise Invalid("no statement about the end of keys", reason="WRONG_TYPE")
    word = taker(node, submission)
    if submission.words and taker is destroying.schedule:
        _keep_words(node, submission)
    return word


def _keep_words(node: NodeContext, submission: Submission) -> None:
    """Others' words on an order that is here, for who asks: anybody may bring them on."""
    order = open_destroy_order(submission.statement, node.chain, node.keyring, node.now())
    known = set(node.store.destructions.words(order.hash))
    new: list[tuple[int, str, bytes]] = []
    for index, signed in destroyed_words(submission.words, node.keyring, order).items():
        new.append((index, DESTROYED, signed.envelope))
    for index, said in scheduled_words(submission.words, node.keyring, order).items():
        new.append((index, SCHEDULED, said.envelope))
    with node.store.transaction():
        for index, kind, envelope in new:
            if index != node.me.index and envelope not in known:
                node.store.destructions.put_word(order.hash, index, kind, envelope)


def ask(node: NodeContext, of_index: int, after: int) -> bytes:
    """The envelope of a question to another custodian, for what it has that changed after this."""
    question = DestructionQuestion(
        node.keyring.keyring_id, node.keyring.manifest_hash, node.me.index, of_index, after, node.now()
    )
    return sign(question, node.identity).envelope


def answer(node: NodeContext, question: Envelope) -> tuple[list[Told], list[bytes], int]:
    """(orders, holds, where to go on) for another member. Who else asks is told only of orders whose hash they know."""
    asked = open_destruction_question(question, node.keyring, node.me.index, node.now()).statement
    page = node.store.destructions.page(asked.after, PAGE)
    holds = [] if asked.after else [hold.envelope for hold in node.store.destructions.holds()]
    return [_told(node, known) for known in page], holds, page[-1].changed if page else asked.after


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
    changed: int


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
        known.changed,
    )


_TAKERS: dict[str, Callable[[NodeContext, Submission], bytes]] = {
    payload_type(DestroyOrder): destroying.schedule,
    payload_type(AdminDestroyOrder): destroying.schedule,
    payload_type(RetentionOrder): destroying.schedule,
    payload_type(DestroyCancellation): calling_off.cancel,
    payload_type(AdminDestroyCancellation): calling_off.cancel,
    payload_type(LegalHold): lambda node, submission: holding.hold(node, submission.statement),
}
