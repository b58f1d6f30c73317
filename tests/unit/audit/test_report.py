"""The report as text, as JSON and on paper."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kms.audit.findings import Finding
from kms.audit.report import as_html, as_json, as_text
from kms.audit.run import Given, Report
from kms.statements.audit import Basis, LogEntry, LogKind
from tests.protocol.audited import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene.set(tmp_path)
    for _ in range(4):
        made.read()
    return made


def faulty(scene: Scene) -> Report:
    promise = scene.sign_decision(2, scene.request(), 1).envelope
    return scene.audit(Given([promise]))


def test_text_says_what_was_read_and_who_is_at_fault(scene: Scene) -> None:
    clean = as_text(scene.audit())
    assert "All 5 logs are whole, agree with each other, and keep what was promised." in clean
    text = as_text(faulty(scene))
    assert "AT FAULT: custodian 2" in text
    assert "PROMISE_BROKEN" in text
    assert "shows it to anybody" in text


def test_json_holds_the_evidence_and_is_read_again(scene: Scene) -> None:
    report = faulty(scene)
    parsed = json.loads(as_json(report))
    assert parsed["accused"] == [2]
    assert parsed["clean"] is False
    assert [Finding.read(facts) for facts in parsed["findings"]] == list(report.findings)
    assert [log["entries"] for log in parsed["logs"]] == [9, 9, 9, 1, 1]
    assert parsed["logs"][0]["kinds"] == {"DECISION": 4, "RELEASE": 4, "STARTED": 1}


def test_the_page_has_its_plots_inside_and_asks_nobody_for_anything(scene: Scene) -> None:
    page = as_html(faulty(scene))
    assert page.count("<svg") == 2
    assert page.count("<rect") > 3
    for outside in ("http:", "https:", "<script", "src=", "href=", "url("):
        assert outside not in page
    assert "default-src 'none'" in page


def test_days_without_end_make_no_plot_without_end(scene: Scene) -> None:
    entries = scene.logs[1].entries
    for number in range(500):
        basis = tuple(Basis(i, 1) for i in (1, 2, 3))
        at = number * 10**9
        entry = LogEntry(len(entries), LogKind.RELEASE, at, bytes(32), bytes(32), "RELEASED", 1, basis=basis)
        entries.append(entry.to_bytes())
    assert as_html(scene.audit()).count("<rect") < 500
