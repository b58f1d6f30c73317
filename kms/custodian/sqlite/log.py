"""The log's part of the SQLite plug: entries, and the roots over 256, 256^2, ... of them that are complete."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence


class SqliteLog:
    """Writes happen inside the store's transaction. Only the head's record changes, unless a log is brought back."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def size(self) -> int:
        row = self._db.execute("SELECT idx FROM log ORDER BY idx DESC LIMIT 1").fetchone()
        return row[0] + 1 if row else 0

    def entries(self, start: int, limit: int) -> list[bytes]:
        rows = self._db.execute(
            "SELECT payload FROM log WHERE idx >= ? ORDER BY idx LIMIT ?", (start, limit)
        ).fetchall()
        return [row[0] for row in rows]

    def roots(self, level: int, first: int, limit: int) -> list[bytes]:
        rows = self._db.execute(
            "SELECT root FROM log_roots WHERE level = ? AND number >= ? ORDER BY number LIMIT ?",
            (level, first, limit),
        ).fetchall()
        return [row[0] for row in rows]

    def head(self) -> bytes:
        row = self._db.execute("SELECT value FROM meta WHERE name = 'log_head'").fetchone()
        return row[0] if row else b""

    def append(
        self, first: int, entries: Sequence[bytes], roots: Sequence[tuple[int, int, bytes]], head: bytes
    ) -> None:
        rows = list(enumerate(entries, first))
        if len(rows) == 1:
            self._db.execute("INSERT INTO log (idx, payload) VALUES (?, ?)", rows[0])
        else:
            self._db.executemany("INSERT INTO log (idx, payload) VALUES (?, ?)", rows)
        if roots:
            self._db.executemany("INSERT INTO log_roots VALUES (?, ?, ?)", roots)
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('log_head', ?)", (head,))

    def cut(self, size: int, head: bytes) -> None:
        self._db.execute("DELETE FROM log WHERE idx >= ?", (size,))
        for (level,) in self._db.execute("SELECT DISTINCT level FROM log_roots").fetchall():
            self._db.execute(
                "DELETE FROM log_roots WHERE level = ? AND number >= ?", (level, size >> 8 * level)
            )
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('log_head', ?)", (head,))

    def checkpoint(self) -> bytes:
        row = self._db.execute("SELECT value FROM meta WHERE name = 'checkpoint'").fetchone()
        return row[0] if row else b""

    def set_checkpoint(self, note: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('checkpoint', ?)", (note,))
