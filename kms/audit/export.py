"""A log written into a folder in the static layout of C2SP tlog-tiles: for auditors, for copies, for web servers.

The checkpoint is written last, and whole or not at all: at every moment the folder holds a log that can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kms.audit.logs import FolderLog, LogReader
from kms.audit.mirror import read_wider_bundle, write
from kms.crypto import merkle
from kms.crypto.hashing import equal
from kms.crypto.merkle import TILE_HEIGHT, TILE_WIDTH
from kms.errors import Invalid, NotFound
from kms.statements.audit import LogKind, read_entry
from kms.statements.checkpoint import Checkpoint, read_note
from kms.statements.tiles import ENTRIES, Tile, tiles_of

PAGE: Final = 16
"""Tiles that are asked for at once."""
Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Exported:
    """What is in the folder now, and how much of it is new."""

    origin: str
    size: int
    new: int
    tiles: int
    certificates: int


def export_log(
    reader: LogReader,
    folder: Path,
    certificates: bool = False,
    tell: Tell = lambda done, total: None,
) -> Exported:
    """Write what the folder lacks, and with `certificates` those of the releases among it.

    Invalid if what is read does not lead to the checkpoint's root, or the folder holds another log: nothing is
    published then. `tell` hears how many tiles were written, and how many there are.
    """
    note = reader.checkpoint()
    new = read_note(note).checkpoint
    since = _held(folder, new)
    wanted = tiles_of(new.size, since)
    kept = 0
    for at in range(0, len(wanted), PAGE):
        page = wanted[at : at + PAGE]
        for tile, data in zip(page, reader.tiles(page), strict=True):
            write(folder / tile.path, data)
            if certificates and tile.level == ENTRIES:
                kept += _keep_certificates(reader, folder, tile, data, since)
        tell(at + len(page), len(wanted))
    _check(folder, new)
    write(folder / "checkpoint", note)
    return Exported(new.origin, new.size, new.size - since, len(wanted), kept)


def _held(folder: Path, new: Checkpoint) -> int:
    """How many entries the folder has of this log."""
    try:
        held = read_note(FolderLog(folder).checkpoint()).checkpoint
    except NotFound:
        return 0
    if held.origin != new.origin:
        raise Invalid(f"the folder holds the log {held.origin}", reason="WRONG_LOG")
    if held.size > new.size:
        raise Invalid(
            f"the folder holds {held.size} entries, and the log has {new.size}", reason="LOG_SHORTER"
        )
    return held.size


def _check(folder: Path, new: Checkpoint) -> None:
    """The hashes in the folder lead to the root that is signed."""
    log = FolderLog(folder)

    def row(level: int, number: int, width: int) -> bytes:
        there = min(TILE_WIDTH, (new.size >> TILE_HEIGHT * level) - TILE_WIDTH * number)
        (data,) = log.tiles([Tile(level, number, there)])
        return data

    if not equal(merkle.root(merkle.tiled(row), new.size), new.root):
        raise Invalid(
            "what the log shows does not lead to the root that it signed", reason="LOG_INCONSISTENT"
        )


def _keep_certificates(reader: LogReader, folder: Path, tile: Tile, data: bytes, since: int) -> int:
    first, kept = tile.number * TILE_WIDTH, 0
    for index, payload in enumerate(read_wider_bundle(data, tile.width), first):
        entry = read_entry(payload, index)
        if index >= since and entry.kind is LogKind.RELEASE:
            kept += _write_certificates(folder, entry.subject_hash, reader.certificate(entry.subject_hash))
    return kept


def _write_certificates(folder: Path, request: bytes, certificates: Sequence[bytes]) -> int:
    for number, certificate in enumerate(certificates):
        write(folder / "certificates" / f"{request.hex()}-{number}", certificate)
    return len(certificates)
