"""The part of the SQLite plug that a roll of the row root walks over."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kms.custodian.roll_store import RollState, RowName


@dataclass(frozen=True, slots=True)
class Column:
    """Where wrapped keys, or values sealed for a purpose, lie; `name` is the table's primary key."""

    table: str
    column: str
    name: tuple[str, ...]
    purpose: str = ""


COLUMNS: Final = (
    Column("sealing_keys", "seed", ("period",), "sealing key"),
    Column("requests", "evidence", ("hash",), "evidence"),
    Column("requests", "text", ("hash",), "approval text"),
    Column("keys", "wrapped_key", ("id",)),
    Column("reshared", "wrapped_key", ("key", "version")),
    Column("pool_shares", "wrapped_key", ("c0",)),
    Column("draws", "wrapped_key", ("deposit", "position")),
)
"""All that lies under a row root. What is forgotten here is lost with the next roll."""


class SqliteRoll:
    """Writes happen inside the store's transaction."""

    kinds: Sequence[str] = tuple(column.purpose for column in COLUMNS)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def state(self) -> RollState | None:
        row = self._db.execute("SELECT value FROM meta WHERE name = 'row_root'").fetchone()
        return RollState.parse(row[0]) if row else None

    def set_state(self, state: RollState) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('row_root', ?)", (state.to_bytes(),))

    def count(self) -> int:
        tables = {column.table for column in COLUMNS}
        return sum(self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)

    def page(self, kind: int, after: RowName | None, limit: int) -> list[tuple[RowName, bytes]]:
        at = COLUMNS[kind]
        names = ", ".join(at.name)
        where = f" WHERE ({names}) > ({', '.join('?' * len(at.name))})" if after is not None else ""
        rows = self._db.execute(
            f"SELECT {names}, CAST({at.column} AS BLOB) FROM {at.table}{where} ORDER BY {names} LIMIT ?",
            (*(after or ()), limit),
        )
        return [(tuple(row[:-1]), row[-1]) for row in rows.fetchall()]

    def destroyed_since(self, at: int) -> bool:
        return (
            self._db.execute("SELECT 1 FROM destructions WHERE destroyed_at >= ? LIMIT 1", (at,)).fetchone()
            is not None
        )

    def put(self, kind: int, rows: Sequence[tuple[RowName, bytes]]) -> None:
        at = COLUMNS[kind]
        where = " AND ".join(f"{name} = ?" for name in at.name)
        self._db.executemany(
            f"UPDATE {at.table} SET {at.column} = ? WHERE {where}", [(value, *name) for name, value in rows]
        )
