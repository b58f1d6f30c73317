"""The copies' part of the SQLite plug: other custodians' logs, entry by entry, and what witnesses said of our own."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from kms.custodian.mirrors import Cosignature, Untold
from kms.statements.audit import LogKind
from kms.storage import database


class SqliteMirror:
    """One log's copy. Each write is a transaction of its own; what is above its size may be anything."""

    def __init__(self, connection: sqlite3.Connection, number: int) -> None:
        self._db, self._log = connection, number

    def entries(self, start: int, limit: int) -> list[bytes]:
        rows = self._db.execute(
            "SELECT payload FROM mirror_entries WHERE log = ? AND idx >= ? ORDER BY idx LIMIT ?",
            (self._log, start, limit),
        ).fetchall()
        return [row[0] for row in rows]

    def roots(self, level: int, first: int, limit: int) -> list[bytes]:
        rows = self._db.execute(
            "SELECT root FROM mirror_roots WHERE log = ? AND level = ? AND number >= ? ORDER BY number LIMIT ?",
            (self._log, level, first, limit),
        ).fetchall()
        return [row[0] for row in rows]

    def settled(self) -> tuple[int, bytes]:
        size, note = self._db.execute("SELECT size, note FROM mirrors WHERE id = ?", (self._log,)).fetchone()
        return size, note

    def add(self, first: int, entries: Sequence[bytes], roots: Sequence[tuple[int, int, bytes]]) -> None:
        with database.transaction(self._db):
            self._db.executemany(
                "INSERT OR REPLACE INTO mirror_entries VALUES (?, ?, ?)",
                [(self._log, number, entry) for number, entry in enumerate(entries, first)],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO mirror_roots VALUES (?, ?, ?, ?)",
                [(self._log, *root) for root in roots],
            )

    def settle(self, size: int, note: bytes) -> None:
        with database.transaction(self._db):
            self._db.execute(
                "UPDATE mirrors SET size = ?, note = ? WHERE id = ? AND size <= ?",
                (size, note, self._log, size),
            )


class SqliteMirrors:
    """Copies by origin, and cosignatures of our own log by witness."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._lacking: set[tuple[bytes, LogKind]] | None = None

    def find(self, origin: str) -> SqliteMirror | None:
        row = self._db.execute("SELECT id FROM mirrors WHERE origin = ?", (origin,)).fetchone()
        return SqliteMirror(self._db, row[0]) if row else None

    def begin(self, origin: str) -> SqliteMirror:
        with database.transaction(self._db):
            self._db.execute(
                "INSERT OR IGNORE INTO mirrors (origin, size, note) VALUES (?, 0, x'')", (origin,)
            )
        found = self.find(origin)
        assert found is not None
        return found

    def cosigned(self) -> list[Cosignature]:
        rows = self._db.execute("SELECT witness, size, root, line, at FROM cosignatures ORDER BY witness")
        return [Cosignature(*row) for row in rows.fetchall()]

    def keep_cosignature(self, cosignature: Cosignature) -> None:
        with database.transaction(self._db):
            self._db.execute(
                "INSERT OR REPLACE INTO cosignatures VALUES (?, ?, ?, ?, ?)",
                (
                    cosignature.witness,
                    cosignature.size,
                    cosignature.root,
                    cosignature.line,
                    cosignature.at,
                ),
            )

    def cosigned_note(self) -> bytes:
        row = self._db.execute("SELECT value FROM meta WHERE name = 'log_cosigned'").fetchone()
        return row[0] if row else b""

    def set_cosigned_note(self, note: bytes) -> None:
        with database.transaction(self._db):
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('log_cosigned', ?)", (note,))

    def ahead(self) -> bytes:
        row = self._db.execute("SELECT value FROM meta WHERE name = 'log_ahead'").fetchone()
        return row[0] if row else b""

    def set_ahead(self, note: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('log_ahead', ?)", (note,))

    def lost_before(self) -> int:
        row = self._db.execute("SELECT value FROM meta WHERE name = 'log_lost_before'").fetchone()
        return int.from_bytes(row[0], "big") if row else 0

    def set_lost_before(self, index: int) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO meta VALUES ('log_lost_before', ?)", (index.to_bytes(8, "big"),)
        )

    def add_untold(self, statements: Sequence[Untold]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO untold VALUES (?, ?, ?, ?)",
            [(one.subject, int(one.kind), one.principal, one.outcome) for one in statements],
        )
        self._lacking = None

    def untold(self) -> list[Untold]:
        rows = self._db.execute("SELECT subject, kind, principal, outcome FROM untold ORDER BY kind, subject")
        return [Untold(subject, LogKind(kind), *rest) for subject, kind, *rest in rows.fetchall()]

    def lacks(self, principal: bytes, kind: LogKind) -> bool:
        if self._lacking is None:  # as a rule there is nothing, and each grant of each request asks
            self._lacking = {(one.principal, one.kind) for one in self.untold()}
        return (principal, kind) in self._lacking

    def told(self, subject: bytes) -> None:
        self._db.execute("DELETE FROM untold WHERE subject = ?", (subject,))
        self._lacking = None

    def told_by(self, principal: bytes, kind: LogKind) -> None:
        self._db.execute("DELETE FROM untold WHERE principal = ? AND kind = ?", (principal, int(kind)))
        self._lacking = None

    def displace(self, at: int, first: int, entries: Sequence[bytes]) -> None:
        self._db.executemany(
            "INSERT INTO displaced VALUES (?, ?, ?)",
            [(at, number, entry) for number, entry in enumerate(entries, first)],
        )

    def forget(self, origin: str) -> None:
        found = "(SELECT id FROM mirrors WHERE origin = ?)"
        for table in ("mirror_entries", "mirror_roots"):
            self._db.execute(f"DELETE FROM {table} WHERE log IN {found}", (origin,))
        self._db.execute("DELETE FROM mirrors WHERE origin = ?", (origin,))
