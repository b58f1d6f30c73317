"""`kms custodian accept --golden`: who signs a policy asks first what the table answers that the manifest names."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kms.ceremony import files
from kms.ceremony.proposals import line_of
from kms.cli.app import command_line
from kms.dev.founding import found
from kms.errors import KmsError
from kms.policy.golden import default_golden
from kms.statements.chain_file import read_chain


def kms(*words: object) -> Result:
    return CliRunner().invoke(command_line(), [*map(str, words)])


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A keyring's folder, with a proposal whose manifest names a table of golden decisions."""
    layout = found(tmp_path_factory.mktemp("founded") / "c")
    desk = layout.folder
    genesis = read_chain(desk / "manifest.bin", layout.keyring_id)
    files.create(desk / "now.chain", [line_of(envelope) for envelope in genesis.envelopes])
    (desk / "golden.toml").write_bytes(default_golden())
    (desk / "other.toml").write_bytes(default_golden() + b"\n")
    (desk / "draft.toml").write_text('golden = "golden.toml"\n')
    proposed = kms(
        *("ceremony", "propose", desk / "draft.toml", "--chain", desk / "now.chain"),
        *("--out", desk / "next.proposal"),
    )
    assert proposed.exit_code == 0, proposed.output
    return desk


def accept(desk: Path, out: str, *options: object) -> Result:
    config = desk / "custodian-1" / "custodian.toml"
    command = (
        "custodian",
        "accept",
        desk / "next.proposal",
        "--config",
        config,
        "--out",
        desk / out,
        "--yes",
    )
    return kms(*command, *options)


def test_the_table_that_the_manifest_names_is_asked_and_then_it_is_signed(desk: Path) -> None:
    done = accept(desk, "tested.signature", "--golden", desk / "golden.toml")
    assert done.exit_code == 0, done.output
    assert "were not asked" not in done.output
    assert (desk / "tested.signature").exists()


def test_another_table_is_refused_and_nothing_is_signed(desk: Path) -> None:
    done = accept(desk, "other.signature", "--golden", desk / "other.toml")
    assert done.exit_code == 1
    assert isinstance(done.exception, KmsError)
    assert "other.toml" in done.exception.message
    assert not (desk / "other.signature").exists()


def test_who_gives_none_is_told_that_nothing_was_asked(desk: Path) -> None:
    done = accept(desk, "untested.signature")
    assert done.exit_code == 0, done.output
    assert "Its golden decisions were not asked" in done.output
