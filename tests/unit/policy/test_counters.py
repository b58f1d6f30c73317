"""Sliding sums: never less than the truth, and at most one bucket too much."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from kms.policy.counters import BUCKET_SECONDS, Counters

HOUR = 3600


class MemoryStore:
    """A `CounterStore` in a dict."""

    def __init__(self) -> None:
        self.rows: dict[tuple[bytes, int], int] = defaultdict(int)

    def add(self, key: bytes, at: int, n: int) -> None:
        self.rows[key, at] += n

    def total(self, key: bytes, since: int) -> int:
        return sum(n for (name, at), n in self.rows.items() if name == key and at >= since)


@given(
    events=st.lists(st.tuples(st.integers(0, 3 * HOUR), st.integers(0, 1024)), max_size=30),
    window=st.sampled_from([60, 600, HOUR, 7000]),
)
def test_a_window_never_misses_what_is_in_it_and_counts_at_most_one_bucket_more(
    events: list[tuple[int, int]], window: int
) -> None:
    now = 4 * HOUR - 17
    counters = Counters(MemoryStore())
    for at, n in events:
        counters.add(b"doctor", at, n)
    exact = sum(n for at, n in events if at >= now - window)
    loose = sum(n for at, n in events if at >= now - window - BUCKET_SECONDS)
    assert exact <= counters.total(b"doctor", now, window) <= loose


def test_a_window_that_begins_inside_a_bucket_counts_all_of_it() -> None:
    counters = Counters(MemoryStore())
    at = 10 * BUCKET_SECONDS + 200
    counters.add(b"doctor", at, 7)
    assert counters.total(b"doctor", at + HOUR - 100, HOUR) == 7
    assert counters.total(b"doctor", at + HOUR + BUCKET_SECONDS, HOUR) == 0


def test_names_are_counted_apart() -> None:
    counters = Counters(MemoryStore())
    counters.add(b"doctor", 1000, 5)
    assert counters.total(b"doctor", 1000, HOUR) == 5
    assert counters.total(b"nurse", 1000, HOUR) == 0


def test_a_busy_day_costs_one_row_a_bucket() -> None:
    store = MemoryStore()
    counters = Counters(store)
    for second in range(0, HOUR, 10):
        counters.add(b"doctor", second, 1)
    assert len(store.rows) == HOUR // BUCKET_SECONDS
    assert counters.total(b"doctor", HOUR - 1, HOUR) == HOUR // 10


def test_nothing_is_written_for_nothing() -> None:
    store = MemoryStore()
    Counters(store).add(b"doctor", 0, 0)
    assert not store.rows


def test_a_clock_that_steps_back_still_counts_what_lies_ahead() -> None:
    counters = Counters(MemoryStore())
    counters.add(b"doctor", 10 * HOUR, 7)
    assert counters.total(b"doctor", 9 * HOUR, HOUR) == 7
