"""A cluster of real processes is robbed of all its disks, after a key was destroyed and the sealing periods ended.

The thief of `tests/attack` has the raw bytes of a real file system on which five custodians and the coordinator ran,
every custodian's storage root, and the coordinator's own recording of the wire.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.crypto import records
from kms.crypto.secret import DataKey, Secret
from kms.statements.chain_file import read_chain
from kms.statements.keys import Deposit, Descriptor, deposit_info, open_deposit
from kms.statements.manifest import Keyring
from kms.storage.keyfile import read_secret
from kms.wire.v1 import coordinator_pb2
from tests.attack.carver import Recorded, Thief, data_key
from tests.attack.disks import Disk, mounted
from tests.e2e.site import Site, await_condition

PERIOD = 10
"""Seconds; a sealing key lives for two periods."""
DOOMED, KEPT = b"the doomed record", b"the kept record"
ENTRY = re.compile(rb"\n(\w+) (\S+) (\d+)\n")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    with tempfile.TemporaryDirectory(prefix="kd") as home, mounted(Path(home), mebibytes=96) as made:
        monkeypatch.setattr(tempfile, "tempdir", str(made.folder))
        yield made


@pytest.fixture
def site(disk: Disk) -> Iterator[Site]:
    site = Site(n=5, threshold=3, start=False, sealing_period_seconds=PERIOD, tick_seconds=1)
    config = site.config("coordinator")
    config.write_text('wire_tap = "wire.tap"\n' + config.read_text())
    site.start()
    yield site
    site.close()


def recorded(site: Site, keyring: Keyring) -> list[tuple[Deposit, Recorded]]:
    """All blobs of all deposits in the coordinator's recording."""
    tap = (site.layout.folder / "coordinator" / "wire.tap").read_bytes()
    found = []
    for entry in ENTRY.finditer(tap):
        if (entry[1], entry[2]) == (b"received", b"CreateKeys"):
            said = tap[entry.end() : entry.end() + int(entry[3])]
            # The metadata of the call are written behind the message.
            request = coordinator_pb2.CreateKeysRequest.FromString(said[: said.rindex(b"[('")])
            opened = open_deposit(request.deposit, keyring, int(time.time()))
            blobs = {blob.index: blob.sealed for blob in request.blobs}
            ids = tuple(descriptor.key_id for descriptor in opened.descriptors)
            for target in opened.deposit.targets:
                info = deposit_info(
                    opened.deposit.batch_root,
                    len(ids),
                    opened.deposit.dealer_thumbprint,
                    keyring,
                    target.index,
                    target.sealing_key_id,
                )
                found.append((opened.deposit, Recorded(target.index, blobs[target.index], info, ids)))
    return found


def opened(thief: Thief, texts: dict[bytes, bytes]) -> set[bytes]:
    """The plain texts that the thief reads, of records by key id."""
    return {
        records.decrypt(DataKey(data_key(secret, key_id)), texts[key_id])
        for key_id, secret in thief.try_everything().items()
    }


def kms(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "kms.cli", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def storage_roots(site: Site) -> list[Secret]:
    return [
        read_secret(site.layout.custodian_folder(index) / "storage.root") for index in site.layout.custodians
    ]


def test_nothing_on_any_disk_opens_a_record_whose_key_was_destroyed(site: Site, disk: Disk) -> None:
    client = site.client()
    doomed, kept = client.create_keys([{"patient": "p-1", "category": "laboratory"}] * 2)
    sealed = {bytes(key.key_id): client.encrypt(text, key) for key, text in ((doomed, DOOMED), (kept, KEPT))}
    client.settle()
    keyring = read_chain(site.layout.folder / "manifest.bin", site.layout.keyring_id).in_force(
        int(time.time())
    )
    wire = [blob for _, blob in recorded(site, keyring)]
    assert {blob.index for blob in wire} == set(site.layout.custodians)
    descriptors: list[Descriptor] = [doomed.descriptor, kept.descriptor]
    roots = storage_roots(site)
    deposited = time.time()
    before = Thief([disk.read()], roots, descriptors, wire)
    assert opened(before, sealed) == {DOOMED, KEPT}
    copies = [site.store(name).read_bytes() for name in site.custodians]

    order = client.destroy_keys([doomed.key_id]).order
    await_condition(lambda: len(client.destruction(order).destroyed) == 5, "the destruction everywhere")
    await_condition(lambda: time.time() > deposited + 2 * PERIOD, "the end of the sealing periods")
    # A start erases what is past; then the row roots are rolled, as they are by themselves within the hour.
    site.terminate(*site.custodians)
    site.start(*site.custodians)
    for name in site.custodians:
        assert "is destroyed" in kms("custodian", "roll", "--config", str(site.config(name)))
    assert client.decrypt(sealed[bytes(kept.key_id)]) == KEPT
    site.kill(*site.nodes)

    after = Thief([disk.read(), *copies], roots, descriptors, wire)
    assert opened(after, sealed) == {KEPT}
    assert after.count(doomed.key_id) == 0
    assert after.count(kept.key_id) >= keyring.threshold
    assert not after.seeds & before.seeds
