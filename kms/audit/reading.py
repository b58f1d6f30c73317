"""One log: its signed checkpoint, what came since it was read last, and whether the two fit.

No proof of consistency is asked for: whoever adds up the entries that he has and the new ones comes to the signed root,
or does not. Only a log that does not fit is asked for hashes, so that both of its histories can be shown.
"""

from __future__ import annotations

import hashlib
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from kms.audit.findings import Evidence, Finding, Kind
from kms.audit.logs import LogReader
from kms.audit.mirror import Mirror, read_wider_bundle, verified
from kms.audit.parties import Party
from kms.crypto import merkle
from kms.crypto.hashing import equal
from kms.crypto.merkle import HASH_SIZE, TILE_WIDTH, Nodes
from kms.errors import Invalid, KmsError, Unavailable
from kms.statements.audit import LogKind
from kms.statements.checkpoint import Checkpoint, CheckpointNote, own_note, read_note, verify_checkpoint
from kms.statements.entries import LeanEntry, read_entries
from kms.statements.misbehaviour import rewritten, split_view
from kms.statements.tiles import ENTRIES, Tile

PAGE: Final = 16
"""Bundles that are asked for at once."""
NOTHING: Final = bytes(HASH_SIZE)
"""What stands for an entry on which no release can rest."""
ALLOW: Final = "ALLOW"
Tell = Callable[[int, int], None]
_RELEASE: Final = struct.Struct(">Q32sB")
_BASIS: Final = struct.Struct(">HQ")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one log may cost: entries that are read in one run, and seconds."""

    entries: int = 50_000_000
    seconds: float = 6 * 3600.0


@dataclass(slots=True)
class LogRead:
    """What one run read of one log: entries from `since` on, of the copy of `size`."""

    index: int
    since: int = 0
    size: int = 0
    note: bytes = b""
    findings: list[Finding] = field(default_factory=list)
    releases: bytearray = field(default_factory=bytearray)
    """Each release that names decisions, packed (`unpack_releases`)."""
    facts: bytearray = field(default_factory=bytearray)
    """32 bytes for each entry from `since` on: `fact` of a decision that allows something, else zeros."""
    days: Counter[tuple[int, int]] = field(default_factory=Counter)
    """(day since 1970, kind) -> entries."""
    chained: int = 0
    """Releases from before the log was a tree: they name no decisions."""
    live: bool = True
    """Whether its custodian itself answers."""
    current: bool = False
    """Whether the copy is all that it signs now: who asks for a later entry then asks for one that is not there."""


def fact(subject_hash: bytes, principal: bytes) -> bytes:
    """32 bytes that stand for a request and who made it."""
    return hashlib.sha256(subject_hash + principal).digest()


def unpack_releases(packed: bytes | bytearray) -> Iterator[tuple[int, bytes, tuple[tuple[int, int], ...]]]:
    """(entry, fact, basis) of each release."""
    at = 0
    while at < len(packed):
        index, known, count = _RELEASE.unpack_from(packed, at)
        at += _RELEASE.size
        end = at + count * _BASIS.size
        yield index, known, tuple(_BASIS.iter_unpack(packed[at:end]))
        at = end


def read_log(
    reader: LogReader,
    party: Party,
    folder: Path,
    limits: Limits = Limits(),
    tell: Tell = lambda done, total: None,
    clock: Callable[[], float] = time.monotonic,
    crossed: int | None = None,
) -> LogRead:
    """Read what is new, check it, and keep it in `folder`. StoreError if what is kept there was changed.

    `crossed`: so many entries of the copy were held against the other logs (None: all). The rest is of a run that was
    cut off, and is new to this one.
    """
    mirror = Mirror(folder, party.origin, party.keys)
    read = LogRead(party.index, mirror.size, mirror.size, mirror.note, live=reader.live)
    if crossed is not None and crossed < mirror.size:
        _reread(read, mirror, max(0, crossed))
    try:
        note = reader.checkpoint()
        checkpoint = verified(note, party.origin, party.keys)
    except KmsError as error:
        read.findings.append(silent(party.index, f"it gave no checkpoint that it signed: {_why(error)}"))
        return read
    if not checkpoint.size and not equal(checkpoint.root, merkle.EMPTY_ROOT):
        unproven = Finding(
            Kind.LOG_UNPROVEN, party.index, "it signed a root of no entries", Evidence({"checkpoint": note})
        )
        read.findings.append(unproven)
        return read
    found = compare(note, checkpoint, mirror, party)
    if found is not None:
        read.findings.append(found)
        return read
    if checkpoint.size > mirror.size:
        _grow(reader, party, read, note, checkpoint, mirror, limits, tell, clock)
    elif checkpoint.size == mirror.size:
        mirror.keep(note)  # it may carry newer cosignatures
        read.note, read.current = note, True
    elif reader.live:  # an export may be an old one, and says so by being shorter
        read.findings.append(behind(mirror.note, mirror.size, checkpoint.size, note, party.index))
        read.current = True
    return read


def compare(note: bytes, checkpoint: Checkpoint, mirror: Mirror, party: Party) -> Finding | None:
    """What a checkpoint that the log signed says against the copy: nothing, if one may continue the other.

    A longer one is for whoever reads on.
    """
    if checkpoint.size > mirror.size or not mirror.note:
        return None
    return two_histories(party, note, mirror.note, mirror.nodes)


def two_histories(party: Party, earlier: bytes, later: bytes, nodes: Nodes) -> Finding | None:
    """What two checkpoints show, both signed by the log; `nodes` are those of the later one. None if they agree."""
    small, large = (_own(party, note) for note in (earlier, later))
    if small.checkpoint.size == large.checkpoint.size:
        agree = equal(small.checkpoint.root, large.checkpoint.root)
        shown = None if agree else split_view(small, large)
    else:
        shown = rewritten(small, large, nodes)
    if shown is None:
        return None
    return shown_histories(party.index, small.checkpoint.size, shown.to_bytes())


def shown_histories(index: int, size: int, misbehaviour: bytes) -> Finding:
    """The finding that this evidence makes, which is not checked here."""
    return Finding(
        Kind.TWO_HISTORIES,
        index,
        f"of its first {size} entries it signed two different roots",
        Evidence({"misbehaviour": misbehaviour}),
        transferable=True,
    )


def _own(party: Party, note: bytes) -> CheckpointNote:
    """The note under the log's own signature and no other."""
    parsed = read_note(note)
    signer = next(key for key in party.keys if _signed(parsed, party.origin, key))
    return own_note(parsed, party.origin, signer)


