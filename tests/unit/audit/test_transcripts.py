"""`kms audit run --transcript`: what custodians signed in a ceremony is held against their logs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kms.audit.export import export_log
from kms.cli.app import command_line
from kms.statements.audit import LogKind
from tests.protocol.node_logs import NodeLog
from tests.protocol.world import LAB, World
from tests.unit.ceremony.test_verify_resharing import reshare


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world")
    made.create(made.device("owner"), [LAB] * 3)
    yield made
    made.close()


def audit(world: World, folder: Path, *more: str) -> tuple[int, str, dict[str, Any]]:
    """(exit code, what was printed, the report) over exports of all logs."""
    chain, report = folder / "chain", folder / "report.json"
    chain.write_bytes(world.chain.envelopes[0])
    command = ["audit", "run", "--chain", str(chain), "--keyring-id", world.keyring.keyring_id.hex()]
    for index in world.nodes:
        export_log(NodeLog(world, index), folder / f"log-{index}")
        command += ["--log", f"{index}={folder / f'log-{index}'}"]
    done = CliRunner().invoke(command_line(), [*command, "--json", str(report), *more])
    found = json.loads(report.read_text()) if report.exists() else {}
    return done.exit_code, f"{done.output}{done.exception}", found


def test_what_was_kept_is_counted_and_what_promises_nothing_is_passed_over(
    world: World, tmp_path: Path
) -> None:
    reshare(world, tmp_path / "transcripts")
    status, said, report = audit(
        world, tmp_path, "--transcript", str(tmp_path / "transcripts/reshare-1.jsonl")
    )
    assert status == 0, said
    assert (report["promises"], report["promises_refused"]) == (10, 0)  # five installed, five erased
    assert report["clean"]


def test_who_left_its_part_out_is_named(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kms.custodian.ledger import Ledger

    honest, second = Ledger.append, world.nodes[2].context.ledger

    def hide(ledger: Ledger, kind: LogKind, *entry: object, **parts: object) -> int:
        kind = LogKind.STARTED if ledger is second and kind is LogKind.ERASED else kind
        return honest(ledger, kind, *entry, **parts)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "append", hide)
        reshare(world, tmp_path / "transcripts")
    status, said, report = audit(world, tmp_path)
    assert (status, report["accused"]) == (0, []), said
    file = str(tmp_path / "transcripts/reshare-1.jsonl")
    status, said, report = audit(world, tmp_path, "--transcript", file)
    assert (status, report["accused"]) == (1, [2]), said
    [finding] = report["findings"]
    assert finding["kind"] == "PROMISE_BROKEN"
    assert "erased" in finding["summary"]


@pytest.mark.parametrize(
    "content", [b"no transcript\n", b'{"payload": "", "payloadType": ""}\n', b"{" * 2000]
)
def test_what_is_no_transcript_is_named(world: World, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    status, said, report = audit(world, tmp_path, "--transcript", str(file))
    assert status != 0
    assert "line 1" in said
    assert not report
    status, said, _ = audit(world, tmp_path, "--transcript", str(tmp_path / "nothing"))
    assert status != 0
    assert "cannot read" in said
