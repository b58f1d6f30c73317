"""How many keys went out lately, per principal and per owner: the brake on bulk reading.

Kept in buckets, so a day of releases costs a few rows; a window counts its whole first bucket, which errs on
the strict side.
"""

from __future__ import annotations

from typing import Final, Protocol

BUCKET_SECONDS: Final = 300


class CounterStore(Protocol):
    """Adds up numbers under (name, bucket's start)."""

    def add(self, key: bytes, at: int, n: int) -> None: ...
    def total(self, key: bytes, since: int) -> int: ...


class Counters:
    """Sums over sliding windows; times in unix seconds."""

    def __init__(self, store: CounterStore) -> None:
        self._store = store

    def add(self, key: bytes, now: int, n: int) -> None:
        if n:
            self._store.add(key, now - now % BUCKET_SECONDS, n)

    def total(self, key: bytes, now: int, window: int) -> int:
        """What was added in the last `window` seconds, rounded up to whole buckets."""
        since = now - window
        return self._store.total(key, since - since % BUCKET_SECONDS)
