"""The witness's part of the SQLite plug: what was seen last of each log, and evidence against logs."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from kms.custodian.witness import Witnessed
from kms.statements.misbehaviour import Misbehaviour, read_misbehaviour
from kms.storage import database

MAX_EVIDENCES: Final = 8
"""Against one log: more prove nothing more, and whoever signs checkpoints must not fill the disk with them."""


class SqliteWitness:
    """Each write is a transaction of its own, on disk when it returns."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def last(self, origin: str) -> Witnessed | None:
        row = self._db.execute(
            "SELECT size, root, note FROM witnessed WHERE origin = ?", (origin,)
        ).fetchone()
        return Witnessed(*row) if row else None

    def all(self) -> Mapping[str, Witnessed]:
        rows = self._db.execute("SELECT origin, size, root, note FROM witnessed ORDER BY origin")
        return {origin: Witnessed(*rest) for origin, *rest in rows.fetchall()}

    def advance(self, origin: str, old: int, new: Witnessed) -> bool:
        with database.transaction(self._db):
            # One statement compares and writes: a log that was never seen counts as one of size 0.
            changed = self._db.execute(
                "INSERT INTO witnessed SELECT ?1, ?2, ?3, ?4"
                " WHERE ?5 = 0 OR EXISTS (SELECT 1 FROM witnessed WHERE origin = ?1)"
                " ON CONFLICT (origin) DO UPDATE SET size = ?2, root = ?3, note = ?4 WHERE witnessed.size = ?5",
                (origin, new.size, new.root, new.note, old),
            ).rowcount
        return changed == 1

    def accuse(self, origin: str, evidence: Misbehaviour, at: int) -> bool:
        with database.transaction(self._db):
            changed = self._db.execute(
                "INSERT OR IGNORE INTO misbehaviour SELECT ?1, ?2, ?3"
                " WHERE (SELECT count(*) FROM misbehaviour WHERE origin = ?2) < ?4",
                (evidence.to_bytes(), origin, at, MAX_EVIDENCES),
            ).rowcount
        return changed == 1

    def evidence(self) -> list[Misbehaviour]:
        rows = self._db.execute("SELECT evidence FROM misbehaviour ORDER BY at, evidence")
        return [read_misbehaviour(row[0]) for row in rows.fetchall()]
