"""Open a node's database: in SQLite (WAL, synchronous FULL, one process, known schema, whole file) or PostgreSQL.

A node that starts on a damaged or foreign store would forget what it has acknowledged, so it refuses and says
why.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from sqlite_utils import Database, Migrations

from kms.errors import Exhausted, StoreError, Unavailable
from kms.storage import postgres
from kms.storage.postgres import Postgres, PostgresConnection

Place = Path | Postgres
"""Where a store is: a file, or a database."""

SIDE_FILES = ("-wal", "-shm")
"""What SQLite keeps beside the file."""
QUICK_CHECK_BYTES = 64 << 20
"""Up to this size the whole file is checked at the start; beyond it `check` does, on demand."""


def run_file(db: Database, path: Path) -> None:
    """Every statement of a file of SQL, as a migration does."""
    for statement in path.read_text().split(";"):
        if statement.strip():
            db.execute(statement)


def create(path: Place, migrations: Migrations) -> sqlite3.Connection:
    """A new store; StoreError if there is one."""
    if isinstance(path, Postgres):
        return cast(sqlite3.Connection, postgres.create(path, migrations))  # it answers what the plugs ask
    if path.exists():
        raise StoreError(f"{path} exists already: refusing to write over a store", reason="STORE_EXISTS")
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = _connect(path)
    with explained(path):
        migrations.apply(Database(connection))
    return connection


@contextmanager
def creating(path: Path) -> Iterator[BinaryIO]:
    """A new store's file to write whole, down to the disk; gone again if that fails. StoreError if it exists."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise StoreError(
            f"{path} exists already: refusing to write over a store", reason="STORE_EXISTS"
        ) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            remove_side_files(path)  # a journal of the store that was lost must not be played into this one
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink()
        raise


def remove_side_files(path: Path) -> None:
    """What SQLite kept beside a store's file that is gone."""
    for end in SIDE_FILES:
        path.with_name(path.name + end).unlink(missing_ok=True)


def open_existing(path: Place, migrations: Migrations) -> sqlite3.Connection:
    """An existing store, brought to the current schema; StoreError if it is locked, damaged or newer."""
    if isinstance(path, Postgres):
        return cast(sqlite3.Connection, postgres.open_existing(path, migrations))
    if not path.exists():
        raise StoreError(f"there is no store at {path}: run init first", reason="STORE_MISSING")
    with explained(path):
        if path.stat().st_size == 0:
            raise StoreError(f"{path} is empty: it was cut off", reason="STORE_DAMAGED")
        connection = _connect(path)
        database = Database(connection)
        known = {m.name for m in migrations.pending(database)} | {
            m.name for m in migrations.applied(database)
        }
        ours = {m.name for m in migrations._migrations}
        if known - ours:
            newer = ", ".join(sorted(known - ours))
            raise StoreError(
                f"{path} has a newer schema ({newer}): run the version that made it", reason="STORE_NEWER"
            )
        if not list(migrations.applied(database)):
            raise StoreError(f"{path} holds no store of this kind", reason="STORE_DAMAGED")
        _check_whole(connection, path)
        migrations.apply(database)
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2.0)
    with explained(path):
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("PRAGMA cache_size=-65536")
        # Key ids are random, so each deposit touches other pages of the index: with SQLite's default of 1,000 pages
        # a large store would copy its journal back at every other commit.
        connection.execute("PRAGMA wal_autocheckpoint=8192")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    return connection


def _check_whole(connection: sqlite3.Connection, path: Path) -> None:
    if path.stat().st_size <= QUICK_CHECK_BYTES:
        answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if answer != "ok":
            raise StoreError(f"{path} is damaged: {answer}", reason="STORE_DAMAGED")


@contextmanager
def explained(path: Place) -> Iterator[None]:
    """Whatever the database says of an unusable store, as a StoreError that says where it is."""
    if isinstance(path, Postgres):
        with postgres.explained(path):
            yield
        return
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise StoreError(
                f"{path} is locked: another process has it open", reason="STORE_LOCKED"
            ) from None
        raise StoreError(f"{path} cannot be opened: {error}", reason="STORE_DAMAGED") from None
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} is damaged: {error}", reason="STORE_DAMAGED") from None


@contextmanager
def transaction(connection: sqlite3.Connection | PostgresConnection) -> Iterator[sqlite3.Connection]:
    """All or nothing, durable when it ends. Exhausted if the disk is full: nothing was acknowledged then."""
    if isinstance(connection, PostgresConnection):
        with connection.transaction():
            yield cast(sqlite3.Connection, connection)
        return
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")
    except BaseException as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.OperationalError):
            raise store_failure(error) from None
        raise


def keeps_erased(connection: sqlite3.Connection | PostgresConnection) -> bool:
    """Whether rows that were erased may stay on the disk though the journal is emptied.

    SQLite overwrites them (`secure_delete`), and then the journal is cut off.
    """
    return isinstance(connection, PostgresConnection)


def empty_journal(connection: sqlite3.Connection | PostgresConnection) -> None:
    """Let nothing that was overwritten stay in the journal."""
    if isinstance(connection, PostgresConnection):
        connection.empty_journal()
    else:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def store_failure(error: sqlite3.Error) -> Exception:
    """What a caller is told of a failing disk."""
    if "full" in str(error):
        return Exhausted("the node's disk is full: nothing was stored", reason="DISK_FULL")
    return Unavailable("the node's store failed: nothing was stored", reason="STORE_FAILED")
