"""The kill list of a node: from its word on, nothing of what is named counts in a decision or a release here."""

from __future__ import annotations

from typing import Final

from kms.crypto import labels
from kms.crypto.hashing import H
from kms.custodian import decisions
from kms.custodian.context import NodeContext
from kms.errors import EvidenceRefused, Exhausted
from kms.statements.audit import LogKind
from kms.statements.envelope import Envelope, sign
from kms.statements.ids import RequestHash
from kms.statements.kills import Killed, open_kill

HOUR: Final = 3600
OWN_KILLS_PER_HOUR: Final = 1000
"""Anybody can make keys and end them, and each is kept for good. The admins' orders are not held up by that."""
_OWN: Final = H(labels.PRINCIPAL, b"key kills")


def kill(node: NodeContext, envelope: Envelope) -> tuple[bytes, list[RequestHash]]:
    """(envelope of our word on it, requests that waited and are denied now). Said again, it is the same word."""
    now = node.now()
    said = open_kill(envelope, node.chain, node.keyring, now)
    known = node.store.kills.word_on(said.statement_hash)
    if known is not None:
        return known, []
    if said.by and node.counters.total(_OWN, now, HOUR) >= OWN_KILLS_PER_HOUR:
        raise Exhausted("too many keys were ended here: try again in an hour", reason="TOO_MANY_KILLS")
    with node.store.transaction():
        node.recent.clear()  # cases that were built before know nothing of it
        if said.by:
            node.counters.add(_OWN, now, 1)
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
