"""The part of the SQLite plug that keeps on what releases rested."""

from __future__ import annotations

import sqlite3
from typing import Final

_AT_ONCE: Final = 1000
"""Rows that are removed in one step."""
_TAG: Final = 16
"""Bytes of a request's hash that are indexed; the certificate has all of it."""


class SqliteCertificates:
    """Writes happen inside the store's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def add(self, request: bytes, at: int, certificate: bytes) -> None:
        self._db.execute(
            "INSERT INTO certificates (request, at, certificate) VALUES (?, ?, ?)",
            (request[:_TAG], at, certificate),
        )

    def of(self, request: bytes, limit: int) -> list[bytes]:
        rows = self._db.execute(
            "SELECT certificate FROM certificates WHERE request = ? ORDER BY id DESC LIMIT ?",
            (request[:_TAG], limit),
        ).fetchall()
        return [row[0] for row in rows]

    def forget(self, before: int) -> None:
        # Rows lie in the order in which they came: no index is kept for what is looked at from one end.
        self._db.execute(
            "DELETE FROM certificates"
            " WHERE id IN (SELECT id FROM certificates ORDER BY id LIMIT ?) AND at < ?",
            (_AT_ONCE, before),
        )
