"""A running node rolls its row root between what else it is asked, and the commands of who runs it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kms.cli.app import command_line
from kms.custodian.config import CustodianConfig, open_vault
from kms.custodian.roll_store import Phase, RollState
from kms.custodian.sqlite import SqliteCustodianStore
from kms.custodian.upkeep_service import REST, UpkeepService
from kms.dev.founding import found
from kms.statements.audit import LogKind, read_entry
from kms.storage import erasable
from kms.storage.config import load
from kms.transport.server import Call
from kms.wire.v1 import upkeep_pb2
from tests.protocol.world import LAB, World

HOUR = 3600
ANYBODY = Call("", 60.0)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world")
    yield made
    made.close()


def service(world: World, before: Callable[[], None] = lambda: None) -> UpkeepService:
    """Of custodian 1's node; `before` happens before each of its steps."""

    async def run(step: Callable[..., object], *arguments: object) -> object:
        before()
        return step(*arguments)

    return UpkeepService(lambda: world.nodes[1], run)


def test_releases_go_on_while_the_row_root_is_rolled(world: World) -> None:
    alice = world.device("alice")
    keys = world.create(alice, [LAB] * 12)
    opened = []

    def release() -> None:
        opened.append(set(world.release(alice, keys[:1]).opened))

    async def roll() -> list[upkeep_pb2.RollResponse]:
        return [told async for told in service(world, release).roll(upkeep_pb2.RollRequest(), ANYBODY)]

    told = asyncio.run(roll())
    assert told[-1].ended
    assert len(opened) > 3
    assert opened == [{keys[0].key_id}] * len(opened)
    assert set(world.release(alice, keys).opened) == {key.key_id for key in keys}


def test_a_node_rolls_by_itself_once_a_day_and_rests_between_its_steps(world: World) -> None:
    world.create(world.device("alice"), [LAB] * 2)
    upkeep = service(world)
    assert asyncio.run(upkeep.step()) is None
    before = world.row_root(1).read_bytes()
    world.clock.turn(24 * HOUR)
    rests = []
    while (rest := asyncio.run(upkeep.step())) is not None:
        rests.append(rest)
    assert len(rests) > 1
    assert min(rests) > 0
    assert REST >= 1
    assert world.row_root(1).read_bytes() != before
    assert world.nodes[1].row_root_age() == 0


def roll(world: World, before: Callable[[], None] = lambda: None) -> list[upkeep_pb2.RollResponse]:
    """What somebody who orders a roll of custodian 1's row root is told."""

    async def told() -> list[upkeep_pb2.RollResponse]:
        return [step async for step in service(world, before).roll(upkeep_pb2.RollRequest(), ANYBODY)]

    return asyncio.run(told())


def test_who_orders_a_roll_gets_one_that_begins_then(world: World) -> None:
    keys = world.create(world.device("alice"), [LAB] * 2)
    node = world.nodes[1]
    node.roll(at_once=True)  # one is under way, and what is erased now may lie under its new root already
    told = roll(world)
    assert [step.ended for step in told].count(True) == 1
    assert told[-1].generation == 2
    assert destroyed_roots(world) == ["ROW_ROOT_1", "ROW_ROOT_2"]
    assert node.context.store.keys([keys[0].key_id])


def test_who_orders_a_roll_hears_of_its_end_if_the_node_takes_the_last_step_by_itself(world: World) -> None:
    world.create(world.device("alice"), [LAB] * 2)
    steps = 0

    def take_the_rest() -> None:
        nonlocal steps
        steps += 1
        while steps == 4 and world.nodes[1].roll() is not None:
            pass

    told = roll(world, take_the_rest)
    assert told[-1].ended
    assert destroyed_roots(world) == ["ROW_ROOT_1"]


def test_a_node_that_was_killed_while_it_rolled_goes_on(world: World) -> None:
    alice = world.device("alice")
    keys = world.create(alice, [LAB] * 3)
    world.nodes[1].roll(at_once=True)
    world.start(1)
    steps = 0
    while world.nodes[1].roll() is not None:
        steps += 1
    assert steps > 1
    for index in (4, 5):
        world.nodes.pop(index).close()
    assert set(world.release(alice, keys).opened) == {key.key_id for key in keys}


def destroyed_roots(world: World) -> list[str]:
    """What custodian 1's log says of row roots."""
    entries = world.nodes[1].context.store.log.entries(0, 1000)
    read = [read_entry(entry, number) for number, entry in enumerate(entries)]
    return [entry.outcome for entry in read if entry.kind is LogKind.ROW_ROOT_DESTROYED]


def test_the_log_says_when_a_row_root_was_destroyed(world: World) -> None:
    assert destroyed_roots(world) == []
    for _ in range(2):
        world.nodes[1].roll(at_once=True)
        while world.nodes[1].roll() is not None:
            pass
    assert destroyed_roots(world) == ["ROW_ROOT_1", "ROW_ROOT_2"]


