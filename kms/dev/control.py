"""The control: the same records through the same booking back end in the design of 2021.

Devices hand over plaintext inside TLS; the back end encrypts each record under a key from a separate key
process, and decrypts it again for whoever reads. What a host sees of that is looked for in the same way.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from kms.dev.certificates import Authority
from kms.dev.cluster import Cluster
from kms.dev.founding import write_control
from kms.dev.places import Files, Memory, Place, PlaceKind, databases
from kms.dev.samples import Record
from kms.dev.stage import BookingDesk, Entry

BATCH = 64


def start_control(cluster: Cluster) -> str:
    """Start key process and back end beside the cluster; the back end's endpoint."""
    layout = cluster.layout
    endpoints = write_control(layout, Authority.load(layout.folder / "ca"))
    for name, kind, file in (
        ("control-keys", "keys", "control-keys/keys.toml"),
        ("control", "booking", "control/booking.toml"),
    ):
        cluster.spawn(name, ("dev", "serve", kind, "--config", str(layout.folder / file)))
    return endpoints["control"]


def control_places(cluster: Cluster) -> list[Place]:
    """Where its host can look: the back end's files, log, traffic and memory."""
    folder = cluster.layout.folder
    return [
        databases(folder / "control"),
        Files(PlaceKind.LOG, folder / "logs", ("control.log",)),
        Files(PlaceKind.WIRE, folder / "control", ("wire.tap",)),
        Memory(cluster.pids["control"], "control"),
    ]


async def warm_up(desk: BookingDesk) -> None:
    """One record of random bytes, so that whatever loads late is there before the first look."""
    record = Record("warm", "Warm", "warm", secrets.token_hex(64).encode(), {})
    entry = Entry(record, secrets.token_hex(12), "account-warm", 1, 1)
    await desk.store([entry], [record.line])
    await desk.fetch([entry.name])
    await desk.day(1)


async def run_control(desk: BookingDesk, entries: Sequence[Entry], tick: Callable[[int], None]) -> str:
    """Write and read back everything; "ok" if it came back whole."""
    for start in range(0, len(entries), BATCH):
        part = entries[start : start + BATCH]
        await desk.store(part, [entry.record.line for entry in part])
        bodies = await desk.fetch([entry.name for entry in part])
        if any(bodies[entry.name] != entry.record.line for entry in part):
            return "error: a record came back changed"
        tick(len(part))
    return "ok"
