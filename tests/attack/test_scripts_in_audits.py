"""Markup and terminal codes in what logs, nodes and manifests say: the report shows them as text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kms.audit.findings import Evidence, Finding, Kind
from kms.audit.report import as_html, as_text
from kms.audit.run import Given, Report
from kms.errors import Unavailable
from kms.statements.audit import LogKind
from tests.protocol.audited import Scene

SCRIPT = '<script>alert(1)</script><img src=x onerror="x">'
CODES = "\x1b[2J\x1b]0;x\x07\r\n\u202e"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene.set(tmp_path)
    made.read()
    return made


def poisoned(report: Report, words: str) -> Report:
    logs = tuple(
        replace(log, organisation=words, kinds={words: 3, "RELEASE": 1}, note=words.encode())
        for log in report.logs
    )
    finding = Finding(Kind.SILENT, 1, words, Evidence({}))
    return replace(report, name=words, logs=logs, findings=(finding, *report.findings))


def test_markup_stays_text_on_the_page(scene: Scene) -> None:
    page = as_html(poisoned(scene.audit(), SCRIPT))
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


def test_terminal_codes_are_not_printed(scene: Scene) -> None:
    report = poisoned(scene.audit(), CODES)
    shown = as_text(report)
    assert all(c.isprintable() or c == "\n" for c in shown)
    assert all(c.isprintable() or c == "\n" for c in as_html(report))


def test_an_outcome_in_a_log_is_shown_as_text(scene: Scene) -> None:
    log = scene.logs[1]
    request = scene.request()
    promise = scene.sign_decision(1, request, len(log.entries)).envelope
    log.append(LogKind.DECISION, request, "<script>x</script>\x1b[2J")
    report = scene.audit(Given([promise]))
    assert report.accused == (1,)
    assert "<script" not in as_html(report)
    assert "\x1b" not in as_text(report)


def test_a_nodes_error_fills_no_page(scene: Scene) -> None:
    def fail(honest: bytes) -> bytes:
        raise Unavailable(SCRIPT * 100_000)

    scene.logs[1].on_checkpoint = fail
    report = scene.audit()
    assert len(as_html(report)) < 50_000
    assert "<script" not in as_html(report)
