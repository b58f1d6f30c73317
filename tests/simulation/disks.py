"""Stores in memory whose process dies before or after a write, as often as the simulation says."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kms.custodian.sqlite import SqliteCustodianStore


class Death(BaseException):
    """The process is gone; what was durable is on its disk. Not an Exception: nothing in a node catches it."""


@dataclass(slots=True)
class Fuse:
    """Burns at the beginning and at the end of every write; kills the process when it is burnt down."""

    left: int = 0

    def burn(self) -> None:
        if self.left:
            self.left -= 1
            if not self.left:
                raise Death


class MortalStore(SqliteCustodianStore):
    """The product's store, on a connection that outlives the process."""

    def __init__(self, disk: sqlite3.Connection, fuse: Fuse) -> None:
        super().__init__(disk)
        self._fuse = fuse

    @contextmanager
    def transaction(self) -> Iterator[object]:
        self._fuse.burn()
        with super().transaction() as inside:
            yield inside
        self._fuse.burn()

    def close(self) -> None:
        """The disk stays."""


def in_memory(disk: bytes) -> bytes:
    """A database file's bytes for a disk in memory, which has no write-ahead log: bytes 18 and 19 say so."""
    return disk[:18] + b"\1\1" + disk[20:]


def copy(disk: bytes) -> sqlite3.Connection:
    """A disk with the content of another (see `sqlite3.Connection.serialize`)."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.deserialize(disk)
    return connection
