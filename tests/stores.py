"""Where worlds in tests keep their custodians' stores: in SQLite files, or each in a schema of a PostgreSQL server.

With KMS_TEST_STORE=postgres every test that plays in one process does so on PostgreSQL:

    KMS_TEST_STORE=postgres scripts/test tests/attack tests/unit/custodian
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kms.custodian.sqlite import SqliteCustodianStore
from kms.storage.database import Place
from kms.storage.postgres import PostgresConnection
from tests.postgres import Server

_server: Server | None = None


def place(path: Path) -> Place:
    """Where the store is that would lie at `path`."""
    return _server.place(_schema(path)) if _server else path


def create(path: Path, keyring_id: bytes, index: int) -> SqliteCustodianStore:
    """A new store where `place` says; in files a copy of one that was created before, which is ten times as fast."""
    where = place(path)
    if not isinstance(where, Path):
        return SqliteCustodianStore.create(where, keyring_id, index)
    assert not where.exists()
    where.write_bytes(_created(keyring_id, index))
    return SqliteCustodianStore.open(where)


@lru_cache(maxsize=32)
def _created(keyring_id: bytes, index: int) -> bytes:
    """The file of a new store."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "store.db"
        SqliteCustodianStore.create(file, keyring_id, index).close()
        return file.read_bytes()


def remove(path: Path) -> None:
    """Take the store away that would lie at `path`."""
    if _server:
        _server.remove(_schema(path))
    # The store itself, or what lies in files beside one that is elsewhere: its row root.
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


@contextmanager
def edited(path: Path) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    """Whoever has the disk, past the node: SQL with its parameters on the store that would lie at `path`; its rows.

    What was written is kept at the end.
    """
    where = place(path)
    if isinstance(where, Path):
        with closing(sqlite3.connect(where)) as database, database:
            yield lambda sql, *values: database.execute(sql, values).fetchall()
        return
    link = PostgresConnection(where)

    def run(sql: str, *values: object) -> list[tuple[Any, ...]]:
        cursor = link.execute(sql, values)
        return cursor.fetchall() if cursor.description else []

    try:
        with link.transaction():
            yield run
    finally:
        link.close()


def _schema(path: Path) -> str:
    return f"s{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"


@contextmanager
def kept_on(server: Server | None) -> Iterator[None]:
    """Stores lie on this server for a while; None: in files."""
    global _server
    before, _server = _server, server
    try:
        yield
    finally:
        _server = before
