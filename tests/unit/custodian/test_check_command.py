"""`kms custodian check` tells of the approvers' registry too: of entries that nobody made, and of one that is gone."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kms.cli.app import command_line
from kms.custodian.check import registry_problems
from kms.dev.founding import found
from kms.statements.registry import Place
from tests.protocol.world import World


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return found(tmp_path_factory.mktemp("founded") / "c").folder / "custodian-1"


def check(folder: Path, *options: str) -> tuple[int, str]:
    command = ["custodian", "check", "--config", str(folder / "custodian.toml"), *options]
    done = CliRunner().invoke(command_line(), command)
    return done.exit_code, done.stdout


def test_a_registry_that_holds_is_not_mentioned_and_an_entry_of_nobody_is(folder: Path) -> None:
    status, told = check(folder)
    assert (status, "approvers" in told) == (0, False)
    assert json.loads(check(folder, "--json")[1])["registry"] == []
    with closing(sqlite3.connect(folder / "custodian.db")) as store, store:
        store.execute("INSERT INTO approver_entries VALUES (7, x'00')")
    status, told = check(folder)
    assert status == 1
    assert "approvers: entry 7 " in told
    assert "[FORGED_ENTRY]" in told
    assert len(json.loads(check(folder, "--json")[1])["registry"]) == 1


def test_a_registry_that_is_gone_is_told_and_ends_no_check(tmp_path: Path) -> None:
    world = World.found(tmp_path / "world", n=3, threshold=2)
    context = world.nodes[1].context
    place = Place(world.keyring.keyring_id, 1, world.identities[1].public, None)
    assert registry_problems(context.store, context.vault, place) == ()
    with context.store.transaction():
        context.store.approvers.set_head(b"")
    (problem,) = registry_problems(context.store, context.vault, place)
    assert problem == "the registry of approvers is gone, and the log has it"
    world.close()
