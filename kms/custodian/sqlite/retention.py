"""The part of the SQLite plug that knows whose time began anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from kms.statements.ids import KeyId

_PART = 500


class SqliteRetention:
    """Writes happen inside the store's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def begun(self, key_ids: Sequence[KeyId]) -> Mapping[KeyId, int]:
        found: dict[KeyId, int] = {}
        for start in range(0, len(key_ids), _PART):
            part = key_ids[start : start + _PART]
            marks = ",".join("?" * len(part))
            rows = self._db.execute(
                f"SELECT key_id, since FROM kept_anew WHERE key_id IN ({marks})", tuple(part)
            )
            found |= {KeyId(row[0]): row[1] for row in rows.fetchall()}
        return found

    def begin(self, key_ids: Sequence[KeyId], at: int) -> None:
        self._db.executemany("INSERT OR REPLACE INTO kept_anew VALUES (?, ?)", [(k, at) for k in key_ids])
