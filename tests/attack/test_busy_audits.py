"""An audit of custodians that go on working, or do not answer for a moment: nobody is accused for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from kms.audit.crossing import CERTIFICATES_KEPT
from kms.audit.findings import Kind
from kms.audit.logs import LogReader
from kms.audit.run import Audit
from kms.errors import DeadlineExceeded, KmsError, Unavailable
from kms.statements.audit import LogKind
from tests.protocol.audited import Scene, ShownLog, kinds
from tests.protocol.world import START


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene.set(tmp_path)
    made.read((1, 2, 3, 4, 5), (1, 2, 3, 4, 5))
    return made


def test_what_is_cosigned_while_a_log_is_read_on_accuses_nobody(scene: Scene) -> None:
    first, fifth = scene.logs[1], scene.logs[5]
    asked: list[None] = []

    def work_when_asked_last(note: bytes) -> bytes:
        # Everybody works on after the first logs were read: the first one seems too short, and is read once more.
        scene.read((1, 2, 3, 5), (5,))
        fifth.on_checkpoint = lambda honest: honest
        return fifth.note()

    def cosign_in_between(note: bytes) -> bytes:
        asked.append(None)
        if len(asked) == 2:
            scene.logs[4].append(LogKind.DECISION, scene.request(), "DENY")
            first.kept.append(scene.logs[4].note())
        return first.note()

    fifth.on_checkpoint, first.on_checkpoint = work_when_asked_last, cosign_in_between
    report = scene.audit()
    assert len(asked) == 2
    assert kinds(report) == []


@dataclass
class Silent:
    """A log whose certificates do not come."""

    log: ShownLog
    error: KmsError

    def open(self) -> LogReader:
        return self  # type: ignore[return-value]

    def certificate(self, request_hash: bytes) -> Sequence[bytes]:
        raise self.error

    def __getattr__(self, name: str) -> object:
        return getattr(self.log, name)


@pytest.mark.parametrize("error", [Unavailable("cut off"), DeadlineExceeded("too late")], ids=["cut", "late"])
def test_who_cannot_be_asked_for_its_certificate_is_not_accused_and_is_asked_again(
    scene: Scene, error: KmsError
) -> None:
    request = scene.request()
    decisions = [scene.decide(i, request) for i in (1, 2, 3)]
    scene.release(1, request, decisions)
    scene.logs[2].entries.pop()  # the liar, whose network the releaser is on
    scene.logs[2].append(LogKind.DECISION, scene.request(), "ALLOW")
    sources = {**scene.logs, 1: Silent(scene.logs[1], error)}
    report = scene.audit(sources=sources)
    assert kinds(report) == [(1, "UNDECIDED")]
    assert report.accused == ()
    # It stays open until the certificate is shown, which says who it was.
    assert kinds(scene.audit(sources=sources)) == [(1, "UNDECIDED")]
    again = scene.audit()
    assert [(one.index, one.kind) for one in again.findings] == [(2, Kind.PROMISE_BROKEN)]


def test_a_source_that_cannot_be_reached_any_more_is_no_liar_either(scene: Scene) -> None:
    scene.logs[1].append(LogKind.RELEASE, scene.request(), "RELEASED", [(1, 0), (2, 1), (3, 1)])
    first = scene.logs[1]
    audit = Audit(scene.parties, {**scene.logs}, scene.folder / "state", 0, workers=1)
    opened: list[None] = []

    @dataclass
    class Gone:
        def open(self) -> LogReader:
            opened.append(None)
            if len(opened) > 1:
                raise Unavailable("gone")
            return first

    audit.sources = {**scene.logs, 1: Gone()}
    assert audit.run().accused == ()


def test_a_release_from_before_certificates_are_kept_accuses_nobody(scene: Scene) -> None:
    request = scene.request()
    decisions = [scene.decide(i, request) for i in (1, 2, 3)]
    scene.release(1, request, decisions)
    scene.logs[2].entries.pop()  # a decider that has waited for as long as certificates are kept
    scene.logs[2].append(LogKind.DECISION, scene.request(), "ALLOW")
    scene.logs[1].certificates.clear()
    assert kinds(scene.audit(now=START + CERTIFICATES_KEPT + 86400)) == [(1, "UNDECIDED")]


def test_a_release_whose_certificate_must_be_there_still_accuses(scene: Scene) -> None:
    request = scene.request()
    decisions = [scene.decide(i, request) for i in (1, 2, 3)]
    scene.release(1, request, decisions)
    scene.logs[2].entries.pop()
    scene.logs[2].append(LogKind.DECISION, scene.request(), "ALLOW")
    scene.logs[1].certificates.clear()
    assert kinds(scene.audit(now=START + CERTIFICATES_KEPT - 86400)) == [(1, "RELEASE_UNFOUNDED")]


def test_an_old_release_whose_certificate_is_still_shown_tells_who_it_was(scene: Scene) -> None:
    request = scene.request()
    decisions = [scene.decide(i, request) for i in (1, 2, 3)]
    scene.release(1, request, decisions)
    scene.logs[2].entries.pop()
    scene.logs[2].append(LogKind.DECISION, scene.request(), "ALLOW")
    assert kinds(scene.audit(now=START + CERTIFICATES_KEPT + 86400)) == [(2, "PROMISE_BROKEN")]
