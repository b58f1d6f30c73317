"""A host that edits a custodian's log on disk: alters an entry, drops one, swaps two, cuts the end off, or writes the
tree's roots anew to fit. It does not have the storage root.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from kms.crypto import merkle
from kms.custodian.ledger import Ledger
from kms.custodian.sqlite import SqliteCustodianStore
from kms.errors import StoreError
from kms.statements.audit import LogEntry, LogKind, read_entry
from tests.unit.custodian.test_ledger import VAULT, fill, open_store

SIZE = 1600


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store = open_store(tmp_path / "log.db")
    fill(store, SIZE)
    store.close()
    return tmp_path / "log.db"


def edit(path: Path, *edits: tuple[str, tuple[object, ...]]) -> None:
    with sqlite3.connect(path) as db:
        for statement, values in edits:
            db.execute(statement, values)
    db.close()


def refused(path: Path, last: int | None = None) -> StoreError:
    store = SqliteCustodianStore.open(path)
    try:
        with pytest.raises(StoreError) as error:
            Ledger(store, VAULT).check(last)
        assert error.value.reason == "LOG_BROKEN"
        return error.value
    finally:
        store.close()


def entry(path: Path, index: int) -> LogEntry:
    store = SqliteCustodianStore.open(path)
    payload = store.log.entries(index, 1)[0]
    store.close()
    return read_entry(payload, index)


def put(index: int, payload: bytes) -> tuple[str, tuple[object, ...]]:
    return "UPDATE log SET payload = ? WHERE idx = ?", (payload, index)


def denied(path: Path, index: int) -> tuple[str, tuple[object, ...]]:
    """An edit that makes another outcome of an entry."""
    before = entry(path, index)
    after = LogEntry(
        index, before.kind, before.at, before.subject_hash, before.principal, "DENY", before.count
    )
    return put(index, after.to_bytes())


@pytest.mark.parametrize("index", [0, 100, 255, 256, 1535, 1536, SIZE - 1])
def test_an_altered_entry_is_noticed_wherever_it_stands(path: Path, index: int) -> None:
    edit(path, denied(path, index))
    refused(path)


@pytest.mark.parametrize("index", [SIZE - 1000, SIZE - 1])
def test_an_altered_entry_of_the_last_thousand_is_noticed_at_the_start(path: Path, index: int) -> None:
    edit(path, denied(path, index))
    refused(path, 1000)


@pytest.mark.parametrize("index", [0, 300, SIZE - 2])
def test_a_dropped_entry_is_noticed(path: Path, index: int) -> None:
    edit(path, ("DELETE FROM log WHERE idx = ?", (index,)))
    refused(path)


@pytest.mark.parametrize("index", [10, SIZE - 2])
def test_a_dropped_entry_whose_followers_move_up_is_noticed(path: Path, index: int) -> None:
    edit(
        path,
        ("DELETE FROM log WHERE idx = ?", (index,)),
        ("UPDATE log SET idx = -idx WHERE idx > ?", (index,)),
        ("UPDATE log SET idx = -idx - 1 WHERE idx < 0", ()),
    )
    assert f"{SIZE} entries were logged, but the log holds {SIZE - 1}" in refused(path).message


@pytest.mark.parametrize("index", [20, SIZE - 2])
def test_two_entries_that_changed_places_are_noticed(path: Path, index: int) -> None:
    store = SqliteCustodianStore.open(path)
    first, second = store.log.entries(index, 2)
    store.close()
    edit(path, put(index, second), put(index + 1, first))
    assert "stands in the log as number" in refused(path).message


@pytest.mark.parametrize("left", [0, 1, 1536, SIZE - 1])
def test_a_log_whose_end_was_cut_off_is_noticed(path: Path, left: int) -> None:
    edit(path, ("DELETE FROM log WHERE idx >= ?", (left,)))
    assert f"{SIZE} entries were logged, but the log holds {left}" in refused(path, 1000).message


def test_an_entry_that_was_added_by_hand_is_noticed(path: Path) -> None:
    more = LogEntry(SIZE, LogKind.STARTED, 1, b"s" * 32)
    edit(path, ("INSERT INTO log VALUES (?, ?)", (SIZE, more.to_bytes())))
    assert f"{SIZE} entries were logged, but the log holds {SIZE + 1}" in refused(path, 1000).message


def _rewritten(path: Path, index: int) -> None:
    """Another entry, with the stored root above it hashed anew."""
    edit(path, denied(path, index))
    store = SqliteCustodianStore.open(path)
    first = index // 256 * 256
    root = merkle.perfect_root([merkle.leaf_hash(one) for one in store.log.entries(first, 256)])
    store.close()
    edit(path, ("UPDATE log_roots SET root = ? WHERE level = 1 AND number = ?", (root, first // 256)))


@pytest.mark.parametrize("index", [0, 700])
def test_a_tree_that_was_written_anew_to_fit_is_noticed_at_the_start(path: Path, index: int) -> None:
    _rewritten(path, index)
    assert "does not lead to the root" in refused(path, 1000).message


def test_a_head_record_that_fits_the_new_tree_takes_the_storage_root(path: Path) -> None:
    _rewritten(path, 700)
    store = SqliteCustodianStore.open(path)
    record = store.log.head()
    made = record[:8] + Ledger(store, VAULT).tree.root(SIZE) + record[40:]
    store.close()
    edit(path, ("UPDATE meta SET value = ? WHERE name = 'log_head'", (made,)))
    assert "record of the log's head was altered" in refused(path, 1000).message


def test_the_roots_of_higher_levels_are_held_against_those_below(tmp_path: Path) -> None:
    path = tmp_path / "long.db"
    store = open_store(path)
    fill(store, 65536 + 5)
    store.close()
    edit(path, ("UPDATE log_roots SET root = zeroblob(32) WHERE level = 1 AND number = 3", ()))
    # Far from the last thousand, and under a root that was left as it was.
    assert "broken at level 2" in refused(path, 1000).message
    path.unlink()


@pytest.mark.parametrize("step", [lambda ledger: ledger.head(), lambda ledger: ledger.append_many([])])
def test_nothing_is_appended_to_a_log_that_does_not_hold(
    path: Path, step: Callable[[Ledger], object]
) -> None:
    edit(path, ("DELETE FROM log WHERE idx = ?", (SIZE - 1,)))
    store = SqliteCustodianStore.open(path)
    with pytest.raises(StoreError), store.transaction():
        step(Ledger(store, VAULT))
    store.close()
