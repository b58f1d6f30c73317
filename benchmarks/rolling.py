"""What a roll of the row root costs: keys a second, bytes written, its longest step, in which nothing is answered."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks.cluster import fill
from kms.custodian.config import CustodianConfig, open_store, open_vault
from kms.dev.founding import found
from kms.storage.config import load

KEYS = 200_000


def measure(folder: Path, quick: bool) -> tuple[dict[str, float], dict[str, Any]]:
    """Figures, and what they come from: one custodian's store with 200,000 keys (quick: 10,000)."""
    keys = 10_000 if quick else KEYS
    home = found(folder).folder
    fill(str(home), 1, keys)
    config = load(CustodianConfig, home / "custodian-1" / "custodian.toml")
    now = int(time.time())
    store, rolling = open_store(config, open_vault(config), now)
    try:
        written, began, busy = _written(), time.perf_counter(), time.process_time()
        rolling.begin(now)
        steps = []
        while True:
            start = time.perf_counter()
            if rolling.step() is None:
                break
            steps.append(time.perf_counter() - start)
        seconds, busy = time.perf_counter() - began, time.process_time() - busy
        written = _written() - written
        steps.sort()
        return {"roll_keys_per_s": keys / seconds}, {
            "keys": keys,
            "seconds": seconds,
            "cpu_s": busy,
            "bytes_written_per_key": written / keys,
            "bytes_on_disk_per_key": config.store.stat().st_size / keys,
            "step_p50_ms": steps[len(steps) // 2] * 1e3,
            "step_p99_ms": steps[int(len(steps) * 0.99)] * 1e3,
            "step_max_ms": steps[-1] * 1e3,
        }
    finally:
        store.close()


def _written() -> int:
    """Bytes that this process handed to the system so far."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("wchar:"):
            return int(line.split()[1])
    return 0
