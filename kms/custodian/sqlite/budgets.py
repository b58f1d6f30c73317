"""The part of the SQLite plug that counts what budgets bound."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

_PART = 500


class SqliteBudgets:
    """Writes happen inside the store's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def totals(self, names: Sequence[bytes], since: int) -> Mapping[bytes, int]:
        found: dict[bytes, int] = {}
        for start in range(0, len(names), _PART):
            part = names[start : start + _PART]
            marks = ",".join("?" * len(part))
            found.update(
                self._db.execute(
                    f"SELECT name, sum(n) FROM budget_counts WHERE name IN ({marks}) AND at >= ? GROUP BY name",
                    (*part, since),
                ).fetchall()
            )
        return found

    def highest(self, budget: int, since: int) -> int:
        row = self._db.execute(
            "SELECT sum(n) FROM budget_counts WHERE budget = ? AND at >= ? GROUP BY name ORDER BY 1 DESC LIMIT 1",
            (budget, since),
        ).fetchone()
        return int(row[0]) if row else 0

    def add(self, counts: Sequence[tuple[bytes, int, int, int, int]]) -> None:
        self._db.executemany(
            "INSERT INTO budget_counts VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (name, at) DO UPDATE SET n = budget_counts.n + excluded.n",
            counts,
        )

    def forget(self, now: int) -> None:
        self._db.execute("DELETE FROM budget_counts WHERE until < ?", (now,))
