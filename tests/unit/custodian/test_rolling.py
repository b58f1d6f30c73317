"""Rolling the row root: what is left opens, what was erased does not, and a store from before is taken over."""

from __future__ import annotations

from pathlib import Path

import pytest

from kms.crypto.secret import Secret
from kms.custodian.destruction_store import DESTROYED, StoredDestruction
from kms.custodian.roll_store import Phase, RollState
from kms.custodian.sqlite import SqliteCustodianStore
from kms.custodian.sqlite.rolling import COLUMNS
from kms.custodian.vault import Vault
from kms.errors import ConfigError, StoreError
from kms.storage import erasable
from tests.unit.custodian import rolled_store as rolled
from tests.unit.custodian.rolled_store import HOUR, NOW, ROOT, Opened


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    made = rolled.create(tmp_path)
    rolled.fill(made, made.vault)
    return made


def test_after_a_roll_everything_opens_and_lies_under_the_new_root(tmp_path: Path, opened: Opened) -> None:
    before = list(rolled.contents(opened))
    told = list(opened.rolling.roll(NOW + HOUR))
    assert told[-1].lost == 0
    assert opened.rolling.state == RollState(2, Phase.RESTING, NOW + HOUR)
    assert list(rolled.contents(opened)) == before
    assert {value[:4] for _, value in rolled.values(opened)} == {(2).to_bytes(4, "big")}
    opened.store.close()
    assert list(rolled.contents(rolled.open_at(tmp_path))) == before
    assert sorted(path.name for path in tmp_path.glob("row.root*")) == ["row.root"]


def test_what_lay_under_the_old_root_opens_no_more(tmp_path: Path, opened: Opened) -> None:
    old = rolled.values(opened)
    for _ in opened.rolling.roll(NOW):
        pass
    vault = Vault(ROOT, opened.vault.row_root_in(tmp_path / "row.root"))
    vault.add_bare()
    for purpose, value in old:
        with pytest.raises(StoreError) as refused:
            vault.reseal(purpose, value) if purpose else vault.rewrap(value)
        assert refused.value.reason == "ROW_ROOT_GONE"


def test_the_old_file_is_overwritten_before_the_new_one_takes_its_name(
    tmp_path: Path, opened: Opened
) -> None:
    path = tmp_path / "row.root"
    body = path.read_bytes()
    with path.open("rb") as kept:  # the old file's own blocks, whatever is called so later
        for _ in opened.rolling.roll(NOW):
            pass
        after = kept.read()
    assert len(after) == len(body) == erasable.SIZE
    assert sum(a == b for a, b in zip(body, after, strict=True)) < len(body) // 100


def test_rows_that_come_during_a_roll_are_of_the_new_root(opened: Opened) -> None:
    opened.rolling.begin(NOW)
    opened.rolling.step(5)
    wrapped, _ = opened.vault.seal_share(rolled.name("key", 1), b"v", rolled.share(1))
    assert wrapped[:4] == (2).to_bytes(4, "big")
    assert len(list(rolled.contents(opened))) > 0  # and those that are not wrapped anew yet open too


def test_a_whole_roll_begins_after_the_one_that_is_under_way(opened: Opened) -> None:
    opened.rolling.begin(NOW)
    opened.rolling.step(5)
    list(opened.rolling.roll(NOW + HOUR))
    assert opened.rolling.state == RollState(3, Phase.RESTING, NOW + HOUR)


def test_a_row_that_moves_to_where_the_roll_was_already_is_found(opened: Opened) -> None:
    opened.rolling.begin(NOW)
    db = opened.store._db
    draws = next(kind for kind, at in enumerate(COLUMNS) if at.table == "draws")
    moved = False
    while opened.rolling.step(3) is not None:
        walk = opened.rolling._walk
        if not moved and walk is not None and _at(opened, draws):
            db.execute(
                "INSERT INTO keys (id_tag, c0_tag, frame, tail, wrapped_key, share, opening)"
                " SELECT 90, 90, 1, descriptor, wrapped_key, share, opening FROM draws WHERE position = 4"
            )
            db.execute("DELETE FROM draws WHERE position = 4")
            moved = True
    assert moved
    assert len(list(rolled.contents(opened))) > 0


def _at(opened: Opened, kind: int) -> bool:
    """Whether the kinds before this one are wrapped anew, and this one is not yet."""
    newest = opened.rolling.state.generation + 1
    done = [
        {
            int.from_bytes(row[0][:4], "big")
            for row in opened.store._db.execute(
                f"SELECT {at.column} FROM {at.table} WHERE {at.column} != x''"
            )
        }
        == {newest}
        for at in COLUMNS
    ]
    return all(done[:kind]) and not done[kind]


def test_a_damaged_row_does_not_keep_the_old_root_alive(tmp_path: Path, opened: Opened) -> None:
    opened.store._db.execute(
        "UPDATE keys SET wrapped_key = substr(wrapped_key, 1, 4) || zeroblob(40) WHERE id = 3"
    )
    told = list(opened.rolling.roll(NOW))
    assert max(progress.lost for progress in told) == 1
    assert opened.rolling.state.generation == 2


