"""The demonstration, as a newcomer runs it: real processes, a small set of records, the verdict."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kms.dev import story


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[subprocess.CompletedProcess[str], dict[str, object]]:
    report = tmp_path_factory.mktemp("demo") / "report.json"
    done = subprocess.run(
        [sys.executable, "-m", "kms.dev.story", "--patients", "3", "--json", str(report)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done, json.loads(report.read_text())


def test_the_host_reads_nothing_and_the_control_shows_that_the_search_works(
    run: tuple[subprocess.CompletedProcess[str], dict[str, object]],
) -> None:
    done, report = run
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    product, control = report["product"], report["control"]
    assert isinstance(product, dict)
    assert isinstance(control, dict)
    assert set(product["hits"].values()) == {0}
    assert control["hits"]["memory"] > 0
    assert control["hits"]["wire"] > 0
    assert product["left_out"] < 0.05 * product["searched"]


def test_the_report_tells_every_kind_of_reading_and_names_the_liar(
    run: tuple[subprocess.CompletedProcess[str], dict[str, object]],
) -> None:
    _, report = run
    keys = [
        "records",
        "patients",
        "custodians",
        "threshold",
        "product",
        "control",
        "reads",
        "blamed",
        "seconds",
    ]
    assert list(report) == keys
    reads = report["reads"]
    assert isinstance(reads, dict)
    for name, expected in story.EXPECTED.items():
        assert str(reads[name]).startswith(expected), name
    assert report["blamed"] == [story.LIAR]
    assert (report["patients"], report["custodians"], report["threshold"]) == (3, 5, 3)


def test_data_that_cannot_be_read_is_one_line_and_leaves_nothing_running(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"resourceType": "Patient"\n')
    done = subprocess.run(
        [sys.executable, "-m", "kms.dev.story", "--data", str(broken)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "line 1" in done.stdout
