"""The history part of the SQLite plug: one row for each decision, and their sums by the hour."""

from __future__ import annotations

import sqlite3

from kms.custodian.store import HistoryFilter, HourCount, StoredOutcome
from kms.statements.ids import Thumbprint

HOUR = 3600


class SqliteHistory:
    """Writes happen inside the store's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    _NEW = "at, request, outcome, reason, allowed, denied, pending, categories, purpose, principal, approver, seconds"

    def add(self, row: StoredOutcome) -> None:
        self._db.execute(
            f"INSERT INTO history ({self._NEW}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.at,
                row.request,
                row.outcome,
                row.reason,
                row.allowed,
                row.denied,
                row.pending,
                row.categories,
                row.purpose,
                row.principal,
                row.approver,
                row.seconds,
            ),
        )
        answered = int(row.seconds >= 0)
        self._db.execute(
            "INSERT INTO history_hours VALUES (?, ?, 1, ?, ?, ?) ON CONFLICT (hour, outcome) DO UPDATE SET"
            " decisions = history_hours.decisions + 1, keys = history_hours.keys + excluded.keys,"
            " answered = history_hours.answered + excluded.answered,"
            " seconds = history_hours.seconds + excluded.seconds",
            (row.at // HOUR * HOUR, row.outcome, row.allowed, answered, max(0, row.seconds)),
        )

    def was_let_in(self, principal: Thumbprint) -> bool:
        row = self._db.execute(
            "SELECT 1 FROM history WHERE principal = ? AND allowed + pending > 0 LIMIT 1", (principal,)
        ).fetchone()
        return row is not None

    def page(self, wanted: HistoryFilter, before: int, limit: int) -> list[StoredOutcome]:
        conditions = {
            "at >= ?": wanted.since or None,
            "at < ?": wanted.until or None,
            "request = ?": wanted.request or None,
            "principal = ?": wanted.principal or None,
            "approver = ? AND approver != x''": wanted.approver or None,
            "purpose = ?": wanted.purpose or None,
            # Rows are in the order of time, which every index ends in: a page costs what it holds, wherever it lies.
            "(at, id) < (SELECT at, id FROM history WHERE id = ?)": before or None,
        }
        used = {text: value for text, value in conditions.items() if value is not None}
        values: list[object] = list(used.values())
        texts = list(used)
        if wanted.outcomes:
            # Of several outcomes there are many rows: they are met on the way, and not gathered and sorted.
            column = "outcome" if len(wanted.outcomes) == 1 else "(outcome || '')"
            texts.append(f"{column} IN ({','.join('?' * len(wanted.outcomes))})")
            values += sorted(wanted.outcomes)
        where = f" WHERE {' AND '.join(texts)}" if texts else ""
        rows = self._db.execute(
            f"SELECT id, {self._NEW} FROM history{where} ORDER BY at DESC, id DESC LIMIT ?", (*values, limit)
        )
        return [StoredOutcome(*row) for row in rows.fetchall()]

    def hours(self, since: int, until: int) -> list[HourCount]:
        rows = self._db.execute(
            "SELECT hour, outcome, decisions, keys, answered, seconds FROM history_hours"
            " WHERE hour >= ? AND hour < ? ORDER BY hour, outcome",
            (since // HOUR * HOUR, until),
        )
        return [HourCount(*row) for row in rows.fetchall()]

    def forget(self, before: int, keep: int) -> None:
        self._db.execute("DELETE FROM history WHERE at < ?", (before,))
        self._db.execute(
            "DELETE FROM history WHERE id <= (SELECT coalesce(max(id), 0) FROM history) - ?", (keep,)
        )
        self._db.execute("DELETE FROM history_hours WHERE hour < ?", (before // HOUR * HOUR,))
