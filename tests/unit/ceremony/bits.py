"""One bit of a transcript turned over, in every line and at every bit of a byte."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from kms.ceremony.files import Line, write_line
from kms.ceremony.verify import verify

PLACES: Final = 24
"""In each line, besides its first and its last byte, the same in every run."""


def assert_every_flip_is_named(lines: Sequence[Line], *, every_byte: bool = False) -> None:
    """The verifier names the very line, where in it one bit is not what it was: in some bytes, or in `every_byte`."""
    raw = [write_line(line) for line in lines]
    assert verify(b"".join(raw)).problem is None
    chance = random.Random(3)
    for position, line in enumerate(raw):
        before, after = b"".join(raw[:position]), b"".join(raw[position + 1 :])
        chosen = {0, len(line) - 1, *(chance.randrange(len(line)) for _ in range(PLACES))}
        for at in range(len(line)) if every_byte else chosen:
            turned = line[at] ^ 1 << chance.randrange(8)
            found = verify(b"".join((before, line[:at], bytes([turned]), line[at + 1 :], after))).problem
            assert found is not None, (position + 1, at, turned)
            assert found.line == position + 1, (at, turned, found)
