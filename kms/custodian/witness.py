"""What this node has seen of other logs, and its word on it (C2SP tlog-witness).

    old 20852014
    <base64 of a hash of the consistency proof>
    ...

    <the log's new checkpoint, signed>

The rule, in this order: the bytes are as above; the log is known; it signed; `old` is not above the new size, and is
the size that was cosigned last; the new log begins with that one. Then what was seen is on disk, and only then is it
cosigned: a witness that signed first would, after a power cut, sign another history of the same log.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from kms.crypto.hashing import equal
from kms.crypto.merkle import EMPTY_ROOT, HASH_SIZE, Nodes, check_consistency
from kms.crypto.signing import SigningKey
from kms.errors import BadSignature, Fork, Invalid, KmsError, NotFound, Stale
from kms.statements.checkpoint import MAX_NOTE, CheckpointNote, cosign, own_note, read_note
from kms.statements.misbehaviour import Misbehaviour, MisbehaviourKind, check, rewritten, split_view

MAX_PROOF: Final = 63
"""Hashes of a consistency proof in a request."""
MAX_REQUEST: Final = MAX_NOTE + (4 << 10)
"""Bytes of a request; a door reads no more."""
SIZE_TYPE: Final = "text/x.tlog.size"
_OLD: Final = re.compile(r"old (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What was seen last of a log: how many entries, their root, and the note under the log's signature."""

    size: int
    root: bytes
    note: bytes


NOTHING: Final = Witnessed(0, EMPTY_ROOT, b"")


