"""A copy of a custodian's store that holds no share, no row key and no sealing key, and a store made of such a copy.

What a custodian keeps of the world is in it: its log, revocations, kills, counts, approvers. What only the others can
give back is not, so that no copy keeps alive what was erased. The copy is made value by value: pages would bring
along what was deleted in them.

A copy lies where others may reach it for years. So the database is followed by a tag under the storage root, over all
of it, without which nothing is made of it: else whoever holds the copy takes out a revocation, a kill or a tombstone,
and waits for the day on which it is needed. A copy that is whole and merely old is met by the log, which others have
seen.

    SQLite database || "KMS copy 1\n" and zeros, 16 bytes || HMAC-SHA256 over all before it, 32 bytes
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote

from sqlite_utils import Database, Migrations

from kms.crypto.hashing import equal
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
MARK: Final = b"KMS copy 1\n".ljust(16, b"\0")
TAG_SIZE: Final = 32
_SOME_TIME: Final = (1).to_bytes(8, "big")
"""When a copy was made into a store, until that store says it better."""
PIECE: Final = 1 << 20
"""Bytes of a copy that are in memory at once."""
Tag = Callable[[Iterable[bytes]], bytes]
"""The tag over a copy's bytes, which come in pieces (`Vault.tag_of_copy`)."""


def back_up(
    source: sqlite3.Connection | PostgresConnection, path: Path, migrations: Migrations, tag: Tag
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
        with new.open("r+b") as file:
            file.seek(0, os.SEEK_END)
            file.write(MARK)
            file.seek(0)
            made = tag(_pieces(file, None))
            file.write(made)
            file.flush()
            os.fsync(file.fileno())
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
            # In the copy already: whoever is stopped between making a store of it and saying so would start as one that
            # never lost anything, and sign a second history of its log.
            target.execute("INSERT OR REPLACE INTO meta VALUES ('restored_at', ?)", (_SOME_TIME,))
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


def make_of(copy: Path, path: Path, tag: Tag) -> None:
    """A new store's file of a copy, down to the disk.

    StoreError NOT_A_BACKUP or BACKUP_ALTERED, before anything is written, unless `back_up` made the copy with this tag;
    StoreError if the file exists. In pieces: a log of years does not fit into memory.
    """
    try:
        with copy.open("rb") as file:
            size = file.seek(0, os.SEEK_END) - len(MARK) - TAG_SIZE
            file.seek(max(0, size))
            if size <= 0 or file.read(len(MARK)) != MARK:
                raise StoreError(
                    f"{copy} was not made by `kms custodian backup`, or by an earlier version, or is cut off",
                    reason="NOT_A_BACKUP",
                )
            _check_tag(copy, file, size, tag(_from_start(file, size)))
            _write(copy, file, size, path, tag)
    except OSError as error:
        raise ConfigError(f"cannot read {copy} or write {path}: {error.strerror}") from None


def _write(copy: Path, file: BinaryIO, size: int, path: Path, tag: Tag) -> None:
    with database.creating(path) as made:

        def written() -> Iterator[bytes]:
            left = size
            for piece in _from_start(file, size):
                made.write(piece[:left])
                left -= len(piece[:left])
                yield piece

        # Over the very bytes that were written: the file may be another one than it was a moment ago.
        _check_tag(copy, file, size, tag(written()))
        made.flush()
        # Whatever carries the tag was made by us; that it is a copy, and not some store, is looked at all the same.
        with database.explained(copy), closing(sqlite3.connect(_address(path), uri=True)) as looked:
            _refuse_what_is_no_copy(looked, copy)


def _check_tag(copy: Path, file: BinaryIO, size: int, made: bytes) -> None:
    file.seek(size + len(MARK))
    if not equal(file.read(), made):
        raise StoreError(
            f"{copy} was altered since it was made, or is of another custodian: nothing is made of it",
            reason="BACKUP_ALTERED",
        )


def _from_start(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The database and the mark: what the tag is over."""
    file.seek(0)
    return _pieces(file, size + len(MARK))


def _pieces(file: BinaryIO, size: int | None) -> Iterator[bytes]:
    """The next `size` bytes of a file, or all."""
    left = size
    while piece := file.read(PIECE if left is None else min(PIECE, left)):
        left = None if left is None else left - len(piece)
        yield piece


def _address(path: Path) -> str:
    # Immutable: as the bytes are, with no journal beside them.
    return f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"


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
