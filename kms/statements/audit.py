"""A custodian's log: entries of hashes, pseudonyms and counts, each holding the hash of the one before."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from kms.crypto import labels
from kms.crypto.hashing import H
from kms.errors import StoreError
from kms.statements.codec import decode, encode, message
from kms.wire.v1 import audit_pb2

START: Final = H(labels.LOG_START)
"""What the first entry holds as the hash before it."""


class LogKind(enum.IntEnum):
    STARTED = 1
    DEPOSIT = 2
    DECISION = 3
    RELEASE = 4
    APPROVAL = 5
    REVOCATION = 6
    SEALING_KEY = 7
    SEALING_KEY_ERASED = 8
    CANCELLATION = 9
    MANIFEST = 10
    DEALT = 11
    INSTALLED = 12
    ERASED = 13
    COMPLAINT = 14
    REPAIR_TASK = 15
    REPAIR_HELP = 16
    REPAIRED = 17
    POOL_DEALT = 18
    POOL_KEPT = 19
    DRAW_CONFIRMED = 20
    CONSENT = 30
    ISSUER_KEYS = 40
    KILLED = 41
    APPROVERS_FOUNDED = 60
    APPROVER_INVITED = 61
    APPROVER_ADDED = 62
    APPROVER_REMOVED = 63
    FORBIDS = 50
    BUDGET = 51


@message(audit_pb2.LogEntry)
@dataclass(frozen=True, slots=True)
class LogEntry:
    """What was done, when (unix seconds), about which statement, for whom (thumbprint), how many keys."""

    index: int
    kind: LogKind
    at: int
    subject_hash: bytes
    principal: bytes
    outcome: str
    count: int
    previous_hash: bytes

    def to_bytes(self) -> bytes:
        return encode(self)


def entry_hash(payload: bytes) -> bytes:
    """H("log entry", exact bytes)."""
    return H(labels.LOG_ENTRY, payload)


def check_link(payload: bytes, index: int, previous_hash: bytes) -> bytes:
    """The entry's hash, if it is number `index` and follows `previous_hash`; StoreError else."""
    entry = decode(LogEntry, payload, f"log[{index}]")
    if entry.index != index or entry.previous_hash != previous_hash:
        raise StoreError(f"the log is broken at entry {index}", reason="LOG_BROKEN")
    return entry_hash(payload)
