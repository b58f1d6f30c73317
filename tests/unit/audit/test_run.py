"""What an audit finds in five logs, and what it does not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from kms.audit.evidence import check
from kms.audit.findings import Kind
from kms.audit.run import Given
from kms.statements.audit import LogKind
from kms.statements.release import Verdict
from kms.statements.tiles import ENTRIES, Tile
from tests.protocol.audited import Scene, kinds


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene.set(tmp_path)


def test_honest_logs_leave_nothing_to_say(scene: Scene) -> None:
    promises = [envelope for _ in range(300) for envelope in scene.read()]
    report = scene.audit(Given(promises))
    assert report.clean
    assert report.promises == len(promises)
    assert report.checked_decisions == 300 * 3 * 3
    assert [log.size for log in report.logs] == [601, 601, 601, 1, 1]


def test_a_second_run_reads_only_what_is_new(scene: Scene) -> None:
    for _ in range(300):
        scene.read()
    scene.audit()
    for log in scene.logs.values():
        log.asked.clear()
    scene.read()
    report = scene.audit()
    assert report.clean
    assert [log.since for log in report.logs] == [601, 601, 601, 1, 1]
    assert {tile.number for tile in scene.logs[1].asked if tile.level == ENTRIES} == {2}


def test_three_lie_in_three_ways_and_each_is_named_for_its_own(scene: Scene) -> None:
    for _ in range(10):
        scene.read((1, 2, 3, 4, 5), (1, 2, 3, 4, 5))
    assert scene.audit().clean
    # The second releases and does not log it; another request takes the place that it promised.
    hidden = scene.request()
    decisions = [scene.decide(i, hidden) for i in (1, 2, 3)]
    promise = scene.sign_release(2, hidden, len(scene.logs[2].entries))
    scene.read((1, 2, 3, 4, 5), (1, 2, 3, 4, 5))
    # The third shows this auditor another past than before; the fourth is put back to what it was.
    other = scene.logs[3].copy()
    other.entries[5] = other.entries[6]
    scene.logs[3] = other
    scene.logs[4] = scene.logs[4].copy(15)
    report = scene.audit(Given([promise, *(d.envelope for d in decisions)]))
    assert kinds(report) == [(2, "PROMISE_BROKEN"), (3, "TWO_HISTORIES"), (4, "ROLLED_BACK")]
    for finding in report.findings:
        assert finding.transferable == (finding.kind is not Kind.ROLLED_BACK)
        if finding.transferable:
            check(finding, scene.parties)


def test_a_split_view_of_the_same_size_is_shown_by_the_two_checkpoints(scene: Scene) -> None:
    scene.read()
    scene.audit()
    other = scene.logs[2].copy(1)
    other.append(LogKind.DECISION, scene.request(), "DENY")
    other.append(LogKind.DECISION, scene.request(), "DENY")
    scene.logs[2] = other
    [finding] = scene.audit().findings
    assert (finding.index, finding.kind) == (2, Kind.TWO_HISTORIES)
    check(finding, scene.parties)


def test_a_past_that_was_rewritten_under_a_longer_log_is_shown_by_its_own_hashes(scene: Scene) -> None:
    for _ in range(200):
        scene.read()
    scene.audit()
    scene.read()
    scene.logs[1].entries[3] = scene.logs[1].entries[4]
    [finding] = scene.audit().findings
    assert (finding.index, finding.kind) == (1, Kind.TWO_HISTORIES)
    check(finding, scene.parties)


def test_a_log_that_shrank_below_a_checkpoint_that_a_peer_keeps_was_rolled_back(scene: Scene) -> None:
    for _ in range(3):
        scene.read()
    scene.logs[5].kept.append(scene.logs[1].note())
    scene.logs[1] = scene.logs[1].copy(3)
    report = scene.audit()
    assert (1, "ROLLED_BACK") in kinds(report)
    assert report.accused == (1,)


def test_a_checkpoint_that_a_peer_keeps_of_another_history_shows_both(scene: Scene) -> None:
    scene.read()
    other = scene.logs[1].copy(1)
    other.append(LogKind.DECISION, scene.request(), "DENY")
    scene.logs[4].kept.append(other.note())
    [finding] = scene.audit().findings
    assert (finding.index, finding.kind) == (1, Kind.TWO_HISTORIES)


def test_evidence_that_a_peer_keeps_counts_though_the_log_answers_no_more(scene: Scene) -> None:
    from kms.statements.checkpoint import read_note
    from kms.statements.misbehaviour import split_view

    scene.read()
    log = scene.logs[1]
    other = log.copy(1)
    other.append(LogKind.DECISION, scene.request(), "DENY")
    other.append(LogKind.DECISION, scene.request(), "DENY")
    shown = split_view(read_note(log.note()), read_note(other.note()))
    scene.logs[4].evidence += [shown.to_bytes(), b"junk", b""]
    report = scene.audit(sources={i: log for i, log in scene.logs.items() if i != 1})
    assert kinds(report) == [(1, "SILENT"), (1, "TWO_HISTORIES")]


def test_evidence_that_a_peer_made_up_accuses_nobody(scene: Scene) -> None:
    from kms.statements.checkpoint import Checkpoint, read_note, sign_checkpoint
    from kms.statements.misbehaviour import split_view

    scene.read()
    note = read_note(scene.logs[1].note())
    other = Checkpoint(scene.logs[1].origin, note.checkpoint.size, b"r" * 32)
    scene.logs[4].evidence.append(split_view(note, sign_checkpoint(other, scene.identities[4])).to_bytes())
    assert scene.audit().clean


def test_a_checkpoint_that_a_peer_keeps_is_enough_to_show_a_rollback(scene: Scene) -> None:
    scene.read()
    scene.logs[1].append(LogKind.DECISION, scene.request(), "DENY")  # which nobody's release names
    scene.logs[5].kept.append(scene.logs[1].note())
    scene.logs[1] = scene.logs[1].copy(len(scene.logs[1].entries) - 1)
    assert kinds(scene.audit()) == [(1, "ROLLED_BACK")]


def test_what_is_told_of_a_log_that_is_away_accuses_nobody(scene: Scene) -> None:
    promises = scene.read()
    scene.logs[5].kept.append(scene.logs[1].note())
    report = scene.audit(Given(promises), sources={i: log for i, log in scene.logs.items() if i != 1})
    assert kinds(report) == [(1, "SILENT")]


def test_a_root_of_no_entries_is_no_log(scene: Scene) -> None:
    from kms.statements.checkpoint import Checkpoint, sign_checkpoint

    log = scene.logs[1]
    log.on_checkpoint = lambda honest: sign_checkpoint(
        Checkpoint(log.origin, 0, b"r" * 32), log.key
    ).to_bytes()
    assert kinds(scene.audit()) == [(1, "LOG_UNPROVEN")]


@pytest.mark.parametrize("hashes", [b"y", b""], ids=["junk", "none"])
def test_hashes_that_do_not_add_up_show_no_second_history(scene: Scene, hashes: bytes) -> None:
    """Whoever answers in its place serves them: what the custodian signed is one history all the same."""
    scene.read()
    assert scene.audit().clean
    scene.read()
    log = scene.logs[1]
    other = log.copy(len(log.entries) - 1)
    other.append(LogKind.DECISION, scene.request(), "DENY")  # as good an entry as the one that was signed

    def junk(wanted: Sequence[Tile], honest: list[bytes]) -> list[bytes]:
        return [
            other.tiles([tile])[0] if tile.level == ENTRIES else hashes * len(data)
            for tile, data in zip(wanted, honest, strict=True)
        ]

    log.on_tiles = junk
    [finding] = scene.audit().findings
    assert (finding.index, finding.kind, finding.transferable) == (1, Kind.LOG_UNPROVEN, False)
    assert "do not add up to the root" in finding.summary


def test_what_a_peer_cosigned_since_is_no_rollback(scene: Scene) -> None:
    scene.read()
    shown: list[bytes] = []
    log = scene.logs[1]

    def first_old(honest: bytes) -> bytes:
        if not shown:
            shown.append(honest)
            log.append(LogKind.DECISION, scene.request(), "DENY")
            scene.logs[5].kept.append(log.note())
        return honest

    log.on_checkpoint = first_old
    assert scene.audit().clean
    assert len(shown) == 1


def test_a_release_that_rests_on_a_decision_newer_than_its_log_was_read_is_no_fault(scene: Scene) -> None:
    early, late = scene.logs[1], scene.logs[5]
    scene.read((1, 2, 3, 5), (5,))
    done: list[None] = []

    def grows(honest: bytes) -> bytes:
        if not done:  # between the reading of the first log and of the last
            done.append(None)
            scene.read((1, 2, 3, 5), (5,))
            return late.note()
        return honest

    late.on_checkpoint = grows
    report = scene.audit()
    assert report.clean
    assert report.logs[0].size == len(early.entries)


def test_a_release_on_fewer_decisions_than_the_threshold_is_shown_by_its_own_log(scene: Scene) -> None:
    scene.read((1, 2), (1,))
    [finding] = scene.audit().findings
    assert (finding.index, finding.kind) == (1, Kind.BASIS_SHORT)
    check(finding, scene.parties)


def test_a_release_on_a_denial_is_unfounded(scene: Scene) -> None:
    request = scene.request()
    decisions = [scene.decide(i, request, Verdict.DENY if i == 3 else Verdict.ALLOW) for i in (1, 2, 3)]
    scene.release(1, request, decisions)
    report = scene.audit()
    assert kinds(report) == [(1, "RELEASE_UNFOUNDED")]


def test_a_release_on_its_own_later_entry_is_unfounded(scene: Scene) -> None:
    request = scene.request()
    decisions = [scene.decide(i, request) for i in (2, 3)]
    log = scene.logs[1]
    basis = [(1, len(log.entries) + 1), *((d.statement.index, d.statement.log_index) for d in decisions)]
    log.append(LogKind.RELEASE, request, "RELEASED", basis)
    decided = scene.decide(1, request)
    log.certificates[request] = b""
    assert decided.statement.log_index == basis[0][1]
    assert kinds(scene.audit()) == [(1, "RELEASE_UNFOUNDED")]
    assert kinds(scene.audit()) == [(1, "RELEASE_UNFOUNDED")], "and stays so"


def test_who_is_away_is_told_and_not_accused(scene: Scene) -> None:
    scene.read()
    report = scene.audit(sources={i: log for i, log in scene.logs.items() if i != 2})
    assert kinds(report) == [(2, "SILENT")]
    assert report.accused == ()
    assert report.unread_decisions == 2


def test_promises_of_a_log_that_answers_no_more_are_not_broken(scene: Scene) -> None:
    scene.audit()
    promises = scene.read()
    log = scene.logs[1]
    log.on_checkpoint = lambda honest: b"junk"
    report = scene.audit(Given(promises))
    assert kinds(report) == [(1, "SILENT")]


def test_of_a_log_that_answers_no_more_what_was_read_before_still_tells(scene: Scene) -> None:
    """A release on an entry of it that is something else; the releaser's friend has pulled the plug."""
    scene.read()
    assert scene.audit().clean
    scene.logs[2].on_checkpoint = lambda honest: b"junk"
    decided = {i: scene.decide(i, scene.request()).statement for i in (1, 3)}
    basis = [(1, decided[1].log_index), (2, 1), (3, decided[3].log_index)]
    scene.logs[1].append(LogKind.RELEASE, decided[1].request_hash, "RELEASED", basis)
    report = scene.audit()
    assert (1, "RELEASE_UNFOUNDED") in kinds(report)
    assert any("entry 1 of custodian 2" in finding.summary for finding in report.findings)


