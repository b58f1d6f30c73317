"""A custodian's log: entries of hashes, pseudonyms and counts. Their exact bytes are the leaves of a Merkle tree."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from kms.crypto import labels
from kms.crypto.hashing import H, equal
from kms.errors import Invalid, StoreError
from kms.statements.codec import decode, message, require
from kms.wire.v1 import audit_pb2

CHAIN_START: Final = H(labels.LOG_START)
"""What the first entry held as the hash before it, before the log was a tree."""


LOST_ALL: Final = "LOST_ALL"
"""Outcome of the entry that tells of a log that came back to a store that had nothing of it."""


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
    INVITATION_WITHDRAWN = 64
    FORBIDS = 50
    BUDGET = 51
    RECOVERED = 70
    DESTROY_SCHEDULED = 80
    DESTROY_CANCELLED = 81
    DESTROYED = 82
    LEGAL_HOLD = 83
    ROW_ROOT_DESTROYED = 90


@message(audit_pb2.Basis)
@dataclass(frozen=True, slots=True)
class Basis:
    """An entry of another custodian's log: whose, and which."""

    index: int
    log_index: int


@message(audit_pb2.LogEntry)
@dataclass(frozen=True, slots=True)
class LogEntry:
    """What was done, when (unix seconds), about which statement, for whom (thumbprint), how many keys.

    `detail_root` is the root over what it did to each owner (32 bytes, or empty), `basis` names the decisions that a
    release rests on, each custodian once. Only entries of a log that was a chain before it was a tree have a
    `previous_hash`.
    """

    index: int
    kind: LogKind
    at: int
    subject_hash: bytes
    principal: bytes = b""
    outcome: str = ""
    count: int = 0
    previous_hash: bytes = b""
    detail_root: bytes = b""
    basis: tuple[Basis, ...] = ()

    def __post_init__(self) -> None:
        if not (
            len(self.subject_hash) == 32
            and len(self.principal) <= 32
            and len(self.outcome) <= 64
            and len(self.previous_hash) in (0, 32)
            and len(self.detail_root) in (0, 32)
        ):
            raise Invalid("a log entry's hashes are 32 bytes, its outcome a word", reason="INVALID_FIELD")
        if self.basis:
            indices = [one.index for one in self.basis]
            require(indices == sorted(set(indices)), "basis", "must name each custodian once, in order")
            require(len(indices) <= 64 and indices[0] >= 1, "basis", "must name at most 64 custodians")

    def to_bytes(self) -> bytes:
        """As `encode` writes it. Shapes were checked above: a busy log cannot afford to have it done twice."""
        return audit_pb2.LogEntry(
            index=self.index,
            kind=int(self.kind),  # type: ignore[arg-type]
            at=self.at,
            subject_hash=self.subject_hash,
            principal=self.principal,
            outcome=self.outcome,
            count=self.count,
            previous_hash=self.previous_hash,
            detail_root=self.detail_root,
            basis=[audit_pb2.Basis(index=one.index, log_index=one.log_index) for one in self.basis],
        ).SerializeToString(deterministic=True)


def read_entry(payload: bytes, index: int) -> LogEntry:
    """Entry number `index` of a log, of exactly these bytes; Invalid if it is another, or none."""
    entry = decode(LogEntry, payload, f"log[{index}]")
    if entry.index != index:
        raise Invalid(f"entry {entry.index} stands in the log as number {index}", reason="LOG_MISNUMBERED")
    return entry


def follow_chain(payloads: Iterable[bytes]) -> bytes:
    """The last entry's hash H("log entry", exact bytes) of a log from before it was a tree.

    Each entry held the hash of the one before. StoreError if one is missing, altered or out of place.
    """
    previous = CHAIN_START
    for index, payload in enumerate(payloads):
        entry = decode(LogEntry, payload, f"log[{index}]")
        if entry.index != index or not equal(entry.previous_hash, previous):
            raise StoreError(f"the log is broken at entry {index}", reason="LOG_BROKEN")
        previous = H(labels.LOG_ENTRY, payload)
    return previous
