"""Where a log is read from: a node's public port, or a folder in the static layout of C2SP tlog-tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from kms.crypto.merkle import HASH_SIZE, TILE_WIDTH
from kms.errors import Invalid, NotFound, Unavailable
from kms.statements.checkpoint import MAX_NOTE
from kms.statements.entries import MAX_ENTRY
from kms.statements.tiles import ENTRIES, Tile

MAX_BUNDLE: Final = TILE_WIDTH * (MAX_ENTRY + 2)
MAX_CERTIFICATE: Final = 4 << 20
MAX_CERTIFICATES: Final = 64
"""Of one request: a custodian keeps no more."""


class LogReader(Protocol):
    """One custodian's log as it shows it. Nothing that comes from here is believed; every failure is a KmsError."""

    live: bool
    """Whether the custodian itself answers: an export may be an old one."""

    def checkpoint(self) -> bytes:
        """The newest signed checkpoint: a note's bytes."""
        ...

    def tiles(self, wanted: Sequence[Tile]) -> Sequence[bytes]:
        """The bytes of these tiles and bundles, in this order, at least as wide as asked for."""
        ...

    def certificate(self, request_hash: bytes) -> Sequence[bytes]:
        """The certificates on which this custodian released for a request; none if it keeps none."""
        ...

    def seen(self) -> Sequence[bytes]:
        """Checkpoints of others' logs that this custodian keeps: notes, of any origin."""
        ...

    def misbehaviour(self) -> Sequence[bytes]:
        """Evidence that it keeps against others' logs (`statements.misbehaviour`), exact bytes."""
        ...

    def close(self) -> None: ...


class LogSource(Protocol):
    """How to reach a log: small and picklable, so that each log is read in a process of its own."""

    def open(self) -> LogReader: ...


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A log that was exported: `checkpoint`, `tile/...`, and perhaps `certificates/REQUEST-HASH*`."""

    folder: Path
    live: bool = False
    """Whether the folder is served by the custodian as it is now."""

    def open(self) -> FolderLog:
        return FolderLog(self.folder, self.live)


class FolderLog:
    """Reads an exported log."""

    def __init__(self, folder: Path, live: bool = False) -> None:
        self._folder, self.live = folder, live

    def checkpoint(self) -> bytes:
        return self._read("checkpoint", MAX_NOTE)

    def tiles(self, wanted: Sequence[Tile]) -> Sequence[bytes]:
        return [self._tile(tile) for tile in wanted]

    def certificate(self, request_hash: bytes) -> Sequence[bytes]:
        found = sorted((self._folder / "certificates").glob(f"{request_hash.hex()}*"))[:MAX_CERTIFICATES]
        return [self._read(str(path.relative_to(self._folder)), MAX_CERTIFICATE) for path in found]

    def seen(self) -> Sequence[bytes]:
        return ()

    def misbehaviour(self) -> Sequence[bytes]:
        return ()

    def close(self) -> None:
        pass

    def _tile(self, tile: Tile) -> bytes:
        most = MAX_BUNDLE if tile.level == ENTRIES else TILE_WIDTH * HASH_SIZE
        try:
            return self._read(tile.path, most)
        except NotFound:
            if tile.width == TILE_WIDTH:
                raise
        # C2SP: a partial tile may be gone once the whole one is there.
        return self._read(Tile(tile.level, tile.number).path, most)

    def _read(self, name: str, most: int) -> bytes:
        try:
            with (self._folder / name).open("rb") as file:
                data = file.read(most + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"the log's folder has no {name}", reason="NOT_SHOWN") from None
        except OSError as error:
            raise Unavailable(f"cannot read {name}: {error.strerror}", reason="NOT_SHOWN") from None
        if len(data) > most:
            raise Invalid(f"{name} is larger than {most} bytes", reason="TOO_LARGE")
        return data