@pytest.mark.parametrize("away", [1, 3])
def test_a_doubt_waits_until_both_logs_are_there_again(scene: Scene, away: int) -> None:
    request = scene.request()
    decisions = [scene.decide(i, request, Verdict.DENY if i == 3 else Verdict.ALLOW) for i in (1, 2, 3)]
    scene.release(1, request, decisions)
    assert scene.audit().accused == (1,)
    report = scene.audit(sources={i: log for i, log in scene.logs.items() if i != away})
    assert kinds(report) == [(away, "SILENT")]


def test_an_export_that_is_older_than_a_promise_is_no_rollback(scene: Scene) -> None:
    promises = scene.read()
    old = scene.logs[1].copy(1)
    old.live = False
    report = scene.audit(Given(promises[:1]), sources={**scene.logs, 1: old})
    assert (1, "SILENT") in kinds(report)
    assert report.accused == ()


def test_an_approval_is_no_decision(scene: Scene) -> None:
    """Nor is one that was read in an earlier run."""
    request = scene.request()
    decisions = [scene.decide(i, request) for i in (1, 3)]
    number = scene.logs[2].append(LogKind.APPROVAL, request, "ALLOW")
    assert scene.audit().clean
    scene.release(1, request, [*decisions, scene.sign_decision(2, request, number)])
    report = scene.audit()
    assert kinds(report) == [(2, "PROMISE_BROKEN")]


