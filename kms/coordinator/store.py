"""The coordinator's disk: descriptors, receipts, blobs still to be delivered, the last sealing keys it saw."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

from sqlite_utils import Database, Migrations

from kms.statements.ids import DepositHash, KeyId
from kms.statements.keys import OpenedDeposit
from kms.storage import database

MIGRATIONS = Migrations("coordinator")


@MIGRATIONS()
def m001_first(db: Database) -> None:
    database.run_file(db, Path(__file__).parent / "schema.sql")


@MIGRATIONS()
def m_destructions(db: Database) -> None:
    database.run_file(db, Path(__file__).parent / "destructions.sql")


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A sealed blob that a custodian has not taken yet."""

    deposit: DepositHash
    envelope: bytes
    custodian: int
    sealed: bytes = field(repr=False)
    sealed_evidence: bytes = field(repr=False)


class CoordinatorStore(Protocol):
    """The port. Each method is one durable transaction."""

    def add_deposit(self, opened: OpenedDeposit, states: Sequence[int]) -> None: ...
    def add_receipt(self, deposit: DepositHash, custodian: int, envelope: bytes) -> None: ...
    def receipts(self, deposit: DepositHash) -> Mapping[int, bytes]: ...
    def set_states(self, states: Mapping[KeyId, int]) -> None: ...
    def found(self, key_ids: Sequence[KeyId]) -> Mapping[KeyId, tuple[bytes, int]]:
        """Key id -> (descriptor, state)."""
        ...

    def add_undelivered(self, blobs: Sequence[Undelivered]) -> None: ...
    def undelivered(self, custodian: int, limit: int) -> Sequence[Undelivered]: ...
    def delivered(self, deposit: DepositHash, custodian: int) -> None: ...
    def put_destruction(
        self, order_hash: bytes, key_ids: Sequence[KeyId], kept: bytes, state: int, done: bool
    ) -> None:
        """Keep an order, or what is known of it now; `state` is that of its keys, 0 where it was called off."""
        ...

    def destructions_left(self, limit: int) -> Sequence[bytes]:
        """What is kept of orders that are not done everywhere."""
        ...

    def sealing_keys(self) -> Mapping[int, bytes]: ...
    def put_sealing_key(self, custodian: int, envelope: bytes) -> None: ...
    def close(self) -> None: ...


class SqliteCoordinatorStore:
    """`CoordinatorStore` in one SQLite file; made when it is missing, for it holds nothing irreplaceable."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @classmethod
    def open(cls, path: database.Place) -> SqliteCoordinatorStore:
        opener = database.open_existing if path.exists() else database.create
        return cls(opener(path, MIGRATIONS))

    def close(self) -> None:
        self._db.close()

    def add_deposit(self, opened: OpenedDeposit, states: Sequence[int]) -> None:
        with database.transaction(self._db) as db:
            row = db.execute(
                "INSERT INTO deposits (hash, envelope) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING RETURNING id",
                (opened.hash, opened.signed.envelope),
            ).fetchone()
            if row is None:  # the same deposit again
                return
            db.executemany(
                "INSERT OR IGNORE INTO keys VALUES (?, ?, ?, ?)",
                [
                    (d.key_id, d.payload, row[0], state)
                    for d, state in zip(opened.descriptors, states, strict=True)
                ],
            )

    def _deposit_id(self, deposit: DepositHash) -> int | None:
        row = self._db.execute("SELECT id FROM deposits WHERE hash = ?", (deposit,)).fetchone()
        return cast(int, row[0]) if row else None

    def add_receipt(self, deposit: DepositHash, custodian: int, envelope: bytes) -> None:
        with database.transaction(self._db) as db:
            db.execute(
                "INSERT OR IGNORE INTO receipts VALUES (?, ?, ?)",
                (self._deposit_id(deposit), custodian, envelope),
            )

    def receipts(self, deposit: DepositHash) -> Mapping[int, bytes]:
        rows = self._db.execute(
            "SELECT custodian, envelope FROM receipts WHERE deposit = ?", (self._deposit_id(deposit),)
        )
        return dict(rows)

    def set_states(self, states: Mapping[KeyId, int]) -> None:
        with database.transaction(self._db) as db:
            db.executemany(
                "UPDATE keys SET state = ? WHERE key_id = ? AND state < ?",
                [(state, key_id, state) for key_id, state in states.items()],
            )

    def found(self, key_ids: Sequence[KeyId]) -> Mapping[KeyId, tuple[bytes, int]]:
        marks = ",".join("?" * len(key_ids))
        rows = self._db.execute(
            f"SELECT key_id, descriptor, state FROM keys WHERE key_id IN ({marks})", list(key_ids)
        )
        found = {KeyId(key_id): (descriptor, state) for key_id, descriptor, state in rows}
        ended = self._db.execute(
            "SELECT e.key_id, d.state FROM ended_keys e JOIN destructions d ON d.order_hash = e.order_hash"
            f" WHERE e.key_id IN ({marks})",
            list(key_ids),
        )
        for key_id, state in ended.fetchall():
            if key_id in found:
                descriptor, before = found[KeyId(key_id)]
                found[KeyId(key_id)] = (descriptor, max(before, state))
        return found

    def put_destruction(
        self, order_hash: bytes, key_ids: Sequence[KeyId], kept: bytes, state: int, done: bool
    ) -> None:
        with database.transaction(self._db) as db:
            db.execute(
                "INSERT OR REPLACE INTO destructions VALUES (?, ?, ?, ?)",
                (order_hash, kept, state, int(done)),
            )
            db.executemany(
                "INSERT OR IGNORE INTO ended_keys VALUES (?, ?)", [(key_id, order_hash) for key_id in key_ids]
            )

    def destructions_left(self, limit: int) -> Sequence[bytes]:
        rows = self._db.execute(
            "SELECT kept FROM destructions WHERE done = 0 ORDER BY order_hash LIMIT ?", (limit,)
        )
        return [row[0] for row in rows.fetchall()]

    def add_undelivered(self, blobs: Sequence[Undelivered]) -> None:
        with database.transaction(self._db) as db:
            db.executemany(
                "INSERT OR REPLACE INTO undelivered VALUES (?, ?, ?, ?)",
                [(self._deposit_id(b.deposit), b.custodian, b.sealed, b.sealed_evidence) for b in blobs],
            )

    def undelivered(self, custodian: int, limit: int) -> Sequence[Undelivered]:
        rows = self._db.execute(
            "SELECT d.hash, d.envelope, u.custodian, u.sealed, u.sealed_evidence FROM undelivered u"
            " JOIN deposits d ON d.id = u.deposit WHERE u.custodian = ? ORDER BY d.id LIMIT ?",
            (custodian, limit),
        ).fetchall()
        return [Undelivered(*row) for row in rows]

    def delivered(self, deposit: DepositHash, custodian: int) -> None:
        with database.transaction(self._db) as db:
            db.execute(
                "DELETE FROM undelivered WHERE deposit = ? AND custodian = ?",
                (self._deposit_id(deposit), custodian),
            )

    def sealing_keys(self) -> Mapping[int, bytes]:
        return dict(self._db.execute("SELECT * FROM sealing_keys"))

    def put_sealing_key(self, custodian: int, envelope: bytes) -> None:
        with database.transaction(self._db) as db:
            db.execute("INSERT OR REPLACE INTO sealing_keys VALUES (?, ?)", (custodian, envelope))
