"""Whoever keeps a custodian's backups takes out what stands in their way, and waits for the day of the restore.

A copy holds revocations, kills, what owners said and tombstones. It lies on tapes and at providers for years, so
nothing is made of one that does not carry its custodian's own tag. A whole copy that is merely old carries it; that one
is met by the log, whose newer entries the others have seen.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import pytest

from kms.custodian.sqlite import SqliteCustodianStore
from kms.custodian.sqlite.copies import MARK, PIECE, TAG_SIZE
from kms.custodian.vault import Vault
from kms.errors import StoreError
from kms.statements.envelope import sign
from kms.statements.evidence import Revocation
from kms.statements.kills import KeyKill
from kms.storage import erasable
from tests import stores
from tests.protocol.destroying import destroy
from tests.protocol.peering import Peering, bring_back, look
from tests.protocol.world import LAB, World, storage_root

TAG = Vault(storage_root(1)).tag_of_copy
STRIPPED = (
    "revocations",
    "kills",
    "consent_receipts",
    "mandates",
    "revoked_owner_keys",
    "tombstones",
    "destructions",
    "log",
)


@pytest.fixture
def copy(world: World) -> Path:
    """Custodian 1's copy, with something of all that one would like to take out."""
    alice, tablet, thief = world.device("alice"), world.device("tablet"), world.device("thief")
    keyring, clock = world.keyring, world.clock
    keys = world.create(alice, [LAB] * 2)
    grant = world.grant(alice, world.device("doctor"), keys=keys)
    taken_back = Revocation(
        keyring.keyring_id, keyring.manifest_hash, alice.thumbprint, grant.grant_id, 0, clock()
    )
    world.nodes[1].revoke(sign(taken_back, alice.key).message)
    killed = KeyKill(keyring.keyring_id, keyring.manifest_hash, thief.thumbprint, clock())
    world.nodes[1].kill(sign(killed, thief.key).message)
    world.tell(world.owner_key(alice, tablet), alice)
    world.tell(world.owner_key(alice, thief), alice)
    world.tell(world.key_revocation(alice, tablet, thief), tablet)
    destroy(world, alice, keys[:1])
    path = world.folder / "copy"
    world.nodes[1].back_up(path)
    return path


def restore(world: World, copy: Path, tag: Callable[[Iterable[bytes]], bytes] = TAG) -> str:
    """Why nothing is made of it; empty if a store is."""
    path = world.folder / "restored.db"
    try:
        SqliteCustodianStore.restore(copy, path, world.clock(), tag).close()
    except StoreError as error:
        assert not path.exists()
        return error.reason
    path.unlink()
    return ""


@pytest.mark.each_store
def test_a_copy_as_it_was_made_is_taken(world: World, copy: Path) -> None:
    assert restore(world, copy) == ""


@pytest.mark.parametrize("table", STRIPPED)
def test_nothing_is_taken_out_of_it(world: World, copy: Path, table: str) -> None:
    whole = copy.read_bytes()
    with closing(sqlite3.connect(copy, isolation_level=None)) as opened:
        assert opened.execute(f"DELETE FROM {table}").rowcount > 0
    # Whoever did that puts the end back that the file had.
    database = copy.read_bytes().removesuffix(whole[-len(MARK) - TAG_SIZE :])
    copy.write_bytes(database + whole[-len(MARK) - TAG_SIZE :])
    assert restore(world, copy) == "BACKUP_ALTERED"


def test_no_bit_of_it_is_another(world: World, copy: Path) -> None:
    whole = copy.read_bytes()
    end = len(whole) - len(MARK) - TAG_SIZE
    for at in (0, 27, 4096, end // 2, end - 1, end + len(MARK), len(whole) - 1):
        copy.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert restore(world, copy) == "BACKUP_ALTERED", at
    for cut in (whole[:-1], whole[:end], whole[: end // 2], whole[1:], whole + b"\0", whole[end:], b""):
        copy.write_bytes(cut)
        assert restore(world, copy) in ("BACKUP_ALTERED", "NOT_A_BACKUP")
    copy.write_bytes(whole)
    assert restore(world, copy) == ""


def test_a_copy_of_before_there_were_tags_is_none(world: World, copy: Path) -> None:
    copy.write_bytes(copy.read_bytes()[: -len(MARK) - TAG_SIZE])
    assert restore(world, copy) == "NOT_A_BACKUP"


def test_the_copy_of_another_custodian_is_refused_before_anything_is_made_of_it(
    world: World, copy: Path
) -> None:
    assert restore(world, copy, Vault(storage_root(2)).tag_of_copy) == "BACKUP_ALTERED"


def test_a_copy_that_is_exchanged_while_it_is_looked_at_is_not_taken(world: World, copy: Path) -> None:
    whole, looks = copy.read_bytes(), []

    def exchanged(pieces: Iterable[bytes]) -> bytes:
        looks.append(TAG(pieces))
        with copy.open("r+b") as file:  # in the same file, that has been opened already
            file.seek(4096)
            file.write(bytes([whole[4096] ^ 1]))
        return looks[-1]

    assert restore(world, copy, exchanged) == "BACKUP_ALTERED"
    assert len(looks) == 2


def test_a_copy_of_any_size_is_taken_in_small_pieces(world: World, copy: Path) -> None:
    sizes: list[int] = []

    def counted(pieces: Iterable[bytes]) -> bytes:
        return TAG(_counting(pieces, sizes))

    store = world.nodes[1].context.store
    with store.transaction():
        for n in range(40):
            store.providers.put(f"https://large-{n}.example", bytes(100_000))
    large = copy.with_name("large")
    store.back_up(large, counted)
    assert restore(world, large, counted) == ""
    assert sum(sizes) > 3 * 4_000_000
    assert max(sizes) <= PIECE


def _counting(pieces: Iterable[bytes], sizes: list[int]) -> Iterable[bytes]:
    for piece in pieces:
        sizes.append(len(piece))
        yield piece


def test_a_whole_copy_that_is_old_is_met_by_the_log(world: World) -> None:
    """Its keeper brings back the night before a grant was taken back. The others have seen the day."""
    alice, doctor = world.device("alice"), world.device("doctor")
    (key,) = world.create(alice, [LAB])
    grant = world.grant(alice, doctor, keys=(key,))
    peering, keyring = Peering(world), world.keyring
    peering.all()
    old = world.folder / "old"
    world.nodes[1].back_up(old)
    taken_back = Revocation(
        keyring.keyring_id, keyring.manifest_hash, alice.thumbprint, grant.grant_id, 0, world.clock()
    )
    for node in world.nodes.values():
        node.revoke(sign(taken_back, alice.key).message)
    peering.all()
    peering.all()
    world.nodes.pop(1).close()
    stores.remove(world.folder / "custodian-1.db")
    erasable.discard(world.row_root(1))
    SqliteCustodianStore.restore(old, world.folder / "custodian-1.db", world.clock(), TAG).close()
    ahead = look(world, 1, peering)
    assert ahead is not None, "it is known before the node is one, and so it stands still"
    assert bring_back(world, 1, peering) is not None
    world.clock.turn(60)
    node = world.start(1)
    told = node.context.store.mirrors.untold()
    assert [one.principal for one in told] == [alice.thumbprint], "that it was said came back with the log"
