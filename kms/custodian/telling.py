"""What a custodian tells an owner of what happened to their records: entries of its log, proved, and nobody else's."""

from __future__ import annotations

from typing import Final

from kms.crypto import merkle, sealing
from kms.custodian import auditing
from kms.custodian.context import NodeContext
from kms.custodian.details import owner_events
from kms.custodian.owners import standing
from kms.custodian.vouching import key_is_killed
from kms.errors import Denied
from kms.statements.codec import encode
from kms.statements.envelope import Envelope, sign
from kms.statements.history import (
    MAX_EVENTS,
    HistoryAnswer,
    HistoryEvent,
    OwnerHistory,
    history_info,
    open_question,
)
from kms.statements.ids import Thumbprint

MAX_BYTES: Final = 2 << 20
"""Of one answer, the last event not counted."""


def history(node: NodeContext, envelope: Envelope) -> tuple[bytes, bytes]:
    """(the signed HistoryAnswer, the sealed OwnerHistory) to an owner, or who acts for one."""
    now = node.now()
    question = open_question(envelope, node.keyring, node.me.index, now)
    asked = question.statement
    side = standing(node, asked.owner_thumbprint, now)
    if not side.acts(asked.asker_thumbprint) or key_is_killed(node, asked.asker_thumbprint):
        raise Denied("only the owner is told what happened to their records", reason="NOT_OWNER")
    told = _told(node, asked.owner_thumbprint, asked.after)
    sealed = sealing.seal(asked.recipient_key, history_info(question), told.to_bytes())
    answer = HistoryAnswer(
        node.keyring.keyring_id,
        node.keyring.manifest_hash,
        node.me.index,
        question.hash,
        sealing.blob_hash(sealed),
        now,
    )
    return sign(answer, node.identity).envelope, sealed


def _told(node: NodeContext, owner: Thumbprint, after: int) -> OwnerHistory:
    # The events first: what is logged meanwhile is under the checkpoint all the same.
    found = owner_events(node, owner, after, MAX_EVENTS)
    note = auditing.checkpoint(node)
    size, nodes = note.checkpoint.size, node.ledger.tree.nodes()
    events: list[HistoryEvent] = []
    total = 0
    for event in found:
        if total >= MAX_BYTES:
            break
        proof = merkle.inclusion_proof(nodes, event.log_index, size)
        leaf = encode(event.leaf)
        events.append(HistoryEvent(event.entry, tuple(proof), leaf))
        total += len(event.entry) + len(leaf) + merkle.HASH_SIZE * len(proof)
    more = len(events) < len(found) or len(found) == MAX_EVENTS
    return OwnerHistory(note.to_bytes(), tuple(events), more)
