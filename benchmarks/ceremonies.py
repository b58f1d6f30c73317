"""Keys changing hands in a whole cluster: resharing, repair, joint generation, and reading meanwhile."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from benchmarks.cluster import Meter
from kms.ceremony.carrying import generate, repair, reshare
from kms.dev.admin import order_pool, order_refresh
from kms.dev.cluster import Cluster
from kms.dev.founding import Layout
from kms_client import AsyncClient

CONTEXT = {"patient": "patient-1", "category": "encounter"}
SHAPES = ((2, 3), (3, 5), (4, 7), (5, 9))

Figures = dict[str, float | None]


def measure(folder: Path, quick: bool) -> tuple[Figures, dict[str, Any]]:
    """Figures and their profile: 3 of 5 in all detail, the other shapes for how the cost grows."""
    keys = 500 if quick else 4000
    figures, profile = _three_of_five(folder / "3-of-5", keys, quick)
    if not quick:
        shapes = {"3 of 5": profile["reshare"]["keys_per_s"]}
        for t, n in SHAPES:
            if (t, n) != (3, 5):
                shapes[f"{t} of {n}"] = _one_shape(folder / f"{t}-of-{n}", t, n, keys // 4)
        profile["reshare_shapes_keys_per_s"] = dict(sorted(shapes.items()))
    return figures, {"ceremonies": profile}


def _three_of_five(folder: Path, keys: int, quick: bool) -> tuple[Figures, dict[str, Any]]:
    cluster = Cluster.create(folder)
    try:
        cluster.start()
        return asyncio.run(_measured(cluster, keys, quick))
    finally:
        cluster.stop()


async def _measured(cluster: Cluster, keys: int, quick: bool) -> tuple[Figures, dict[str, Any]]:
    layout, meter = cluster.layout, Meter(cluster)
    async with AsyncClient(cluster.profile("bench", "device")) as client:
        ids = [key.key_id for key in await client.create_keys([CONTEXT] * keys)]
        part = keys // 4
        growth = {}
        if not quick:
            # The first run has a quarter of the keys: the cost of a key must not depend on how many there are.
            small = Cluster.create(layout.folder.parent / "small")
            try:
                await asyncio.to_thread(small.start)
                growth[str(part)] = await asyncio.to_thread(_one_run, small, part)
            finally:
                small.stop()
        spent, cpu, bytes_of = await _reshare(meter, layout, 1)
        growth[str(keys)] = keys / spent
        quiet, _ = await meter.times(lambda: client.release(ids[:1]), 40 if quick else 200, client.settle)
        busy = await _read_meanwhile(client, ids, layout)
        repaired, repair_cost = await _repair(cluster, meter, 3, keys)
        pool = 256 if quick else 1280
        started = time.perf_counter()
        made = await _last(
            generate(order_pool(layout, pool, int(time.time())), layout.coordinator, layout.authorities)
        )
        pool_seconds = time.perf_counter() - started
    transcript = _transcript_of(layout, 1)
    figures: Figures = {
        "reshare_3_of_5_keys_per_s": keys / spent,
        "repair_keys_per_s": repaired,
        "release_p50_during_reshare_ratio": statistics.median(busy) / statistics.median(quiet),
        "relay_bytes_per_key": bytes_of["relayed"] / keys,
        "generate_keys_per_s": made.done / pool_seconds,
    }
    return figures, {
        "reshare": {
            "keys": keys,
            "seconds": spent,
            "keys_per_s": keys / spent,
            "cpu_s": cpu,
            "wire_bytes_per_key": bytes_of["wire"] / keys,
            "transcript_bytes_per_key": transcript / keys,
        },
        "reshare_keys_per_s_by_keys": growth,
        "release_p50_ms": {
            "quiet": statistics.median(quiet) * 1e3,
            "during a reshare": statistics.median(busy) * 1e3,
            "releases meanwhile": len(busy),
        },
        "repair": {"keys": keys, "keys_per_s": repaired, **repair_cost},
    }


async def _last(work: AsyncIterator[Any]) -> Any:
    reports = [report async for report in work]
    return reports[-1]


async def _reshare(
    meter: Meter, layout: Layout, sequence: int
) -> tuple[float, dict[str, float], dict[str, float]]:
    """Seconds, processor seconds by process, and bytes: those that the coordinator took in, all on the wire."""
    order = order_refresh(layout, sequence, int(time.time()))
    wire, before, started = meter.wire(), meter.cpu(), time.perf_counter()
    last = await _last(reshare(order, layout.coordinator, layout.authorities))
    spent = time.perf_counter() - started
    after = meter.cpu()
    if last.failed:
        raise RuntimeError(f"{last.failed} keys were not dealt anew")
    cpu = {name: round(after[name] - before[name], 3) for name in after}
    return spent, cpu, {"relayed": float(last.bytes_relayed), "wire": float(meter.wire() - wire)}


async def _read_meanwhile(client: AsyncClient, ids: list[Any], layout: Layout) -> list[float]:
    """Seconds of each release of one key while all keys are dealt anew."""
    order = order_refresh(layout, 2, int(time.time()))
    work = asyncio.create_task(_last(reshare(order, layout.coordinator, layout.authorities)))
    seconds = []
    while not work.done():
        started = time.perf_counter()
        await client.release(ids[:1])
        seconds.append(time.perf_counter() - started)
        await client.settle()
    await work
    return seconds


async def _repair(cluster: Cluster, meter: Meter, index: int, keys: int) -> tuple[float, dict[str, Any]]:
    """Keys a second that a custodian with an empty store gets back; processor seconds, bytes on the wire."""
    layout = cluster.layout
    name = f"custodian-{index}"
    cluster.kill(name, 9)
    home = layout.custodian_folder(index)
    for path in home.glob("custodian.db*"):
        path.unlink()
    await asyncio.to_thread(_custodian, home, "join")
    await asyncio.to_thread(_custodian, home, "recover")  # its log: a node that lacks it stands still
    await asyncio.to_thread(cluster.start, [name])
    wire, before, started = meter.wire(), meter.cpu(), time.perf_counter()
    last = await _last(repair(index, layout.coordinator, layout.authorities))
    spent = time.perf_counter() - started
    after = meter.cpu()
    if last.failed:
        raise RuntimeError(f"{last.failed} shares were not brought back")
    cpu = {name: round(after[name] - before.get(name, 0.0), 3) for name in after}
    return last.done / spent, {"cpu_s": cpu, "wire_bytes_per_key": (meter.wire() - wire) / keys}


def _custodian(home: Path, command: str) -> None:
    """Run one of the custodian's commands; what it printed, if it fails."""
    words = [sys.executable, "-m", "kms.cli", "custodian", command, "--config", str(home / "custodian.toml")]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"kms custodian {command} failed:\n{done.stdout}{done.stderr}")


def _one_run(cluster: Cluster, keys: int) -> float:
    """Keys a second of one refresh of a new cluster's keys."""

    async def run() -> float:
        async with AsyncClient(cluster.profile("bench", "device")) as client:
            await client.create_keys([CONTEXT] * keys)
        spent, _, _ = await _reshare(Meter(cluster), cluster.layout, 1)
        return keys / spent

    return asyncio.run(run())


def _one_shape(folder: Path, threshold: int, n: int, keys: int) -> float:
    cluster = Cluster.create(folder, n=n, threshold=threshold)
    try:
        cluster.start()
        return _one_run(cluster, keys)
    finally:
        cluster.stop()


def _transcript_of(layout: Layout, sequence: int) -> int:
    """Bytes of a resharing's transcript."""
    name = f"reshare-{sequence:06d}.jsonl"
    return (layout.folder / "coordinator" / "ceremonies" / name).stat().st_size
