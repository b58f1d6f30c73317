"""An order is called off at one custodian: from then on it comes to nothing here, whoever brings it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from kms.crypto import labels
from kms.crypto.hashing import H, equal
from kms.custodian import details
from kms.custodian.context import NodeContext
from kms.custodian.destroy_rights import Submission, describe, sides_of
from kms.custodian.destruction_store import CANCELLED, SCHEDULED, StoredDestruction
from kms.custodian.notices import tell_owners
from kms.custodian.retaining import begin_anew
from kms.custodian.vouching import key_is_killed
from kms.errors import Denied, Exhausted, Invalid, NotFound, Stale
from kms.statements.audit import LogKind
from kms.statements.consent import NoticeKind
from kms.statements.destroyed import DestroyCancelled
from kms.statements.destruction import (
    DAY,
    Cancellation,
    Order,
    open_destroy_cancellation,
    open_destroy_order,
)
from kms.statements.envelope import sign
from kms.statements.ids import Thumbprint
from kms.statements.keys import Descriptor

_CALLED_OFF: Final = H(labels.PRINCIPAL, b"destroy called off")


def cancel(node: NodeContext, submission: Submission) -> bytes:
    """The envelope of a DestroyCancelled. From here on the order comes to nothing here, whoever brings it again."""
    now = node.now()
    said = open_destroy_cancellation(submission.statement, node.chain, node.keyring, now)
    known = node.store.destructions.find(said.order_hash)
    if known is not None and known.state == CANCELLED:
        return known.word
    if known is not None and known.state != SCHEDULED:
        raise Stale("it is too late: the keys are destroyed here", reason="KEY_DESTROYED")
    if known is not None:
        order = open_destroy_order(known.envelope, node.chain, node.keyring, now)
        keys = node.store.destructions.descriptors(order.hash)
    else:
        order, keys = _unknown_order(node, said, submission, now)
    sides = sides_of(node, keys, now)
    owners = set(sides)
    if said.signer is not None:
        if order.signer is None:
            raise Denied("admins call off what admins ordered", reason="NOT_ADMINS")
        owners = {owner for owner, side in sides.items() if side.acts(said.signer)}
        if not owners or key_is_killed(node, said.signer):
            raise Denied("only an owner calls off the end of their keys", reason="NOT_OWNER")
    return _keep_cancelled(node, order, keys, _Off(said.hash, said.signer, said.envelope), known, now, owners)


def lapse(
    node: NodeContext, order: Order, keys: Sequence[Descriptor], known: StoredDestruction, now: int
) -> bytes:
    """The envelope of a DestroyCancelled on an order by age whose keys are not due any more, by this node itself.

    In a cancellation's place stands the manifest whose policy keeps them.
    """
    off = _Off(node.keyring.manifest_hash, None, b"", "NOT_DUE")
    return _keep_cancelled(node, order, keys, off, known, now)


@dataclass(frozen=True, slots=True)
class _Off:
    """By what an order is called off: a hash, the owner's key (None: the admins, or nobody), exact bytes, why."""

    hash: bytes
    signer: Thumbprint | None
    envelope: bytes
    outcome: str = ""


def _unknown_order(
    node: NodeContext, said: Cancellation, submission: Submission, now: int
) -> tuple[Order, list[Descriptor]]:
    """An order that is called off before it came here: it must not begin to wait when it does."""
    if submission.order is None:
        raise NotFound("this node does not know that order: send it along", reason="NO_ORDER")
    order = open_destroy_order(submission.order, node.chain, node.keyring, now)
    if not equal(order.hash, said.order_hash):
        raise Invalid("the cancellation is of another order", reason="WRONG_ORDER")
    keys = describe(node, order, submission.descriptors)
    for name, (n, limit) in _counted(node, keys).items():
        if node.counters.total(name, now, DAY) + n > limit:
            raise Exhausted("too many orders were called off that never came", reason="DESTROY_LIMIT")
    return order, keys


def _counted(node: NodeContext, keys: Sequence[Descriptor]) -> dict[bytes, tuple[int, int]]:
    """Under which names an order that never came is counted, as how many keys, and how many a day there may be.

    Whoever makes up keys signs both statements without anybody's vouching. What they use up is not what owners of keys
    that are here need, to call off in time what a thief has signed.
    """
    limits = node.destroying
    if len(node.store.keys([d.key_id for d in keys])) < len(keys):
        return {_CALLED_OFF: (len(keys), limits.keys_a_day)}
    owners = Counter(d.core.owner_thumbprint for d in keys)
    return {
        H(labels.PRINCIPAL, b"destroy called off by", owner): (n, limits.keys_a_day_of_owner)
        for owner, n in owners.items()
    }


def _keep_cancelled(
    node: NodeContext,
    order: Order,
    keys: Sequence[Descriptor],
    said: _Off,
    known: StoredDestruction | None,
    now: int,
    owners: Collection[Thumbprint] = (),
) -> bytes:
    told = details.details(details.of_descriptors(keys, "DESTROY_CANCELLED"))
    with node.store.transaction():
        node.recent.clear()
        log_index = node.ledger.append(
            LogKind.DESTROY_CANCELLED,
            now,
            order.hash,
            principal=said.signer or b"",
            outcome=said.outcome,
            count=len(keys),
            detail_root=told.root,
        )
        details.keep(node, log_index, now, told)
        word = sign(
            DestroyCancelled(
                node.keyring.keyring_id,
                node.keyring.manifest_hash,
                node.me.index,
                order.hash,
                said.hash,
                now,
                log_index,
            ),
            node.identity,
        )
        ended = StoredDestruction(order.hash, order.envelope, CANCELLED, 0, word.envelope, said.envelope)
        if known is None:
            for name, (n, _) in _counted(node, keys).items():
                node.counters.add(name, now, n)
            node.store.destructions.add(ended, keys)
        else:
            node.store.destructions.change(ended)
        if order.by_rule:
            # Else the next night's order would name them again, and every night's after it.
            begin_anew(node, keys, owners, now)
        tell_owners(node, keys, NoticeKind.DESTROY_CANCELLED, order.hash, order.signer, now)
    return word.envelope
