"""docs/audit.md is run as it stands: an audit, its evidence looked at again, and an owner's view."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.pages import DOCS, cluster_folder, run_page


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with cluster_folder(monkeypatch) as home:
        yield home


def test_every_block_of_the_page_works_as_it_stands(folder: Path) -> None:
    said = run_page(DOCS / "audit.md", folder)
    assert said.count("All 5 logs are whole, agree with each other, and keep what was promised.") == 2
    assert "the report accuses nobody" in said
    assert "told by custodians 1, 2, 3, 4, 5; every entry is proved" in said
    second = json.loads((folder / "report.json").read_text())
    assert second["promises"] == 5, "each custodian's word that it keeps its part of the pool"
    assert second["promises_refused"] == 0
    assert [log["entries_new"] < log["entries"] for log in second["logs"]] == [True] * 5
    assert "<svg" in (folder / "report.html").read_text()
    assert json.loads((folder / "mine-fhir.json").read_text())["resourceType"] == "Bundle"
    assert (folder / "mine.csv").read_text().count("\n") > 10
