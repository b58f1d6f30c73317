"""Keys through a whole cluster: coordinator, five custodians, issuers and booking back end as processes."""

from __future__ import annotations

import asyncio
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from coincurve import PublicKey

from benchmarks.timing import cpu_seconds
from kms.crypto.group import Q
from kms.crypto.sharing import deal, decode_share, encode_share, interpolate
from kms.custodian.config import CustodianConfig, open_store, open_vault
from kms.custodian.sqlite import SqliteCustodianStore
from kms.dev.cluster import Cluster
from kms.statements.ids import Thumbprint
from kms.statements.keys import Core, KeySpec, describe
from kms.statements.manifest import open_genesis
from kms.storage.config import load
from kms_client import AsyncClient

CONTEXTS = [{"patient": f"patient-{n % 50}", "category": "encounter"} for n in range(1000)]


class Meter:
    """Wall time and each process's processor time over some work."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def cpu(self) -> dict[str, float]:
        """Processor seconds so far."""
        spent = {name: cpu_seconds(pid) for name, pid in self._cluster.pids.items()}
        return {
            "client": time.process_time(),
            "coordinator": spent["coordinator"],
            "custodians": sum(s for name, s in spent.items() if name.startswith("custodian")),
        }

    @staticmethod
    def wire() -> int:
        """Bytes that went over the loopback so far, TLS and both hops of every message included."""
        lines = Path("/proc/net/dev").read_text().splitlines()
        return int(next(line for line in lines if line.strip().startswith("lo:")).split()[9])

    async def times(
        self,
        work: Callable[[], Awaitable[object]],
        count: int,
        between: Callable[[], Awaitable[object]] | None = None,
    ) -> tuple[list[float], dict[str, float]]:
        """Seconds of each run, and processor milliseconds per run by process."""
        await work()
        before, seconds = self.cpu(), []
        for _ in range(count):
            if between is not None:
                await between()
            start = time.perf_counter()
            await work()
            seconds.append(time.perf_counter() - start)
        after = self.cpu()
        return seconds, {name: round((after[name] - before[name]) / count * 1e3, 2) for name in before}


def measure(folder: Path, quick: bool) -> tuple[dict[str, float | None], dict[str, Any]]:
    """Figures and their profile; the cluster lives in `folder`."""
    cluster = Cluster.create(folder)
    try:
        cluster.start()
        figures, profile = asyncio.run(_serving(cluster, quick))
        figures["custodian_bytes_per_key"], profile["disk"] = _bytes_per_key(cluster)
        figures["growth_10x_ratio"], profile["growth"] = _growth(cluster, 2_000 if quick else 20_000, quick)
    finally:
        cluster.stop()
    return figures, profile


async def _serving(cluster: Cluster, quick: bool) -> tuple[dict[str, float | None], dict[str, Any]]:
    meter = Meter(cluster)
    async with AsyncClient(cluster.profile("bench", "device")) as client:
        keys = await client.create_keys(CONTEXTS)
        ids = [key.key_id for key in keys]
        one, one_cpu = await meter.times(lambda: client.release(ids[:1]), 60 if quick else 400, client.settle)
        batch, batch_cpu = await meter.times(lambda: client.release(ids[:256]), 12 if quick else 60)
        await client.settle()
        carried, rounds = meter.wire(), 4 if quick else 12
        create, create_cpu = await meter.times(lambda: client.create_keys(CONTEXTS), rounds)
        carried = meter.wire() - carried
    one.sort()
    figures: dict[str, float | None] = {
        "release_one_p50_ms": statistics.median(one) * 1e3,
        "release_one_p99_ms": one[min(len(one) - 1, int(len(one) * 0.99))] * 1e3,
        "release_batch_keys_per_s": 256 / statistics.median(batch),
        "create_batch_keys_per_s": 1000 / statistics.median(create),
    }
    return figures, {
        "release_one_cpu_ms": one_cpu,
        "release_batch_256_cpu_ms": batch_cpu,
        "create_batch_1000_cpu_ms": create_cpu,
        "create_wire_bytes_per_key": carried / ((rounds + 1) * len(CONTEXTS)),
    }


def _bytes_per_key(cluster: Cluster) -> tuple[float, dict[str, Any]]:
    """From the growth of one custodian's database over real deposits of 1,000 keys, its journal emptied."""
    path = cluster.layout.custodian_folder(1) / "custodian.db"

    def size() -> tuple[int, int]:
        cluster.kill("custodian-1", 15)
        store = SqliteCustodianStore.open(path)
        count = store.count_keys()
        store.close()
        cluster_size = path.stat().st_size
        cluster.start(["custodian-1"])
        return cluster_size, count

    async def more() -> None:
        async with AsyncClient(cluster.profile("disk", "device")) as client:
            for _ in range(3):
                await client.create_keys(CONTEXTS)

    before, had = size()
    asyncio.run(more())
    after, has = size()
    return (after - before) / (has - had), {"keys": has - had, "bytes": after - before}


