"""A log answers the auditor hugely, slowly, with junk, or not at all: it is told so, and nobody else suffers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from kms.audit.findings import Kind
from kms.audit.logs import FolderLog
from kms.audit.reading import Limits, read_log
from kms.errors import Invalid, KmsError, NotFound, Unavailable
from kms.statements.audit import LogKind
from kms.statements.checkpoint import Checkpoint, sign_checkpoint
from kms.statements.tiles import ENTRIES, Tile
from tests.protocol.audited import Scene, kinds


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene.set(tmp_path)
    for _ in range(100):
        made.read()
    return made


def away(wanted: Sequence[Tile], honest: list[bytes]) -> list[bytes]:
    raise Unavailable("no answer")


def cut(wanted: Sequence[Tile], honest: list[bytes]) -> list[bytes]:
    return [one[:-1] for one in honest]


def longer(wanted: Sequence[Tile], honest: list[bytes]) -> list[bytes]:
    return [one + b"\0" for one in honest]


def fewer(wanted: Sequence[Tile], honest: list[bytes]) -> list[bytes]:
    return honest[:-1]


def empty(wanted: Sequence[Tile], honest: list[bytes]) -> list[bytes]:
    return [b"" for _ in honest]


@pytest.mark.parametrize("answer", [away, cut, longer, fewer, empty], ids=lambda one: one.__name__)
def test_tiles_that_are_none_leave_the_log_unread_and_accuse_nobody(scene: Scene, answer: object) -> None:
    scene.logs[1].on_tiles = answer  # type: ignore[assignment]
    report = scene.audit()
    assert kinds(report) == [(1, "SILENT")]
    assert [log.size for log in report.logs][:3] == [0, 201, 201]


@pytest.mark.parametrize("junk", [b"", b"\xff" * 100, b"x\n1\n" + b"A" * 70000, b"a\nb\nc\n\n"])
def test_a_checkpoint_that_is_none_leaves_the_log_unread(scene: Scene, junk: bytes) -> None:
    scene.logs[1].on_checkpoint = lambda honest: junk
    assert kinds(scene.audit()) == [(1, "SILENT")]


def test_another_logs_checkpoint_is_none(scene: Scene) -> None:
    scene.logs[1].on_checkpoint = lambda honest: scene.logs[2].note()
    assert kinds(scene.audit()) == [(1, "SILENT")]


def test_a_log_that_claims_to_be_endless_is_not_read(scene: Scene) -> None:
    log = scene.logs[1]
    endless = sign_checkpoint(Checkpoint(log.origin, 1 << 61, bytes(32)), log.key).to_bytes()
    log.on_checkpoint = lambda honest: endless
    report = scene.audit()
    assert kinds(report) == [(1, "SILENT")]
    assert not log.asked


def test_a_log_that_drips_is_left_when_its_time_is_up(scene: Scene) -> None:
    log, seconds = scene.logs[1], [0.0]
    for _ in range(5000):
        log.append(LogKind.STARTED, bytes(32), "")

    def slowly(wanted: Sequence[Tile], honest: list[bytes]) -> list[bytes]:
        seconds[0] += 100
        return honest

    log.on_tiles = slowly
    read = read_log(
        log, scene.parties.members[1], scene.folder / "x", Limits(seconds=60), clock=lambda: seconds[0]
    )
    [finding] = read.findings
    assert finding.kind is Kind.SILENT
    assert "SLOW_LOG" in finding.summary


def test_entries_that_are_not_those_that_were_signed_are_shown_to_be_so(scene: Scene) -> None:
    def others(wanted: Sequence[Tile], honest: list[bytes]) -> list[bytes]:
        if wanted[0].level != ENTRIES:
            return honest
        return [one.replace(b"RELEASED", b"RELEASEE") for one in honest]

    scene.logs[1].on_tiles = others
    assert kinds(scene.audit()) == [(1, "LOG_UNPROVEN")]


def test_junk_that_was_signed_is_shown_to_anybody_and_junk_that_was_not_is_no_proof(scene: Scene) -> None:
    from kms.audit.evidence import check

    scene.logs[1].entries[7] = b"junk"
    [finding] = scene.audit().findings
    assert (finding.index, finding.kind, finding.transferable) == (1, Kind.ENTRY_MALFORMED, True)
    check(finding, scene.parties)

    def junk(wanted: Sequence[Tile], honest: list[bytes]) -> list[bytes]:
        return [one.replace(b"\x22\x20", b"\xff\xff", 1) for one in honest]

    scene.logs[2].entries.append(scene.logs[2].entries[0])
    scene.logs[2].on_tiles = junk
    report = scene.audit(state=scene.folder / "another")
    assert (2, "LOG_UNPROVEN") in kinds(report)


@pytest.mark.parametrize("at", [0, 1, 200])
def test_an_entry_out_of_its_place_is_shown_to_anybody(scene: Scene, at: int) -> None:
    entries = scene.logs[1].entries
    entries[at] = entries[100]
    [finding] = scene.audit().findings
    assert (finding.index, finding.kind) == (1, Kind.ENTRY_MALFORMED)


def test_a_folder_with_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tile/0").mkdir(parents=True)
    (tmp_path / "tile/0/000").write_bytes(bytes(8193))
    (tmp_path / "checkpoint").write_bytes(bytes(70000))
    log = FolderLog(tmp_path)
    with pytest.raises(Invalid):
        log.tiles([Tile(0, 0)])
    with pytest.raises(Invalid):
        log.checkpoint()
    with pytest.raises(NotFound):
        log.tiles([Tile(0, 1)])


def test_a_folder_that_is_a_file_or_cannot_be_read_is_a_plain_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder/checkpoint").mkdir(parents=True)
    for name in ("file", "folder", "nothing"):
        with pytest.raises(KmsError):
            FolderLog(tmp_path / name).checkpoint()


def test_certificates_without_end_are_cut_and_a_failing_one_is_no_proof(scene: Scene) -> None:
    request = scene.request()
    log = scene.logs[1]
    log.append(LogKind.RELEASE, request, "RELEASED", [(1, 0), (2, 1), (3, 1)])
    for junk in (b"", b"\xff" * 1000, bytes(100000)):
        log.certificates[request] = junk
        assert kinds(scene.audit(state=scene.folder / str(len(junk)))) == [(1, "RELEASE_UNFOUNDED")]
