"""Faults on real processes: what was acknowledged stays, and what cannot be trusted does not start."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kms.custodian.config import CustodianConfig, open_vault
from kms.custodian.ledger import Ledger
from kms.custodian.sqlite import SqliteCustodianStore
from kms.dev.cluster import Cluster
from kms.dev.founding import found
from kms.errors import KmsError
from kms.statements.audit import LogKind
from kms.storage.config import load
from kms_client import AsyncClient, OpenKey
from kms_client.errors import NotDurable

SEED = 20211
CONTEXT = {"patient": "p", "category": "lab"}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster.create(tmp_path / "c")
    made.start()
    yield made
    made.stop()


def config(cluster: Cluster, index: int) -> Path:
    return cluster.layout.custodian_folder(index) / "custodian.toml"


def serve(path: Path) -> subprocess.CompletedProcess[str]:
    """Try to start a node that is expected to refuse."""
    return subprocess.run(
        [sys.executable, "-m", "kms.cli", "custodian", "serve", "--config", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "nothing was written for a minute"
        time.sleep(0.01)


async def churn(cluster: Cluster, seed: int, kills: int) -> list[tuple[OpenKey, bytes]]:
    """Create keys while processes are killed at random moments; every key whose creation was acknowledged."""
    draw = random.Random(seed)
    names = ["coordinator", *(f"custodian-{i}" for i in cluster.layout.custodians)]
    kept: list[tuple[OpenKey, bytes]] = []
    finished = asyncio.Event()

    async def create() -> None:
        async with AsyncClient(cluster.profile("writer", "device"), timeout=5.0) as client:
            while not finished.is_set():
                try:
                    key = await client.create_key(CONTEXT)
                except KmsError:
                    continue
                kept.append((key, client.encrypt(b"record", key)))

    writers = [asyncio.create_task(create()) for _ in range(2)]
    try:
        for _ in range(kills):
            name = draw.choice(names)
            before = len(kept)
            await asyncio.to_thread(wait_for, lambda before=before: len(kept) > before)  # type: ignore[misc]
            await asyncio.sleep(draw.random() / 5)  # the random moment, not a condition
            await asyncio.to_thread(cluster.kill, name)
            await asyncio.to_thread(cluster.start, [name])
    finally:
        finished.set()
        await asyncio.gather(*writers)
    return kept


def lost(cluster: Cluster, kept: list[tuple[OpenKey, bytes]]) -> list[str]:
    """Acknowledged keys that some custodian does not hold, each store's log and shares checked whole."""
    missing = []
    for index in cluster.layout.custodians:
        cluster.kill(f"custodian-{index}")
        checked = subprocess.run(
            [
                sys.executable,
                "-m",
                "kms.cli",
                "custodian",
                "check",
                "--config",
                str(config(cluster, index)),
                "--json",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
        store = SqliteCustodianStore.open(cluster.layout.custodian_folder(index) / "custodian.db")
        held = store.keys([key.key_id for key, _ in kept])
        missing += [f"{index}: {key.key_id.hex()}" for key, _ in kept if key.key_id not in held]
        store.close()
    return missing


def test_no_acknowledged_key_is_lost_whatever_is_killed(cluster: Cluster) -> None:
    kept = asyncio.run(churn(cluster, SEED, kills=5))
    assert len(kept) >= 5, f"seed {SEED}"
    assert lost(cluster, kept) == [], f"seed {SEED}"


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_no_acknowledged_key_is_lost_over_a_long_run(cluster: Cluster, seed: int) -> None:
    kept = asyncio.run(churn(cluster, seed, kills=40))
    assert lost(cluster, kept) == [], f"seed {seed}"


def test_a_full_disk_acknowledges_nothing_and_passes(cluster: Cluster) -> None:
    """The file-size limit makes every write beyond it fail, as a full disk does."""
    import resource

    name = "custodian-2"
    limit = (cluster.layout.custodian_folder(2) / "custodian.db-wal").stat().st_size

    async def create() -> OpenKey:
        async with AsyncClient(cluster.profile("writer", "device"), timeout=4.0) as client:
            return await client.create_key(CONTEXT)

    resource.prlimit(cluster.pids[name], resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    with pytest.raises(NotDurable) as refused:
        asyncio.run(create())
    assert set(refused.value.failures) == {2}
    assert cluster.running(name)
    resource.prlimit(cluster.pids[name], resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    key = asyncio.run(create())
    cluster.kill(name)
    store = SqliteCustodianStore.open(cluster.layout.custodian_folder(2) / "custodian.db")
    assert key.key_id in store.keys([key.key_id])
    store.close()


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


def test_a_node_that_has_just_come_back_is_asked_again(cluster: Cluster) -> None:
    first, *others = [f"custodian-{i}" for i in cluster.layout.custodians]
    needed = cluster.layout.threshold

    async def read_over_a_restart() -> None:
        async with AsyncClient(cluster.profile("reader", "device")) as client:
            key = await client.create_key(CONTEXT)
            cluster.kill(first, 9)
            for _ in range(20):  # the coordinator looks for it, less and less often
                await client.release([key.key_id])
            await asyncio.to_thread(cluster.start, [first])
            for name in others[needed - 1 :]:
                cluster.kill(name, 9)
            released = await client.release([key.key_id])
            assert set(released.keys) == {key.key_id}, released.failures

    asyncio.run(read_over_a_restart())


def test_a_store_that_another_process_has_open_is_refused(cluster: Cluster) -> None:
    assert "STORE_LOCKED" in refusal(serve(config(cluster, 1)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return found(tmp_path / "c").folder / "custodian-1"


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.3, 0.6, 0.95])
def test_a_truncated_store_is_refused(folder: Path, keep: float) -> None:
    database = folder / "custodian.db"
    data = database.read_bytes()
    database.write_bytes(data[: int(len(data) * keep)])
    assert "STORE_DAMAGED" in refusal(serve(folder / "custodian.toml"))


def test_a_missing_store_is_refused(folder: Path) -> None:
    (folder / "custodian.db").unlink()
    assert "STORE_MISSING" in refusal(serve(folder / "custodian.toml"))


def test_a_store_of_a_newer_schema_is_refused_by_its_name(folder: Path) -> None:
    with sqlite3.connect(folder / "custodian.db") as database:
        database.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('custodian', 'm999_next', 'now')"
        )
    database.close()
    said = refusal(serve(folder / "custodian.toml"))
    assert "STORE_NEWER" in said
    assert "m999_next" in said


def test_another_custodians_store_is_refused(folder: Path) -> None:
    shutil.copy(folder.parent / "custodian-2" / "custodian.db", folder / "custodian.db")
    assert "identity key is not that of custodian 2" in refusal(serve(folder / "custodian.toml"))


def test_a_log_with_an_altered_entry_is_refused(cluster: Cluster) -> None:
    cluster.kill("custodian-1")
    path = cluster.layout.custodian_folder(1) / "custodian.db"
    with sqlite3.connect(path) as database:
        database.execute(
            "UPDATE log SET payload = substr(payload, 1, length(payload) - 1) || x'00' WHERE idx = 0"
        )
    database.close()
    refusal(serve(config(cluster, 1)))


def test_a_clock_behind_the_log_is_refused(cluster: Cluster) -> None:
    """The log's last entry is put into the future: the same as a clock that was set back."""
    cluster.kill("custodian-1")
    store = SqliteCustodianStore.open(cluster.layout.custodian_folder(1) / "custodian.db")
    settings = load(CustodianConfig, config(cluster, 1))
    with store.transaction():
        Ledger(store, open_vault(settings)).append(LogKind.STARTED, 4_000_000_000, bytes(32))
    store.close()
    assert "CLOCK_BEHIND" in refusal(serve(config(cluster, 1)))


def test_an_unknown_key_of_the_configuration_is_named_with_the_nearest(folder: Path) -> None:
    path = folder / "custodian.toml"
    path.write_text(path.read_text().replace("storage_root", "storage_rot"))
    said = refusal(serve(path))
    assert "storage_rot" in said
    assert "storage_root" in said