def test_a_roll_is_due_when_the_root_is_old_and_while_one_goes_on(opened: Opened) -> None:
    assert not opened.rolling.due(NOW + HOUR - 1, HOUR)
    assert opened.rolling.due(NOW + HOUR, HOUR)
    opened.rolling.begin(NOW + 1)
    assert opened.rolling.due(NOW + 2, HOUR)


def test_a_roll_is_due_within_the_hour_when_keys_were_destroyed(opened: Opened) -> None:
    assert not opened.rolling.due(NOW + 23 * HOUR, 24 * HOUR)
    done = StoredDestruction(bytes(32), b"", DESTROYED, NOW, b"", destroyed_at=NOW + 10)
    with opened.store.transaction():
        opened.store.destructions.add(done, [])
    assert not opened.rolling.due(NOW + HOUR - 1, 24 * HOUR)
    assert opened.rolling.due(NOW + HOUR, 24 * HOUR)
    list(opened.rolling.roll(NOW + HOUR))
    assert not opened.rolling.due(NOW + 3 * HOUR, 24 * HOUR)


def test_the_old_root_is_not_destroyed_if_the_new_one_cannot_be_read(tmp_path: Path, opened: Opened) -> None:
    opened.rolling.begin(NOW)
    next_ = tmp_path / "row.root.next"
    next_.write_bytes(next_.read_bytes()[:-1] + b"?")
    before = (tmp_path / "row.root").read_bytes()
    with pytest.raises(ConfigError) as refused:
        list(opened.rolling.roll(NOW))
    assert refused.value.reason == "ROW_ROOT_DAMAGED"
    assert (tmp_path / "row.root").read_bytes() == before


# -- stores and roots that do not go together ------------------------------------------------------------


def test_a_store_from_before_there_were_row_roots_is_taken_over(tmp_path: Path) -> None:
    store = SqliteCustodianStore.create(tmp_path / "store.db", bytes(32), 1)
    bare = Vault(ROOT)
    bare.add_bare()
    old = Opened(store, bare, None)  # type: ignore[arg-type]
    rolled.fill(old, bare, seal=False)
    for at in COLUMNS:
        if not at.purpose:  # a wrapped key bore no generation then
            store._db.execute(f"UPDATE {at.table} SET {at.column} = substr({at.column}, 5)")
    store.close()
    opened = rolled.open_at(tmp_path)
    contents = list(rolled.contents(opened))  # at once, before anything is wrapped anew
    while opened.rolling.step(7) is not None:
        pass
    assert list(rolled.contents(opened)) == contents
    assert opened.rolling.state == RollState(1, Phase.RESTING, NOW)
    assert {value[:4] for _, value in rolled.values(opened)} == {(1).to_bytes(4, "big")}


def test_an_older_copy_of_the_store_is_refused(tmp_path: Path, opened: Opened) -> None:
    opened.store.empty_journal()
    copy = (tmp_path / "store.db").read_bytes()
    for _ in opened.rolling.roll(NOW):
        pass
    opened.store.close()
    (tmp_path / "store.db").write_bytes(copy)
    with pytest.raises(StoreError) as refused:
        rolled.open_at(tmp_path)
    assert refused.value.reason == "ROW_ROOT_GONE"


def test_a_store_does_not_start_on_the_row_root_of_another(tmp_path: Path, opened: Opened) -> None:
    opened.store.close()
    for path in tmp_path.glob("store.db*"):
        path.unlink()
    with pytest.raises(ConfigError) as refused:
        rolled.create(tmp_path)
    assert refused.value.reason == "ROW_ROOT_FOREIGN"


def test_without_its_row_root_a_store_is_refused(tmp_path: Path, opened: Opened) -> None:
    opened.store.close()
    (tmp_path / "row.root").unlink()
    with pytest.raises(ConfigError) as refused:
        rolled.open_at(tmp_path)
    assert refused.value.reason == "ROW_ROOT_MISSING"


def test_a_row_root_opens_under_its_own_storage_root_alone_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "row.root"
    key = erasable.make(path, ROOT, 7)
    assert erasable.read(path, ROOT) == (7, key)
    with pytest.raises(ConfigError):
        erasable.read(path, Secret(bytes(32)))
    content = path.read_bytes()
    for at in (0, 7, 20, 60, len(content) - 1):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(ConfigError):
            erasable.read(path, ROOT)
    path.write_bytes(content)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="open to others"):
        erasable.read(path, ROOT)


def test_a_vault_without_a_row_root_seals_no_share(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as refused:
        Vault(ROOT).seal_row(bytes(32), bytes(64), b"")
    assert refused.value.reason == "ROW_ROOT_GONE"


def test_every_column_that_may_be_sealed_is_known_to_the_roll(opened: Opened) -> None:
    # Wrapped keys by their name, in whatever table they come to lie: what is forgotten is lost with the next roll.
    db = opened.store._db
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    wrapped = {t for t in tables for row in db.execute(f"PRAGMA table_info({t})") if row[1] == "wrapped_key"}
    assert wrapped == {at.table for at in COLUMNS if at.column == "wrapped_key"}
