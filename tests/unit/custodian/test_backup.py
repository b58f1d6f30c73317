"""Copies of a store hold no share and no key; a store that is made of one gets its shares from the others."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kms.custodian.check import check_store
from kms.custodian.resharing import OldPlan, opening_of
from kms.custodian.rolling import Rolling
from kms.custodian.sqlite import SqliteCustodianStore, copies
from kms.custodian.sqlite.copies import BLANK, LEFT_OUT, MARK
from kms.custodian.sqlite.rolling import COLUMNS
from kms.custodian.store import StoredKey
from kms.custodian.vault import Vault
from kms.errors import ConfigError, NotFound, StoreError
from kms.statements.codec import decode
from kms.statements.release import Decision, Verdict
from kms.storage import erasable
from kms_client.cache import OpenKey
from tests.protocol.ceremonies import Resharing, make_order, message
from tests.protocol.repairs import Repairing
from tests.protocol.world import LAB, START, Device, World, storage_root
from tests.unit.custodian import rolled_store as rolled

pytestmark = pytest.mark.in_files

TAG = Vault(rolled.ROOT).tag_of_copy


def copied(folder: Path) -> tuple[rolled.Opened, Path]:
    opened = rolled.create(folder)
    rolled.fill(opened, opened.vault)
    # What was deleted lies in free pages: no copy may bring it along.
    opened.store._db.execute("PRAGMA secure_delete=OFF")
    opened.store._db.execute("DELETE FROM keys WHERE id = 5")
    copy = folder / "copy"
    opened.store.back_up(copy, TAG)
    return opened, copy


def test_a_copy_holds_nothing_that_lies_under_the_row_root(tmp_path: Path) -> None:
    opened, copy = copied(tmp_path)
    content = copy.read_bytes()
    for _, value in rolled.values(opened):
        assert value[4:36] not in content
    sealed = [
        row[0] for row in opened.store._db.execute("SELECT share FROM keys UNION SELECT opening FROM keys")
    ]
    assert len(sealed) > 40
    assert not any(value[:16] in content for value in sealed)
    assert (tmp_path / "row.root").read_bytes()[64:96] not in content
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_copy_holds_the_rest(tmp_path: Path) -> None:
    opened, copy = copied(tmp_path)
    tables = [
        row[0]
        for row in opened.store._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    ]
    with sqlite3.connect(copy) as other:
        for table in set(tables) - LEFT_OUT - set(BLANK) - {"meta", "_sqlite_migrations"}:
            ask = f"SELECT * FROM {table}"
            assert other.execute(ask).fetchall() == opened.store._db.execute(ask).fetchall(), table
        ask = "SELECT id, id_tag, c0_tag, frame, tail, floor FROM keys"
        assert other.execute(ask).fetchall() == opened.store._db.execute(ask).fetchall()
    other.close()


def test_all_that_a_roll_wraps_anew_is_left_out_of_copies() -> None:
    for at in COLUMNS:
        assert at.table in LEFT_OUT or at.column in BLANK[at.table]


def test_a_copy_is_written_over_nothing_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    opened, copy = copied(tmp_path)
    with pytest.raises(ConfigError):
        opened.store.back_up(copy, TAG)
    with pytest.raises(ConfigError):
        opened.store.back_up(tmp_path / "nowhere" / "copy", TAG)
    assert not list(tmp_path.glob("*.new"))


def tagged(path: Path, content: bytes) -> Path:
    """A file with this content that carries the tag of a copy all the same."""
    path.write_bytes(content + MARK + TAG([content, MARK]))
    return path


def test_a_copy_of_the_store_itself_is_not_taken_for_a_backup(tmp_path: Path) -> None:
    opened, _ = copied(tmp_path)
    opened.store.empty_journal()
    opened.store.close()
    store, target = (tmp_path / "store.db").read_bytes(), tmp_path / "other.db"
    for number, content in enumerate((store, b"SQLite format 3\0" + bytes(4096), b"nothing of the kind")):
        file = tagged(tmp_path / f"file-{number}", content)
        with pytest.raises(StoreError):
            SqliteCustodianStore.restore(file, target, START, TAG)
        assert not target.exists()
    with pytest.raises(StoreError) as refused:
        SqliteCustodianStore.restore(tagged(tmp_path / "file", store), target, START, TAG)
    assert refused.value.reason == "NOT_A_BACKUP"


def test_a_store_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    opened, copy = copied(tmp_path)
    opened.store.close()
    before = (tmp_path / "store.db").read_bytes()
    with pytest.raises(StoreError) as refused:
        SqliteCustodianStore.restore(copy, tmp_path / "store.db", START, TAG)
    assert refused.value.reason == "STORE_EXISTS"
    assert (tmp_path / "store.db").read_bytes() == before


def test_a_journal_of_the_lost_store_is_not_played_into_the_restored_one(tmp_path: Path) -> None:
    opened, copy = copied(tmp_path)
    opened.store._db.execute("INSERT INTO counters VALUES (x'aa', 1, 1)")
    journal = (tmp_path / "store.db-wal").read_bytes()
    assert journal
    opened.store.close()
    target = tmp_path / "other.db"
    target.with_name("other.db-wal").write_bytes(journal)
    store = SqliteCustodianStore.restore(copy, target, START, TAG)
    assert store.total(b"\xaa", 0) == 0
    store.close()


# -- a custodian that comes back ---------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.found(tmp_path / "world")


@pytest.fixture
def alice(world: World) -> Device:
    return world.device("alice")


@pytest.fixture
def keys(world: World, alice: Device) -> tuple[OpenKey, ...]:
    return world.create(alice, [LAB] * 4)


def restore(world: World, index: int) -> None:
    """The store is lost, and made anew of a copy."""
    copy = world.folder / "copy"
    world.nodes[index].back_up(copy)
    world.nodes.pop(index).close()
    path = world.folder / f"custodian-{index}.db"
    path.unlink()
    erasable.discard(world.row_root(index))
    tag = Vault(storage_root(index)).tag_of_copy
    SqliteCustodianStore.restore(copy, path, world.clock(), tag).close()
    world.start(index)


def test_a_restored_custodian_knows_its_log_and_gets_the_very_shares_back(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    ids = tuple(key.key_id for key in keys)
    before = [world.nodes[2].context.vault.open_share(k.key_id, k.row) for k in stored(world, keys)]
    size = logged(world)
    restore(world, 2)
    node = world.nodes[2]
    assert logged(world) > size  # all of it, and that it started
    assert node.context.store.count_missing() == len(keys)
    assert check_store(node.context.store, node.context.vault).damaged == ()
    assert node.missing(keys[0].descriptor.version, ids) == list(ids)
    Repairing(world, 2, keys[0].descriptor.version, ids).run()
    assert [node.context.vault.open_share(k.key_id, k.row) for k in stored(world, keys)] == before
    for index in (3, 4):
        world.nodes.pop(index).close()
    assert set(world.release(alice, keys).opened) == set(ids)


def test_until_then_it_denies_what_it_cannot_answer_for(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    restore(world, 2)
    decided = decode(Decision, message(world.decide_at(2, world.prepare(alice, keys))).payload)
    assert {ruling.verdict for ruling in decided.by_position().values()} == {Verdict.DENY}
    collector = world.release(alice, keys)
    assert set(collector.opened) == {key.key_id for key in keys}
    assert collector.faults == []


def test_a_share_of_a_later_version_brings_the_context_back_too(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    run = Resharing(world, make_order(world, 1))
    run.run()
    ids = tuple(key.key_id for key in keys)
    restore(world, 2)
    node = world.nodes[2]
    ((version, _, _, _),) = node.context.store.versions.counts()
    assert node.missing(version, ids) == list(ids)
    planned = world.nodes[1].context.store.versions.version(version)
    assert planned is not None
    Repairing(world, 2, version, ids).run(OldPlan(planned.plan, planned.key_ids, planned.points))
    assert node.missing(version, ids) == []
    for index in (3, 4):
        world.nodes.pop(index).close()
    assert set(world.release(alice, keys).opened) == set(ids)


def test_a_share_that_came_since_without_its_context_is_repaired_too(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    ids = tuple(key.key_id for key in keys)
    restore(world, 2)
    Resharing(world, make_order(world, 1)).run()
    node = world.nodes[2]
    ((version, _, _, shares),) = node.context.store.versions.counts()
    assert shares == len(keys)  # the others dealt to it, and took its context for granted
    assert node.missing(version, ids) == list(ids)
    planned = world.nodes[1].context.store.versions.version(version)
    assert planned is not None
    Repairing(world, 2, version, ids).run(OldPlan(planned.plan, planned.key_ids, planned.points))
    assert node.missing(version, ids) == []
    assert node.context.store.count_missing() == 0
    for index in (3, 4):
        world.nodes.pop(index).close()
    assert set(world.release(alice, keys).opened) == set(ids)


def test_it_helps_nobody_with_a_context_that_it_does_not_have(
    world: World, keys: tuple[OpenKey, ...]
) -> None:
    restore(world, 2)
    stored_key = stored(world, keys)[0]
    with pytest.raises(NotFound):
        opening_of(world.nodes[2].context, stored_key)


def test_what_was_dealt_and_superseded_does_not_come_back(world: World, keys: tuple[OpenKey, ...]) -> None:
    Resharing(world, make_order(world, 1)).run()
    restore(world, 2)
    assert world.nodes[2].missing(keys[0].descriptor.version, [key.key_id for key in keys]) == []


def test_a_store_that_was_restored_says_so(world: World) -> None:
    restore(world, 2)
    store = world.nodes[2].context.store
    assert isinstance(store, SqliteCustodianStore)
    assert store.restored_at() == world.clock()


def test_a_restore_that_was_killed_half_way_leaves_no_store_that_passes_for_whole(
    world: World, tmp_path: Path
) -> None:
    """It would not wait for what others have seen of its log, and answer with revocations missing."""
    node, copy, path = world.nodes[2], tmp_path / "copy", tmp_path / "half.db"
    node.back_up(copy)
    copies.make_of(copy, path, node.context.vault.tag_of_copy)  # and no further
    with closing(SqliteCustodianStore.open(path)) as store:
        assert store.restored_at() != 0


def logged(world: World) -> int:
    """How many entries custodian 2's log has; StoreError unless it is whole."""
    context = world.nodes[2].context
    return check_store(context.store, context.vault).log_entries


def stored(world: World, keys: tuple[OpenKey, ...]) -> list[StoredKey]:
    found = world.nodes[2].context.store.keys([key.key_id for key in keys])
    return [found[key.key_id] for key in keys]


def test_the_copy_is_of_no_use_without_the_storage_root(world: World, keys: tuple[OpenKey, ...]) -> None:
    restore(world, 2)
    world.nodes.pop(2).close()
    path = world.folder / "custodian-2.db"
    store = SqliteCustodianStore.open(path)
    with pytest.raises(ConfigError):
        Rolling(world.row_root(2), store, Vault(storage_root(3)), START)
    store.close()
