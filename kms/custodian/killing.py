"""The kill list of a node: from its word on, nothing of what is named counts in a decision or a release here."""

from __future__ import annotations

from typing import Final

from kms.custodian import decisions
from kms.custodian.context import NodeContext
from kms.custodian.strangers import Bound, count, find_room
from kms.errors import EvidenceRefused
from kms.statements.audit import LogKind
from kms.statements.envelope import Envelope, sign
from kms.statements.ids import RequestHash, Thumbprint
from kms.statements.kills import Killed, open_kill

OWN_KILLS: Final = Bound(b"key kills", 10, 1000)
"""Anybody can make keys and end them, and each is kept for good. The admins' orders are not held up by that."""


def kill(node: NodeContext, envelope: Envelope) -> tuple[bytes, list[RequestHash]]:
    """(envelope of our word on it, requests that waited and are denied now). Said again, it is the same word."""
    now = node.now()
    said = open_kill(envelope, node.chain, node.keyring, now)
    known = node.store.kills.word_on(said.statement_hash)
    if known is not None:
        return known, []
    room = find_room(node, OWN_KILLS, Thumbprint(said.by), now, "TOO_MANY_KILLS") if said.by else ()
    with node.store.transaction():
        node.recent.clear()  # cases that were built before know nothing of it
        count(node, room, now)
        node.store.mirrors.told(said.statement_hash)
        log_index = node.ledger.append(
            LogKind.KILLED, now, said.statement_hash, principal=said.by, outcome=said.kind.name
        )
        word = sign(
            Killed(
                node.keyring.keyring_id,
                node.keyring.manifest_hash,
                node.me.index,
                said.statement_hash,
                now,
                log_index,
            ),
            node.identity,
        )
        node.store.kills.add(said, word.envelope)
    return word.envelope, _close_waiting(node, now)


def _close_waiting(node: NodeContext, now: int) -> list[RequestHash]:
    """Deny what waits for people and has lost its credentials: nobody need read it any more."""
    closed = []
    for stored in node.store.waiting():
        try:
            decisions.stored_case(node, stored, now)
        except EvidenceRefused as error:
            decisions.close_request(node, stored.request_hash, error.reason)
            closed.append(stored.request_hash)
    return closed
