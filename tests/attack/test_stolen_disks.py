"""All five custodians' disks are stolen after a key was destroyed, with the coordinator's and a recording of the wire.

The thief has the raw bytes of a real file system (free blocks and its journal too), the storage roots, copies of the
stores from before the destruction, and all deposits as they were sent. The same thief opens a record whose key was not
destroyed, and opened this one from disks that were taken before.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from kms.coordinator.store import SqliteCoordinatorStore, Undelivered
from kms.crypto import records
from kms.crypto.secret import DataKey
from kms.statements.ids import DepositHash, KeyId
from kms.statements.keys import deposit_info, open_deposit
from kms_client.cache import OpenKey
from tests.attack.carver import Recorded, Thief, data_key
from tests.attack.disks import Disk, mounted
from tests.protocol.destroying import destroy
from tests.protocol.world import LAB, Sent, World, storage_root

CUSTODIANS = range(1, 6)


@dataclass(frozen=True, slots=True)
class Heist:
    """What there was to take, and when."""

    doomed: OpenKey
    kept: OpenKey
    recorded: tuple[Recorded, ...]
    records: dict[KeyId, bytes]
    stores_before: tuple[bytes, ...]
    before: bytes
    destroyed: bytes
    """After the destruction and the end of the sealing periods, before the row roots were rolled."""
    rolled: bytes
    """After that."""
    shares: dict[int, bytes]
    """Of the doomed key."""
    row_keys: tuple[bytes, ...]
    old_roots: tuple[bytes, ...]

    def thief(self, *disks: bytes) -> Thief:
        """Somebody who has these disks, what stays the same, and what went over the wire."""
        roots = [storage_root(index) for index in CUSTODIANS]
        return Thief(disks, roots, [self.doomed.descriptor, self.kept.descriptor], self.recorded)

    def opened(self, thief: Thief) -> set[bytes]:
        """The plain texts of all records that the thief can open."""
        found = thief.try_everything()
        return {
            records.decrypt(DataKey(data_key(secret, key_id)), self.records[key_id])
            for key_id, secret in found.items()
        }


DOOMED, KEPT = b"the doomed record", b"the kept record"


@pytest.fixture(scope="module")
def heist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Heist]:
    with mounted(tmp_path_factory.mktemp("heist")) as disk:
        world = World.found(disk.folder / "world")
        try:
            yield run(world, disk)
        finally:
            world.close()


def run(world: World, disk: Disk) -> Heist:
    alice = world.device("alice")
    dealt = world.deal(alice, [LAB] * 6)
    doomed, kept = dealt.keys[:2]
    sent = world.send(alice, dealt)
    coordinator = relay(world, sent, disk)
    for index in CUSTODIANS:
        world.deposit_at(index, sent)
        coordinator.delivered(DepositHash(sent.signed.hash), index)
    sealed = {
        key.key_id: records.encrypt(
            DataKey(key.secret.reveal()), records.new_header(key.key_id, secrets.token_bytes(32)), text
        )
        for key, text in ((doomed, DOOMED), (kept, KEPT))
    }
    shares, row_keys = {}, []
    for index, node in world.nodes.items():
        row = node.context.store.keys([doomed.key_id])[doomed.key_id].row
        shares[index] = node.context.vault.open_share(doomed.key_id, row)
        row_keys.append(node.context.vault._unwrap(row.wrapped_key))
    for node in world.nodes.values():
        node.context.store.empty_journal()
    stores = tuple((world.folder / f"custodian-{index}.db").read_bytes() for index in CUSTODIANS)
    roots = tuple(world.row_root(index).read_bytes() for index in CUSTODIANS)
    recorded = tuple(record(world, sent))
    before = disk.read()

    order, words = destroy(world, alice, [doomed])
    assert set(words) == set(CUSTODIANS), order
    destroyed = disk.read()
    for node in world.nodes.values():
        node.roll(at_once=True)
        while node.roll() is not None:
            pass
    coordinator.close()
    return Heist(
        doomed,
        kept,
        recorded,
        sealed,
        stores,
        before,
        destroyed,
        disk.read(),
        shares,
        tuple(row_keys),
        roots,
    )


def relay(world: World, sent: Sent, disk: Disk) -> SqliteCoordinatorStore:
    """A coordinator's store that keeps a deposit until it is delivered."""
    store = SqliteCoordinatorStore.open(disk.folder / "coordinator.db")
    opened = open_deposit(sent.envelope, world.keyring, world.clock())
    store.add_deposit(opened, [1] * len(opened.descriptors))
    store.add_undelivered(
        [
            Undelivered(opened.hash, opened.signed.envelope, b.index, b.sealed, b.sealed_evidence)
            for b in sent.blobs
        ]
    )
    return store


def record(world: World, sent: Sent) -> Iterator[Recorded]:
    """All blobs of a deposit, as the coordinator saw them."""
    deposit = sent.signed.statement
    for target in deposit.targets:
        info = deposit_info(
            deposit.batch_root,
            len(deposit.descriptors),
            deposit.dealer_thumbprint,
            world.keyring,
            target.index,
            target.sealing_key_id,
        )
        yield Recorded(target.index, sent.blob(target.index).sealed, info, tuple(sent.key_ids()))


def test_no_disk_opens_a_destroyed_record_and_they_open_one_whose_key_was_kept(heist: Heist) -> None:
    thief = heist.thief(heist.rolled, *heist.stores_before)
    assert heist.opened(thief) == {KEPT}
    assert thief.count(heist.doomed.key_id) == 0
    assert thief.count(heist.kept.key_id) == len(CUSTODIANS)


def test_the_same_thief_opened_it_from_disks_that_were_taken_before(heist: Heist) -> None:
    assert heist.opened(heist.thief(heist.before)) == {DOOMED, KEPT}


def test_it_is_the_roll_that_makes_copies_of_stores_worthless(heist: Heist) -> None:
    assert heist.opened(heist.thief(heist.destroyed, *heist.stores_before)) == {DOOMED, KEPT}


def test_the_raw_disk_holds_no_share_no_row_key_and_nothing_of_an_old_row_root(heist: Heist) -> None:
    needles = [*heist.shares.values(), *(share[:32] for share in heist.shares.values()), *heist.row_keys]
    assert len(needles) == 3 * len(CUSTODIANS)
    for needle in needles:
        assert needle not in heist.before  # a share in clear was never on a disk
        assert needle not in heist.rolled
    pieces = [root[at : at + 64] for root in heist.old_roots for at in range(64, len(root) - 64, 4096)]
    assert len(pieces) == 16 * len(CUSTODIANS)
    assert all(piece in heist.before for piece in pieces)
    assert not any(piece in heist.rolled for piece in pieces)


def test_recorded_deposits_open_while_their_sealing_period_lasts_and_not_afterwards(heist: Heist) -> None:
    thief = heist.thief(heist.before)
    thief.try_everything()
    assert thief.seeds
    late = heist.thief(heist.rolled, *heist.stores_before)
    late.try_everything()
    assert late.seeds  # those of the periods that are alive
    assert not late.seeds & thief.seeds
