"""Whoever deposits a key names its category: no formula and no terminal code to who looks through the history."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kms.cli import approvers as commands
from kms.cli.app import command_line
from kms.custodian import approver_service
from kms.custodian.history import HistoryRow, csv_lines
from kms.statements.ids import RequestHash, Thumbprint
from kms.statements.release import Purpose

APP = command_line()

TRICKS = (
    "=cmd|' /C calc'!A0",
    "lab;=cmd|' /C calc'!A0;",
    "lab\n=1+1;",
    "lab\t=1+1",
    '";=1+1;"',
    "lab\x1b[2J\x1b[1;1H2026-01-01  nothing was read",
    "lab\u202eyrotarobal",
)


def row(category: str) -> HistoryRow:
    return HistoryRow(
        1, 1, RequestHash(bytes(32)), "allow", "OWNER_READS", 1, 0, 0, ((category, 1),), Purpose.TREATMENT,
        Thumbprint(bytes(32)), b"", -1,
    )  # fmt: skip


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("category", TRICKS)
def test_no_cell_is_a_formula_whatever_a_spreadsheet_takes_for_the_end_of_one(
    category: str, delimiter: str
) -> None:
    lines = list(csv.reader(io.StringIO(csv_lines([row(category)])), delimiter=delimiter))
    assert len(lines) == 1
    assert not [cell for cell in lines[0] if cell.strip().startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize("category", TRICKS)
def test_nothing_moves_the_cursor_of_a_terminal(
    category: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def read(*_: object) -> AsyncIterator[HistoryRow]:
        yield row(category)

    monkeypatch.setattr(approver_service, "history", read)
    monkeypatch.setattr(commands, "_socket", lambda config: tmp_path)
    shown = CliRunner().invoke(APP, ["custodian", "history", "--config", str(tmp_path)])
    assert shown.exit_code == 0
    assert shown.output.count("\n") == 1
    assert shown.output.removesuffix("\n").isprintable()