@dataclass(frozen=True, slots=True)
class Addition:
    """A request to cosign: what the asker believes was cosigned last, the proof from there, the new checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    note: CheckpointNote

    def to_bytes(self) -> bytes:
        lines = [f"old {self.old}", *(base64.b64encode(one).decode() for one in self.proof), "", ""]
        return "\n".join(lines).encode() + self.note.to_bytes()


def read_addition(body: bytes) -> Addition:
    """Exactly what C2SP writes; Invalid else."""
    head, gap, note = body.partition(b"\n\n")
    if not gap:
        raise _malformed("a request is lines, an empty line and a checkpoint")
    try:
        first, *hashes = head.decode("ascii").split("\n")
        proof = tuple(base64.b64decode(line, validate=True) for line in hashes)
    except (UnicodeDecodeError, binascii.Error, ValueError):
        raise _malformed("a request's lines are a size and hashes in base64") from None
    old = _OLD.fullmatch(first)
    if old is None or len(proof) > MAX_PROOF or any(len(one) != HASH_SIZE for one in proof):
        raise _malformed(f"a request's lines are a size and at most {MAX_PROOF} hashes")
    addition = Addition(int(old[1]), proof, read_note(note))
    if addition.to_bytes() != body:
        raise _malformed("a request is not written as it must be")
    return addition


def _malformed(problem: str) -> Invalid:
    return Invalid(problem, reason="WITNESS_REQUEST_MALFORMED")


class WitnessStore(Protocol):
    """What a witness keeps (`SqliteWitness` is one)."""

    def last(self, origin: str) -> Witnessed | None: ...
    def advance(self, origin: str, old: int, new: Witnessed) -> bool:
        """Put it in the place of what was seen of size `old` (0: of nothing); False if another was put there since."""
        ...

    def all(self) -> Mapping[str, Witnessed]:
        """By origin."""
        ...

    def accuse(self, origin: str, evidence: Misbehaviour, at: int) -> bool:
        """Keep evidence; False if it is known, or there is enough against that log."""
        ...

    def evidence(self) -> list[Misbehaviour]: ...


class Witness:
    """`logs` are the known ones by origin, with their keys; `tree` gives the note up to which a log is mirrored."""

    def __init__(
        self,
        store: WitnessStore,
        name: str,
        key: SigningKey,
        logs: Callable[[], Mapping[str, bytes]],
        now: Callable[[], int],
        tree: Callable[[str], tuple[CheckpointNote, Nodes] | None] = lambda origin: None,
    ) -> None:
        self._store, self.name, self._key = store, name, key
        self._logs, self._now, self._tree = logs, now, tree

    def add_checkpoint(self, body: bytes) -> bytes:
        """Our cosignature's line. `answer` says what each refusal is over HTTP."""
        addition = read_addition(body)
        note = self.verified(addition.note)
        origin, new = note.checkpoint.origin, note.checkpoint
        if addition.old > new.size:
            raise _malformed("a log does not shrink")
        last = self._store.last(origin) or NOTHING
        # Whatever the asker says of sizes and proofs: two checkpoints that exclude each other speak for themselves.
        self._compare(origin, last, note)
        if addition.old != last.size:
            raise _stale(last)
        check_consistency(addition.old, last.root, new.size, new.root, addition.proof)
        # Compared and put in one step: of two requests from one size, the second would else take back the first.
        if not self._store.advance(origin, last.size, Witnessed(new.size, new.root, note.to_bytes())):
            raise _stale(self._store.last(origin) or NOTHING)
        return cosign(note, self.name, self._key, self._now()).line.encode()

    def learn(self, note: CheckpointNote, prefix_root: bytes, proof: Sequence[bytes]) -> bool:
        """What somebody else saw of a log, larger than what was seen here; Fork, the evidence kept, if it is another.

        `prefix_root` is the root over its beginning of the size seen here, `proof` leads from there to it. Whether
        anything was learnt; it is not cosigned.
        """
        note = self.verified(note)
        origin, new = note.checkpoint.origin, note.checkpoint
        last = self._store.last(origin) or NOTHING
        if new.size <= last.size:
            return False
        check_consistency(last.size, prefix_root, new.size, new.root, proof)
        if last.size and not equal(prefix_root, last.root):
            kind = MisbehaviourKind.REWRITTEN
            evidence = Misbehaviour(kind, last.note, note.to_bytes(), prefix_root, tuple(proof))
            self._accuse(origin, evidence, f"two beginnings of {last.size} entries")
        return self._store.advance(origin, last.size, Witnessed(new.size, new.root, note.to_bytes()))

    def compare(self, note: CheckpointNote) -> None:
        """Hold what somebody else saw of a log against what was seen here; Fork if they exclude each other."""
        note = self.verified(note)
        origin = note.checkpoint.origin
        self._compare(origin, self._store.last(origin) or NOTHING, note)

    def take_evidence(self, evidence: Misbehaviour) -> bool:
        """Keep what somebody else found, if it proves anything; whether it is new."""
        origin = check(evidence, self._logs().get)
        return self._store.accuse(origin, evidence, self._now())

    def verified(self, note: CheckpointNote) -> CheckpointNote:
        """The note under its log's signature alone; NotFound of an unknown log, BadSignature if it did not sign."""
        origin = note.checkpoint.origin
        key = self._logs().get(origin)
        if key is None:
            raise NotFound(f"{origin} is no log that is witnessed here", reason="UNKNOWN_LOG")
        return own_note(note, origin, key)

    def _compare(self, origin: str, last: Witnessed, note: CheckpointNote) -> None:
        """Fork, with the evidence kept, if this note and what was seen before exclude each other."""
        new, known = note.checkpoint, self._tree(origin)
        if new.size == last.size and not equal(new.root, last.root):
            evidence = split_view(read_note(last.note), note) if last.note else None
            self._accuse(origin, evidence, f"two roots for {new.size} entries")
        if known is not None and 0 < new.size < known[0].checkpoint.size:
            evidence = rewritten(note, *known)
            if evidence is not None:
                self._accuse(origin, evidence, f"two beginnings of {new.size} entries")

    def _accuse(self, origin: str, evidence: Misbehaviour | None, what: str) -> None:
        proofs: tuple[bytes, ...] = ()
        if evidence is not None:
            self._store.accuse(origin, evidence, self._now())
            proofs = (evidence.to_bytes(),)
        raise Fork(f"{origin} shows {what}", evidence=proofs, reason="SPLIT_VIEW")


def _stale(last: Witnessed) -> Stale:
    return Stale(
        f"the checkpoint that was cosigned last is of {last.size} entries",
        reason="OLD_SIZE",
        details={"size": str(last.size)},
    )


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status, media type and body."""

    status: int
    media_type: str
    body: bytes


def answer(error: KmsError) -> HttpAnswer:
    """A refusal as C2SP has it over HTTP."""
    if error.reason == "OLD_SIZE":
        return HttpAnswer(409, SIZE_TYPE, f"{error.details['size']}\n".encode())
    status = {
        "SPLIT_VIEW": 409,
        "UNKNOWN_LOG": 404,
        "LOG_INCONSISTENT": 422,
        "PROOF_MALFORMED": 422,
        "TOO_LARGE": 413,
    }.get(error.reason)
    if status is None:
        kinds = ((BadSignature, 403), (Invalid, 400), (NotFound, 404))
        status = next((code for kind, code in kinds if isinstance(error, kind)), 503)
    return HttpAnswer(status, "text/plain; charset=utf-8", f"{error.message}\n".encode())
