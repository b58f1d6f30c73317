"""Where a log's tiles and entries lie, and how a bundle of entries is written (C2SP tlog-tiles)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kms.crypto.merkle import TILE_HEIGHT, TILE_WIDTH
from kms.errors import Invalid

MAX_ENTRY: Final = (1 << 16) - 1
ENTRIES: Final = -1
"""The level of entry bundles."""
_PATH: Final = re.compile(
    r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile of hashes at a level (of 256 leaves' roots each, one level up), or a bundle of entries (`ENTRIES`)."""

    level: int
    number: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """As C2SP writes it: tile 1234067 of level 1, 5 wide, is `tile/1/x001/x234/067.p/5`."""
        digits = f"{self.number % 1000:03d}"
        rest = self.number // 1000
        while rest:
            digits, rest = f"x{rest % 1000:03d}/{digits}", rest // 1000
        level = "entries" if self.level == ENTRIES else str(self.level)
        part = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{digits}{part}"


def read_path(path: str) -> Tile:
    """The tile that a path names; Invalid if it is not written as C2SP writes it."""
    found = _PATH.fullmatch(path)
    if found is not None:
        level, digits, width = found.groups()
        tile = Tile(
            ENTRIES if level == "entries" else int(level),
            int(digits.replace("x", "").replace("/", "")),
            int(width) if width else TILE_WIDTH,
        )
        if tile.path == path:
            return tile
    raise Invalid("no path of a tile", reason="NO_SUCH_TILE")


def tiles_of(size: int, since: int = 0) -> list[Tile]:
    """The tiles and bundles of a log of this size that one of `since` entries does not have, partial ones last."""
    found: list[Tile] = []
    for level in (ENTRIES, *range(64 // TILE_HEIGHT)):
        shift = max(level, 0) * TILE_HEIGHT
        now, before = size >> shift, since >> shift
        if not now:
            break
        full, part = divmod(now, TILE_WIDTH)
        found += [Tile(level, number) for number in range(before // TILE_WIDTH, full)]
        if part and now != before:
            found.append(Tile(level, full, part))
    return found


def write_bundle(entries: Sequence[bytes]) -> bytes:
    """u16be length || entry, one after the other."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def read_bundle(raw: bytes, width: int) -> list[bytes]:
    """Exactly `width` entries; Invalid if anything is missing or left over."""
    entries, at = [], 0
    for _ in range(width):
        end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
        if at + 2 > len(raw) or end > len(raw):
            raise Invalid("a bundle of entries is cut off", reason="TILE_MALFORMED")
        entries.append(raw[at + 2 : end])
        at = end
    if at != len(raw):
        raise Invalid("a bundle of entries has more than it should", reason="TILE_MALFORMED")
    return entries
