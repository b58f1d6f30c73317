"""Frozen vectors of every format, made by `scripts/vectors` from the reference alone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def load(name: str) -> dict[str, Any]:
    """The vectors of one format, by file name without its ending."""
    data: dict[str, Any] = json.loads((Path(__file__).parent / f"{name}.json").read_text())
    return data


def drawn(name: str, size: int) -> bytes:
    """The long inputs, which stand in the files by name only."""
    return hashlib.shake_256(b"threshold-kms vectors: " + name.encode()).digest(size)
