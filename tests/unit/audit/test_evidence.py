"""Evidence that shows nothing: an auditor that lies, or a report that somebody changed, convicts nobody."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kms.audit.evidence import check
from kms.audit.findings import Evidence, Finding, Kind
from kms.crypto import merkle
from kms.crypto.merkle import leaf_hash
from kms.errors import KmsError
from kms.statements.audit import LogEntry, LogKind
from kms.statements.checkpoint import Checkpoint, read_note, sign_checkpoint
from kms.statements.misbehaviour import split_view
from tests.protocol.audited import READER, Scene, ShownLog
from tests.protocol.world import START


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene.set(tmp_path)
    for _ in range(3):
        made.read()
    return made


def place(log: ShownLog, number: int) -> dict[str, Any]:
    """An entry with its proof under a checkpoint that the log signs."""
    hashes = [leaf_hash(entry) for entry in log.entries]

    def nodes(level: int, index: int) -> bytes:
        return merkle.perfect_root(hashes[index << level : (index + 1) << level])

    return {
        "checkpoint": log.note(),
        "number": number,
        "entry": log.entries[number],
        "proof": merkle.inclusion_proof(nodes, number, len(hashes)),
    }


def refusal(scene: Scene, kind: Kind, parts: Mapping[str, Any], index: int = 2) -> str:
    """Why evidence against a custodian shows nothing; empty if it shows what it says."""
    try:
        check(Finding(kind, index, "it lied", Evidence(parts), transferable=True), scene.parties)
    except KmsError as error:
        return error.reason
    return ""


# -- promises ----------------------------------------------------------------------------------------------


def test_a_promise_that_was_dropped_is_shown(scene: Scene) -> None:
    promise = scene.decide(2, scene.request()).envelope
    log = scene.logs[2]
    log.entries.pop()
    number = log.append(LogKind.DECISION, scene.request(), "ALLOW")
    assert refusal(scene, Kind.PROMISE_BROKEN, {"promise": promise, **place(log, number)}) == ""


def test_a_promise_that_was_kept_shows_nothing(scene: Scene) -> None:
    signed = scene.decide(2, scene.request())
    parts = {"promise": signed.envelope, **place(scene.logs[2], signed.statement.log_index)}
    assert refusal(scene, Kind.PROMISE_BROKEN, parts) == "EVIDENCE_HOLLOW"


def test_nor_does_one_beside_another_entry(scene: Scene) -> None:
    signed = scene.decide(2, scene.request())
    parts = {"promise": signed.envelope, **place(scene.logs[2], signed.statement.log_index - 1)}
    assert refusal(scene, Kind.PROMISE_BROKEN, parts) == "EVIDENCE_HOLLOW"


def test_nor_does_anothers(scene: Scene) -> None:
    """Both logs are of one length, so that the entry's number fits the promise."""
    signed = scene.decide(3, scene.request())
    number = scene.logs[2].append(LogKind.DECISION, scene.request(), "ALLOW")
    assert number == signed.statement.log_index
    parts = {"promise": signed.envelope, **place(scene.logs[2], number)}
    assert refusal(scene, Kind.PROMISE_BROKEN, parts) == "EVIDENCE_HOLLOW"


def test_an_entry_that_is_not_under_the_checkpoint_shows_nothing(scene: Scene) -> None:
    promise = scene.decide(2, scene.request()).envelope
    log = scene.logs[2]
    honest, lying = place(log, len(log.entries) - 1), scene.logs[2].copy()
    lying.entries.pop()
    number = lying.append(LogKind.DECISION, scene.request(), "ALLOW")
    parts = {"promise": promise, **honest, "entry": lying.entries[number]}
    assert refusal(scene, Kind.PROMISE_BROKEN, parts)


# -- histories -----------------------------------------------------------------------------------------------


def test_two_histories_count_under_the_logs_own_signatures_alone(scene: Scene) -> None:
    log = scene.logs[2]
    note = read_note(log.note())
    other = Checkpoint(log.origin, note.checkpoint.size, b"r" * 32)
    shown = split_view(note, sign_checkpoint(other, log.key))
    assert refusal(scene, Kind.TWO_HISTORIES, {"misbehaviour": shown.to_bytes()}) == ""
    forged = split_view(note, sign_checkpoint(other, scene.identities[3]))
    assert refusal(scene, Kind.TWO_HISTORIES, {"misbehaviour": forged.to_bytes()})
    assert refusal(scene, Kind.TWO_HISTORIES, {"misbehaviour": shown.to_bytes()}, 3), "of another's log"


# -- entries -------------------------------------------------------------------------------------------------


def test_a_basis_that_is_short_is_shown_and_whatever_is_no_such_release_is_not(scene: Scene) -> None:
    log = scene.logs[2]
    short = log.append(LogKind.RELEASE, scene.request(), "RELEASED", [(1, 1), (2, 1)])
    unknown = log.append(LogKind.RELEASE, scene.request(), "RELEASED", [(1, 1), (2, 1), (60, 1)])
    enough = log.append(LogKind.RELEASE, scene.request(), "RELEASED", [(1, 1), (2, 1), (3, 1)])
    decision = log.append(LogKind.DECISION, scene.request(), "ALLOW")
    assert refusal(scene, Kind.BASIS_SHORT, place(log, short)) == ""
    assert refusal(scene, Kind.BASIS_SHORT, place(log, unknown)) == ""
    for number in (enough, decision):
        assert refusal(scene, Kind.BASIS_SHORT, place(log, number)) == "EVIDENCE_HOLLOW"
    old = LogEntry(0, LogKind.RELEASE, START, bytes(32), READER, "RELEASED", 1, bytes(32))
    log.entries[:] = [old.to_bytes()]
    assert refusal(scene, Kind.BASIS_SHORT, place(log, 0)) == "EVIDENCE_HOLLOW"


def test_an_entry_that_is_one_is_not_malformed(scene: Scene) -> None:
    log = scene.logs[2]
    assert refusal(scene, Kind.ENTRY_MALFORMED, place(log, 1)) == "EVIDENCE_HOLLOW"
    log.entries.append(b"no entry")
    assert refusal(scene, Kind.ENTRY_MALFORMED, place(log, len(log.entries) - 1)) == ""


# -- whatever else -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(Kind))
def test_what_is_not_whole_shows_nothing(scene: Scene, kind: Kind) -> None:
    good = {"promise": scene.decide(2, scene.request()).envelope, **place(scene.logs[2], 1)}
    junk: tuple[Any, ...] = (None, "text", 1.5, [], ["text"], {})
    for name in good:
        for value in junk:
            assert refusal(scene, kind, {**good, name: value}), (name, value)
    assert refusal(scene, kind, {}) == "EVIDENCE_HOLLOW"
    assert refusal(scene, kind, good, 9) == "EVIDENCE_HOLLOW", "nobody of the keyring"


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in Kind
        if kind not in ("TWO_HISTORIES", "PROMISE_BROKEN", "BASIS_SHORT", "ENTRY_MALFORMED")
    ],
)
def test_what_an_auditor_saw_is_its_word_and_no_evidence(scene: Scene, kind: Kind) -> None:
    promise = scene.decide(2, scene.request()).envelope
    log = scene.logs[2]
    log.entries.pop()
    number = log.append(LogKind.DECISION, scene.request(), "ALLOW")
    assert refusal(scene, kind, {"promise": promise, **place(log, number)}) == "EVIDENCE_HOLLOW"
