"""A store in PostgreSQL: what it refuses, and what a server that goes away does to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.coordinator.store import SqliteCoordinatorStore
from kms.custodian.sqlite import SqliteCustodianStore
from kms.errors import StoreError, Unavailable
from kms.storage import postgres
from kms.storage.postgres import Postgres, PostgresConnection
from tests import stores
from tests.postgres import Server
from tests.protocol.world import World


@pytest.fixture
def place(server: Server, tmp_path: Path) -> Iterator[Postgres]:
    name = tmp_path.name.replace("-", "_")
    yield server.place(name)
    server.remove(name)


def test_one_process_has_it_open(place: Postgres) -> None:
    assert not place.exists()
    store = SqliteCustodianStore.create(place, bytes(32), 3)
    assert place.exists()
    with pytest.raises(StoreError, match="another process") as refused:
        SqliteCustodianStore.open(place)
    assert refused.value.reason == "STORE_LOCKED"
    store.close()
    again = SqliteCustodianStore.open(place)
    assert again.identity() == (bytes(32), 3)
    again.close()


def test_what_is_there_is_never_written_over_and_what_is_missing_is_said(place: Postgres) -> None:
    with pytest.raises(StoreError) as missing:
        SqliteCustodianStore.open(place)
    assert missing.value.reason == "STORE_MISSING"
    SqliteCustodianStore.create(place, bytes(32), 3).close()
    with pytest.raises(StoreError) as there:
        SqliteCustodianStore.create(place, bytes(32), 4)
    assert there.value.reason == "STORE_EXISTS"


def test_a_newer_schema_is_refused(place: Postgres) -> None:
    SqliteCustodianStore.create(place, bytes(32), 3).close()
    connection = PostgresConnection(place)
    connection.execute("INSERT INTO kms_migrations VALUES ('custodian', 'm999_later')")
    connection.close()
    with pytest.raises(StoreError, match="m999_later") as newer:
        SqliteCustodianStore.open(place)
    assert newer.value.reason == "STORE_NEWER"


def test_a_server_that_is_away_is_said_and_no_password_with_it() -> None:
    away = Postgres("host=/nowhere dbname=kms password=hunter2")
    with pytest.raises(Unavailable, match="cannot be reached") as refused:
        away.exists()
    for text in (refused.value.message, str(away), repr(away)):
        assert "hunter2" not in text


def test_what_was_committed_outlives_the_server_and_what_was_not_is_gone(
    tmp_path: Path, server: Server
) -> None:
    store = SqliteCustodianStore.create(server.place("crashed"), bytes(32), 3)
    with store.transaction():
        store.add(b"kept", 1, 5)

    def interrupted() -> None:
        with store.transaction():
            store.add(b"lost", 1, 5)
            server.stop("immediate")
            server.start()
            with pytest.raises(Unavailable):
                store.add(b"lost in between", 1, 5)
            store.add(b"lost too", 1, 5)

    with pytest.raises(Unavailable, match="nothing was stored"):
        interrupted()
    with store.transaction():  # the next step finds the server again
        store.add(b"after", 1, 5)
    assert [store.total(name, 0) for name in (b"kept", b"lost", b"lost too", b"after")] == [
        5,
        0,
        0,
        5,
    ]
    store.close()
    server.remove("crashed")


def test_a_process_that_lost_its_lock_to_another_does_not_go_on(server: Server) -> None:
    place = server.place("taken")
    first = SqliteCustodianStore.create(place, bytes(32), 3)
    server.stop("immediate")
    server.start()
    with pytest.raises(Unavailable), first.transaction():  # it notices that the connection is gone
        first.add(b"lost", 1, 1)
    second = SqliteCustodianStore.open(place)
    with second.transaction():
        second.add(b"of the other", 1, 1)
    second.close()
    for _ in range(2):
        with pytest.raises(StoreError, match="start this one anew") as refused, first.transaction():
            first.add(b"stale", 1, 1)
        assert refused.value.reason == "STORE_TAKEN"
    third = SqliteCustodianStore.open(place)
    assert third.total(b"stale", 0) == 0
    third.close()
    server.remove("taken")


def test_a_coordinator_keeps_its_store_there_too(place: Postgres) -> None:
    store = SqliteCoordinatorStore.open(place)
    store.put_sealing_key(1, b"first")
    store.put_sealing_key(1, b"second")
    store.close()
    again = SqliteCoordinatorStore.open(place)
    assert again.sealing_keys() == {1: b"second"}
    again.close()


def test_a_keyring_half_in_files_and_half_in_a_database_opens_its_records(
    tmp_path: Path, server: Server
) -> None:
    with stores.kept_on(server):
        world = World.found(tmp_path / "world")
    files = {index: tmp_path / "world" / f"custodian-{index}.db" for index in world.nodes}
    assert not any(path.exists() for path in files.values())
    for index in (1, 2):  # these two start anew, in files
        world.nodes.pop(index).close()
        world.row_root(index).unlink()
        with stores.kept_on(None):
            world.start(index)
        assert files[index].exists()
    alice = world.device("alice")
    keys = world.create(alice, [{"patient": "p-1", "category": "booking"}] * 3)
    assert set(world.release(alice, keys).opened) == {key.key_id for key in keys}
    world.close()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("SELECT a FROM t WHERE b = ? AND c LIKE 'x%'", "SELECT a FROM t WHERE b = %s AND c LIKE 'x%%'"),
        ("INSERT OR IGNORE INTO t VALUES (?)", "INSERT INTO t VALUES (%s) ON CONFLICT DO NOTHING"),
        ("SELECT ?1, ?2 WHERE a = ?1", "SELECT %(p1)s, %(p2)s WHERE a = %(p1)s"),
        ("DELETE FROM t WHERE a = x'' OR b IN ()", "DELETE FROM t WHERE a = ''::bytea OR b IN (NULL)"),
    ],
    ids=["marks", "ignore", "numbered", "words"],
)
def test_the_few_words_that_differ(ours: str, theirs: str) -> None:
    assert postgres.spoken(ours) == theirs
