"""The end of keys at one custodian: orders taken, called off, carried out.

Nothing here depends on who brings a statement, or how often. An order waits by this node's own clock from when it came
here; after that the shares of every version go, and a tombstone stays that no deposit, repair, resharing, draw or
release gets past. A node that was away acts on the words of the others: so many that fewer than the threshold are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from kms.custodian import details
from kms.custodian.calling_off import lapse
from kms.custodian.context import NodeContext
from kms.custodian.destroy_rights import (
    Submission,
    check_holds,
    check_right,
    check_room,
    count,
    describe,
    wait_of,
)
from kms.custodian.destruction_store import CANCELLED, DESTROYED, ERASED, SCHEDULED, StoredDestruction
from kms.custodian.notices import tell_owners
from kms.custodian.retaining import not_due
from kms.custodian.tombstones import held_keys
from kms.errors import Denied, Unavailable
from kms.statements import quorums
from kms.statements.audit import LogKind
from kms.statements.codec import payload_type
from kms.statements.consent import NoticeKind
from kms.statements.destroyed import Destroyed, DestroyScheduled, LivePeriod, destroyed_words
from kms.statements.destruction import Order, kind_of, open_destroy_order
from kms.statements.envelope import Envelope, sign
from kms.statements.keys import Descriptor
from kms.statements.retention import RetentionOrder

AWAY: Final = 6 * 3600
"""Seconds without a look at what is due after which a start puts waits off by as much."""


def schedule(node: NodeContext, submission: Submission) -> bytes:
    """The envelope of a DestroyScheduled, or of a Destroyed where it is done. The same order again: the same due time.

    Denied if it was called off, is nobody's to give, or the policy or a hold forbids it.
    """
    now = node.now()
    order = open_destroy_order(submission.statement, node.chain, node.keyring, now)
    known = node.store.destructions.find(order.hash)
    # Also where it was called off here: what is gone elsewhere is gone, unless a hold says to keep it.
    if _enough_are_gone(node, order, submission.words):
        return _follow_others(node, order, known, submission, now)
    if known is not None:
        if known.state == CANCELLED:
            raise Denied("that order was called off", reason="ORDER_CANCELLED")
        return _word_on(node, known)
    keys = describe(node, order, submission.descriptors)
    persons = check_right(node, order, keys, submission, now)
    check_holds(node, keys, now)
    check_room(node, order, keys, persons, now)
    return _keep(node, order, keys, persons, now)


def _keep(
    node: NodeContext, order: Order, keys: Sequence[Descriptor], persons: Sequence[bytes], now: int
) -> bytes:
    due = now + wait_of(node, order)
    told = details.details(details.of_descriptors(keys, "DESTROY_SCHEDULED", order.reason.name))
    with node.store.transaction():
        node.recent.clear()  # cases that were built before would still open these keys
        count(node, order, keys, persons, now)
        log_index = node.ledger.append(
            LogKind.DESTROY_SCHEDULED,
            now,
            order.hash,
            principal=order.signer or b"",
            outcome=order.reason.name,
            count=len(keys),
            detail_root=told.root,
        )
        details.keep(node, log_index, now, told)
        word = sign(
            DestroyScheduled(
                node.keyring.keyring_id,
                node.keyring.manifest_hash,
                node.me.index,
                order.hash,
                len(keys),
                due,
                now,
                log_index,
            ),
            node.identity,
        )
        node.store.destructions.add(
            StoredDestruction(order.hash, order.envelope, SCHEDULED, due, word.envelope), keys
        )
        node.store.destructions.set_last_look(now)
        tell_owners(
            node,
            keys,
            NoticeKind.DESTROY_SCHEDULED,
            order.hash,
            order.signer,
            now,
            due_at=due,
            destroy_reason=int(order.reason),
        )
    return word.envelope


# -- carrying out --------------------------------------------------------------------------------------------------


def _enough_are_gone(node: NodeContext, order: Order, words: Sequence[Envelope]) -> bool:
    """Whether so many others of the manifest in force have destroyed the keys that too few are left to open them."""
    said = destroyed_words(words, node.keyring, order)
    said.pop(node.me.index, None)
    n = len(node.keyring.manifest.custodians)
    return len(said) >= quorums.erased(n, node.keyring.threshold)


def _follow_others(
    node: NodeContext, order: Order, known: StoredDestruction | None, submission: Submission, now: int
) -> bytes:
    """Destroy at once what others have destroyed after their wait; only a legal hold here keeps it."""
    if known is not None and known.state in (ERASED, DESTROYED):
        return _word_on(node, known)
    keys = node.store.destructions.descriptors(order.hash) if known else []
    keys = keys or describe(node, order, submission.descriptors)
    check_holds(node, keys, now)
    if known is None:
        known = StoredDestruction(order.hash, order.envelope, SCHEDULED, now, b"")
        with node.store.transaction():
            node.store.destructions.add(known, keys)
    return _word_on(node, _erase(node, known, order, keys, now, at_once=True))


def _word_on(node: NodeContext, known: StoredDestruction) -> bytes:
    """What this node has signed on an order last; Unavailable if it erased the keys and never waited for them."""
    word = (finish(node, known) if known.state == ERASED else b"") or known.word
    if not word:
        raise Unavailable(
            "the keys are erased here; the word on it follows when the row root has been rolled",
            reason="ROLL_PENDING",
        )
    return word


def execute_due(node: NodeContext) -> list[bytes]:
    """Carry out what is due by this node's clock and not held; envelopes of Destroyed."""
    now = node.now()
    words = []
    for known in node.store.destructions.due(now):
        order = open_destroy_order(known.envelope, node.chain, node.keyring, now)
        keys = node.store.destructions.descriptors(known.order_hash)
        if held_keys(node, keys, now):
            continue
        if order.by_rule and _not_due(node, order, keys, now):
            lapse(node, order, keys, known, now)
        else:
            words.append(finish(node, _erase(node, known, order, keys, now)))
    return [word for word in words if word]


