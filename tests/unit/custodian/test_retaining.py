"""What a custodian keeps on its disk of how long it keeps keys, and what it hears from others when it was away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from kms.custodian.hearsay import Hearsay, Telling
from kms.custodian.vault import SealedRow, Vault
from kms.statements.ids import KeyId
from kms_client.cache import OpenKey
from tests.protocol.ceremonies import message
from tests.protocol.destroying import (
    WEEK,
    holds_nothing,
    make_cancellation,
    make_order,
    pass_time,
    submission,
    tell,
)
from tests.protocol.retaining import DAY, LAB_DAYS, look, make_retention_order, messenger, policy
from tests.protocol.world import LAB, START, Device, World

AWAY = 5


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world", policy=policy())
    yield made
    made.close()


@pytest.fixture
def alice(world: World) -> Device:
    return world.device("alice")


@pytest.fixture
def keys(world: World, alice: Device) -> tuple[OpenKey, ...]:
    return world.create(alice, [LAB] * 2)


@pytest.mark.each_store
def test_when_a_key_came_stands_on_the_disk(world: World, alice: Device) -> None:
    first = world.create(alice)
    world.clock.turn(DAY)
    second = world.create(alice)
    world.start(1)
    found = world.nodes[1].context.store.keys([first[0].key_id, second[0].key_id])
    assert [found[key.key_id].taken_at for key in (*first, *second)] == [START, START + DAY]


@pytest.mark.each_store
def test_whose_time_began_anew_is_forgotten_with_the_key(world: World, keys: tuple[OpenKey, ...]) -> None:
    store = world.nodes[1].context.store
    names = [key.key_id for key in keys]
    with store.transaction():
        store.retention.begin(names, 7)
        store.retention.begin(names[:1], 9)  # the latest counts
    assert store.retention.begun([*names, KeyId(bytes(32))]) == {names[0]: 9, names[1]: 7}
    with store.transaction():
        store.destructions.bury([keys[0].descriptor])
    assert store.retention.begun(names) == {names[1]: 7}


@pytest.mark.in_files
def test_a_store_of_an_earlier_version_counts_from_the_end_of_its_keys_manifest(
    world: World, keys: tuple[OpenKey, ...]
) -> None:
    by, path = messenger(world), world.folder / "custodian-1.db"
    world.nodes.pop(1).close()
    database = Database(path)
    database.execute("ALTER TABLE keys DROP COLUMN taken_at")
    database.execute("DROP TABLE kept_anew")
    database.execute("DELETE FROM _sqlite_migrations WHERE name = 'm_retention'")
    database.conn.commit()
    database.conn.close()
    world.start(1)
    (row,) = look(world, 1, by).rows
    assert (row.later, row.next_due_at) == (2, world.keyring.manifest.expires_at + LAB_DAYS * DAY)
    assert len(world.create(world.device("alice"), at=[1])) == 1


def test_a_custodian_that_was_away_hears_of_an_order_by_age_and_of_its_end(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    by = messenger(world)
    pass_time(world, LAB_DAYS * DAY)
    kept, gone = (make_retention_order(world, by, (key,)) for key in keys)
    for order in (kept, gone):
        tell(world, submission(world, order, by=by), 1, 2, 3, 4)
    tell(world, submission(world, make_cancellation(world, alice, kept)), 1, 2, 3, 4)
    pass_time(world, WEEK)
    away, said = world.nodes[AWAY], Hearsay()
    names = []
    for index in (1, 2, 3, 4):
        told, _, _ = world.nodes[index].list_destructions(message(away.ask_destructions(index, 0)))
        for one in told:
            words = [message(word) for word in (one.word, *one.words) if word]
            off = message(one.cancellation) if one.cancellation else None
            name = said.take(away.context, index, Telling(message(one.order), words, one.descriptors, off))
            assert name is not None
            names.append(name)
    for heard in said.heard(names):
        for sent in heard.submissions():
            tell(world, sent, AWAY)
    assert holds_nothing(world, AWAY, keys[1:])
    assert away.destruction(kept.hash).state == "cancelled"
    assert away.context.store.retention.begun([keys[0].key_id]) == {keys[0].key_id: world.clock()}


def test_a_row_that_its_disk_spoiled_is_kept_and_keeps_nothing_else(
    world: World, alice: Device, keys: tuple[OpenKey, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a node would carry out no order any more, whoever gave it, and count nothing for anybody."""
    by, (owned,) = messenger(world), world.create(alice)
    pass_time(world, LAB_DAYS * DAY)
    aged, wished = make_retention_order(world, by, keys), make_order(world, alice, [owned])
    for order, of in ((aged, by), (wished, alice)):
        tell(world, submission(world, order, by=of))
    read = Vault.open_opening

    def spoiled(vault: Vault, key_id: bytes, row: SealedRow) -> bytes:
        return read(vault, key_id, row._replace(opening=bytes(40)) if key_id == keys[0].key_id else row)

    monkeypatch.setattr(Vault, "open_opening", spoiled)
    pass_time(world, WEEK)
    assert holds_nothing(world, 1, [owned])
    assert not holds_nothing(world, 1, keys[:1])
    assert world.nodes[1].destruction(aged.hash).state == "cancelled"
    rows = {row.category: row for row in look(world, 1, by).rows}
    assert (rows["laboratory"].due, rows[""].kept) == (1, 1)
