"""A small store that has something of all that lies under a row root, and whether all of it opens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kms.crypto.secret import Secret
from kms.custodian.rolling import Rolling
from kms.custodian.sqlite import SqliteCustodianStore
from kms.custodian.sqlite.rolling import COLUMNS
from kms.custodian.vault import Vault

ROOT = Secret(bytes(range(32)))
NOW = 1_800_000_000
HOUR = 3600


@dataclass(frozen=True, slots=True)
class Opened:
    """A store with its vault and its row root."""

    store: SqliteCustodianStore
    vault: Vault
    rolling: Rolling


def open_at(folder: Path) -> Opened:
    """As a node opens it; a roll that was killed is where it was, or ended."""
    store, vault = SqliteCustodianStore.open(folder / "store.db"), Vault(ROOT)
    return Opened(store, vault, Rolling(folder / "row.root", store, vault, NOW))


def create(folder: Path) -> Opened:
    """A new one, empty."""
    SqliteCustodianStore.create(folder / "store.db", bytes(32), 1).close()
    return open_at(folder)


def fill(opened: Opened, vault: Vault, seal: bool = True) -> None:
    """Rows of every kind; `seal` as today, else as before there were row roots."""
    db = opened.store._db
    whole = vault.seal_erasable if seal else vault.seal
    with opened.store.transaction():
        for n in range(24):
            row = vault.seal_row(name("key", n), share(n), b"opening %d" % n)
            db.execute(
                "INSERT INTO keys (id_tag, c0_tag, frame, tail, wrapped_key, share, opening) VALUES (?,?,1,?,?,?,?)",
                (n, n, name("key", n), row.wrapped_key, row.share, row.opening),
            )
        for n in range(10):
            wrapped, sealed = vault.seal_share(name("key", n), b"v", share(n))
            db.execute("INSERT INTO reshared VALUES (?, ?, ?, ?)", (n, n % 3, wrapped, sealed))
            wrapped, sealed = vault.seal_share(name("pool", n), b"p", share(n))
            db.execute(
                "INSERT INTO pool_shares VALUES (?, 1, ?, ?, ?)", (name("pool", n), n, wrapped, sealed)
            )
        for n in range(5):
            row = vault.seal_row(name("draw", n), share(n), b"o")
            db.execute(
                "INSERT INTO draws VALUES (?, ?, ?, ?, ?, ?)",
                (name("deposit", n % 2), n, name("draw", n), row.wrapped_key, row.share, row.opening),
            )
        for n in range(3):
            seed = whole("sealing key", share(n))
            db.execute("INSERT INTO sealing_keys VALUES (?, ?, x'', 0)", (n, seed))
        for n in range(4):
            evidence, text = whole("evidence", b"evidence %d" % n), whole("approval text", b"text %d" % n)
            db.execute(
                "INSERT INTO requests VALUES (?, x'', ?, x'', 'waiting', 0, 0, ?)",
                (name("request", n), evidence, text),
            )
        db.execute(
            "INSERT INTO requests VALUES (?, x'', x'', x'', 'closed', 0, 0, x'')", (name("request", 9),)
        )


def name(kind: str, n: int) -> bytes:
    """32 bytes for the n-th of a kind."""
    return f"{kind} {n}".encode().ljust(32, b".")


def share(n: int) -> bytes:
    """64 bytes that stand nowhere else."""
    return f"share {n}".encode().ljust(64, b"!")


def contents(opened: Opened) -> Iterator[bytes]:
    """Everything that lies under a row root, opened; StoreError if anything does not open."""
    db, vault = opened.store._db, opened.vault
    for key_id, wrapped, sealed, opening in db.execute(
        "SELECT tail, wrapped_key, share, opening FROM keys ORDER BY id"
    ):
        yield vault._open(key_id, wrapped, bytes(12), sealed)
        yield vault._open(key_id, wrapped, bytes(11) + b"\x01", opening)
    for n, wrapped, sealed in db.execute("SELECT key, wrapped_key, share FROM reshared ORDER BY key"):
        yield vault.open_reshared(name("key", n), b"v", wrapped, sealed)
    for c0, wrapped, sealed in db.execute("SELECT c0, wrapped_key, share FROM pool_shares ORDER BY position"):
        yield vault.open_reshared(c0, b"p", wrapped, sealed)
    for key_id, wrapped, sealed in db.execute("SELECT descriptor, wrapped_key, share FROM draws ORDER BY 1"):
        yield vault._open(key_id, wrapped, bytes(12), sealed)
    for at in COLUMNS:
        if at.purpose:
            for (value,) in db.execute(
                f"SELECT {at.column} FROM {at.table} WHERE {at.column} != x'' ORDER BY {at.name[0]}"
            ):
                yield vault.open_erasable(at.purpose, value)


def values(opened: Opened) -> list[tuple[str, bytes]]:
    """(purpose, wrapped key or sealed value) of all that lies under a row root, as it is on disk."""
    return [
        (at.purpose, row[0])
        for at in COLUMNS
        for row in opened.store._db.execute(
            f"SELECT {at.column} FROM {at.table} WHERE {at.column} != x'' ORDER BY {', '.join(at.name)}"
        )
    ]
