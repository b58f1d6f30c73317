"""Medians of repeated runs, and pairs of runs side by side."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path


def median_us(work: Callable[[], object], repeats: int, calls: int = 1) -> float:
    """Median time of one call in microseconds, after one call to warm up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(calls):
            work()
        times.append((time.perf_counter() - start) / calls)
    return statistics.median(times) * 1e6


def median_ratio(a: Callable[[], object], b: Callable[[], object], repeats: int) -> float:
    """Median of time(a) / time(b), measured in turn so that a drifting machine hurts both."""
    a()
    b()
    ratios = []
    for _ in range(repeats):
        start = time.perf_counter()
        a()
        middle = time.perf_counter()
        b()
        ratios.append((middle - start) / (time.perf_counter() - middle))
    return statistics.median(ratios)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100
