"""The part of the SQLite plug that keeps what entries of the log mean to owners."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

_AT_ONCE = 1000
"""Rows that are removed in one step."""


class SqliteDetails:
    """Writes happen inside the store's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def add(self, log_index: int, at: int, rows: Sequence[tuple[bytes, bytes]]) -> None:
        self._db.executemany(
            "INSERT INTO owner_details (tag, log_index, at, sealed) VALUES (?, ?, ?, ?)",
            [(tag, log_index, at, sealed) for tag, sealed in rows],
        )

    def page(self, tag: bytes, after: int, limit: int) -> list[tuple[int, bytes]]:
        return self._db.execute(
            "SELECT log_index, sealed FROM owner_details WHERE tag = ? AND log_index > ?"
            " ORDER BY log_index LIMIT ?",
            (tag, after, limit),
        ).fetchall()

    def forget(self, before: int) -> None:
        # Rows lie in the order in which they came: no index is kept for what is looked at from one end.
        self._db.execute(
            "DELETE FROM owner_details"
            " WHERE id IN (SELECT id FROM owner_details ORDER BY id LIMIT ?) AND at < ?",
            (_AT_ONCE, before),
        )