def reconsider(node: NodeContext) -> None:
    """Orders by age, under rules that have just changed: what is not due any more opens again at once."""
    now = node.now()
    for known in node.store.destructions.in_state(SCHEDULED):
        if kind_of(known.envelope) == payload_type(RetentionOrder):
            order = open_destroy_order(known.envelope, node.chain, node.keyring, now)
            keys = node.store.destructions.descriptors(known.order_hash)
            if _not_due(node, order, keys, now):
                lapse(node, order, keys, known, now)


def _not_due(node: NodeContext, order: Order, keys: Sequence[Descriptor], now: int) -> bool:
    words = [Envelope.FromString(word) for word in node.store.destructions.words(order.hash)]
    return bool(not_due(node, order, keys, words, now))


def _erase(
    node: NodeContext,
    known: StoredDestruction,
    order: Order,
    keys: Sequence[Descriptor],
    now: int,
    *,
    at_once: bool = False,
) -> StoredDestruction:
    how = "AT_ONCE" if at_once else "DUE"
    told = details.details(details.of_descriptors(keys, "DESTROYED", how))
    with node.store.transaction():
        node.recent.clear()
        node.store.destructions.bury(keys)
        log_index = node.ledger.append(
            LogKind.DESTROYED,
            now,
            order.hash,
            principal=order.signer or b"",
            outcome=how,
            count=len(keys),
            detail_root=told.root,
        )
        details.keep(node, log_index, now, told)
        erased = replace(
            known,
            state=ERASED,
            log_index=log_index,
            destroyed_at=now,
            at_once=at_once,
            erased_under=node.vault.newest,
        )
        node.store.destructions.change(erased)
        tell_owners(node, keys, NoticeKind.DESTROYED, order.hash, order.signer, now)
    return erased


def finish(node: NodeContext, erased: StoredDestruction) -> bytes:
    """Empty the journal, then sign: not before nothing of the shares is left for a thief of the disk.

    Empty where the store cannot be emptied, and the row roots under which the shares lay are still here.
    """
    node.store.empty_journal()
    if node.store.keeps_erased and node.vault.oldest <= erased.erased_under:
        return b""
    done = replace(erased, state=DESTROYED)
    done = replace(done, word=destroyed_word(node, done))
    with node.store.transaction():
        node.store.destructions.change(done)
    return done.word


def destroyed_word(node: NodeContext, done: StoredDestruction) -> bytes:
    """The envelope of this node's Destroyed on an order, under the manifest in force.

    It is signed anew for whoever asks under a later manifest: a certificate counts words of one committee.
    """
    key_ids = tuple(d.key_id for d in node.store.destructions.descriptors(done.order_hash))
    releases = node.store.destructions.tombstones(key_ids)
    return sign(
        Destroyed(
            node.keyring.keyring_id,
            node.keyring.manifest_hash,
            node.me.index,
            done.order_hash,
            key_ids,
            tuple(releases[key_id] for key_id in key_ids),
            done.destroyed_at,
            tuple(LivePeriod(key.period, key.not_after) for key in node.store.sealing_keys()),
            done.log_index,
            done.at_once,
        ),
        node.identity,
    ).envelope


def begin(node: NodeContext) -> None:
    """At the start: finish what a kill interrupted, and put waits off by the time that nobody was here.

    A clock that was set ahead while the node was down would else end every wait at once. A node that really was away
    loses nothing by it: the others' words end its waits.
    """
    for erased in node.store.destructions.in_state(ERASED):
        finish(node, erased)
    if not node.store.destructions.in_state(SCHEDULED):
        return
    now, last = node.now(), node.store.destructions.last_look()
    with node.store.transaction():
        if now - last > AWAY:
            node.store.destructions.postpone(now - last)
        node.store.destructions.set_last_look(now)


def look(node: NodeContext) -> list[bytes]:
    """What time and rolls alone bring; envelopes of Destroyed."""
    words = [finish(node, erased) for erased in node.store.destructions.in_state(ERASED)]
    if node.store.destructions.in_state(SCHEDULED):
        words += execute_due(node)
        with node.store.transaction():
            node.store.destructions.set_last_look(node.now())
    return [word for word in words if word]
