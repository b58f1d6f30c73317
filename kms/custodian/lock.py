"""A locked node's memory: which officers' pieces are there, and for how long. Decides; speaks to nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kms.crypto.secret import Secret
from kms.storage import officers
from kms.storage.officers import Officers, Piece

REMEMBERED_SECONDS: Final = 15 * 60
"""Lists that came are not kept waiting in memory for somebody who may never come."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How many lists are there, are needed, and exist."""

    have: int
    needed: int
    of: int


class Lock:
    """Takes word lists one at a time; `now` gives seconds that never jump."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._path = path
        self._now = now
        self._file: Officers = officers.read(path)
        self._pieces: dict[int, tuple[Piece, float]] = {}

    def progress(self) -> Progress:
        """How far it is. ConfigError if the file is no longer one that officers open."""
        self._refresh()
        return Progress(len(self._pieces), self._file.needed, self._file.of)

    def add(self, words: str) -> Secret | None:
        """Take one list; the secret if it was the last one needed, and then every piece is forgotten.

        Invalid or Denied if the list is wrong: those that came before stay.
        """
        self._refresh()
        piece = self._file.piece(words)
        self._pieces[piece.officer] = (piece, self._now())
        if len(self._pieces) < self._file.needed:
            return None
        pieces = {officer: piece for officer, (piece, _) in self._pieces.items()}
        self._pieces.clear()
        return self._file.open(pieces)

    def forget_old(self) -> None:
        """Drop what came too long ago; called now and then, so that nothing waits for the next list."""
        oldest = self._now() - REMEMBERED_SECONDS
        self._pieces = {n: (piece, came) for n, (piece, came) in self._pieces.items() if came > oldest}

    def _refresh(self) -> None:
        self.forget_old()
        # Read again each time: after a rekey the old lists must open nothing, here as little as anywhere.
        file = officers.read(self._path)
        if file != self._file:
            self._file = file
            self._pieces.clear()
