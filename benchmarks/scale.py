"""`python -m benchmarks.scale FIGURES [KEYS]`: what a large keyring costs, computed from one run of the benchmark."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

KEYS: Final = 50_000_000
CORES: Final = 2
"""Of the machine that was measured."""
MACHINES: Final = 10
CUSTODIANS: Final = 5


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one operation, a key: wall seconds on one machine, processor seconds of the busiest custodian's one thread
    (an even share of all custodians'), bytes on all wires, bytes on all disks that stay."""

    name: str
    seconds: float
    thread_seconds: float
    wire_bytes: float
    disk_bytes: float


def costs(report: Mapping[str, Any]) -> tuple[Cost, ...]:
    """Of creating, refreshing and repairing a 3-of-5 keyring's keys, as `scripts/bench --json` reports them."""
    figures, profile = report["figures"], report["profile"]
    reshare, repair = profile["ceremonies"]["reshare"], profile["ceremonies"]["repair"]
    created = profile["create_batch_1000_cpu_ms"]["custodians"] / 1e6 / CUSTODIANS
    row = figures["custodian_bytes_per_key"]
    return (
        Cost(
            "create",
            1 / figures["create_batch_keys_per_s"],
            created,
            profile["create_wire_bytes_per_key"],
            CUSTODIANS * row,
        ),
        Cost(
            "refresh, or reshare 3-of-5 to 3-of-5",
            1 / reshare["keys_per_s"],
            reshare["cpu_s"]["custodians"] / reshare["keys"] / CUSTODIANS,
            reshare["wire_bytes_per_key"],
            reshare["transcript_bytes_per_key"],
        ),
        Cost(
            "repair one custodian's whole store",
            1 / repair["keys_per_s"],
            # Three helpers and the one that is repaired.
            repair["cpu_s"]["custodians"] / repair["keys"] / 4,
            repair["wire_bytes_per_key"],
            row,
        ),
    )


def table(report: Mapping[str, Any], keys: int = KEYS) -> str:
    """The table of docs/scale.md."""
    lines = [
        f"| {keys / 1e6:,.0f} million keys | one machine, hours | ten machines in ten shards, hours "
        "| a machine for each party, hours | all wires, GB | disks, GB |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for cost in costs(report):
        hours = keys * cost.seconds / 3600
        lines.append(
            f"| {cost.name} | {hours:.1f} | {hours / MACHINES:.1f} | {keys * cost.thread_seconds / 3600:.1f} "
            f"| {keys * cost.wire_bytes / 1e9:,.0f} | {keys * cost.disk_bytes / 1e9:,.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Print the table of the figures in a file."""
    report = json.loads(Path(sys.argv[1]).read_text())
    print(table(report, int(sys.argv[2]) if len(sys.argv) > 2 else KEYS))


if __name__ == "__main__":
    main()
