"""The consent part of the SQLite plug: what owners said, and what they are to be told."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from typing import Any, cast

from kms.custodian.consent_store import StoredMandate
from kms.statements.ids import Thumbprint

_PART = 500


class SqliteConsent:
    """Writes happen inside the store's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def receipt(self, statement: bytes) -> bytes | None:
        row = self._db.execute(
            "SELECT receipt FROM consent_receipts WHERE statement = ?", (statement,)
        ).fetchone()
        return cast(bytes, row[0]) if row else None

    def add_receipt(self, statement: bytes, envelope: bytes) -> None:
        self._db.execute("INSERT INTO consent_receipts VALUES (?, ?)", (statement, envelope))

    def mandates(self, owners: Collection[Thumbprint]) -> list[StoredMandate]:
        columns = "owner, key, kind, sequence, envelope"
        return [StoredMandate(*row) for row in self._of(owners, columns, "mandates")]

    def put_mandate(self, mandate: StoredMandate) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO mandates VALUES (?, ?, ?, ?, ?)",
            (mandate.owner, mandate.key, mandate.kind, mandate.sequence, mandate.envelope),
        )

    def owners_of(self, key: Thumbprint) -> list[Thumbprint]:
        rows = self._db.execute("SELECT DISTINCT owner FROM mandates WHERE key = ?", (key,))
        return [Thumbprint(row[0]) for row in rows]

    def revoke_key(self, owner: Thumbprint, key: Thumbprint) -> None:
        self._db.execute("INSERT OR IGNORE INTO revoked_owner_keys VALUES (?, ?)", (owner, key))

    def revoked_keys(self, owners: Collection[Thumbprint]) -> set[tuple[Thumbprint, Thumbprint]]:
        rows = self._of(owners, "owner, key", "revoked_owner_keys")
        return {(Thumbprint(row[0]), Thumbprint(row[1])) for row in rows}

    def _of(self, owners: Collection[Thumbprint], columns: str, table: str) -> Iterator[Any]:
        wanted = list(owners)
        for start in range(0, len(wanted), _PART):
            part = wanted[start : start + _PART]
            marks = ",".join("?" * len(part))
            yield from self._db.execute(
                f"SELECT {columns} FROM {table} WHERE owner IN ({marks})", part
            ).fetchall()

    def binding(self, owner: Thumbprint) -> tuple[int, bytes] | None:
        row = self._db.execute(
            "SELECT sequence, subjects FROM owner_bindings WHERE owner = ?", (owner,)
        ).fetchone()
        return cast(tuple[int, bytes], row) if row else None

    def put_binding(self, owner: Thumbprint, sequence: int, subjects: bytes) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO owner_bindings VALUES (?, ?, ?)", (owner, sequence, subjects)
        )

    def add_notice(self, owner_tag: bytes, at: int, sealed: bytes) -> None:
        self._db.execute(
            "INSERT INTO notices (owner_tag, at, sealed) VALUES (?, ?, ?)", (owner_tag, at, sealed)
        )

    def notices(self, owner_tag: bytes, after: int, limit: int) -> list[tuple[int, bytes]]:
        return self._db.execute(
            "SELECT number, sealed FROM notices WHERE owner_tag = ? AND number > ? ORDER BY number LIMIT ?",
            (owner_tag, after, limit),
        ).fetchall()

    def forget_notices(self, before: int) -> None:
        self._db.execute("DELETE FROM notices WHERE at < ?", (before,))
