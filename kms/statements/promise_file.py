"""Promises in files: custodians' signed envelopes, in base64, one a line. Who keeps them adds at the end."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from kms.errors import ConfigError

ENDING: Final = ".promises"
MAX_LINE: Final = 4 << 20
"""Bytes: a decision on 1024 keys has far fewer."""


def lines_of(envelopes: Iterable[bytes]) -> bytes:
    """What to add to a file."""
    return b"".join(base64.b64encode(one) + b"\n" for one in envelopes)


def add_promises(place: Path, envelopes: Iterable[bytes], now: float) -> None:
    """Add to a file that is made when it is missing, or to the day's file in a folder; OSError if that fails."""
    file = place / f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}{ENDING}" if place.is_dir() else place
    data = lines_of(envelopes)
    # One write at the end of the file: lines of several processes do not mix.
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        if os.write(descriptor, data) < len(data):
            os.write(descriptor, b"\n")  # the disk is full: what is cut off must not spoil what comes after
    finally:
        os.close(descriptor)


def read_promises(path: Path) -> Iterator[bytes]:
    """Every envelope in a file, or in a folder's `*.promises`; nothing in them is verified.

    ConfigError names what cannot be read, or is no such file.
    """
    for file in promise_files(path) if path.is_dir() else [path]:
        try:
            with file.open("rb") as opened:
                if not _begins_well(opened):
                    raise ConfigError(f"{file}: not a file of promises (base64, one a line)")
                for _, envelope in read_from(opened, 0):
                    yield envelope
        except OSError as error:
            raise ConfigError(f"cannot read {file}: {error.strerror}") from None


def promise_files(folder: Path) -> list[Path]:
    """The files of a folder, the oldest first."""
    return sorted(folder.glob(f"*{ENDING}"))


def read_from(opened: BinaryIO, offset: int) -> Iterator[tuple[int, bytes]]:
    """(offset of the next line, envelope) from an offset on.

    A line that is cut off or longer than any is passed over, and so is the last one while it is being written.
    """
    opened.seek(offset)
    while line := opened.readline(MAX_LINE + 1):
        if not line.endswith(b"\n"):
            if len(line) <= MAX_LINE:
                return
            continue
        try:
            yield opened.tell(), base64.b64decode(line.strip(), validate=True)
        except (binascii.Error, ValueError):
            continue


def _begins_well(opened: BinaryIO) -> bool:
    first = opened.readline(MAX_LINE + 1)
    try:
        base64.b64decode(first.strip() if first.endswith(b"\n") else b"", validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
