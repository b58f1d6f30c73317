"""Evidence against a log: what proves something, and what proves nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms.errors import BadSignature, Invalid
from kms.statements.checkpoint import cosign, read_note
from kms.statements.misbehaviour import (
    Misbehaviour,
    MisbehaviourKind,
    check,
    read_misbehaviour,
    rewritten,
    split_view,
)
from tests.protocol.loose_logs import Log, entries
from tests.protocol.world import signing_key

LOG = Log(1, signing_key("custodian 1"), entries(9))
KNOWN = {LOG.origin: LOG.key.public}.get
OTHER = LOG.cut(4).grown(entries(5, "other"))


def test_two_roots_of_one_size_prove_a_split_view() -> None:
    evidence = split_view(LOG.note(), OTHER.note())
    assert evidence == split_view(OTHER.note(), LOG.note()), "whoever finds it, it is the same"
    assert read_misbehaviour(evidence.to_bytes()) == evidence
    assert check(evidence, KNOWN) == LOG.origin
    assert [one.size for one in evidence.checkpoints] == [9, 9]


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 8))
def test_a_log_put_back_that_went_on_otherwise_is_proved(size: int, more: int, common: int) -> None:
    before = Log(1, LOG.key, entries(common + size))
    after = before.cut(common).grown(entries(size + more, "other"))
    evidence = rewritten(before.note(), after.note(), after.nodes())
    assert evidence is not None
    assert check(read_misbehaviour(evidence.to_bytes()), KNOWN) == LOG.origin


def test_a_log_that_grew_is_not_accused() -> None:
    grown = LOG.grown(entries(3))
    assert rewritten(LOG.note(), grown.note(), grown.nodes()) is None


def made_by_hand(first: Log, second: Log, prefix: bytes | None = None) -> Misbehaviour:
    small = prefix or first.note().checkpoint.root
    kind = MisbehaviourKind.REWRITTEN
    proof = second.proof(len(first.leaves))
    return Misbehaviour(kind, first.note().to_bytes(), second.note().to_bytes(), small, proof)


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (split_view(LOG.note(), LOG.note()), "EVIDENCE_HOLLOW"),
        (split_view(LOG.note(), LOG.grown(entries(1)).note()), "EVIDENCE_HOLLOW"),
        (made_by_hand(LOG, LOG.grown(entries(3))), "EVIDENCE_HOLLOW"),
        (made_by_hand(LOG.cut(0), LOG, bytes(32)), "EVIDENCE_HOLLOW"),
        (made_by_hand(LOG, LOG.grown(entries(3)), bytes(32)), "LOG_INCONSISTENT"),
        (split_view(Log(2, LOG.key, entries(9)).note(), Log(2, LOG.key, entries(9, "x")).note()), "UNKNOWN_LOG"),
    ],
)  # fmt: skip
def test_what_proves_nothing_is_refused(evidence: Misbehaviour, reason: str) -> None:
    with pytest.raises(Invalid) as raised:
        check(evidence, KNOWN)
    assert raised.value.reason == reason


def test_other_signatures_beside_the_logs_are_refused() -> None:
    line = cosign(LOG.note(), "witness", signing_key("mallory"), 5)
    with pytest.raises(BadSignature):
        check(split_view(LOG.note().with_signatures((line,)), OTHER.note()), KNOWN)


def test_two_logs_prove_nothing_against_each_other() -> None:
    stranger = Log(2, signing_key("custodian 2"), entries(9, "x"))
    keys = {log.origin: log.key.public for log in (LOG, stranger)}
    with pytest.raises(BadSignature):
        check(split_view(LOG.note(), stranger.note()), keys.get)


def test_the_evidence_has_one_form() -> None:
    with pytest.raises(Invalid):
        Misbehaviour(MisbehaviourKind.SPLIT_VIEW, b"a", b"b", bytes(32), ())
    with pytest.raises(Invalid):
        Misbehaviour(MisbehaviourKind.SPLIT_VIEW, b"a", b"b", b"", (bytes(32),))
    with pytest.raises(Invalid):
        Misbehaviour(MisbehaviourKind.REWRITTEN, b"a", b"b", b"", ())
    with pytest.raises(Invalid):
        read_misbehaviour(bytes(1 << 20))
    assert read_note(LOG.note().to_bytes()) == LOG.note()
