"""Who releases on others' word must have allowed it itself, before, in its own log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from kms.audit.allowing import MAX_AGE, MAX_KEPT
from kms.crypto.merkle import TILE_WIDTH, leaf_hash
from kms.errors import StoreError
from kms.statements.audit import LOST_ALL, LogEntry, LogKind
from kms.statements.envelope import Signed
from kms.statements.ids import RequestHash
from kms.statements.release import Decision, Verdict
from kms.statements.tiles import read_bundle
from tests.protocol.audited import READER, Scene, kinds
from tests.protocol.world import START

ALL = (1, 2, 3, 4, 5)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene.set(tmp_path)


def asked(scene: Scene) -> tuple[RequestHash, Sequence[Signed[Decision]]]:
    """A request that the first three allow: enough for a certificate."""
    request = scene.request()
    return request, [scene.decide(index, request) for index in (1, 2, 3)]


def passed_on(scene: Scene) -> tuple[RequestHash, Sequence[Signed[Decision]]]:
    """A request that the fifth allows too, and releases on the word of the first three."""
    request, decisions = asked(scene)
    scene.decide(5, request)
    scene.release(5, request, decisions)
    return request, decisions


def test_who_allowed_it_too_is_named_for_nothing(scene: Scene) -> None:
    for _ in range(99):
        passed_on(scene)
    request, decisions = passed_on(scene)
    report = scene.audit()
    assert report.clean
    assert report.checked_decisions == 300
    scene.release(5, request, decisions)  # once more, in a later run than the decision
    assert scene.audit().clean


def test_a_decision_may_be_days_and_bundles_away(scene: Scene) -> None:
    request, decisions = asked(scene)
    scene.decide(5, request)
    log = scene.logs[5]
    for _ in range(600):
        log.append(LogKind.DECISION, scene.request(), "DENY")
    assert scene.audit().clean
    entry = LogEntry(
        len(log.entries), LogKind.STARTED, START + MAX_AGE - 600, hashlib.sha256(b"again").digest()
    )
    log.entries.append(entry.to_bytes())
    scene.release(5, request, decisions)
    assert scene.audit().clean


def test_who_passes_shares_on_the_word_of_others_alone_is_named(scene: Scene) -> None:
    scene.read(ALL, ALL)
    request, decisions = asked(scene)
    scene.release(5, request, decisions)
    report = scene.audit()
    assert kinds(report) == [(5, "NOT_ALLOWED")]
    assert report.accused == (5,)
    scene.read(ALL, ALL)
    again = scene.audit()
    assert kinds(again) == [(5, "NOT_ALLOWED")], "it stays found"


@pytest.mark.parametrize("what", ["denied", "pending", "another request", "another reader", "after"])
def test_another_decision_of_its_own_is_none_on_this(scene: Scene, what: str) -> None:
    request, decisions = asked(scene)
    log = scene.logs[5]
    if what == "another reader":
        index = len(log.entries)
        other = LogEntry(
            index, LogKind.DECISION, START + index, request, hashlib.sha256(b"else").digest(), "ALLOW", 1
        )
        log.entries.append(other.to_bytes())
    elif what == "another request":
        scene.decide(5, scene.request())
    elif what != "after":
        scene.decide(5, request, Verdict.DENY if what == "denied" else Verdict.PENDING)
    scene.release(5, request, decisions)
    if what == "after":
        scene.decide(5, request)
    assert kinds(scene.audit()) == [(5, "NOT_ALLOWED")]
    assert kinds(scene.audit()) == [(5, "NOT_ALLOWED")]


def test_of_two_releases_the_one_before_the_decision_is_named(scene: Scene) -> None:
    request, decisions = asked(scene)
    scene.release(5, request, decisions)
    early = len(scene.logs[5].entries) - 1
    scene.decide(5, request)
    scene.release(5, request, decisions)
    [finding] = scene.audit().findings
    assert finding.evidence.parts["number"] == early


def test_what_was_put_aside_before_accuses_nobody(scene: Scene) -> None:
    """A disk that was put back went on, was told so, and got its log back: its decision is among what was put aside."""
    request, decisions = asked(scene)
    log = scene.logs[5]
    log.append(LogKind.RECOVERED, hashlib.sha256(b"aside").digest(), "DISPLACED_3")
    scene.release(5, request, decisions)
    report = scene.audit()
    assert kinds(report) == [(5, "UNDECIDED")]
    assert report.accused == ()


@pytest.mark.parametrize("outcome", ["DISPLACED_0"])
def test_a_log_that_came_back_whole_excuses_nothing(scene: Scene, outcome: str) -> None:
    request, decisions = asked(scene)
    scene.logs[5].append(LogKind.RECOVERED, hashlib.sha256(b"aside").digest(), outcome)
    scene.release(5, request, decisions)
    assert kinds(scene.audit()) == [(5, "NOT_ALLOWED")]


def test_a_log_that_was_lost_whole_had_nothing_to_put_aside(scene: Scene) -> None:
    request, decisions = asked(scene)
    scene.logs[5].append(LogKind.RECOVERED, hashlib.sha256(b"aside").digest(), LOST_ALL)
    scene.release(5, request, decisions)
    assert kinds(scene.audit()) == [(5, "NOT_ALLOWED")]


def test_an_entry_that_is_put_aside_after_a_release_does_not_excuse_it(scene: Scene) -> None:
    request, decisions = asked(scene)
    scene.release(5, request, decisions)
    scene.logs[5].append(LogKind.RECOVERED, hashlib.sha256(b"aside").digest(), "DISPLACED_3")
    assert kinds(scene.audit()) == [(5, "NOT_ALLOWED")]


def test_releases_from_before_logs_were_trees_are_not_judged(scene: Scene) -> None:
    log = scene.logs[5]
    chained = LogEntry(0, LogKind.RELEASE, START, bytes(32), READER, "RELEASED", 1, bytes(32))
    log.entries[:] = [chained.to_bytes()]
    assert scene.audit().clean


# -- the state folder ------------------------------------------------------------------------------------------------


def state(scene: Scene) -> Path:
    return scene.folder / "state" / "state.json"


def test_who_writes_into_the_state_accuses_nobody(scene: Scene) -> None:
    scene.read(ALL, ALL)
    request, decisions = asked(scene)
    scene.decide(5, request)
    scene.release(5, request, decisions)
    assert scene.audit().clean
    kept = json.loads(state(scene).read_text())
    kept["alone"] = [[5, number] for number in range(-3, 9)] + [[9, 0], [1, 0]]
    state(scene).write_text(json.dumps(kept))
    assert scene.audit().clean


@pytest.mark.parametrize("hashes", [False, True], ids=["entries", "entries and their hashes"])
def test_a_copy_whose_entries_were_exchanged_accuses_nobody_either(scene: Scene, hashes: bool) -> None:
    request, decisions = asked(scene)
    scene.decide(5, request)
    for _ in range(300):
        scene.logs[5].append(LogKind.DECISION, scene.request(), "DENY")
    assert scene.audit().clean
    tiles = scene.folder / "state" / "logs" / "5" / "tile"
    bundle = tiles / "entries" / "000"
    bundle.write_bytes(bundle.read_bytes().replace(request, hashlib.sha256(b"gone").digest()))
    if hashes:
        entries = read_bundle(bundle.read_bytes(), TILE_WIDTH)
        (tiles / "0" / "000").write_bytes(b"".join(map(leaf_hash, entries)))
    scene.release(5, request, decisions)
    with pytest.raises(StoreError) as refused:
        scene.audit()
    assert refused.value.reason == "STATE_DAMAGED"


def test_a_log_full_of_them_fills_no_state(scene: Scene) -> None:
    request, decisions = asked(scene)
    for _ in range(MAX_KEPT + 10):
        scene.release(5, request, decisions)
    report = scene.audit()
    assert kinds(report) == [(5, "NOT_ALLOWED")]
    assert sum(finding.count for finding in report.findings) == MAX_KEPT + 10
    assert len(json.loads(state(scene).read_text())["alone"]) <= MAX_KEPT
