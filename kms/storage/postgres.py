"""A node's store in PostgreSQL: one database (or schema) a node, one process, known schema.

The stores' SQL is written once, in the words that SQLite and PostgreSQL share but for a few; `PostgresConnection`
says those few differently. So the two stores cannot come to mean different things.

PostgreSQL keeps rows that were overwritten until they are vacuumed, and in its journal longer than that. That a share
is gone rests here on the row root alone, which never lies in the database: what was sealed under one that was rolled
away opens for nobody.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from kms.errors import ConfigError, Exhausted, KmsError, StoreError, Unavailable

if TYPE_CHECKING:
    import psycopg
    from sqlite_utils import Migrations

_LOCK: Final = 0x544B4D53
"""The advisory lock (with the schema's number) that the one process holds which has this store open."""
_NUMBERED: Final = re.compile(r"\?(\d+)")
_REPLACE: Final = re.compile(r"INSERT OR REPLACE INTO (\w+)(?: \(([^)]*)\))?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Postgres:
    """Where a store is: a libpq connection string (a password belongs into libpq's password file, not in here)."""

    conninfo: str = field(repr=False)

    def __str__(self) -> str:
        from psycopg.conninfo import conninfo_to_dict

        known = conninfo_to_dict(self.conninfo)
        return f"PostgreSQL database {known.get('dbname', '')!r} at {known.get('host', 'the local socket')}"

    def exists(self) -> bool:
        """Whether any store was made there."""
        with _link(self) as link:
            return _has_migrations(link)


class PostgresConnection:
    """What the plugs ask of a connection, as `sqlite3.Connection` answers it."""

    def __init__(self, place: Postgres) -> None:
        self._place = place
        self._link = self._open()
        self._keys: dict[str, tuple[list[str], list[str]]] = {}
        self._within = False
        self._token = b""

    def claim(self) -> None:
        """Write down that this process has the store open now."""
        self._token = secrets.token_bytes(16)
        self._link.execute("CREATE TABLE IF NOT EXISTS kms_opened (token BYTEA NOT NULL)")
        with self.transaction():
            self.execute("DELETE FROM kms_opened")
            self.execute("INSERT INTO kms_opened VALUES (?)", (self._token,))

    def _check_claim(self) -> None:
        """A lock ends with its connection. What another process wrote meanwhile, this one's memory does not have: who
        was revoked there would count on here.
        """
        if self._token and _row(self._link, "SELECT token FROM kms_opened")[0] != self._token:
            self._link.close()
            raise StoreError(
                f"another process has had {self._place} open since: start this one anew", reason="STORE_TAKEN"
            )

    def _open(self) -> psycopg.Connection[Any]:
        link = _connect(self._place)
        (free,) = _row(
            link,
            "SELECT pg_try_advisory_lock(%s, (SELECT oid::bigint & 2147483647 FROM pg_namespace"
            " WHERE nspname = current_schema())::int)",
            (_LOCK,),
        )
        if not free:
            link.close()
            raise StoreError(f"{self._place} is locked: another process has it open", reason="STORE_LOCKED")
        return link

    @property
    def in_transaction(self) -> bool:
        from psycopg.pq import TransactionStatus

        return self._link.info.transaction_status not in (TransactionStatus.IDLE, TransactionStatus.UNKNOWN)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> psycopg.Cursor[Any]:
        """One statement, written as for SQLite."""
        cursor = self._alive().cursor(binary=True)
        text = self._spoken(sql)
        if b"%(p1)s" in text:
            cursor.execute(text, {f"p{number}": value for number, value in enumerate(parameters, 1)})
        else:
            cursor.execute(text, tuple(parameters))
        return cursor

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> psycopg.Cursor[Any]:
        """The same for many rows."""
        cursor = self._alive().cursor(binary=True)
        cursor.executemany(self._spoken(sql), rows)
        return cursor

    def _alive(self) -> psycopg.Connection[Any]:
        if self._link.closed:
            # What was written before in this transaction is gone: what comes after must not be kept alone.
            if self._within:
                raise Unavailable("the node's database went away: nothing was stored", reason="STORE_FAILED")
            self._link = self._open()
            self._check_claim()
        return self._link

    def define(self, sql: str) -> None:
        """A statement that makes or changes tables."""
        self._link.execute(defined(sql).encode())

    @contextmanager
    def transaction(self) -> Iterator[PostgresConnection]:
        """All or nothing, durable when it ends; the errors are those of the other store."""
        import psycopg

        try:
            self.execute("BEGIN")
            self._within = True
            yield self
            self.execute("COMMIT")
        except BaseException as error:
            if not self._link.closed and self.in_transaction:
                self._link.execute("ROLLBACK")
            if isinstance(error, psycopg.Error):
                raise store_failure(error) from None
            raise
        finally:
            self._within = False

    def empty_journal(self) -> None:
        """Nothing: see the top of this page for what makes a share unreadable here."""

    def close(self) -> None:
        self._link.close()

    def _spoken(self, sql: str) -> bytes:
        found = _REPLACE.match(sql)
        if found is None:
            return spoken(sql).encode()
        table, named, rest = found.groups()
        known, key = self._columns(table)
        columns = [name.strip() for name in named.split(",")] if named else known
        news = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
        then = f"UPDATE SET {news}" if news else "NOTHING"
        text = f"INSERT INTO {table} ({', '.join(columns)}){rest} ON CONFLICT ({', '.join(key)}) DO {then}"
        return spoken(text).encode()

    def _columns(self, table: str) -> tuple[list[str], list[str]]:
        """(all columns, those of the primary key), in order."""
        if table not in self._keys:
            rows = self._link.execute(
                "SELECT a.attname, a.attnum = ANY (i.indkey) FROM pg_attribute a"
                " JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary"
                " WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
                (table,),
            ).fetchall()
            self._keys[table] = [name for name, _ in rows], [name for name, keyed in rows if keyed]
        return self._keys[table]


@lru_cache(maxsize=1024)
def spoken(sql: str) -> str:
    """A query in PostgreSQL's words."""
    if "INSERT OR IGNORE" in sql:
        sql = sql.replace("INSERT OR IGNORE", "INSERT") + " ON CONFLICT DO NOTHING"
    sql = _NUMBERED.sub(r"%(p\1)s", sql.replace("%", "%%"))
    return (
        sql.replace("?", "%s")
        .replace("x''", "''::bytea")
        .replace("IN ()", "IN (NULL)")
        .replace("AS BLOB", "AS BYTEA")
        .replace("rowid", "ctid")  # both: the order in which rows were written, where none was written over
    )


def defined(sql: str) -> str:
    """A definition in PostgreSQL's words: its integers have 64 bits, and numbers that count up are given by name."""
    for ours, theirs in (
        ("INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"),
        ("INTEGER PRIMARY KEY", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"),
        ("INTEGER", "BIGINT"),
        ("BLOB", "BYTEA"),
        ("WITHOUT ROWID", ""),
        ("x''", "''::bytea"),
    ):
        sql = sql.replace(ours, theirs)
    return sql


class _Definer:
    """What a migration is given in the place of SQLite's database."""

    def __init__(self, connection: PostgresConnection) -> None:
        self.conn = connection

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> object:
        if sql.lstrip().upper().startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
            return self.conn.execute(sql, parameters)
        self.conn.define(sql)
        return None


def create(place: Postgres, migrations: Migrations) -> PostgresConnection:
    """A new store; StoreError if there is one."""
    connection = PostgresConnection(place)
    if _has_migrations(connection._link):
        connection.close()
        raise StoreError(f"a store is in {place} already: refusing to write over it", reason="STORE_EXISTS")
    with explained(place):
        connection.define(
            "CREATE TABLE kms_migrations (migration_set TEXT, name TEXT, PRIMARY KEY (migration_set, name))"
        )
        _apply(connection, migrations)
        connection.claim()
    return connection


def open_existing(place: Postgres, migrations: Migrations) -> PostgresConnection:
    """An existing store, brought to the current schema; StoreError if it is locked, missing or newer."""
    connection = PostgresConnection(place)
    try:
        with explained(place):
            if not _has_migrations(connection._link):
                raise StoreError(f"there is no store in {place}: run init first", reason="STORE_MISSING")
            newer = sorted(_applied(connection, migrations) - {m.name for m in migrations._migrations})
            if newer:
                raise StoreError(
                    f"{place} has a newer schema ({', '.join(newer)}): run the version that made it",
                    reason="STORE_NEWER",
                )
            _apply(connection, migrations)
            connection.claim()
    except BaseException:
        connection.close()
        raise
    return connection


def _applied(connection: PostgresConnection, migrations: Migrations) -> set[str]:
    rows = connection.execute("SELECT name FROM kms_migrations WHERE migration_set = ?", (migrations.name,))
    return {row[0] for row in rows}


def _apply(connection: PostgresConnection, migrations: Migrations) -> None:
    known = _applied(connection, migrations)
    for migration in migrations._migrations:
        if migration.name not in known:
            with connection.transaction():
                migration.fn(_Definer(connection))  # type: ignore[arg-type]
                connection.execute(
                    "INSERT INTO kms_migrations VALUES (?, ?)", (migrations.name, migration.name)
                )


def _connect(place: Postgres) -> psycopg.Connection[Any]:
    try:
        import psycopg
    except ImportError:
        raise ConfigError(
            "a store in PostgreSQL wants psycopg and libpq: pip install 'threshold-kms[postgres]'"
        ) from None
    from psycopg.types.numeric import NumericBinaryLoader

    class WholeNumber(NumericBinaryLoader):
        """Sums of whole numbers, which PostgreSQL calls numeric."""

        def load(self, data: Any) -> Any:
            return int(super().load(data))

    try:
        link = psycopg.connect(place.conninfo, autocommit=True, connect_timeout=10)
    except psycopg.Error as error:
        # libpq's message names host, user and database, never a password.
        raise Unavailable(f"{place} cannot be reached: {error}".strip(), reason="STORE_UNREACHABLE") from None
    link.adapters.register_loader("numeric", WholeNumber)
    link.execute("SET synchronous_commit = on")
    return link


@contextmanager
def _link(place: Postgres) -> Iterator[psycopg.Connection[Any]]:
    link = _connect(place)
    try:
        yield link
    finally:
        link.close()


def _has_migrations(link: psycopg.Connection[Any]) -> bool:
    return _row(link, "SELECT to_regclass('kms_migrations') IS NOT NULL")[0] is True


def _row(link: psycopg.Connection[Any], sql: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...]:
    found = link.execute(sql.encode(), tuple(parameters)).fetchone()
    return found if found is not None else (None,)


@contextmanager
def explained(place: Postgres) -> Iterator[None]:
    """Whatever PostgreSQL says of an unusable store, as a StoreError that says where it is."""
    import psycopg

    try:
        yield
    except KmsError:
        raise
    except psycopg.Error as error:
        raise StoreError(f"{place} cannot be used: {error}".strip(), reason="STORE_DAMAGED") from None


def store_failure(error: psycopg.Error) -> Exception:
    """What a caller is told of a failing database."""
    from psycopg.errors import DiskFull

    if isinstance(error, DiskFull):
        return Exhausted("the node's disk is full: nothing was stored", reason="DISK_FULL")
    return Unavailable("the node's store failed: nothing was stored", reason="STORE_FAILED")
