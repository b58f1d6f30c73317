"""The SQLite plug of the custodian's store.

A descriptor's first part is the same for all keys of one dealer, owner and manifest: it is kept once, in
`frames`. Keys are found by the first 8 bytes of key id and C_0, then compared whole.
"""

from __future__ import annotations

import random
import sqlite3
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from sqlite_utils import Database, Migrations

from kms.crypto import derivation
from kms.crypto.hashing import equal
from kms.custodian.sqlite import copies
from kms.custodian.sqlite.approvers import SqliteApprovers
from kms.custodian.sqlite.budgets import SqliteBudgets
from kms.custodian.sqlite.certificates import SqliteCertificates
from kms.custodian.sqlite.consent import SqliteConsent
from kms.custodian.sqlite.destructions import SqliteDestructions
from kms.custodian.sqlite.details import SqliteDetails
from kms.custodian.sqlite.history import SqliteHistory
from kms.custodian.sqlite.kills import SqliteKills
from kms.custodian.sqlite.log import SqliteLog
from kms.custodian.sqlite.mirrors import SqliteMirrors
from kms.custodian.sqlite.pool import SqlitePool
from kms.custodian.sqlite.providers import SqliteProviders
from kms.custodian.sqlite.retention import SqliteRetention
from kms.custodian.sqlite.rolling import SqliteRoll
from kms.custodian.sqlite.versions import SqliteVersions
from kms.custodian.sqlite.witness import SqliteWitness
from kms.custodian.store import WAITING, StoredKey, StoredRequest, StoredSealingKey
from kms.custodian.vault import SealedRow
from kms.errors import StoreError
from kms.statements.audit import LogKind
from kms.statements.ids import DepositHash, GrantId, KeyId, ManifestHash, RequestHash, Thumbprint, Version
from kms.statements.keys import Descriptor, read_descriptor
from kms.statements.manifest import Seen
from kms.storage import database

_HERE = Path(__file__).parent
MIGRATIONS = Migrations("custodian")


@MIGRATIONS()
def m001_first(db: Database) -> None:
    database.run_file(db, _HERE / "schema.sql")


@MIGRATIONS()
def m002_versions(db: Database) -> None:
    database.run_file(db, _HERE / "versions.sql")


@MIGRATIONS()
def m003_pool(db: Database) -> None:
    database.run_file(db, _HERE / "pool.sql")


@MIGRATIONS()
def m004_floor(db: Database) -> None:
    db.execute("ALTER TABLE keys ADD COLUMN floor INTEGER NOT NULL DEFAULT 0")


@MIGRATIONS()
def m005_providers(db: Database) -> None:
    database.run_file(db, _HERE / "providers.sql")


@MIGRATIONS()
def m006_approvers(db: Database) -> None:
    database.run_file(db, _HERE / "approvers.sql")


@MIGRATIONS()
def m007_history(db: Database) -> None:
    database.run_file(db, _HERE / "history.sql")


@MIGRATIONS()
def m008_kills(db: Database) -> None:
    database.run_file(db, _HERE / "kills.sql")


@MIGRATIONS()
def m_consent(db: Database) -> None:
    database.run_file(db, _HERE / "consent.sql")


@MIGRATIONS()
def m_mandates(db: Database) -> None:
    database.run_file(db, _HERE / "mandates.sql")


@MIGRATIONS()
def m_bindings(db: Database) -> None:
    database.run_file(db, _HERE / "bindings.sql")


@MIGRATIONS()
def m_budgets(db: Database) -> None:
    database.run_file(db, _HERE / "budgets.sql")


@MIGRATIONS()
def m009_history_order(db: Database) -> None:
    database.run_file(db, _HERE / "history_order.sql")


@MIGRATIONS()
def m_witness(db: Database) -> None:
    database.run_file(db, _HERE / "witness.sql")


@MIGRATIONS()
def m010_log_tree(db: Database) -> None:
    database.run_file(db, _HERE / "log_tree.sql")


@MIGRATIONS()
def m_frame_owners(db: Database) -> None:
    database.run_file(db, _HERE / "frame_owners.sql")


@MIGRATIONS()
def m_mirrors(db: Database) -> None:
    database.run_file(db, _HERE / "mirrors.sql")


@MIGRATIONS()
def m011_certificates(db: Database) -> None:
    database.run_file(db, _HERE / "certificates.sql")


@MIGRATIONS()
def m012_details(db: Database) -> None:
    database.run_file(db, _HERE / "details.sql")


@MIGRATIONS()
def m_destructions(db: Database) -> None:
    database.run_file(db, _HERE / "destructions.sql")


