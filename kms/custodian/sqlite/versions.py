"""The versions part of the SQLite plug: the chain of manifests, and shares that came by resharing."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence

from kms.custodian.store import ResharedShare, StoredVersion
from kms.statements.ids import KeyId, Version

MAX_FORKS = 8
_PART = 500


def _unpair(value: bytes) -> tuple[bytes, bytes]:
    end = 4 + int.from_bytes(value[:4], "big")
    return value[4:end], value[end:]


class SqliteVersions:
    """Writes happen inside the store's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._any: bool | None = None
        self._known: dict[Version, StoredVersion] = {}

    def manifests(self) -> list[bytes]:
        """Envelopes of the manifests after genesis, in order."""
        return [row[0] for row in self._db.execute("SELECT envelope FROM manifests ORDER BY sequence")]

    def add_manifest(self, sequence: int, envelope: bytes) -> None:
        self._db.execute("INSERT INTO manifests VALUES (?, ?)", (sequence, envelope))

    def forks(self) -> list[tuple[bytes, bytes]]:
        """Envelopes of two manifests of one sequence each: the one that this node took, and the other."""
        rows = self._db.execute("SELECT value FROM meta WHERE name LIKE 'fork %' ORDER BY name")
        return [_unpair(row[0]) for row in rows]

    def add_fork(self, ours: bytes, theirs: bytes) -> None:
        known = self.forks()
        # More prove nothing more, and whoever signs manifests must not fill the disk with them.
        if (ours, theirs) not in known and len(known) < MAX_FORKS:
            value = len(ours).to_bytes(4, "big") + ours + theirs
            self._db.execute("INSERT INTO meta VALUES (?, ?)", (f"fork {len(known)}", value))

    def order_seen(self) -> tuple[int, bytes]:
        """(sequence, hash) of the highest reshare order that was acted on; (0, b"") if none was."""
        row = self._db.execute("SELECT value FROM meta WHERE name = 'order'").fetchone()
        return (int.from_bytes(row[0][:8], "big"), row[0][8:]) if row else (0, b"")

    def set_order(self, sequence: int, order: bytes) -> None:
        value = sequence.to_bytes(8, "big") + order
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('order', ?)", (value,))

    # -- shares ------------------------------------------------------------------------------------------

    def shares(self, numbers: Sequence[int]) -> Mapping[int, tuple[ResharedShare, ...]]:
        """Shares by key number, the newest first; keys without one are left out."""
        if self._any is None:
            self._any = self._db.execute("SELECT 1 FROM versions LIMIT 1").fetchone() is not None
        if not self._any:
            return {}
        found: dict[int, list[ResharedShare]] = defaultdict(list)
        for start in range(0, len(numbers), _PART):
            part = numbers[start : start + _PART]
            marks = ",".join("?" * len(part))
            for number, *rest in self._db.execute(
                "SELECT r.key, v.version, v.sequence, v.threshold, r.wrapped_key, r.share FROM reshared r"
                f" JOIN versions v ON v.id = r.version WHERE r.key IN ({marks}) ORDER BY v.sequence DESC, v.id",
                part,
            ):
                found[number].append(ResharedShare(*rest))
        return {number: tuple(shares) for number, shares in found.items()}

    def version(self, version: Version) -> StoredVersion | None:
        known = self._known.get(version)
        if known is None:
            row = self._db.execute(
                f"SELECT {self._VERSION} FROM versions WHERE version = ?", (version,)
            ).fetchone()
            if row is None:
                return None
            if len(self._known) > 256:
                self._known.clear()
            known = self._known[version] = self._read(*row)
        return known

    _VERSION = "version, sequence, threshold, plan, key_ids, points, installed"

    def _read(
        self,
        version: bytes,
        sequence: int,
        threshold: int,
        plan: bytes,
        ids: bytes,
        points: bytes,
        word: bytes,
    ) -> StoredVersion:
        key_ids = tuple(KeyId(ids[at : at + 32]) for at in range(0, len(ids), 32))
        return StoredVersion(Version(version), sequence, threshold, plan, key_ids, points, word)

    def add_version(self, stored: StoredVersion) -> None:
        self._any = True
        self._db.execute(
            f"INSERT INTO versions ({self._VERSION}) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                stored.version,
                stored.sequence,
                stored.threshold,
                stored.plan,
                b"".join(stored.key_ids),
                stored.points,
                stored.installed,
            ),
        )

    def add_shares(self, version: Version, rows: Sequence[tuple[int, bytes, bytes]]) -> None:
        """(key number, wrapped row key, sealed share) of each; one that is there already is replaced."""
        (number,) = self._db.execute("SELECT id FROM versions WHERE version = ?", (version,)).fetchone()
        self._db.executemany(
            "INSERT OR REPLACE INTO reshared VALUES (?, ?, ?, ?)",
            [(key, number, wrapped, share) for key, wrapped, share in rows],
        )

    def count_versions(self, numbers: Sequence[int], sequence: int) -> int:
        """How many versions of one order that of these keys has which has most."""
        most = 0
        for start in range(0, len(numbers), _PART):
            part = numbers[start : start + _PART]
            marks = ",".join("?" * len(part))
            rows = self._db.execute(
                "SELECT count(*) FROM reshared r JOIN versions v ON v.id = r.version"
                f" WHERE r.key IN ({marks}) AND v.sequence = ? GROUP BY r.key",
                (*part, sequence),
            )
            most = max([most, *(int(row[0]) for row in rows)])
        return most

    def drop_older(self, numbers: Sequence[int], sequence: int) -> int:
        """Erase these keys' reshared shares of earlier orders; how many there were."""
        dropped = 0
        for start in range(0, len(numbers), _PART):
            part = numbers[start : start + _PART]
            marks = ",".join("?" * len(part))
            dropped += self._db.execute(
                f"DELETE FROM reshared WHERE key IN ({marks})"
                " AND version IN (SELECT id FROM versions WHERE sequence < ?)",
                (*part, sequence),
            ).rowcount
        gone = self._db.execute(
            "DELETE FROM versions WHERE sequence < ? AND NOT EXISTS"
            " (SELECT 1 FROM reshared r WHERE r.version = versions.id)",
            (sequence,),
        ).rowcount
        if gone:
            self._known.clear()
        return dropped

    def settle(self, version: Version) -> None:
        """Nothing older than this version is left."""
        self._db.execute("UPDATE versions SET settled = 1 WHERE version = ?", (version,))

    def unsettle(self, version: Version) -> None:
        """More of its shares have come: beside these, older ones may lie again."""
        self._db.execute("UPDATE versions SET settled = 0 WHERE version = ?", (version,))

    def unsettled(self, limit: int) -> list[StoredVersion]:
        """Versions beside which older shares may still lie here, oldest first."""
        rows = self._db.execute(
            f"SELECT {self._VERSION} FROM versions WHERE settled = 0 ORDER BY id LIMIT ?", (limit,)
        )
        return [self._read(*row) for row in rows.fetchall()]

    def counts(self) -> list[tuple[Version, int, int, int]]:
        """(version, threshold, sequence, keys) of the newest 1000 versions."""
        rows = self._db.execute(
            "SELECT v.version, v.threshold, v.sequence, count(r.key) FROM versions v"
            " LEFT JOIN reshared r ON r.version = v.id GROUP BY v.id ORDER BY v.id DESC LIMIT 1000"
        )
        return [(Version(row[0]), row[1], row[2], row[3]) for row in rows]
