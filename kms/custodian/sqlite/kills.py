"""The kill list's part of the SQLite plug. Nothing in it is ever deleted: what ended stays to be seen."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from kms.statements.kills import Kill, KillKind


class SqliteKills:
    """Writes happen inside the store's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def add(self, kill: Kill, killed: bytes) -> None:
        self._db.execute(
            "INSERT INTO kills VALUES (?, ?, ?, ?, ?)",
            (kill.statement_hash, int(kill.kind), kill.name, kill.until, killed),
        )

    def word_on(self, statement_hash: bytes) -> bytes | None:
        row = self._db.execute("SELECT killed FROM kills WHERE statement = ?", (statement_hash,)).fetchone()
        return row[0] if row else None

    def any_of(self, names: Sequence[tuple[KillKind, bytes]], now: int) -> bool:
        either = " OR ".join(["(name = ? AND kind = ?)"] * len(names))
        values = [value for kind, name in names for value in (name, int(kind))]
        row = self._db.execute(
            f"SELECT 1 FROM kills WHERE ({either}) AND (until = 0 OR until > ?) LIMIT 1", (*values, now)
        ).fetchone()
        return row is not None
