"""The log as a tree: what it appends, proves, survives, and makes of a log that was a chain."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.crypto import labels, merkle
from kms.crypto.hashing import H, u64
from kms.custodian.ledger import Event, Ledger
from kms.custodian.sqlite import SqliteCustodianStore
from kms.custodian.vault import Vault
from kms.errors import Invalid, StoreError
from kms.statements.audit import CHAIN_START, Basis, LogEntry, LogKind, read_entry
from kms.statements.codec import encode
from tests.protocol.world import storage_root

KEYRING = b"k" * 32
VAULT = Vault(storage_root(1))
OLD_COUNT = 600


def event(number: int) -> Event:
    return Event(LogKind.DECISION, 1000 + number, H(labels.STATEMENT, u64(number)), b"p" * 32, "ALLOW", 1)


def open_store(path: Path) -> SqliteCustodianStore:
    return SqliteCustodianStore.open(path) if path.exists() else SqliteCustodianStore.create(path, KEYRING, 1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteCustodianStore]:
    made = open_store(tmp_path / "log.db")
    yield made
    made.close()


def fill(store: SqliteCustodianStore, *counts: int) -> Ledger:
    """A log to which that many entries were added, a transaction each."""
    ledger = Ledger(store, VAULT)
    for count in counts:
        first = store.log.size()
        with store.transaction():
            assert ledger.append_many([event(first + number) for number in range(count)]) == first
    return ledger


def expected_root(store: SqliteCustodianStore) -> bytes:
    edge = merkle.Edge()
    for entry in store.log.entries(0, store.log.size()):
        edge.append(merkle.leaf_hash(entry))
    return edge.root


@pytest.mark.parametrize("counts", [(1,), (255, 1), (256,), (257,), (300, 300, 1), (65536 + 300,)])
def test_the_root_is_the_one_over_the_entries_bytes(
    store: SqliteCustodianStore, counts: tuple[int, ...]
) -> None:
    ledger = fill(store, *counts)
    assert ledger.head() == (sum(counts), expected_root(store))
    assert Ledger(store, VAULT).head() == ledger.head()  # and so it is for who reads it from disk
    assert ledger.check() == sum(counts)


def test_every_entry_of_every_earlier_size_is_proved(store: SqliteCustodianStore) -> None:
    ledger = fill(store, 700)
    entries = store.log.entries(0, 700)
    for index, size in ((0, 1), (0, 700), (255, 256), (256, 257), (511, 513), (699, 700), (3, 300)):
        leaf = merkle.leaf_hash(entries[index])
        merkle.check_inclusion(
            leaf, index, size, ledger.tree.inclusion_proof(index, size), ledger.tree.root(size)
        )
    for old, new in ((1, 2), (256, 700), (255, 699), (512, 513), (700, 700), (0, 700)):
        roots = ledger.tree.root(old), ledger.tree.root(new)
        merkle.check_consistency(old, roots[0], new, roots[1], ledger.tree.consistency_proof(old, new))


def test_one_entry_at_a_time_makes_the_same_tree(store: SqliteCustodianStore) -> None:
    ledger = Ledger(store, VAULT)
    for number in range(520):
        with store.transaction():
            one = event(number)
            assert number == ledger.append(
                one.kind, one.at, one.subject_hash, principal=one.principal, outcome=one.outcome, count=1
            )
    assert ledger.head() == (520, expected_root(store))
    assert ledger.check() == 520


class Stopped(Exception):
    """A step that failed after it had logged."""


@pytest.mark.parametrize("before", [0, 1, 255, 256, 300])
def test_a_transaction_that_is_rolled_back_leaves_no_trace_in_the_tree(
    store: SqliteCustodianStore, before: int
) -> None:
    ledger = fill(store, *((before,) if before else ()))
    head = ledger.head()

    def step() -> None:
        with store.transaction():
            ledger.append_many([event(before + number) for number in range(3)])
            raise Stopped

    with pytest.raises(Stopped):
        step()
    assert ledger.head() == head
    with store.transaction():
        assert ledger.append(LogKind.STARTED, 1, b"s" * 32) == before
    assert ledger.head() == (before + 1, expected_root(store))
    assert ledger.check() == before + 1


@pytest.mark.parametrize("before", [0, 256])
def test_a_write_that_fails_leaves_no_trace_in_the_tree(
    store: SqliteCustodianStore, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    ledger = fill(store, *((before,) if before else ()))

    def fails(*arguments: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(store.log, "append", fails)
        with pytest.raises(Exception, match="store failed"), store.transaction():
            ledger.append_many([event(before)])
    with store.transaction():
        assert ledger.append_many([event(before)]) == before
    assert ledger.head() == (before + 1, expected_root(store))


def test_known_entries_are_taken_as_they_are_and_only_in_their_place(
    store: SqliteCustodianStore, tmp_path: Path
) -> None:
    fill(store, 300)
    entries = store.log.entries(0, 300)
    other = open_store(tmp_path / "other.db")
    ledger = fill(other, 10)
    with pytest.raises(Invalid, match="stands in the log as number 10"), other.transaction():
        ledger.append_known(entries[11:])
    with other.transaction():
        ledger.append_known(entries[10:])
    assert ledger.head() == (300, expected_root(store))
    other.close()


@pytest.mark.parametrize(
    "entry",
    [
        LogEntry(0, LogKind.STARTED, 0, bytes(32)),
        LogEntry(2**40, LogKind.RELEASE, 1, b"s" * 32, b"p" * 32, "\N{GREEK SMALL LETTER PI}" * 64, 2**31),
        LogEntry(1, LogKind.DEPOSIT, 1, b"s" * 32, previous_hash=b"h" * 32, detail_root=b"d" * 32),
        LogEntry(1, LogKind.RELEASE, 1, b"s" * 32, basis=tuple(Basis(n, 0) for n in range(1, 65))),
    ],
)
def test_an_entry_is_written_as_every_statement_is_and_read_again(entry: LogEntry) -> None:
    assert entry.to_bytes() == encode(entry)
    assert read_entry(entry.to_bytes(), entry.index) == entry


def test_an_entry_says_what_it_rests_on() -> None:
    basis = (Basis(1, 7), Basis(3, 9))
    entry = LogEntry(4, LogKind.RELEASE, 1, b"s" * 32, detail_root=b"d" * 32, basis=basis)
    assert read_entry(entry.to_bytes(), 4) == entry
    with pytest.raises(Invalid, match="stands in the log as number 5"):
        read_entry(entry.to_bytes(), 5)


@pytest.mark.parametrize(
    "changes",
    [
        {"basis": (Basis(1, 7), Basis(1, 8))},
        {"basis": (Basis(3, 7), Basis(1, 8))},
        {"detail_root": b"d" * 31},
        {"previous_hash": b"p" * 31},
        {"principal": b"p" * 33},
        {"outcome": "o" * 65},
        {"subject_hash": b"s" * 31},
        {"basis": (Basis(0, 7),)},
        {"basis": tuple(Basis(n, 7) for n in range(1, 66))},
    ],
)
def test_an_entry_names_each_custodian_once_and_whole_hashes(changes: dict[str, object]) -> None:
    good: dict[str, object] = {"index": 4, "kind": LogKind.RELEASE, "at": 1, "subject_hash": b"s" * 32}
    with pytest.raises(Invalid):
        LogEntry(**good | changes)  # type: ignore[arg-type]


# -- a log that was a chain ------------------------------------------------------------------------------


def make_chain(path: Path, *, spoil: int | None = None, head: int = OLD_COUNT) -> list[bytes]:
    """The store as an earlier version left it; its entries. `spoil` alters one, `head` is what its record says."""
    open_store(path).close()
    entries, previous = [], CHAIN_START
    for number in range(OLD_COUNT):
        one = event(number)
        at = one.at + (number == spoil)
        entry = LogEntry(number, one.kind, at, one.subject_hash, one.principal, one.outcome, 1, previous)
        entries.append(entry.to_bytes())
        original = LogEntry(
            number, one.kind, one.at, one.subject_hash, one.principal, one.outcome, 1, previous
        )
        previous = H(labels.LOG_ENTRY, original.to_bytes())
    record = u64(head) + VAULT.tag("log head", u64(head) + previous)
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE log")
        db.execute("DROP TABLE log_roots")
        db.execute("CREATE TABLE log (idx INTEGER PRIMARY KEY, payload BLOB NOT NULL, hash BLOB NOT NULL)")
        db.executemany("INSERT INTO log VALUES (?, ?, x'00')", enumerate(entries))
        db.execute("INSERT OR REPLACE INTO meta VALUES ('log_head', ?)", (record,))
        db.execute("DELETE FROM _sqlite_migrations WHERE name = 'm010_log_tree'")
    db.close()
    return entries


def test_the_entries_of_a_chain_become_leaves_as_they_are(tmp_path: Path) -> None:
    entries = make_chain(tmp_path / "log.db")
    store = open_store(tmp_path / "log.db")
    ledger = Ledger(store, VAULT)
    assert ledger.check(1000) == OLD_COUNT
    assert store.log.entries(0, OLD_COUNT) == entries
    assert ledger.head() == (OLD_COUNT, expected_root(store))
    assert fill(store, 5).check() == OLD_COUNT + 5
    store.close()


@pytest.mark.parametrize(
    "damage", [{"spoil": 0}, {"spoil": 17}, {"spoil": OLD_COUNT - 1}, {"head": OLD_COUNT + 1}]
)
def test_a_chain_that_does_not_hold_becomes_no_tree(tmp_path: Path, damage: dict[str, int]) -> None:
    make_chain(tmp_path / "log.db", **damage)
    store = open_store(tmp_path / "log.db")
    for _ in range(2):  # and not at the second start either
        with pytest.raises(StoreError) as refused:
            Ledger(store, VAULT).check(1000)
        assert refused.value.reason == "LOG_BROKEN"
    store.close()
