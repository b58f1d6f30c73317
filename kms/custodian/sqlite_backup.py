"""A copy of a custodian's store that holds no share, no row key and no sealing key, and a store made of such a copy.

What a custodian keeps of the world is in it: its log, revocations, kills, counts, approvers. What only the others can
give back is not, so that no copy keeps alive what was erased. The copy is made value by value: pages would bring
along what was deleted in them.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlite_utils import Database, Migrations

from kms.errors import ConfigError, StoreError
from kms.storage import database
from kms.storage.erasable import sync_folder
from kms.storage.postgres import PostgresConnection

LEFT_OUT: Final = frozenset({"reshared", "pool_shares", "draws", "sealing_keys"})
"""Tables that are copied empty."""
BLANK: Final[Mapping[str, Mapping[str, str]]] = {
    "keys": {"wrapped_key": "x''", "share": "x''", "opening": "x''"},
    # A request under way ends with the store: its evidence is not there.
    "requests": {"evidence": "x''", "text": "x''", "state": "'closed'"},
}
"""What stands in the place of a column's values, as SQL."""
_OURS: Final = "name != 'row_root'"
"""Of the table `meta`: the row root is of the store, not of its copy."""


def back_up(
    source: sqlite3.Connection | PostgresConnection, path: Path, migrations: Migrations
) -> tuple[int, int]:
    """Copy an open store into a new file, down to the disk: (rows, bytes). ConfigError if the file exists."""
    if path.exists():
        raise ConfigError(f"{path} exists already")
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    try:
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise ConfigError(f"cannot make {new}: {error.strerror}") from None
    try:
        rows = _copy(source, new, migrations)
        descriptor = os.open(new, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        new.rename(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return rows, path.stat().st_size


def _copy(source: sqlite3.Connection | PostgresConnection, path: Path, migrations: Migrations) -> int:
    rows = 0
    with closing(sqlite3.connect(path, isolation_level=None)) as target:
        migrations.apply(Database(target))
        tables = target.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
            " AND name NOT LIKE '!_sqlite!_%' ESCAPE '!'"
        ).fetchall()
        with database.transaction(source) as reading:
            target.execute("BEGIN")
            for (table,) in tables:
                if table not in LEFT_OUT:
                    rows += _copy_table(reading, target, table)
            if isinstance(source, sqlite3.Connection):
                # Numbers of what was deleted are not given out again.
                target.execute("DELETE FROM sqlite_sequence")
                target.executemany(
                    "INSERT INTO sqlite_sequence VALUES (?, ?)",
                    source.execute("SELECT * FROM sqlite_sequence"),
                )
            target.execute("COMMIT")
    return rows


def _copy_table(source: sqlite3.Connection, target: sqlite3.Connection, table: str) -> int:
    blank = BLANK.get(table, {})
    names = [row[1] for row in target.execute(f"PRAGMA table_info({table})")]
    asked = ", ".join(blank.get(name, name) for name in names)
    where = f" WHERE {_OURS}" if table == "meta" else ""
    target.execute(f"DELETE FROM {table}")
    return target.executemany(
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
        source.execute(f"SELECT {asked} FROM {table}{where}"),
    ).rowcount


def open_copy(path: Path) -> bytes:
    """The bytes of a file that `back_up` made; StoreError if it is none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    # Immutable: as the bytes are, with no journal that may lie beside them.
    address = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    with database.explained(path), closing(sqlite3.connect(address, uri=True)) as looked:
        _refuse_what_is_no_copy(looked, path)
    return content


def _refuse_what_is_no_copy(looked: sqlite3.Connection, path: Path) -> None:
    # A copy of the store itself, with rows under a row root of that day, would start as a store full of lost shares.
    tables = {row[0] for row in looked.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {"meta", "keys", *LEFT_OUT} <= tables:
        raise StoreError(f"{path} is no copy of a custodian's store", reason="NOT_A_BACKUP")
    held = any(
        looked.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None for table in sorted(LEFT_OUT)
    )
    if held or looked.execute("SELECT 1 FROM keys WHERE wrapped_key != x'' LIMIT 1").fetchone() is not None:
        raise StoreError(
            f"{path} holds shares: it is a store, or was not made by `kms custodian backup`",
            reason="NOT_A_BACKUP",
        )
