"""Where worlds in tests keep their custodians' stores: in SQLite files, or each in a schema of a PostgreSQL server.

With KMS_TEST_STORE=postgres every test that plays in one process does so on PostgreSQL:

    KMS_TEST_STORE=postgres scripts/test tests/attack tests/unit/custodian
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kms.storage.database import Place
from tests.postgres import Server

_server: Server | None = None


def place(path: Path) -> Place:
    """Where the store is that would lie at `path`."""
    return _server.place(_schema(path)) if _server else path


def remove(path: Path) -> None:
    """Take the store away that would lie at `path`."""
    if _server:
        _server.remove(_schema(path))
    # The store itself, or what lies in files beside one that is elsewhere: its row root.
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


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
