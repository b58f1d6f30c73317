"""Signed notes that say how long a log is and what its root is (C2SP signed-note, tlog-checkpoint, tlog-cosignature).

    threshold-kms/<keyring id>/<index>
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — <name> <base64 of key id, and signature>

The note's text is what is signed, exactly as it came, up to the empty line. It never begins as DSSE's encoding does,
so that one key may sign statements and notes and neither passes for the other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kms.crypto import signing
from kms.crypto.hashing import equal, u64
from kms.crypto.merkle import HASH_SIZE, MAX_SIZE
from kms.crypto.signing import SigningKey
from kms.errors import BadSignature, Invalid

MAX_NOTE: Final = 1 << 16
MAX_SIGNATURES: Final = 128
_ED25519: Final = b"\x01"
_COSIGNATURE: Final = b"\x04"
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")


def log_origin(keyring_id: bytes, index: int) -> str:
    """The name of a custodian's log, and of the key that signs its checkpoints."""
    return f"threshold-kms/{keyring_id.hex()}/{index}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How many entries a log has, and the root over them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lines = (self.origin, *self.extensions)
        if not all(lines) or any(not line.isprintable() for line in lines):
            raise Invalid("a checkpoint's lines are printable and not empty", reason="CHECKPOINT_MALFORMED")
        if not 0 <= self.size <= MAX_SIZE or len(self.root) != HASH_SIZE:
            raise Invalid("a checkpoint has a size and a root of 32 bytes", reason="CHECKPOINT_MALFORMED")

    @property
    def text(self) -> str:
        """What is signed."""
        root = base64.b64encode(self.root).decode()
        return "\n".join((self.origin, str(self.size), root, *self.extensions)) + "\n"


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One line under a note: a name, the hint which key of that name, and what that key says."""

    name: str
    key_id: bytes
    data: bytes

    @property
    def line(self) -> str:
        return f"\N{EM DASH} {self.name} {base64.b64encode(self.key_id + self.data).decode()}\n"


@dataclass(frozen=True, slots=True)
class CheckpointNote:
    """A checkpoint with the signatures that came under it. None is verified by being here."""

    checkpoint: Checkpoint
    signatures: tuple[NoteSignature, ...]

    @property
    def text(self) -> str:
        return self.checkpoint.text

    def to_bytes(self) -> bytes:
        return (self.text + "\n" + "".join(one.line for one in self.signatures)).encode()

    def with_signatures(self, more: Sequence[NoteSignature]) -> CheckpointNote:
        """The same note under which those stand too, each once."""
        return CheckpointNote(self.checkpoint, tuple(dict.fromkeys((*self.signatures, *more))))


def key_id(name: str, public_key: bytes, kind: bytes = _ED25519) -> bytes:
    """SHA-256(name || LF || kind || public key), the first 4 bytes."""
    return hashlib.sha256(name.encode() + b"\n" + kind + public_key).digest()[:4]


def witness_name(keyring_id: bytes, index: int) -> str:
    """The name under which a custodian cosigns."""
    return f"{log_origin(keyring_id, index)}/witness"


def verifier_key(name: str, public_key: bytes, kind: bytes = _ED25519) -> str:
    """How other programs are told a key: `name+hex key id+base64 of kind and key`."""
    encoded = base64.b64encode(kind + public_key).decode()
    return f"{name}+{key_id(name, public_key, kind).hex()}+{encoded}"


def witness_key(name: str, public_key: bytes) -> str:
    """The same of a key that cosigns."""
    return verifier_key(name, public_key, _COSIGNATURE)


def read_verifier_key(text: str) -> tuple[str, bytes, bool]:
    """(name, 32-byte public key, whether it cosigns) of a key as other programs write it."""
    try:
        name, digits, encoded = text.strip().split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise Invalid("a verifier key is name+key id+key", reason="VERIFIER_KEY_MALFORMED") from None
    kind, public = raw[:1], raw[1:]
    if kind not in (_ED25519, _COSIGNATURE) or len(public) != signing.PUBLIC_KEY_SIZE or not _is_name(name):
        raise Invalid("only Ed25519 verifier keys are known", reason="VERIFIER_KEY_MALFORMED")
    if digits.lower() != key_id(name, public, kind).hex():
        raise Invalid("a verifier key's id is not that of its key", reason="VERIFIER_KEY_MALFORMED")
    return name, public, kind == _COSIGNATURE


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> CheckpointNote:
    """By the log itself, under its origin."""
    data = key.sign_text(checkpoint.text.encode())
    return CheckpointNote(
        checkpoint, (NoteSignature(checkpoint.origin, key_id(checkpoint.origin, key.public), data),)
    )


def cosign(note: CheckpointNote, name: str, key: SigningKey, at: int) -> NoteSignature:
    """A witness's word, at `at` (unix seconds), that this continues all that it saw of the log before."""
    data = u64(at) + key.sign_text(_cosigned(note.text, at))
    return NoteSignature(name, key_id(name, key.public, _COSIGNATURE), data)


