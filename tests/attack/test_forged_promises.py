"""Somebody makes promises up to have an honest custodian accused: it is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kms.audit.evidence import check
from kms.audit.run import Given
from kms.errors import KmsError
from kms.statements.codec import encode
from kms.statements.envelope import pack, sign, unpack
from tests.protocol.audited import Scene
from tests.protocol.world import signing_key


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene.set(tmp_path)
    made.read()
    return made


def test_a_promise_that_its_custodian_did_not_sign_accuses_nobody(scene: Scene) -> None:
    honest = scene.sign_decision(1, scene.request(), 1)
    by_another = sign(honest.statement, scene.identities[2]).envelope
    by_a_stranger = sign(honest.statement, signing_key("a stranger")).envelope
    kind, _, signatures = unpack(honest.envelope)
    moved = pack(kind, encode(replace(honest.statement, log_index=0)), signatures)
    report = scene.audit(Given([by_another, by_a_stranger, moved, b"junk", b""]))
    assert report.clean
    assert (report.promises, report.refused_promises) == (0, 5)


def test_a_checkpoint_that_its_log_did_not_sign_accuses_nobody(scene: Scene) -> None:
    longer = scene.logs[1].copy()
    longer.entries.append(longer.entries[0])
    longer.key = signing_key("a stranger")
    report = scene.audit(Given(seen=[longer.note(), b"junk", scene.logs[1].note()[:-9]]))
    assert report.clean


def test_what_a_custodian_really_signed_and_did_not_log_does(scene: Scene) -> None:
    promise = scene.sign_decision(1, scene.request(), 1).envelope
    report = scene.audit(Given([promise]))
    assert report.accused == (1,)


def test_evidence_that_names_another_custodian_shows_nothing(scene: Scene) -> None:
    promise = scene.sign_decision(1, scene.request(), 1).envelope
    [finding] = scene.audit(Given([promise])).findings
    check(finding, scene.parties)
    with pytest.raises(KmsError):
        check(replace(finding, index=2), scene.parties)
    with pytest.raises(KmsError):
        check(replace(finding, index=9), scene.parties)


def test_evidence_of_a_kept_promise_shows_nothing(scene: Scene) -> None:
    from kms.audit.findings import Evidence

    promise = scene.sign_decision(1, scene.request(), 1).envelope
    [finding] = scene.audit(Given([promise])).findings
    kept = scene.sign_decision(1, _request_of(scene, 1), 1).envelope
    parts = {**finding.evidence.parts, "promise": kept}
    with pytest.raises(KmsError, match="kept"):
        check(replace(finding, evidence=Evidence(parts)), scene.parties)


def test_an_entry_that_is_not_in_the_signed_log_shows_nothing(scene: Scene) -> None:
    from kms.audit.findings import Evidence

    promise = scene.sign_decision(1, scene.request(), 1).envelope
    [finding] = scene.audit(Given([promise])).findings
    other = scene.logs[2].entries[1].replace(b"ALLOW", b"DENYY")
    for name, value in (("entry", other), ("number", 2), ("proof", [])):
        parts = {**finding.evidence.parts, name: value}
        with pytest.raises(KmsError):
            check(replace(finding, evidence=Evidence(parts)), scene.parties)


def _request_of(scene: Scene, number: int):  # type: ignore[no-untyped-def]
    from kms.statements.audit import read_entry

    return read_entry(scene.logs[1].entries[number], number).subject_hash
