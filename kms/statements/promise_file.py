"""Promises in a file: the custodian's signed envelopes, in base64, one a line. Who keeps them adds at the end."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from kms.errors import ConfigError

ENDING: Final = ".promises"
MAX_LINE: Final = 4 << 20
"""Characters: a decision on 1024 keys has far fewer."""


def lines_of(envelopes: Iterable[bytes]) -> bytes:
    """What to add to a file."""
    return b"".join(base64.b64encode(one) + b"\n" for one in envelopes)


def read_promises(path: Path) -> Iterator[bytes]:
    """Every envelope in a file, or in a folder's `*.promises`; nothing in them is verified.

    A last line without its end is passed over: it was being written. ConfigError names what cannot be read.
    """
    files = sorted(path.glob(f"*{ENDING}")) if path.is_dir() else [path]
    for file in files:
        try:
            with file.open("rb") as opened:
                number = 0
                while line := opened.readline(MAX_LINE + 1):
                    number += 1
                    if not line.endswith(b"\n"):
                        if len(line) > MAX_LINE:
                            raise ConfigError(f"{file}, line {number}: longer than any promise")
                        break
                    yield base64.b64decode(line.strip(), validate=True)
        except OSError as error:
            raise ConfigError(f"cannot read {file}: {error.strerror}") from None
        except (binascii.Error, ValueError):
            raise ConfigError(f"{file}: not a file of promises (base64, one a line)") from None
