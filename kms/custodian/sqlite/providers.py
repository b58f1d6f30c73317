"""The providers' part of the SQLite plug: one sealed row for each."""

from __future__ import annotations

import sqlite3


class SqliteProviders:
    """Writes happen inside the store's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def all(self) -> list[bytes]:
        return [row[0] for row in self._db.execute("SELECT state FROM providers ORDER BY iss")]

    def put(self, iss: str, state: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO providers VALUES (?, ?)", (iss, state))
