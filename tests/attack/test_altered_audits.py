"""Somebody writes into the auditor's folder: no custodian is accused for it, and the auditor is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kms.audit.run import Given
from kms.errors import StoreError
from kms.statements.audit import LogKind
from tests.protocol.audited import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene.set(tmp_path)
    for _ in range(400):
        made.read()
    made.audit()
    return made


def flip(path: Path, at: int = 40) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def flip_partial_hashes(log: Path) -> None:
    [path] = (log / "tile/0/003.p").iterdir()
    flip(path)


def flip_upper_hashes(log: Path) -> None:
    [path] = (log / "tile/1/000.p").iterdir()
    flip(path)


def cut_hashes(log: Path) -> None:
    [path] = (log / "tile/0/003.p").iterdir()
    path.write_bytes(path.read_bytes()[:-1])


def lose_hashes(log: Path) -> None:
    [path] = (log / "tile/0/003.p").iterdir()
    path.unlink()


def sign_by_another(log: Path) -> None:
    note = log / "checkpoint"
    note.write_bytes((log.parent / "2/checkpoint").read_bytes())


def enlarge(log: Path) -> None:
    note = log / "checkpoint"
    note.write_bytes(note.read_bytes().replace(b"\n801\n", b"\n802\n"))


@pytest.mark.parametrize(
    "alter",
    [flip_partial_hashes, flip_upper_hashes, cut_hashes, lose_hashes, sign_by_another, enlarge],
    ids=lambda one: one.__name__,
)
def test_an_altered_copy_is_refused_and_accuses_nobody(scene: Scene, alter: Callable[[Path], None]) -> None:
    alter(scene.folder / "state/logs/1")
    scene.read()
    with pytest.raises(StoreError) as error:
        scene.audit()
    assert error.value.reason == "STATE_DAMAGED"


def test_an_altered_entry_is_found_when_it_is_needed(scene: Scene) -> None:
    promises = scene.read()
    scene.audit()
    log = scene.folder / "state/logs/1"
    [bundle] = (log / "tile/entries/003.p").iterdir()
    flip(bundle, len(bundle.read_bytes()) - 20)
    with pytest.raises(StoreError) as error:
        scene.audit(Given(promises))
    assert error.value.reason == "STATE_DAMAGED"


def test_a_finding_that_was_written_in_accuses_nobody(scene: Scene) -> None:
    path = scene.folder / "state/state.json"
    kept = json.loads(path.read_text())
    for kind in ("PROMISE_BROKEN", "TWO_HISTORIES", "BASIS_SHORT", "ENTRY_MALFORMED", "ROLLED_BACK"):
        kept["findings"] = [
            {
                "kind": kind,
                "custodian": 2,
                "summary": "it lied",
                "transferable": True,
                "count": 1,
                "evidence": {},
            }
        ]
        path.write_text(json.dumps(kept))
        with pytest.raises(StoreError) as error:
            scene.audit()
        assert error.value.reason == "STATE_DAMAGED"


def test_a_doubt_that_was_written_in_is_looked_up_and_dropped(scene: Scene) -> None:
    for _ in range(5):
        scene.logs[2].append(LogKind.DECISION, scene.request(), "DENY")
    scene.read()  # a release that rests on a decision with a higher number than its own
    scene.audit()
    path = scene.folder / "state/state.json"
    kept = json.loads(path.read_text())
    kept["doubts"] = [[1, 2, 2, 1], [1, 4, 2, 2], [1, 1, 2, 5000], [1, 9999, 2, 1], [9, 1, 9, 1]]
    kept["doubts"] += [[1, 802, 2, 806], [1, 802, 1, 801], [1, 801, 2, 806]]
    kept["promises"] = ["anVuaw=="]
    path.write_text(json.dumps(kept))
    assert scene.audit().clean


@pytest.mark.parametrize(("name", "value"), [("keyring", "00" * 32), ("format", 2)])
def test_a_state_of_another_keyring_or_program_is_refused(scene: Scene, name: str, value: object) -> None:
    path = scene.folder / "state/state.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    with pytest.raises(StoreError) as error:
        scene.audit()
    assert error.value.reason == "STATE_DAMAGED"


@pytest.mark.parametrize("junk", ["", "[]", "{}", '{"format": 1}', "[" * 100000])
def test_a_state_that_is_none_is_refused(scene: Scene, junk: str) -> None:
    (scene.folder / "state/state.json").write_text(junk)
    with pytest.raises(StoreError) as error:
        scene.audit()
    assert error.value.reason == "STATE_DAMAGED"


def test_an_older_copy_is_read_on_from_where_it_was(scene: Scene) -> None:
    import shutil

    shutil.copytree(scene.folder / "state", scene.folder / "before")
    scene.read()
    scene.audit()
    shutil.rmtree(scene.folder / "state")
    (scene.folder / "before").rename(scene.folder / "state")
    report = scene.audit()
    assert report.clean
    assert report.logs[0].since == 801