def verify_checkpoint(note: CheckpointNote, origin: str, public_key: bytes) -> Checkpoint:
    """The checkpoint, if it is of this origin and its log signed it; BadSignature else."""
    if note.checkpoint.origin != origin:
        raise BadSignature(
            f"a checkpoint of {note.checkpoint.origin!r} came for {origin!r}", reason="WRONG_LOG"
        )
    for one in _of(note, origin, key_id(origin, public_key)):
        signing.verify_text(public_key, note.text.encode(), one.data)
        return note.checkpoint
    raise BadSignature("a checkpoint is not signed by its log", reason="CHECKPOINT_UNSIGNED")


def own_note(note: CheckpointNote, origin: str, public_key: bytes) -> CheckpointNote:
    """The note under its log's own signature alone, once verified; BadSignature else."""
    verify_checkpoint(note, origin, public_key)
    return CheckpointNote(note.checkpoint, tuple(_of(note, origin, key_id(origin, public_key))[:1]))


def cosigned_at(note: CheckpointNote, name: str, public_key: bytes) -> int | None:
    """When this witness cosigned (unix seconds); None if it did not, BadSignature if its line does not verify."""
    found = None
    for one in _of(note, name, key_id(name, public_key, _COSIGNATURE)):
        at = int.from_bytes(one.data[:8], "big")
        signing.verify_text(public_key, _cosigned(note.text, at), one.data[8:])
        found = max(at, found or 0)
    return found


def _of(note: CheckpointNote, name: str, wanted: bytes) -> list[NoteSignature]:
    return [one for one in note.signatures if one.name == name and equal(one.key_id, wanted)]


def _cosigned(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def read_note(raw: bytes) -> CheckpointNote:
    """A checkpoint's note of exactly these bytes; Invalid if there is any doubt how to read them."""
    if len(raw) > MAX_NOTE:
        raise Invalid("a checkpoint is too long", reason="CHECKPOINT_MALFORMED")
    try:
        text, _, below = raw.decode().rpartition("\n\n")
    except UnicodeDecodeError:
        raise Invalid("a checkpoint is not UTF-8", reason="CHECKPOINT_MALFORMED") from None
    lines = text.split("\n")
    if len(lines) < 3 or not _SIZE.fullmatch(lines[1]):
        raise Invalid("a checkpoint has an origin, a size and a root", reason="CHECKPOINT_MALFORMED")
    checkpoint = Checkpoint(lines[0], int(lines[1]), _base64(lines[2]), tuple(lines[3:]))
    note = CheckpointNote(checkpoint, read_signatures(below))
    # What is verified is the text as it is written again: only bytes that give themselves are read.
    if not note.signatures or note.to_bytes() != raw:
        raise Invalid("a checkpoint is not written as it must be", reason="CHECKPOINT_MALFORMED")
    return note


def read_signatures(text: str) -> tuple[NoteSignature, ...]:
    """Signature lines, each ended by a line feed: what stands under a note, and what a witness answers."""
    lines = text.split("\n")
    if lines.pop() or len(lines) > MAX_SIGNATURES:
        raise Invalid("a note's signatures are lines", reason="CHECKPOINT_MALFORMED")
    return tuple(_signature(line) for line in lines)


def _signature(line: str) -> NoteSignature:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "\N{EM DASH}" or not _is_name(parts[1]):
        raise Invalid("a note's signature is a dash, a name and a signature", reason="CHECKPOINT_MALFORMED")
    raw = _base64(parts[2])
    if len(raw) < 5:
        raise Invalid("a note's signature is too short", reason="CHECKPOINT_MALFORMED")
    return NoteSignature(parts[1], raw[:4], raw[4:])


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and name.isprintable() and not any(c.isspace() for c in name)


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("a checkpoint's base64 is malformed", reason="CHECKPOINT_MALFORMED") from None
