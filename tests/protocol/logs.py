"""Custodians' logs as tests read them."""

from __future__ import annotations

from kms.custodian.node import CustodianNode
from kms.statements.audit import LogEntry
from kms.statements.codec import decode


def entries_of(node: CustodianNode) -> list[LogEntry]:
    """Everything in a node's own log, from the first entry on."""
    store = node.context.store
    return [decode(LogEntry, payload, "entry") for payload in store.log.entries(0, 1_000_000)]
