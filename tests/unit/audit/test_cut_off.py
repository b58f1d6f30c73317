"""A run that is cut off after it has read: what it read is held against the other logs by the next one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kms.audit import run as running
from kms.statements.release import Verdict
from tests.protocol.audited import Scene, kinds

ALL = (1, 2, 3, 4, 5)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene.set(tmp_path)
    for _ in range(130):
        made.read(ALL, ALL)
    return made


def misbehave(scene: Scene) -> list[tuple[int, str]]:
    """One releases on a denial, one on too little, one on the word of others alone; what is to be found."""
    request = scene.request()
    decisions = [scene.decide(i, request, Verdict.DENY if i == 3 else Verdict.ALLOW) for i in (1, 2, 3)]
    scene.release(1, request, decisions)
    scene.read((2, 3), (2,))
    request = scene.request()
    scene.release(5, request, [scene.decide(i, request) for i in (1, 2, 3)])
    return [(1, "RELEASE_UNFOUNDED"), (2, "BASIS_SHORT"), (5, "NOT_ALLOWED")]


def cut_off(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that has read all logs, and is killed before it has said anything."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(running.Audit, "_crossing", killed)
        with pytest.raises(KeyboardInterrupt):
            scene.audit()


@pytest.mark.parametrize("begun", [False, True], ids=["the first run", "a later one"])
def test_nothing_of_what_it_read_goes_unseen(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    if begun:
        assert scene.audit().clean
    expected = misbehave(scene)
    cut_off(scene, monkeypatch)
    scene.read(ALL, ALL)
    report = scene.audit()
    assert kinds(report) == expected
    assert report.checked_decisions == (0 if begun else 130 * 25) + 25 + 3 + 2 + 3
    for log in report.logs:
        assert sum(log.kinds.values()) == log.size - log.since
    scene.read(ALL, ALL)
    again = scene.audit()
    assert kinds(again) == expected
    assert again.checked_decisions == 25, "and nothing is looked at twice"


def test_a_state_of_before_that_was_kept_goes_on_where_it_was(scene: Scene) -> None:
    assert scene.audit().clean
    file = scene.folder / "state" / "state.json"
    kept = json.loads(file.read_text())
    del kept["crossed"]
    file.write_text(json.dumps(kept))
    scene.read(ALL, ALL)
    report = scene.audit()
    assert report.clean
    assert report.checked_decisions == 25


@pytest.mark.parametrize("size", [-5, 10**9])
def test_a_number_that_somebody_wrote_in_accuses_nobody(scene: Scene, size: int) -> None:
    assert scene.audit().clean
    file = scene.folder / "state" / "state.json"
    kept = json.loads(file.read_text())
    kept["crossed"] = {str(index): size for index in ALL}
    file.write_text(json.dumps(kept))
    scene.read(ALL, ALL)
    assert scene.audit().clean
