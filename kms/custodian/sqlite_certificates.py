"""The part of the SQLite plug that keeps on what releases rested."""

from __future__ import annotations

import sqlite3


class SqliteCertificates:
    """Writes happen inside the store's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def add(self, certificate_hash: bytes, request: bytes, at: int, certificate: bytes) -> None:
        self._db.execute(
            "INSERT OR IGNORE INTO certificates VALUES (?, ?, ?, ?)",
            (certificate_hash, request, at, certificate),
        )

    def of(self, request: bytes, certificate_hash: bytes, limit: int) -> list[bytes]:
        rows = self._db.execute(
            "SELECT certificate FROM certificates WHERE request = ? AND (? = x'' OR hash = ?)"
            " ORDER BY at DESC, hash LIMIT ?",
            (request, certificate_hash, certificate_hash, limit),
        ).fetchall()
        return [row[0] for row in rows]

    def forget(self, before: int) -> None:
        self._db.execute("DELETE FROM certificates WHERE at < ?", (before,))
