"""What the pages say in figures is what the benchmark's report says."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import pages, scale
from benchmarks.figures import NEEDED, read
from kms.errors import ConfigError

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def report() -> dict[str, Any]:
    return copy.deepcopy(dict(read(DOCS / "figures.json")))


def test_the_pages_are_what_the_report_computes(report: dict[str, Any]) -> None:
    assert (DOCS / "scale.md").read_text() == scale.page(report)
    text = (DOCS / "performance.md").read_text()
    assert pages.performance(text, report) == text


def test_other_figures_make_other_pages(report: dict[str, Any], tmp_path: Path) -> None:
    for name in ("scale.md", "performance.md"):
        (tmp_path / name).write_bytes((DOCS / name).read_bytes())
    report["figures"]["create_batch_keys_per_s"] = 50_000_000 / 3600
    report["profile"]["ceremonies"]["reshare_shapes_keys_per_s"] = {"2 of 3": 1000.0, "5 of 9": 125.0}
    pages.write(report, tmp_path)
    assert json.loads((tmp_path / "figures.json").read_text()) == report
    assert "| create | 1.0 | 0.1 |" in (tmp_path / "scale.md").read_text()
    assert "| 5 of 9 | 111.1 | 11.1 |" in (tmp_path / "scale.md").read_text()
    assert "| 2 of 3 | 1,000 | 1,000 | 167 |" in (tmp_path / "performance.md").read_text()


@pytest.mark.parametrize("name", NEEDED)
def test_a_report_without_what_the_pages_need_is_refused_by_its_name(
    report: dict[str, Any], tmp_path: Path, name: str
) -> None:
    *parts, last = name.split(".")
    place = report
    for part in parts:
        place = place[part]
    del place[last]
    path = tmp_path / "figures.json"
    path.write_text(json.dumps(report))
    with pytest.raises(ConfigError, match=name):
        read(path)


def test_a_page_without_the_place_of_a_table_is_refused(report: dict[str, Any]) -> None:
    text = (DOCS / "performance.md").read_text().replace("<!-- shapes: begin -->", "")
    with pytest.raises(ConfigError, match="shapes"):
        pages.performance(text, report)