@MIGRATIONS()
def m_untold(db: Database) -> None:
    database.run_file(db, _HERE / "untold.sql")


@MIGRATIONS()
def m_erased_under(db: Database) -> None:
    db.execute("ALTER TABLE destructions ADD COLUMN erased_under INTEGER NOT NULL DEFAULT 0")


@MIGRATIONS()
def m_retention(db: Database) -> None:
    database.run_file(db, _HERE / "retention.sql")


@dataclass(frozen=True, slots=True)
class _Frame:
    """The first part of some descriptors, and what it says."""

    prefix: bytes
    owner: Thumbprint
    version: Version
    threshold: int


class SqliteCustodianStore:
    """`CustodianStore` in one SQLite file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._frames: dict[int, _Frame] = {}
        self.log = SqliteLog(connection)
        self.certificates = SqliteCertificates(connection)
        self.details = SqliteDetails(connection)
        self.versions = SqliteVersions(connection)
        self.pool = SqlitePool(connection)
        self.providers = SqliteProviders(connection)
        self.kills = SqliteKills(connection)
        self.approvers = SqliteApprovers(connection)
        self.history = SqliteHistory(connection)
        self.consent = SqliteConsent(connection)
        self.budgets = SqliteBudgets(connection)
        self.witness = SqliteWitness(connection)
        self.mirrors = SqliteMirrors(connection)
        self.roll = SqliteRoll(connection)
        self.destructions = SqliteDestructions(connection)
        self.retention = SqliteRetention(connection)

    @classmethod
    def create(cls, path: database.Place, keyring_id: bytes, index: int) -> SqliteCustodianStore:
        connection = database.create(path, MIGRATIONS)
        store = cls(connection)
        with store.transaction():
            store._set("keyring_id", keyring_id)
            store._set("index", index.to_bytes(2, "big"))
        return store

    @classmethod
    def open(cls, path: database.Place) -> SqliteCustodianStore:
        return cls(database.open_existing(path, MIGRATIONS))

    @classmethod
    def restore(cls, backup: Path, path: Path, now: int, tag: copies.Tag) -> SqliteCustodianStore:
        """A new store of a copy that `back_up` made with this tag; StoreError if there is one, or the copy is none."""
        copies.make_of(backup, path, tag)
        store = cls.open(path)
        with store.transaction():
            store._set("restored_at", now.to_bytes(8, "big"))
        return store

    def transaction(self) -> AbstractContextManager[object]:
        return database.transaction(self._db)

    def close(self) -> None:
        self._db.close()

    # -- who this store is -------------------------------------------------------------------------

    def _get(self, name: str) -> bytes | None:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return cast(bytes, row[0]) if row else None

    def _set(self, name: str, value: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def identity(self) -> tuple[bytes, int]:
        keyring_id, index = self._get("keyring_id"), self._get("index")
        if keyring_id is None or index is None:
            raise StoreError("the store does not say whose it is", reason="STORE_DAMAGED")
        return keyring_id, int.from_bytes(index, "big")

    def seen(self) -> Seen | None:
        value = self._get("seen")
        return Seen(int.from_bytes(value[:8], "big"), ManifestHash(value[8:])) if value else None

    def set_seen(self, seen: Seen) -> None:
        self._set("seen", seen.sequence.to_bytes(8, "big") + seen.manifest_hash)

    # -- keys ----------------------------------------------------------------------------------------

    def known_keys(self, descriptors: Sequence[Descriptor]) -> Mapping[int, str]:
        # A batch may hold one C_0 more than once: every one of them is the seen one, not only the last.
        by_id, by_c0 = defaultdict(list), defaultdict(list)
        for position, mine in enumerate(descriptors):
            by_id[_tag(mine.key_id)].append(position)
            by_c0[_tag(mine.core.commitments[0][1:])].append(position)
        problems: dict[int, str] = {}
        for other in (s.descriptor for s in self._select("c0_tag", list(by_c0))):
            # Without the sign byte: C_0 and its negative are one commitment for this purpose.
            c0 = other.core.commitments[0][1:]
            for position in by_c0[_tag(c0)]:
                if equal(descriptors[position].core.commitments[0][1:], c0):
                    problems[position] = "COMMITMENT_SEEN"
        for other in (s.descriptor for s in self._select("id_tag", list(by_id))):
            for position in by_id[_tag(other.key_id)]:
                if equal(descriptors[position].key_id, other.key_id):
                    problems[position] = "KEY_SEEN"
        # What was destroyed is in no table of keys any more, and comes back into none.
        return problems | dict.fromkeys(self.destructions.buried(descriptors), "KEY_DESTROYED")

    def add_keys(self, keys: Sequence[tuple[Descriptor, SealedRow]], taken_at: int = 0) -> None:
        rows = []
        for descriptor, row in keys:
            payload, core = descriptor.payload, descriptor.core
            cut = payload.rindex(core.creator_thumbprint) + 32
            rows.append(
                (
                    _tag(descriptor.key_id),
                    _tag(core.commitments[0][1:]),
                    self._frame(payload[:cut], core.owner_thumbprint),
                    payload[cut:],
                    row.wrapped_key,
                    row.share,
                    row.opening,
                    taken_at,
                )
            )
        self._db.executemany(
            "INSERT INTO keys (id_tag, c0_tag, frame, tail, wrapped_key, share, opening, taken_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )

    def _frame(self, prefix: bytes, owner: Thumbprint) -> int:
        row = self._db.execute("SELECT id FROM frames WHERE prefix = ?", (prefix,)).fetchone()
        if row is None:
            row = self._db.execute(
                "INSERT INTO frames (prefix) VALUES (?) RETURNING id", (prefix,)
            ).fetchone()
            self._db.execute("INSERT INTO frame_owners VALUES (?, ?)", (owner, row[0]))
        return cast(int, row[0])

    def owns_keys(self, owner: Thumbprint) -> bool:
        row = self._db.execute("SELECT 1 FROM frame_owners WHERE owner = ? LIMIT 1", (owner,)).fetchone()
        return row is not None

    def keys(self, key_ids: Sequence[KeyId]) -> Mapping[KeyId, StoredKey]:
        wanted = set(key_ids)
        found = self._select("id_tag", [_tag(k) for k in key_ids])
        return {stored.key_id: stored for stored in found if stored.key_id in wanted}

    def _select(self, column: str, tags: Sequence[int]) -> list[StoredKey]:
        result: list[StoredKey] = []
        for start in range(0, len(tags), 500):
            part = tags[start : start + 500]
            marks = ",".join("?" * len(part))
            rows = self._db.execute(f"SELECT {self._KEY} FROM keys WHERE {column} IN ({marks})", part)
            result += self._read_keys(rows.fetchall())
        return result

    _KEY = "id, frame, tail, wrapped_key, share, opening, floor, taken_at"

    def _read_keys(
        self, rows: Sequence[tuple[int, int, bytes, bytes, bytes, bytes, int, int]]
    ) -> list[StoredKey]:
        reshared = self.versions.shares([row[0] for row in rows])
        result = []
        for number, frame, tail, wrapped, share, opening, floor, taken_at in rows:
            known = self._frames.get(frame)
            if known is None:
                known = self._read_frame(frame, tail)
            payload = known.prefix + tail
            result.append(
                StoredKey(
                    KeyId(derivation.key_id(payload)),
                    known.owner,
                    known.version,
                    payload,
                    SealedRow(wrapped, share, opening),
                    number,
                    known.threshold,
                    reshared.get(number, ()),
                    floor,
                    taken_at,
                )
            )
        return result

    def page_of_keys(self, after: int, limit: int) -> Sequence[StoredKey]:
        return self._read_keys(
            self._db.execute(
                f"SELECT {self._KEY} FROM keys WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
            ).fetchall()
        )

    def erase_dealt(self, rows: Sequence[tuple[int, SealedRow]]) -> None:
        self._db.executemany(
            "UPDATE keys SET wrapped_key = ?, share = x'', opening = ? WHERE id = ?",
            [(row.wrapped_key, row.opening, number) for number, row in rows],
        )

    def raise_floor(self, numbers: Sequence[int], sequence: int) -> None:
        self._db.executemany(
            "UPDATE keys SET floor = ? WHERE id = ? AND floor < ?",
            [(sequence, number, sequence) for number in numbers],
        )

    def replace_dealt(self, rows: Sequence[tuple[int, SealedRow]]) -> None:
        self._db.executemany(
            "UPDATE keys SET wrapped_key = ?, share = ?, opening = ? WHERE id = ?",
            [(row.wrapped_key, row.share, row.opening, number) for number, row in rows],
        )

    def count_missing(self) -> int:
        return cast(
            int,
            self._db.execute(
                "SELECT count(*) FROM keys WHERE wrapped_key = x'' OR (share = x''"
                " AND NOT EXISTS (SELECT 1 FROM reshared r WHERE r.key = keys.id))"
            ).fetchone()[0],
        )

    def count_dealt(self) -> Mapping[Version, tuple[int, int]]:
        found: dict[Version, tuple[int, int]] = {}
        for frame, count in self._db.execute(
            "SELECT frame, count(*) FROM keys WHERE share != x'' GROUP BY frame"
        ).fetchall():
            known = self._frames.get(frame)
            if known is None:
                (tail,) = self._db.execute(
                    "SELECT tail FROM keys WHERE frame = ? LIMIT 1", (frame,)
                ).fetchone()
                known = self._read_frame(frame, tail)
            found[known.version] = (known.threshold, found.get(known.version, (0, 0))[1] + count)
        return found

    def all_keys(self, page: int) -> Iterator[Sequence[StoredKey]]:
        last = 0
        while keys := self.page_of_keys(last, page):
            last = keys[-1].number
            yield keys

    def sample_keys(self, limit: int) -> Sequence[StoredKey]:
        (last,) = self._db.execute("SELECT coalesce(max(id), 0) FROM keys").fetchone()
        drawn = random.SystemRandom().sample(range(1, last + 1), min(limit, last))
        marks = ",".join("?" * len(drawn))
        rows = self._db.execute(f"SELECT {self._KEY} FROM keys WHERE id IN ({marks})", drawn).fetchall()
        return self._read_keys(rows)

    def _read_frame(self, frame: int, tail: bytes) -> _Frame:
        row = self._db.execute("SELECT prefix FROM frames WHERE id = ?", (frame,)).fetchone()
        if row is None:
            raise StoreError("a key's frame is gone from the store", reason="STORE_DAMAGED")
        descriptor = read_descriptor(row[0] + tail)
        known = _Frame(
            row[0], descriptor.core.owner_thumbprint, descriptor.version, descriptor.core.threshold
        )
        if len(self._frames) > 10_000:
            self._frames.clear()
        self._frames[frame] = known
        return known

    def count_keys(self) -> int:
        return cast(int, self._db.execute("SELECT count(*) FROM keys").fetchone()[0])

    def receipt(self, deposit: DepositHash) -> bytes | None:
        row = self._db.execute("SELECT receipt FROM deposits WHERE hash = ?", (deposit,)).fetchone()
        return cast(bytes, row[0]) if row else None

    def add_receipt(self, deposit: DepositHash, envelope: bytes) -> None:
        self._db.execute("INSERT INTO deposits VALUES (?, ?)", (deposit, envelope))

    # -- requests --------------------------------------------------------------------------------------

    _REQUEST = "hash, envelope, evidence, decision, state, received_at, expires_at, text"

    def request(self, request: RequestHash) -> StoredRequest | None:
        row = self._db.execute(f"SELECT {self._REQUEST} FROM requests WHERE hash = ?", (request,)).fetchone()
        return StoredRequest(*row) if row else None

    def find_requests(self, digits: str) -> list[StoredRequest]:
        first, last = bytes.fromhex(digits.ljust(64, "0")), bytes.fromhex(digits.ljust(64, "f"))
        rows = self._db.execute(
            f"SELECT {self._REQUEST} FROM requests WHERE hash BETWEEN ? AND ? LIMIT 2", (first, last)
        )
        return [StoredRequest(*row) for row in rows.fetchall()]

    def put_request(self, request: StoredRequest) -> None:
        self._db.execute(
            f"INSERT OR REPLACE INTO requests ({self._REQUEST}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                request.request_hash,
                request.envelope,
                request.evidence,
                request.decision,
                request.state,
                request.received_at,
                request.expires_at,
                request.text,
            ),
        )

    def waiting(self) -> Sequence[StoredRequest]:
        rows = self._db.execute(
            f"SELECT {self._REQUEST} FROM requests WHERE state = ? ORDER BY received_at, rowid", (WAITING,)
        ).fetchall()
        return [StoredRequest(*row) for row in rows]

    def forget_evidence(self, before: int) -> None:
        self._db.execute(
            "UPDATE requests SET evidence = x'' WHERE expires_at < ? AND state != ? AND evidence != x''",
            (before, WAITING),
        )

    def forget_requests(self, before: int) -> None:
        self._db.execute(
            "DELETE FROM counted WHERE request IN (SELECT hash FROM requests WHERE expires_at < ?)", (before,)
        )
        self._db.execute("DELETE FROM requests WHERE expires_at < ?", (before,))

    def counted(self, request: RequestHash) -> frozenset[int]:
        row = self._db.execute("SELECT positions FROM counted WHERE request = ?", (request,)).fetchone()
        return frozenset(struct.unpack(f">{len(row[0]) // 2}H", row[0])) if row else frozenset()

    def set_counted(self, request: RequestHash, positions: frozenset[int]) -> None:
        packed = struct.pack(f">{len(positions)}H", *sorted(positions))
        self._db.execute("INSERT OR REPLACE INTO counted VALUES (?, ?)", (request, packed))

    # -- grants ----------------------------------------------------------------------------------------

    def grant_uses(self, grant: GrantId) -> int:
        row = self._db.execute("SELECT uses FROM grant_uses WHERE grant_id = ?", (grant,)).fetchone()
        return cast(int, row[0]) if row else 0

    def use_grant(self, grant: GrantId, keys: int) -> None:
        self._db.execute(
            "INSERT INTO grant_uses VALUES (?, ?) ON CONFLICT (grant_id) DO UPDATE SET uses = grant_uses.uses + ?",
            (grant, keys, keys),
        )

    def revoke(self, owner: Thumbprint, grant_id: bytes, up_to_sequence: int) -> None:
        self._db.execute(
            "INSERT OR IGNORE INTO revocations VALUES (?, ?, ?)", (owner, grant_id, up_to_sequence)
        )

    def has_revocation(self, owner: Thumbprint, grant_id: bytes, up_to_sequence: int) -> bool:
        row = self._db.execute(
            "SELECT 1 FROM revocations WHERE owner = ? AND grant_id = ? AND up_to_sequence = ?",
            (owner, grant_id, up_to_sequence),
        ).fetchone()
        return row is not None

    def revoked(self, owner: Thumbprint, grant: GrantId, sequence: int) -> bool:
        row = self._db.execute(
            "SELECT 1 FROM revocations WHERE owner = ? AND (grant_id = ? OR up_to_sequence >= ?) LIMIT 1",
            (owner, grant, max(sequence, 1)),
        ).fetchone()
        # What a recovered log says was taken back, and nobody has told again, may have been this grant.
        return row is not None or self.mirrors.lacks(owner, LogKind.REVOCATION)

    # -- sealing keys ------------------------------------------------------------------------------------

    def sealing_keys(self) -> Sequence[StoredSealingKey]:
        rows = self._db.execute("SELECT period, seed, envelope, not_after FROM sealing_keys ORDER BY period")
        return [StoredSealingKey(*row) for row in rows]

    def add_sealing_key(self, key: StoredSealingKey) -> None:
        self._db.execute(
            "INSERT INTO sealing_keys VALUES (?, ?, ?, ?)",
            (key.period, key.seed, key.envelope, key.not_after),
        )

    def resign_sealing_key(self, period: int, envelope: bytes) -> None:
        self._db.execute("UPDATE sealing_keys SET envelope = ? WHERE period = ?", (envelope, period))

    def erase_sealing_key(self, period: int) -> None:
        self._db.execute("DELETE FROM sealing_keys WHERE period = ?", (period,))

    def back_up(self, path: Path, tag: copies.Tag) -> tuple[int, int]:
        return copies.back_up(self._db, path, MIGRATIONS, tag)

    def restored_at(self) -> int:
        """When this store was made of a copy (unix seconds); 0 if it was not, or the log was found whole since."""
        return int.from_bytes(self._get("restored_at") or b"", "big")

    def confirm_restored(self) -> None:
        """So many others have said what they saw of the log that nothing of it is missing."""
        with self.transaction():
            self._db.execute("DELETE FROM meta WHERE name = 'restored_at'")

    @property
    def keeps_erased(self) -> bool:
        return database.keeps_erased(self._db)

    def empty_journal(self) -> None:
        # secure_delete overwrites the page, this the journal that still holds the old one.
        database.empty_journal(self._db)

    # -- counters ----------------------------------------------------------------------------------------

    def add(self, key: bytes, at: int, n: int) -> None:
        self._db.execute(
            "INSERT INTO counters VALUES (?, ?, ?) ON CONFLICT (key, at) DO UPDATE SET n = counters.n + ?",
            (key, at, n, n),
        )

    def total(self, key: bytes, since: int) -> int:
        row = self._db.execute(
            "SELECT coalesce(sum(n), 0) FROM counters WHERE key = ? AND at >= ?", (key, since)
        ).fetchone()
        return cast(int, row[0])

    def forget_counts(self, before: int) -> None:
        self._db.execute("DELETE FROM counters WHERE at < ?", (before,))


def _tag(name: bytes) -> int:
    """The first 8 bytes as a signed integer: what SQLite indexes at 8 bytes a row."""
    return int.from_bytes(name[:8], "big", signed=True)