def _signed(note: CheckpointNote, origin: str, key: bytes) -> bool:
    try:
        verify_checkpoint(note, origin, key)
    except KmsError:
        return False
    return True


def behind(note: bytes, signed: int, shown: int, current: bytes, index: int) -> Finding:
    """The log is shorter now than in a checkpoint that it signed."""
    return Finding(
        Kind.ROLLED_BACK,
        index,
        f"it signed {signed} entries and shows {shown}",
        Evidence({"signed": note, "shown": current}),
    )


def _grow(
    reader: LogReader,
    party: Party,
    read: LogRead,
    note: bytes,
    checkpoint: Checkpoint,
    mirror: Mirror,
    limits: Limits,
    tell: Tell,
    clock: Callable[[], float],
) -> None:
    new = checkpoint.size - mirror.size
    if new > limits.entries:
        read.findings.append(
            silent(read.index, f"it claims {new} new entries, more than are read in a run ({limits.entries})")
        )
        return
    edge, deadline, start = mirror.edge(), clock() + limits.seconds, mirror.size
    fresh = LogRead(read.index, read.since)  # what is not yet known to be the log's
    chained = mirror.size == 0 or _chained(mirror, mirror.size - 1)
    try:
        while edge.size < checkpoint.size:
            if clock() > deadline:
                raise Unavailable(f"it took longer than {limits.seconds:.0f} s", reason="SLOW_LOG")
            first = edge.size
            wanted = _bundles(first, checkpoint.size)
            answers = reader.tiles(wanted)
            if len(answers) != len(wanted):
                raise Invalid("it answered with another number of tiles", reason="GARBAGE")
            for tile, data in zip(wanted, answers, strict=True):
                entries = read_wider_bundle(data, tile.width)[edge.size % TILE_WIDTH :]
                chained = _note(fresh, read_entries(entries, edge.size), chained)
                edge.append(entries)
            tell(edge.size - start, new)
    except KmsError as error:
        if error.reason == "ENTRY_MALFORMED":
            # What was served may not be what was signed: only with its place in the tree is it the log's own.
            read.findings.append(_malformed(reader, read.index, note, checkpoint, error))
        else:
            read.findings.append(silent(read.index, f"it did not show entry {edge.size}: {_why(error)}"))
        return
    if not equal(edge.root(), checkpoint.root):
        read.findings.append(_misfit(reader, party, note, checkpoint, mirror))
        return
    edge.finish()
    mirror.keep(note)
    read.size, read.note, read.current = mirror.size, note, True
    _add(read, fresh)


