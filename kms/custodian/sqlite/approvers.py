"""The approvers' part of the SQLite plug: who may approve, what they have said, how far their passkeys have counted."""

from __future__ import annotations

import sqlite3

from kms.custodian.store import StoredWord
from kms.statements.ids import RequestHash, Thumbprint


class SqliteApprovers:
    """Writes happen inside the store's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def entries(self) -> list[tuple[int, bytes]]:
        return self._db.execute("SELECT position, entry FROM approver_entries ORDER BY position").fetchall()

    def put_entry(self, position: int, entry: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO approver_entries VALUES (?, ?)", (position, entry))

    def head(self) -> bytes:
        row = self._db.execute("SELECT value FROM meta WHERE name = 'approvers_head'").fetchone()
        return bytes(row[0]) if row else b""

    def set_head(self, record: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('approvers_head', ?)", (record,))

    def subjects(self) -> list[bytes]:
        return [row[0] for row in self._db.execute("SELECT DISTINCT subject FROM approver_words")]

    def words(self, subject: bytes) -> list[StoredWord]:
        rows = self._db.execute(
            "SELECT approver, word, at FROM approver_words WHERE subject = ? ORDER BY at, approver",
            (subject,),
        )
        return [StoredWord(Thumbprint(approver), word, at) for approver, word, at in rows.fetchall()]

    def put_word(self, subject: bytes, word: StoredWord) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO approver_words VALUES (?, ?, ?, ?)",
            (subject, word.approver, word.word, word.at),
        )

    def forget_words(self, subject: bytes) -> None:
        self._db.execute("DELETE FROM approver_words WHERE subject = ?", (subject,))

    def count(self, thumbprint: Thumbprint) -> int:
        row = self._db.execute(
            "SELECT count FROM passkey_counts WHERE thumbprint = ?", (thumbprint,)
        ).fetchone()
        return int(row[0]) if row else 0

    def set_count(self, thumbprint: Thumbprint, count: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO passkey_counts VALUES (?, ?)", (thumbprint, count))

    def answers(self, request: RequestHash) -> list[StoredWord]:
        rows = self._db.execute(
            "SELECT approver, word, at FROM approver_answers WHERE request = ? ORDER BY at, approver",
            (request,),
        )
        return [StoredWord(Thumbprint(approver), word, at) for approver, word, at in rows.fetchall()]

    def add_answer(self, request: RequestHash, word: StoredWord) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO approver_answers VALUES (?, ?, ?, ?)",
            (request, word.approver, word.word, word.at),
        )

    def forget_answers(self, request: RequestHash) -> None:
        self._db.execute("DELETE FROM approver_answers WHERE request = ?", (request,))