def test_also_if_the_node_was_killed_before_it_could_say_so(world: World) -> None:
    world.nodes[1].roll(at_once=True)
    store = world.nodes[1].context.store
    with store.transaction():  # the last that a killed node wrote
        wrap_all(world)
        store.roll.set_state(RollState(1, Phase.DESTROYING, world.clock()))
    world.start(1)
    assert destroyed_roots(world) == ["ROW_ROOT_1"]


def wrap_all(world: World) -> None:
    """Wrap everything of custodian 1 under its newest row root, as a roll does."""
    store, vault = world.nodes[1].context.store, world.nodes[1].context.vault
    for kind, purpose in enumerate(store.roll.kinds):
        rows = [(name, value) for name, value in store.roll.page(kind, None, 1000) if value]
        anew = [(name, vault.reseal(purpose, v) if purpose else vault.rewrap(v)) for name, v in rows]
        store.roll.put(kind, anew)


# -- commands, of a node that is not running ---------------------------------------------------------------


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return found(tmp_path_factory.mktemp("founded") / "c").folder / "custodian-1"


@pytest.fixture
def folder(founded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(founded.parent, tmp_path / "c")) / "custodian-1"


def kms(*arguments: object) -> str:
    result = CliRunner().invoke(command_line(), ["custodian", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_roll_destroys_the_row_root(folder: Path) -> None:
    config = folder / "custodian.toml"
    said = json.loads(kms("check", "--json", "--config", config))
    assert said["row_root"] == 1
    assert json.loads(kms("roll", "--json", "--config", config))["destroyed"] == 1
    assert "row root 2 is destroyed" in kms("roll", "--config", config)
    assert "row root 3, 0 hours old" in kms("check", "--config", config)


def test_backup_and_restore(folder: Path) -> None:
    config, copy = folder / "custodian.toml", folder / "copy.db"
    assert json.loads(kms("backup", copy, "--json", "--config", config))["bytes"] == copy.stat().st_size
    before = (folder / "row.root").read_bytes()
    for path in folder.glob("custodian.db*"):
        path.unlink()
    said = json.loads(kms("restore", copy, "--json", "--config", config))
    assert (said["index"], said["missing"]) == (1, 0)
    assert (folder / "row.root").read_bytes() != before
    assert "0 keys" in kms("check", "--config", config)


def refused(folder: Path, copy: Path) -> str:
    """Why nothing is restored of a copy."""
    config = str(folder / "custodian.toml")
    done = CliRunner().invoke(command_line(), ["custodian", "restore", str(copy), "--config", config])
    assert done.exit_code != 0
    return str(getattr(done.exception, "reason", done.output))


def test_restore_writes_over_no_store_and_takes_no_copy_of_another(folder: Path) -> None:
    config, copy, foreign = folder / "custodian.toml", folder / "copy.db", folder / "foreign.db"
    kms("backup", copy, "--config", config)
    kms("backup", foreign, "--config", folder.parent / "custodian-2" / "custodian.toml")
    assert refused(folder, copy) == "STORE_EXISTS"
    before = (folder / "row.root").read_bytes()
    for path in folder.glob("custodian.db*"):
        path.unlink()
    assert refused(folder, foreign) == "BACKUP_ALTERED"
    assert not list(folder.glob("custodian.db*"))
    assert (folder / "row.root").read_bytes() == before


def test_nor_a_copy_of_another_that_has_the_same_storage_root(folder: Path) -> None:
    settings = load(CustodianConfig, folder / "custodian.toml")
    store = SqliteCustodianStore.create(folder / "other.db", settings.keyring_id, 2)
    store.back_up(folder / "copy.db", open_vault(settings).tag_of_copy)
    store.close()
    before = (folder / "row.root").read_bytes()
    for path in folder.glob("custodian.db*"):
        path.unlink()
    assert refused(folder, folder / "copy.db") == "STORE_FOREIGN"
    assert not list(folder.glob("custodian.db*"))
    assert (folder / "row.root").read_bytes() == before


# -- where overwriting does not reach ----------------------------------------------------------------------

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 8:2 / /srv rw - btrfs /dev/sdb1 rw,ssd
24 23 8:3 / /srv/root rw - xfs /dev/sdc1 rw
25 22 8:4 / /j rw - ext4 /dev/sdd1 rw,data=journal
26 22 8:5 / /with\\040space rw - zfs pool rw
"""


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/var/lib/kms/row.root", ""),
        ("/srv/kms/row.root", "btrfs"),
        ("/srv/root/row.root", ""),
        ("/j/row.root", "data=journal"),
        ("/with space/row.root", "zfs"),
    ],
)
def test_a_file_system_that_writes_elsewhere_is_told(path: str, said: str) -> None:
    told = erasable.doubt(Path(path), MOUNTS)
    assert (said in told) if said else (told == "")