def _reread(read: LogRead, mirror: Mirror, first: int) -> None:
    """Take up the copy's own entries from number `first` on."""
    fresh = LogRead(read.index, first)
    chained = first == 0 or _chained(mirror, first - 1)
    for number in range(first // TILE_WIDTH, -(-mirror.size // TILE_WIDTH)):
        start = max(first, number * TILE_WIDTH)
        chained = _note(fresh, read_entries(mirror.bundle(number)[start % TILE_WIDTH :], start), chained)
    read.since = first
    _add(read, fresh)


def _add(read: LogRead, fresh: LogRead) -> None:
    read.releases += fresh.releases
    read.facts += fresh.facts
    read.days += fresh.days
    read.chained += fresh.chained


def _bundles(first: int, size: int) -> list[Tile]:
    number = first // TILE_WIDTH
    end = min(number + PAGE, -(-size // TILE_WIDTH))
    return [_tile(ENTRIES, one, size) for one in range(number, end)]


def _note(read: LogRead, entries: Iterable[LeanEntry], chained: bool) -> bool:
    decision, release = int(LogKind.DECISION), int(LogKind.RELEASE)
    facts, days = read.facts, read.days
    for entry in entries:
        kind = entry.kind
        days[entry.at // 86400, kind] += 1
        if entry.chained and not chained:
            # Only the oldest entries name none: a log must not dodge by writing as it did before.
            raise Invalid(
                f"entry {entry.number} is written as before the log was a tree",
                reason="ENTRY_MALFORMED",
                details={"entry": str(entry.number)},
            )
        chained = entry.chained
        if kind == decision:
            allows = ALLOW in entry.outcome.split("+")
            facts += fact(entry.subject_hash, entry.principal) if allows else NOTHING
            continue
        facts += NOTHING
        if kind == release:
            if entry.chained:
                read.chained += 1
            else:
                known = fact(entry.subject_hash, entry.principal)
                read.releases += _RELEASE.pack(entry.number, known, len(entry.basis))
                for one in entry.basis:
                    read.releases += _BASIS.pack(*one)
    return chained


def _malformed(
    reader: LogReader, index: int, note: bytes, checkpoint: Checkpoint, error: KmsError
) -> Finding:
    number = int(error.details["entry"])
    try:
        [data] = reader.tiles([_tile(ENTRIES, number // TILE_WIDTH, checkpoint.size)])
        entry = read_wider_bundle(data, number % TILE_WIDTH + 1)[-1]
        proof = merkle.inclusion_proof(_shown(reader, checkpoint.size), number, checkpoint.size)
        merkle.check_inclusion(merkle.leaf_hash(entry), number, checkpoint.size, proof, checkpoint.root)
    except (KmsError, ValueError) as failed:
        why = failed.message if isinstance(failed, KmsError) else "it answered with another number of tiles"
        what = f"{error.message}, and cannot be shown to be what it signed: {why}"
        return Finding(Kind.LOG_UNPROVEN, index, what, Evidence({"checkpoint": note}))
    parts = {"checkpoint": note, "number": number, "entry": entry, "proof": proof}
    return Finding(
        Kind.ENTRY_MALFORMED, index, error.message, Evidence(parts), transferable=not is_entry(entry, number)
    )


def is_entry(payload: bytes, number: int) -> bool:
    """Whether these bytes are entry `number` of some log, looked at alone."""
    try:
        list(read_entries([payload], number))
    except Invalid:
        return False
    return True


def _misfit(reader: LogReader, party: Party, note: bytes, checkpoint: Checkpoint, mirror: Mirror) -> Finding:
    """Its entries and ours do not add up to what it signed: because it signed another past, or serves other entries."""
    try:
        nodes = _shown(reader, checkpoint.size)
        root = merkle.root(nodes, mirror.size)
        proof = merkle.consistency_proof(nodes, mirror.size, checkpoint.size)
        merkle.check_consistency(mirror.size, root, checkpoint.size, checkpoint.root, proof)
        found = two_histories(party, mirror.note, note, nodes) if mirror.size else None
        if found is not None:
            return found
        why = ""
    except KmsError as error:
        why = f", nor do its hashes: {error.message}"
    return Finding(
        Kind.LOG_UNPROVEN,
        party.index,
        f"its entries do not add up to the root over {checkpoint.size} that it signed{why}",
        Evidence({"checkpoint": note}),
    )


def _shown(reader: LogReader, size: int) -> Nodes:
    """The log's own hashes, as it shows them."""

    def tile(level: int, number: int, width: int) -> bytes:
        answers = reader.tiles([_tile(level, number, size)])
        if len(answers) != 1 or len(answers[0]) < width * HASH_SIZE:
            raise Invalid("a tile is cut off", reason="TILE_MALFORMED")
        return answers[0]

    return merkle.tiled(lru_cache(64)(tile))


def _tile(level: int, number: int, size: int) -> Tile:
    """The tile as wide as a log of this size has it."""
    return Tile(level, number, min(TILE_WIDTH, (size >> 8 * max(level, 0)) - number * TILE_WIDTH))


def silent(index: int, what: str) -> Finding:
    """Something was not shown. Whoever is away is no liar."""
    return Finding(Kind.SILENT, index, what, Evidence({}))


def _why(error: KmsError) -> str:
    return f"{error.message} [{error.reason}]"


def _chained(mirror: Mirror, number: int) -> bool:
    entry, _ = mirror.entry(number)
    return next(iter(read_entries([entry], number))).chained
