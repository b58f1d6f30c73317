"""A custodian that releases on its own and cites decisions that nobody made, and one that drops one that it signed."""

from __future__ import annotations

from pathlib import Path

import pytest

from kms.audit.evidence import check
from kms.audit.findings import Kind
from kms.statements.audit import LogKind
from kms.statements.release import build_certificate
from tests.protocol.audited import Scene, kinds


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene.set(tmp_path)
    for _ in range(5):
        made.read()
    return made


def test_who_cites_decisions_that_were_never_made_is_named_and_they_are_not(scene: Scene) -> None:
    request = scene.request()
    basis = [(1, 0), (2, 1), (3, 1)]  # entries that are there, about something else
    scene.logs[1].append(LogKind.RELEASE, request, "RELEASED", basis)
    report = scene.audit()
    assert kinds(report) == [(1, "RELEASE_UNFOUNDED")]
    assert len(report.findings) == 3


def test_an_entry_that_was_never_written_is_no_ground_either(scene: Scene) -> None:
    own = scene.decide(1, scene.request())
    basis = [(1, own.statement.log_index), (2, 900), (3, 900)]
    scene.logs[1].append(LogKind.RELEASE, own.statement.request_hash, "RELEASED", basis)
    report = scene.audit()
    assert kinds(report) == [(1, "RELEASE_UNFOUNDED")]
    assert len(report.findings) == 2
    assert report.unread_decisions == 0, "what is not there is no part that was not read"


def test_a_certificate_that_another_forged_convicts_nobody_else(scene: Scene) -> None:
    request = scene.request()
    honest = scene.decide(1, request)
    log = scene.logs[1]
    # Signed with its own key in the names of the others: no decider's word.
    others = [scene.sign_decision(i, request, 1) for i in (2, 3)]
    identities = dict(scene.identities)
    scene.identities = dict.fromkeys(identities, identities[1])
    forged = [scene.sign_decision(i, request, 1) for i in (2, 3)]
    scene.identities = identities
    log.append(LogKind.RELEASE, request, "RELEASED", [(1, honest.statement.log_index), (2, 1), (3, 1)])
    log.certificates[request] = build_certificate(request, [honest, *forged])
    assert kinds(scene.audit()) == [(1, "RELEASE_UNFOUNDED")]
    assert others  # what the deciders would have had to sign


def test_a_certificate_for_another_request_convicts_nobody(scene: Scene) -> None:
    first = scene.request()
    decisions = [scene.decide(i, first) for i in (1, 2, 3)]
    second = scene.request()
    log = scene.logs[1]
    basis = [(d.statement.index, d.statement.log_index) for d in decisions]
    log.append(LogKind.RELEASE, second, "RELEASED", basis)
    log.certificates[second] = build_certificate(first, decisions)
    assert kinds(scene.audit()) == [(1, "RELEASE_UNFOUNDED")]


def test_a_decider_that_dropped_a_decision_is_told_by_the_certificate(scene: Scene) -> None:
    request = scene.request()
    decisions = [scene.decide(i, request) for i in (1, 2, 3)]
    scene.release(1, request, decisions)
    scene.logs[2].entries.pop()  # and something else takes its place
    scene.logs[2].append(LogKind.DECISION, scene.request(), "ALLOW")
    report = scene.audit()
    assert kinds(report) == [(2, "PROMISE_BROKEN")]
    check(report.findings[0], scene.parties)


def test_a_decider_that_says_afterwards_that_it_denied_is_told_by_the_certificate(scene: Scene) -> None:
    request = scene.request()
    decisions = [scene.decide(i, request) for i in (1, 2, 3)]
    scene.release(1, request, decisions)
    scene.logs[2].entries.pop()
    scene.logs[2].append(LogKind.DECISION, request, "DENY")
    [finding] = scene.audit().findings
    assert (finding.index, finding.kind) == (2, Kind.PROMISE_BROKEN)


def test_a_decider_whose_log_ends_before_its_decision_is_named_and_not_who_relied_on_it(scene: Scene) -> None:
    request = scene.request()
    decisions = [scene.decide(i, request) for i in (1, 2, 3)]
    scene.release(1, request, decisions)
    scene.logs[2].entries.pop()
    assert kinds(scene.audit()) == [(2, "ROLLED_BACK")]
    assert kinds(scene.audit()) == [(2, "ROLLED_BACK")], "and stays so while its log is as short"
