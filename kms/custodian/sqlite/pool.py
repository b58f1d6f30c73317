"""The pool part of the SQLite plug: keys that custodians made jointly, and draws that are not confirmed yet."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from kms.custodian.store import PoolShare, StoredPool
from kms.custodian.vault import SealedRow
from kms.statements.ids import DepositHash
from kms.statements.keys import Descriptor, read_descriptor

_PART = 500


class SqlitePool:
    """Writes happen inside the store's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    _POOL = "plan_hash, plan, points, generated"

    def find(self, order_hash: bytes, batch: int) -> StoredPool | None:
        row = self._db.execute(
            f"SELECT {self._POOL} FROM pools WHERE order_hash = ? AND batch = ?", (order_hash, batch)
        ).fetchone()
        return StoredPool(*row) if row else None

    def add(
        self, order_hash: bytes, batch: int, pool: StoredPool, shares: Sequence[tuple[bytes, bytes, bytes]]
    ) -> None:
        (number,) = self._db.execute(
            "INSERT INTO pools (plan_hash, order_hash, batch, plan, points, generated)"
            " VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
            (pool.plan_hash, order_hash, batch, pool.plan, pool.points, pool.generated),
        ).fetchone()
        self._db.executemany(
            "INSERT INTO pool_shares VALUES (?, ?, ?, ?, ?)",
            [(c0, number, at, wrapped, share) for at, (c0, wrapped, share) in enumerate(shares)],
        )

    def shares(self, commitments: Sequence[bytes]) -> Mapping[bytes, PoolShare]:
        found = {}
        for start in range(0, len(commitments), _PART):
            part = commitments[start : start + _PART]
            marks = ",".join("?" * len(part))
            for c0, position, wrapped, share, *pool in self._db.execute(
                f"SELECT s.c0, s.position, s.wrapped_key, s.share, {self._POOL} FROM pool_shares s"
                f" JOIN pools p ON p.id = s.pool WHERE s.c0 IN ({marks})",
                part,
            ):
                found[c0] = PoolShare(StoredPool(*pool), position, wrapped, share)
        return found

    def left(self, limit: int) -> list[tuple[StoredPool, list[int]]]:
        rows = self._db.execute(
            f"SELECT id, {self._POOL} FROM pools WHERE EXISTS"
            " (SELECT 1 FROM pool_shares s WHERE s.pool = pools.id) ORDER BY id LIMIT ?",
            (limit,),
        ).fetchall()
        return [(StoredPool(*pool), self._positions(number)) for number, *pool in rows]

    def _positions(self, number: int) -> list[int]:
        rows = self._db.execute(
            "SELECT position FROM pool_shares WHERE pool = ? ORDER BY position", (number,)
        )
        return [row[0] for row in rows]

    def erase_shares(self) -> int:
        return self._db.execute("DELETE FROM pool_shares").rowcount

    def count(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM pool_shares").fetchone()[0])

    def draw(self, deposit: DepositHash, rows: Sequence[tuple[int, Descriptor, SealedRow]]) -> None:
        self._db.executemany(
            "DELETE FROM pool_shares WHERE c0 = ?", [(d.core.commitments[0],) for _, d, _ in rows]
        )
        self._db.executemany(
            "INSERT INTO draws VALUES (?, ?, ?, ?, ?, ?)",
            [(deposit, at, d.payload, row.wrapped_key, row.share, row.opening) for at, d, row in rows],
        )

    def drawn(self, deposit: DepositHash) -> list[tuple[int, Descriptor, SealedRow]]:
        rows = self._db.execute(
            "SELECT position, descriptor, wrapped_key, share, opening FROM draws"
            " WHERE deposit = ? ORDER BY position",
            (deposit,),
        )
        return [(row[0], read_descriptor(row[1]), SealedRow(*row[2:])) for row in rows.fetchall()]

    def forget_draws(self, deposit: DepositHash, positions: Sequence[int]) -> None:
        self._db.executemany(
            "DELETE FROM draws WHERE deposit = ? AND position = ?", [(deposit, at) for at in positions]
        )

    def unconfirmed(self, limit: int) -> list[DepositHash]:
        rows = self._db.execute("SELECT DISTINCT deposit FROM draws LIMIT ?", (limit,))
        return [DepositHash(row[0]) for row in rows]
