"""What a node finds of its former self at the start, on real files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kms.custodian.check import check_store
from kms.custodian.clock import SteadyClock
from kms.custodian.node import MAX_ABSENCE, NodeOptions
from kms.custodian.sqlite import SqliteCustodianStore
from kms.errors import StoreError, Unavailable
from kms.statements.release import HUMAN_LIFETIME, Purpose
from tests import stores
from tests.protocol.adversary import ruling
from tests.protocol.ceremonies import change_committee
from tests.protocol.world import LAB, Clock, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world", n=3, threshold=2)
    yield made
    made.close()


def database(world: World, index: int = 1) -> Path:
    return world.folder / f"custodian-{index}.db"


@contextmanager
def altered(world: World) -> Iterator[Callable[..., list[Any]]]:
    """Node 1's store, stopped, to be changed by hand."""
    world.nodes.pop(1).close()
    with stores.edited(database(world)) as run:
        yield run


def refusal(world: World) -> StoreError:
    with pytest.raises(StoreError) as refused:
        world.start(1)
    return refused.value


def image(world: World) -> dict[str, bytes]:
    """Bytes of each file of node 1's store."""
    return {path.name: path.read_bytes() for path in world.folder.glob("custodian-1.db*")}


def killed(world: World) -> None:
    """Node 1 as after `kill -9`: its files as they lie there now, nothing tidied up on the way out."""
    left = image(world)
    world.nodes.pop(1).close()
    for name, data in left.items():
        (world.folder / name).write_bytes(data)


@pytest.mark.in_files
def test_a_sealing_key_that_a_killed_node_had_erased_is_gone_from_every_file_after_the_start(
    world: World,
) -> None:
    store = world.nodes[1].context.store
    (erased,) = store.sealing_keys()
    with store.transaction():
        store.erase_sealing_key(erased.period)
    killed(world)  # before the journal was emptied
    assert [name for name, data in image(world).items() if erased.seed in data] == ["custodian-1.db-wal"]
    world.start(1)
    assert [name for name, data in image(world).items() if erased.seed in data] == []


def test_a_log_whose_last_entries_were_deleted_is_refused(world: World) -> None:
    alice = world.device("alice")
    world.release(alice, world.create(alice))
    logged = world.nodes[1].context.store.log.size()
    with altered(world) as run:
        run("DELETE FROM log WHERE idx = (SELECT max(idx) FROM log)")
    refused = refusal(world)
    assert refused.reason == "LOG_BROKEN"
    assert f"{logged} entries were logged, but the log holds {logged - 1}" in refused.message


def test_a_log_without_its_head_record_is_refused(world: World) -> None:
    with altered(world) as run:
        run("DELETE FROM meta WHERE name = 'log_head'")
    assert refusal(world).reason == "LOG_BROKEN"


def test_a_log_that_was_emptied_is_refused(world: World) -> None:
    with altered(world) as run:
        run("DELETE FROM log")
    assert refusal(world).reason == "LOG_BROKEN"


def test_without_the_root_nobody_makes_a_head_record_for_a_shorter_log(world: World) -> None:
    store = world.nodes[1].context.store
    logged = store.log.size()
    record = (logged - 1).to_bytes(8, "big") + store.log.head()[8:]
    with altered(world) as run:
        run("DELETE FROM log WHERE idx = (SELECT max(idx) FROM log)")
        run("UPDATE meta SET value = ? WHERE name = 'log_head'", record)
    refused = refusal(world)
    assert refused.reason == "LOG_BROKEN"
    assert refused.message == "the record of the log's head was altered"


def test_a_damaged_share_is_noticed_at_the_start(world: World) -> None:
    world.create(world.device("alice"), [LAB] * 3)
    with altered(world) as run:
        ((share,),) = run("SELECT share FROM keys WHERE id = 2")
        run("UPDATE keys SET share = ? WHERE id = 2", bytes(len(share)))
    assert refusal(world).reason == "STORE_DAMAGED"


def test_a_share_that_opens_but_is_of_another_polynomial_is_noticed_at_the_start(world: World) -> None:
    (key,) = world.create(world.device("alice"))
    context = world.nodes[1].context
    row = context.vault.seal_row(key.key_id, bytes(31) + b"\x01" + bytes(31) + b"\x01", b"")
    with altered(world) as run:
        run("UPDATE keys SET wrapped_key = ?, share = ?", row.wrapped_key, row.share)
    assert refusal(world).reason == "STORE_DAMAGED"


def test_a_store_that_nobody_touched_starts_and_checks_whole(world: World) -> None:
    alice = world.device("alice")
    world.release(alice, world.create(alice, [LAB] * 3))
    context = world.start(1).context
    assert check_store(context.store, context.vault).damaged == ()


def test_a_clock_far_ahead_of_the_log_erases_nothing_and_logs_nothing(world: World) -> None:
    before = world.nodes[1].context.store.sealing_keys(), world.nodes[1].context.store.log.size()
    world.clock.turn(MAX_ABSENCE + 60)
    assert refusal(world).reason == "CLOCK_AHEAD"
    store = SqliteCustodianStore.open(stores.place(database(world)))
    assert (store.sealing_keys(), store.log.size()) == before
    store.close()


def test_a_node_that_was_away_so_long_starts_when_its_operator_says_so(world: World) -> None:
    world.clock.turn(MAX_ABSENCE + 60)
    node = world.start(1, options=NodeOptions(accept_clock=True))
    assert node.sealing_key().statement.not_after > world.clock()


def test_a_running_node_whose_clock_jumps_ahead_keeps_its_sealing_keys(world: World) -> None:
    wall, steady = Clock(), Clock()
    node = world.start(1)
    node.context = replace(node.context, now=SteadyClock(wall, steady).now)
    before = node.context.store.sealing_keys()
    wall.turn(365 * 86400)
    with pytest.raises(Unavailable):
        node.tick()
    assert node.context.store.sealing_keys() == before


def test_a_request_that_waited_when_the_manifest_changed_over_a_stop_is_closed_at_the_start(
    world: World,
) -> None:
    keys = world.create(world.device("alice"), [LAB])
    prepared = world.prepare(world.device("bob"), keys, purpose=Purpose.TREATMENT)
    assert ruling(world.decide_at(1, prepared))[0] == "PENDING"
    world.nodes.pop(1).close()
    change_committee(world, (1, 2, 3), 2, start=False, name="another name")
    node = world.start(1)
    assert node.waiting_views() == []
    latest = node.latest(prepared.opened.hash)
    assert latest is not None
    assert ruling(latest.envelope) == ("DENY", "MANIFEST_CHANGED")
    world.clock.turn(HUMAN_LIFETIME)
    assert node.tick() == []  # and nothing that waits for ever stops what time alone brings