def test_an_export_that_is_older_than_the_last_run_is_no_rollback(scene: Scene) -> None:
    scene.read()
    scene.audit()
    old = scene.logs[1].copy(1)
    old.live = False
    report = scene.audit(sources={**scene.logs, 1: old})
    assert report.clean


def test_a_promise_that_was_found_broken_for_want_of_entries_is_looked_at_again(scene: Scene) -> None:
    scene.audit()
    promises = scene.read()
    whole = scene.logs[1]
    scene.logs[1] = whole.copy(1)
    assert scene.audit(Given(promises)).accused == (1,)
    scene.logs[1] = whole  # brought back from its peers' copies
    assert scene.audit().clean


def test_what_was_proved_stays_found(scene: Scene) -> None:
    scene.read((1, 2), (1,))
    assert scene.audit().accused == (1,)
    scene.read()
    report = scene.audit()
    assert kinds(report) == [(1, "BASIS_SHORT")]


def test_an_unfounded_release_stays_found(scene: Scene) -> None:
    request = scene.request()
    decisions = [scene.decide(i, request, Verdict.DENY if i == 3 else Verdict.ALLOW) for i in (1, 2, 3)]
    scene.release(1, request, decisions)
    assert scene.audit().accused == (1,)
    assert scene.audit().accused == (1,)


