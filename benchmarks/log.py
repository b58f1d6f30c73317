"""What a custodian's log costs: to append, to prove, and on disk."""

from __future__ import annotations

import hashlib
import random
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from kms.crypto import merkle
from kms.crypto.secret import Secret
from kms.custodian.ledger import Event, Ledger
from kms.custodian.sqlite import SqliteCustodianStore
from kms.custodian.vault import Vault
from kms.statements.audit import Basis, LogKind, read_entry

ENTRIES: Final = 10_000_000
APPENDED: Final = 200_000
BATCH: Final = 1000
"""Entries of one transaction."""
START: Final = 1_800_000_000
PROOFS: Final = 300


def measure(folder: Path, quick: bool) -> tuple[dict[str, float | None], dict[str, Any]]:
    """Figures and profile. In a quick run the long log has a hundredth of its ten million entries."""
    folder.mkdir(parents=True)
    appended = APPENDED // 10 if quick else APPENDED
    figures, profile = _append(folder / "append.db", appended)
    entries = ENTRIES // 100 if quick else ENTRIES
    proving, of_proofs = _prove(folder / "long.db", entries)
    whole = entries == ENTRIES
    figures |= {name: value if whole else None for name, value in proving.items()}
    return figures, {"log": profile | proving | of_proofs | {"entries": entries}}


def _store(path: Path) -> tuple[SqliteCustodianStore, Ledger]:
    store = SqliteCustodianStore.create(path, bytes(32), 1)
    return store, Ledger(store, Vault(Secret(bytes(32))))


def _hash(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(8, "big")).digest()


def _events(numbers: Iterator[int]) -> Iterator[Event]:
    """What a busy custodian logs: of ten entries one deposit, five decisions, four releases on three decisions each."""
    for number in numbers:
        at, subject, who, root = (
            START + number // 20,
            _hash(number),
            _hash(number % 97),
            _hash(~number % 2**60),
        )
        kind = number % 10
        if kind == 0:
            yield Event(LogKind.DEPOSIT, at, subject, who, "KEPT", 100, root)
        elif kind < 6:
            yield Event(LogKind.DECISION, at, subject, who, "ALLOW", 1, root)
        else:
            basis = tuple(Basis(index, 9_000_000 + number) for index in (1, 2, 3))
            yield Event(LogKind.RELEASE, at, subject, who, "RELEASED", 1, root, basis)


def _append(path: Path, count: int) -> tuple[dict[str, float | None], dict[str, Any]]:
    store, ledger = _store(path)
    with store.transaction():  # as long as it is short, an entry's numbers are
        ledger.append_many(list(_events(iter(range(BATCH)))))
    store.empty_journal()
    before = path.stat().st_size
    events = _events(iter(range(BATCH, BATCH + count)))
    busy = 0.0
    while batch := list(islice(events, BATCH)):
        began = time.perf_counter()
        with store.transaction():
            ledger.append_many(batch)
        busy += time.perf_counter() - began
    store.empty_journal()
    grown = (path.stat().st_size - before) / count
    single = _median_ms(lambda: _append_one(store, ledger), 200)
    store.close()
    path.unlink()
    figures: dict[str, float | None] = {"log_append_per_s": count / busy, "log_bytes_per_entry": grown}
    return figures, {"append_one_ms": single}


def _append_one(store: SqliteCustodianStore, ledger: Ledger) -> None:
    with store.transaction():
        ledger.append(LogKind.DECISION, START, bytes(32), principal=bytes(32), outcome="ALLOW", count=1)


def _prove(path: Path, entries: int) -> tuple[dict[str, float], dict[str, Any]]:
    store, ledger = _store(path)
    began = time.perf_counter()
    _fill(store, ledger, entries)
    filled = time.perf_counter() - began
    size, root = ledger.head()
    draw, tree = random.Random(1), ledger.tree
    inclusion: list[float] = []
    consistency: list[float] = []
    longest = 0
    for _ in range(PROOFS):
        index, old = draw.randrange(size), draw.randrange(1, size)
        began = time.perf_counter()
        proof = tree.inclusion_proof(index, size)
        (entry,) = store.log.entries(index, 1)
        inclusion.append(time.perf_counter() - began)
        merkle.check_inclusion(merkle.leaf_hash(entry), index, size, proof, root)
        assert read_entry(entry, index).index == index
        began = time.perf_counter()
        grown = tree.consistency_proof(old, size)
        consistency.append(time.perf_counter() - began)
        merkle.check_consistency(old, tree.root(old), size, root, grown)
        longest = max(longest, merkle.HASH_SIZE * len(proof) + len(entry), merkle.HASH_SIZE * len(grown))
    store.close()
    path.unlink()
    figures = {
        "log_proof_ms": max(statistics.median(inclusion), statistics.median(consistency)) * 1e3,
        "log_proof_bytes": longest,
    }
    return figures, {
        "inclusion_p50_ms": statistics.median(inclusion) * 1e3,
        "inclusion_max_ms": max(inclusion) * 1e3,
        "consistency_p50_ms": statistics.median(consistency) * 1e3,
        "fill_s": filled,
    }


def _fill(store: SqliteCustodianStore, ledger: Ledger, entries: int) -> None:
    """A long log, its first part appended as any, the rest of one entry under other numbers: that takes long enough."""
    with store.transaction():
        ledger.append_many(list(_events(iter(range(BATCH)))))
    event = Event(LogKind.DECISION, START, bytes(range(32)), bytes(32), "ALLOW", 1, bytes(32))
    one, two = event.numbered(1), event.numbered(200)
    rest = one[2:]
    assert one[:1] + _varint(200) + rest == two
    first = BATCH
    while first < entries:
        last = min(first + 50_000, entries)
        with store.transaction():
            ledger._write(ledger._current(), [one[:1] + _varint(n) + rest for n in range(first, last)])
        first = last


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def _median_ms(work: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e3
