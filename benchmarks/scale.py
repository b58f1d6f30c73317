"""What a large keyring costs, computed from one run of the benchmark: docs/scale.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

KEYS: Final = 50_000_000
MACHINES: Final = 10
CUSTODIANS: Final = 5
HELPED: Final = 4
"""Custodians that work in a repair of a 3-of-5 keyring: three helpers and the one that is repaired."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one operation, a key: wall seconds on one machine, processor seconds of all processes, of the busiest
    custodian's one thread (an even share of all custodians'), bytes on all wires, bytes that stay on all disks."""

    name: str
    seconds: float
    processor_seconds: float
    thread_seconds: float
    wire_bytes: float
    disk_bytes: float


def costs(report: Mapping[str, Any]) -> tuple[Cost, ...]:
    """Of creating, refreshing and repairing a 3-of-5 keyring's keys, as `scripts/bench --json` reports them."""
    figures, profile = report["figures"], report["profile"]
    reshare, repair = profile["ceremonies"]["reshare"], profile["ceremonies"]["repair"]
    created = profile["create_batch_1000_cpu_ms"]
    row = figures["custodian_bytes_per_key"]
    return (
        Cost(
            "create",
            1 / figures["create_batch_keys_per_s"],
            sum(created.values()) / 1e6,
            created["custodians"] / 1e6 / CUSTODIANS,
            profile["create_wire_bytes_per_key"],
            CUSTODIANS * row,
        ),
        Cost(
            "refresh, or reshare 3 of 5 to another 3 of 5",
            1 / reshare["keys_per_s"],
            sum(reshare["cpu_s"].values()) / reshare["keys"],
            reshare["cpu_s"]["custodians"] / reshare["keys"] / CUSTODIANS,
            reshare["wire_bytes_per_key"],
            reshare["transcript_bytes_per_key"],
        ),
        Cost(
            "repair one custodian's whole store",
            1 / repair["keys_per_s"],
            sum(repair["cpu_s"].values()) / repair["keys"],
            repair["cpu_s"]["custodians"] / repair["keys"] / HELPED,
            repair["wire_bytes_per_key"],
            row,
        ),
    )


def table(report: Mapping[str, Any], keys: int = KEYS) -> str:
    """Hours, bytes and processor hours of each operation."""
    lines = [
        f"| {keys / 1e6:,.0f} million keys, 3 of 5 | one machine, hours | ten machines, hours "
        "| a machine for each party, hours | processor hours | all wires, GB | all disks, GB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for cost in costs(report):
        hours = keys * cost.seconds / 3600
        lines.append(
            f"| {cost.name} | {hours:.1f} | {hours / MACHINES:.1f} | {keys * cost.thread_seconds / 3600:.1f} "
            f"| {keys * cost.processor_seconds / 3600:.1f} "
            f"| {keys * cost.wire_bytes / 1e9:,.0f} | {keys * cost.disk_bytes / 1e9:,.0f} |"
        )
    return "\n".join(lines)


def shapes(report: Mapping[str, Any]) -> dict[tuple[int, int], float]:
    """Keys a second that are dealt anew, by (t, n); empty where a quick run measured one shape only."""
    measured: Mapping[str, float] = report["profile"]["ceremonies"].get("reshare_shapes_keys_per_s", {})
    found = {}
    for name, rate in measured.items():
        threshold, n = name.split(" of ")
        found[int(threshold), int(n)] = rate
    return dict(sorted(found.items()))


def shape_hours(report: Mapping[str, Any], keys: int = KEYS) -> str:
    """Hours of a refresh of other shapes."""
    measured = shapes(report)
    if not measured:
        return "Other shapes than 3 of 5 were not measured in this run."
    lines = [
        "| a refresh of | one machine, hours | ten machines, hours |",
        "| --- | ---: | ---: |",
    ]
    for (t, n), rate in measured.items():
        hours = keys / rate / 3600
        lines.append(f"| {t} of {n} | {hours:.1f} | {hours / MACHINES:.1f} |")
    return "\n".join(lines)


def page(report: Mapping[str, Any], keys: int = KEYS) -> str:
    """The whole of docs/scale.md."""
    refresh = costs(report)[1]
    figures = report["figures"]
    store = keys * figures["custodian_bytes_per_key"] / 1e9
    rate = refresh.wire_bytes / refresh.seconds * 8 / 1e6
    slower = figures["release_p50_during_reshare_ratio"]
    return f"""# Scale

What a keyring of {keys / 1e6:,.0f} million keys costs to create, to refresh or reshare, and to repair. Nothing here is
written by hand: `benchmarks/scale.py` computes the page from [figures.json](figures.json), one run of the
[benchmark](performance.md), and a test holds it against both. To measure anew and write it again:

    scripts/bench --pages

Machine: {report["machine"]}.

{table(report, keys)}

- **One machine**: all parties share it, as in the benchmark.
- **Ten machines**: the keys lie in ten keyrings, a tenth in each, and each on such a machine. Keyrings share nothing,
  so ten do ten times as much.
- **A machine for each party**: what the busiest custodian's one thread has to do, the lower bound when each
  organisation runs a node of its own. The network is beside it.
- **Processor hours**: of all processes together. Multiply by what an hour of a processor costs where you are, and
  bytes by what a byte costs.
- **All wires**: every byte of every connection, TLS and both hops through the coordinator included. A refresh within
  the hours of the first column moves {rate:,.0f} Mbit/s.
- **All disks**: what stays. Creating fills five stores, {store:,.0f} GB each; a refresh leaves its transcript at the
  coordinator, while each store grows by its new shares until the old ones are erased; a repair fills one store.

Reading goes on meanwhile: a release takes {slower:.2g} times as long as otherwise while keys are dealt anew, and the
ceremony takes longer the more is read. All of it is done in batches of 128 keys, and goes on where it was when it is
stopped in the middle; so it may also be done over many nights.

{shape_hours(report, keys)}

The hours are those of one key times the number of keys. That a key costs the same however many there are is measured:
see [growth](performance.md#resharing-by-shape).
"""