def _growth(cluster: Cluster, base: int, quick: bool) -> tuple[float, dict[str, Any]]:
    """Cost per operation with ten times more keys in every custodian's store, against the cost with `base`."""
    cost: list[dict[str, float]] = []
    for target in (base, 10 * base):
        for index in cluster.layout.custodians:
            cluster.kill(f"custodian-{index}", 15)
        folders = [str(cluster.layout.folder)] * len(cluster.layout.custodians)
        with ProcessPoolExecutor(2) as pool:
            list(pool.map(fill, folders, cluster.layout.custodians, [target] * len(folders)))
        cluster.start()
        cost.append(asyncio.run(_operations(cluster, quick)))
    ratios = {name: cost[1][name] / cost[0][name] for name in cost[0]}
    return max(ratios.values()), {"keys": [base, 10 * base], "ms": cost, "ratios": ratios}


async def _operations(cluster: Cluster, quick: bool) -> dict[str, float]:
    meter = Meter(cluster)
    async with AsyncClient(cluster.profile("growth", "device")) as client:
        keys = await client.create_keys(CONTEXTS[:256])
        ids = [key.key_id for key in keys]
        release, _ = await meter.times(lambda: client.release(ids), 30 if quick else 60)
        await client.settle()
        create, _ = await meter.times(lambda: client.create_keys(CONTEXTS[:256]), 10 if quick else 25)
    return {
        "release_256": statistics.median(release) * 1e3,
        "create_256": statistics.median(create) * 1e3,
    }


def fill(folder: str, index: int, target: int) -> None:
    """Put described but never opened keys into a stopped custodian's store until it holds `target`."""
    home = Path(folder)
    config = load(CustodianConfig, home / f"custodian-{index}" / "custodian.toml")
    keyring = open_genesis(config.manifest.read_bytes(), config.keyring_id, int(time.time()))
    vault = open_vault(config)
    store, _ = open_store(config, vault, int(time.time()))
    thumbprint = Thumbprint(secrets.token_bytes(32))
    opening = secrets.token_bytes(103)
    keys = _sharings(keyring.threshold, index)
    try:
        while (missing := target - store.count_keys()) > 0:
            rows = []
            for commitments, share in islice(keys, min(1000, missing)):
                core = Core(
                    keyring.keyring_id,
                    keyring.manifest_hash,
                    keyring.threshold,
                    KeySpec.DATA,
                    thumbprint,
                    thumbprint,
                    1,
                    secrets.token_bytes(32),
                    commitments,
                )
                descriptor = describe(core, secrets.token_bytes(32))
                rows.append((descriptor, vault.seal_row(descriptor.key_id, share, opening)))
            with store.transaction():
                store.add_keys(rows)
    finally:
        store.close()


def _sharings(threshold: int, index: int) -> Iterator[tuple[tuple[bytes, ...], bytes]]:
    """Commitments and a share that fits them, over and over: each secret is the one before and 1.

    Dealing each afresh would take longer than all that is measured.
    """
    dealing = deal(threshold, range(1, threshold + 1))
    base = tuple(dealing.shares)[:threshold]
    f, g = ([decode_share(dealing.shares[i].reveal())[half] for i in base] for half in (0, 1))
    a, b = interpolate(base, f, index), interpolate(base, g, index)
    first, one = PublicKey(dealing.commitments[0]), PublicKey.from_valid_secret((1).to_bytes(32, "big"))
    while True:
        yield (first.format(), *dealing.commitments[1:]), encode_share(a, b)
        first, a = PublicKey.combine_keys([first, one]), (a + 1) % Q