def test_an_old_entry_may_name_no_decisions_and_a_new_one_may_not_be_written_as_old(scene: Scene) -> None:
    from kms.statements.audit import LogEntry
    from tests.protocol.world import START

    log = scene.logs[1]
    chained = LogEntry(0, LogKind.RELEASE, START, bytes(32), bytes(32), "RELEASED", 1, bytes(32))
    log.entries[:] = [chained.to_bytes()]
    report = scene.audit()
    assert report.clean
    assert report.logs[0].chained == 1
    scene.read()
    size = len(log.entries)
    log.entries.append(
        LogEntry(size, LogKind.RELEASE, START, bytes(32), bytes(32), "RELEASED", 1, bytes(32)).to_bytes()
    )
    assert kinds(scene.audit()) == [(1, "ENTRY_MALFORMED")]


def test_logs_are_read_in_processes_of_their_own(scene: Scene, tmp_path: Path) -> None:
    from kms.audit.logs import FolderSource
    from kms.audit.mirror import Edge, write

    promises = [envelope for _ in range(100) for envelope in scene.read()]
    for index, log in scene.logs.items():
        folder = tmp_path / "export" / str(index)
        edge = Edge(folder, 0, [], [])
        for first in range(0, len(log.entries), 256):
            edge.append(log.entries[first : first + 256])
        edge.finish()
        write(folder / "checkpoint", log.note())
    sources = {i: FolderSource(tmp_path / "export" / str(i)) for i in scene.logs}
    told: list[tuple[str, int, int]] = []
    report = scene.audit(Given(promises), sources=sources, workers=2, tell=lambda *said: told.append(said))
    assert report.clean
    assert report.promises == len(promises)
