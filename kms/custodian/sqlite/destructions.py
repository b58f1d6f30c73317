"""The part of the SQLite plug that ends keys. A key that is destroyed leaves the tables, and a tombstone stays."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import astuple, replace
from typing import TypeVar

from kms.crypto.hashing import equal
from kms.custodian.destruction_store import (
    SCHEDULED,
    StoredDestruction,
    StoredHold,
)
from kms.statements.ids import KeyId
from kms.statements.keys import Descriptor, read_descriptor

_PART = 500
_LAST_LOOK = "destruction look"
_NEXT = "(SELECT coalesce(max(changed), 0) + 1 FROM destructions)"
T = TypeVar("T")


class SqliteDestructions:
    """Writes happen inside the store's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    _COLUMNS = (
        "order_hash, envelope, state, due_at, word, cancellation, log_index, destroyed_at, at_once, changed,"
        " erased_under"
    )

    def _read(self, where: str, *values: object) -> list[StoredDestruction]:
        rows = self._db.execute(f"SELECT {self._COLUMNS} FROM destructions WHERE {where}", values).fetchall()
        return [replace(found := StoredDestruction(*row), at_once=bool(found.at_once)) for row in rows]

    def any(self) -> bool:
        return self._db.execute("SELECT 1 FROM destructions LIMIT 1").fetchone() is not None

    def find(self, order_hash: bytes) -> StoredDestruction | None:
        return next(iter(self._read("order_hash = ?", order_hash)), None)

    def add(self, destruction: StoredDestruction, descriptors: Sequence[Descriptor]) -> None:
        (number,) = self._db.execute(
            "INSERT INTO destructions (order_hash, envelope, state, due_at, word, cancellation, log_index,"
            f" destroyed_at, at_once, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, {_NEXT}) RETURNING id",
            (*astuple(destruction)[:8], int(destruction.at_once)),
        ).fetchone()
        self._db.executemany(
            "INSERT INTO destruction_keys VALUES (?, ?, ?, ?)",
            [(number, at, d.key_id, d.payload) for at, d in enumerate(descriptors)],
        )

    def change(self, destruction: StoredDestruction) -> None:
        self._db.execute(
            "UPDATE destructions SET envelope = ?, state = ?, due_at = ?, word = ?, cancellation = ?,"
            f" log_index = ?, destroyed_at = ?, at_once = ?, erased_under = ?, changed = {_NEXT} WHERE order_hash = ?",
            (
                *astuple(destruction)[1:8],
                int(destruction.at_once),
                destruction.erased_under,
                destruction.order_hash,
            ),
        )

    def descriptors(self, order_hash: bytes) -> list[Descriptor]:
        rows = self._db.execute(
            "SELECT k.descriptor FROM destruction_keys k JOIN destructions d ON d.id = k.destruction"
            " WHERE d.order_hash = ? ORDER BY k.position",
            (order_hash,),
        ).fetchall()
        return [read_descriptor(row[0]) for row in rows]

    def due(self, now: int) -> list[StoredDestruction]:
        return self._read("state = 'scheduled' AND due_at <= ? ORDER BY due_at, id", now)

    def in_state(self, state: str) -> list[StoredDestruction]:
        return self._read("state = ? ORDER BY id", state)

    def postpone(self, seconds: int) -> None:
        self._db.execute("UPDATE destructions SET due_at = due_at + ? WHERE state = 'scheduled'", (seconds,))

    def last_look(self) -> int:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (_LAST_LOOK,)).fetchone()
        return int.from_bytes(row[0], "big") if row else 0

    def set_last_look(self, at: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_LAST_LOOK, at.to_bytes(8, "big")))

    def page(self, after: int, limit: int) -> list[StoredDestruction]:
        return self._read("changed > ? ORDER BY changed LIMIT ?", after, limit)

    def words(self, order_hash: bytes) -> list[bytes]:
        rows = self._db.execute(
            "SELECT w.envelope FROM destruction_words w JOIN destructions d ON d.id = w.destruction"
            " WHERE d.order_hash = ? ORDER BY w.custodian, w.kind",
            (order_hash,),
        )
        return [row[0] for row in rows.fetchall()]

    def put_word(self, order_hash: bytes, custodian: int, kind: str, envelope: bytes) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO destruction_words SELECT id, ?, ?, ? FROM destructions WHERE order_hash = ?",
            (custodian, kind, envelope, order_hash),
        )
        self._db.execute(f"UPDATE destructions SET changed = {_NEXT} WHERE order_hash = ?", (order_hash,))

    # -- keys ------------------------------------------------------------------------------------------------

    def scheduled(self, key_ids: Collection[KeyId]) -> set[KeyId]:
        return {
            KeyId(row[0])
            for part, marks in _parts(list(key_ids))
            for row in self._db.execute(
                "SELECT k.key_id FROM destruction_keys k JOIN destructions d ON d.id = k.destruction"
                f" WHERE k.key_id IN ({marks}) AND d.state = '{SCHEDULED}'",
                part,
            )
        }

    def tombstones(self, key_ids: Collection[KeyId]) -> Mapping[KeyId, int]:
        return {
            KeyId(row[0]): row[1]
            for part, marks in _parts(list(key_ids))
            for row in self._db.execute(
                f"SELECT key_id, releases FROM tombstones WHERE key_id IN ({marks})", part
            )
        }

    def buried(self, descriptors: Sequence[Descriptor]) -> set[int]:
        """Positions of descriptors of a key that was destroyed, or with its C_0 or the negative of that."""
        if self._db.execute("SELECT 1 FROM tombstones LIMIT 1").fetchone() is None:
            return set()
        known = set(self.tombstones([d.key_id for d in descriptors]))
        points = {
            row[0]
            for part, marks in _parts([_c0(d) for d in descriptors])
            for row in self._db.execute(f"SELECT c0 FROM tombstones WHERE c0 IN ({marks})", part)
        }
        return {at for at, d in enumerate(descriptors) if d.key_id in known or _c0(d) in points}

    def bury(self, descriptors: Sequence[Descriptor]) -> None:
        ids = {d.key_id for d in descriptors}
        numbers = self._numbers(descriptors)
        releases = {
            row[0]: row[1]
            for part, marks in _parts(list(numbers.values()))
            for row in self._db.execute(
                f"SELECT key, releases FROM key_releases WHERE key IN ({marks})", part
            )
        }
        for table, column in (("reshared", "key"), ("key_releases", "key"), ("keys", "id")):
            self._db.executemany(f"DELETE FROM {table} WHERE {column} = ?", [(n,) for n in numbers.values()])
        self._db.executemany("DELETE FROM kept_anew WHERE key_id = ?", [(key_id,) for key_id in ids])
        # Its own plan's pool still has the share where the node missed the draw, and a draw where it was not confirmed.
        self._db.executemany(
            "DELETE FROM pool_shares WHERE c0 = ?", [(d.core.commitments[0],) for d in descriptors]
        )
        drawn = self._db.execute("SELECT deposit, position, descriptor FROM draws").fetchall()
        self._db.executemany(
            "DELETE FROM draws WHERE deposit = ? AND position = ?",
            [(deposit, at) for deposit, at, payload in drawn if read_descriptor(payload).key_id in ids],
        )
        self._db.executemany(
            "INSERT OR IGNORE INTO tombstones VALUES (?, ?, ?)",
            [(d.key_id, _c0(d), releases.get(numbers.get(d.key_id, -1), 0)) for d in descriptors],
        )

    def _numbers(self, descriptors: Sequence[Descriptor]) -> dict[KeyId, int]:
        """Row numbers of those that are in the table of keys."""
        found: dict[KeyId, int] = {}
        for d in descriptors:
            tag = int.from_bytes(d.key_id[:8], "big", signed=True)
            for number, prefix, tail in self._db.execute(
                "SELECT k.id, f.prefix, k.tail FROM keys k JOIN frames f ON f.id = k.frame WHERE k.id_tag = ?",
                (tag,),
            ):
                if equal(prefix + tail, d.payload):
                    found[d.key_id] = number
        return found

    def count_releases(self, numbers: Sequence[int]) -> None:
        self._db.executemany(
            "INSERT INTO key_releases VALUES (?, 1) ON CONFLICT (key) DO UPDATE"
            " SET releases = key_releases.releases + 1",
            [(number,) for number in numbers],
        )

    # -- holds -----------------------------------------------------------------------------------------------

    _HOLD = "hold_id, until, lifted, statement, envelope, word"

    def hold(self, hold_id: bytes) -> StoredHold | None:
        row = self._db.execute(f"SELECT {self._HOLD} FROM holds WHERE hold_id = ?", (hold_id,)).fetchone()
        return StoredHold(row[0], row[1], bool(row[2]), *row[3:]) if row else None

    def put_hold(self, hold: StoredHold, names: Sequence[bytes]) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO holds VALUES (?, ?, ?, ?, ?, ?)",
            (hold.hold_id, hold.until, int(hold.lifted), hold.statement, hold.envelope, hold.word),
        )
        self._db.executemany(
            "INSERT OR IGNORE INTO held_names VALUES (?, ?)", [(name, hold.hold_id) for name in names]
        )

    def holds(self) -> list[StoredHold]:
        rows = self._db.execute(f"SELECT {self._HOLD} FROM holds ORDER BY hold_id").fetchall()
        return [StoredHold(row[0], row[1], bool(row[2]), *row[3:]) for row in rows]

    def held(self, names: Collection[bytes], now: int) -> set[bytes]:
        return {
            row[0]
            for part, marks in _parts(list(names))
            for row in self._db.execute(
                "SELECT n.name FROM held_names n JOIN holds h ON h.hold_id = n.hold_id"
                f" WHERE n.name IN ({marks}) AND h.lifted = 0 AND h.until > ?",
                (*part, now),
            )
        }


def _c0(descriptor: Descriptor) -> bytes:
    # Without the sign byte: C_0 and its negative are one commitment for this purpose.
    return descriptor.core.commitments[0][1:]


def _parts(values: Sequence[T]) -> Iterator[tuple[Sequence[T], str]]:
    for start in range(0, len(values), _PART):
        part = values[start : start + _PART]
        yield part, ",".join("?" * len(part))
