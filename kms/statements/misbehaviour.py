"""Evidence that a log showed two histories: anybody who knows the log's key can check it, with nothing else at hand.

A log only grows. So two checkpoints under its own signature prove against it if they are of one size and differ
(a split view), or if the larger does not begin with the smaller (a log that was put back and went on otherwise, or was
rewritten). A log that was put back and has signed nothing since proves nothing against it: it is behind, and that is an
alarm of its own.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kms.crypto.hashing import equal
from kms.crypto.merkle import HASH_SIZE, Nodes, check_consistency, consistency_proof, root
from kms.errors import BadSignature, Invalid
from kms.statements.checkpoint import Checkpoint, CheckpointNote, own_note, read_note
from kms.statements.codec import decode, encode, message, require
from kms.wire.v1 import witness_pb2

MAX_EVIDENCE: Final = 16 << 10
"""Bytes of an evidence."""
Keys = Callable[[str], bytes | None]
"""Origin of a log -> its public key; None if nobody knows that log."""


class MisbehaviourKind(enum.IntEnum):
    SPLIT_VIEW = 1
    REWRITTEN = 2


@message(witness_pb2.Misbehaviour)
@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """Two notes of one log, the smaller one first, and why they exclude each other. Holds once `check` says so."""

    kind: MisbehaviourKind
    first: bytes
    second: bytes
    prefix_root: bytes
    proof: tuple[bytes, ...]

    def __post_init__(self) -> None:
        rewritten = self.kind is MisbehaviourKind.REWRITTEN
        require(
            len(self.prefix_root) == (HASH_SIZE if rewritten else 0),
            "prefix_root",
            "must be there if a log was rewritten, and only then",
        )
        require(rewritten or not self.proof, "proof", "must be empty of a split view")

    def to_bytes(self) -> bytes:
        return encode(self)

    @property
    def checkpoints(self) -> tuple[Checkpoint, Checkpoint]:
        """What the two notes say; their signatures are not looked at."""
        return read_note(self.first).checkpoint, read_note(self.second).checkpoint


def read_misbehaviour(data: bytes) -> Misbehaviour:
    """Parsed, not checked."""
    if len(data) > MAX_EVIDENCE:
        raise Invalid("evidence of a log's misbehaviour is too long", reason="EVIDENCE_MALFORMED")
    return decode(Misbehaviour, data, "misbehaviour")


def split_view(one: CheckpointNote, other: CheckpointNote) -> Misbehaviour:
    """Evidence from two notes of one size and different roots; whoever makes it has verified both."""
    first, second = sorted((one.to_bytes(), other.to_bytes()))
    return Misbehaviour(MisbehaviourKind.SPLIT_VIEW, first, second, b"", ())


def rewritten(small: CheckpointNote, large: CheckpointNote, nodes: Nodes) -> Misbehaviour | None:
    """Evidence that the larger log (whose nodes these are) does not begin with the smaller one; None if it does."""
    size = small.checkpoint.size
    prefix = root(nodes, size)
    if equal(prefix, small.checkpoint.root):
        return None
    proof = tuple(consistency_proof(nodes, size, large.checkpoint.size))
    return Misbehaviour(MisbehaviourKind.REWRITTEN, small.to_bytes(), large.to_bytes(), prefix, proof)


def check(evidence: Misbehaviour, keys: Keys) -> str:
    """The origin of the log that this proves against; BadSignature or Invalid if it proves nothing."""
    notes = read_note(evidence.first), read_note(evidence.second)
    origin = notes[0].checkpoint.origin
    key = keys(origin)
    if key is None:
        raise Invalid(f"{origin} is no log of this keyring", reason="UNKNOWN_LOG")
    for note in notes:
        # Else two notes that anybody made up would prove against an honest log.
        if own_note(note, origin, key) != note:
            raise BadSignature(
                "evidence holds the log's own signatures and no others", reason="CHECKPOINT_UNSIGNED"
            )
    small, large = (note.checkpoint for note in notes)
    if evidence.kind is MisbehaviourKind.SPLIT_VIEW:
        if small.size != large.size or equal(small.root, large.root):
            raise Invalid("two checkpoints that agree prove nothing", reason="EVIDENCE_HOLLOW")
        return origin
    if not 0 < small.size < large.size or equal(evidence.prefix_root, small.root):
        raise Invalid("a log that begins with what it was proves nothing", reason="EVIDENCE_HOLLOW")
    # The larger checkpoint's root fixes all its entries, so it has one beginning of that size: not the one it signed.
    check_consistency(small.size, evidence.prefix_root, large.size, large.root, evidence.proof)
    return origin
