"""A custodian puts its log back to what it was before a release, and goes on from there."""

from __future__ import annotations

from pathlib import Path

from kms.custodian.witness import Addition
from kms.statements.checkpoint import Checkpoint, sign_checkpoint
from kms.statements.misbehaviour import MisbehaviourKind, check
from tests.protocol.loose_logs import Log, entries
from tests.protocol.witnesses import cosigned, open_store, refusal, witness_of
from tests.protocol.world import signing_key

BEFORE = Log(1, signing_key("custodian 1"), entries(20))
KNOWN = {BEFORE.origin: BEFORE.key.public}


def test_a_shorter_log_is_not_cosigned_again(tmp_path: Path) -> None:
    store = open_store(tmp_path / "witness.db")
    witness = witness_of(store.witness, KNOWN)
    assert cosigned(witness, BEFORE.addition(0))
    rewound = BEFORE.cut(12)
    for old in (0, 12):
        assert refusal(witness, rewound.addition(old)).reason == "OLD_SIZE"
    # It is behind and has signed nothing new: that is an alarm, but proves nothing against it.
    assert store.witness.evidence() == []
    last = store.witness.last(BEFORE.origin)
    assert last is not None
    assert last.size == 20
    store.close()


def test_a_log_that_went_on_otherwise_is_not_cosigned_again(tmp_path: Path) -> None:
    store = open_store(tmp_path / "witness.db")
    witness = witness_of(store.witness, KNOWN)
    assert cosigned(witness, BEFORE.addition(0))
    after = BEFORE.cut(12).grown(entries(30, "after"))
    for old in (12, 20):
        assert refusal(witness, after.addition(old)).reason in ("OLD_SIZE", "LOG_INCONSISTENT")
    store.close()


def test_whoever_mirrored_it_has_proof_for_anybody(tmp_path: Path) -> None:
    store = open_store(tmp_path / "witness.db")
    witness = witness_of(store.witness, KNOWN, tree=lambda origin: (BEFORE.note(), BEFORE.nodes()))
    assert cosigned(witness, BEFORE.addition(0))
    after = BEFORE.cut(12).grown(entries(3, "after"))
    assert refusal(witness, after.addition(0)).reason == "SPLIT_VIEW"
    (evidence,) = store.witness.evidence()
    assert evidence.kind is MisbehaviourKind.REWRITTEN
    assert check(evidence, KNOWN.get) == BEFORE.origin
    store.close()


def test_an_old_checkpoint_that_somebody_kept_accuses_nobody(tmp_path: Path) -> None:
    store = open_store(tmp_path / "witness.db")
    witness = witness_of(store.witness, KNOWN, tree=lambda origin: (BEFORE.note(), BEFORE.nodes()))
    assert cosigned(witness, BEFORE.addition(0))
    for size in range(1, 20):
        assert refusal(witness, BEFORE.cut(size).addition(0)).reason == "OLD_SIZE"
    assert store.witness.evidence() == []
    store.close()


def test_an_empty_log_with_a_root_accuses_nobody(tmp_path: Path) -> None:
    store = open_store(tmp_path / "witness.db")
    witness = witness_of(store.witness, KNOWN, tree=lambda origin: (BEFORE.note(), BEFORE.nodes()))
    assert cosigned(witness, BEFORE.addition(0))
    # Evidence that does not hold elsewhere would be worth less than none.
    empty = sign_checkpoint(Checkpoint(BEFORE.origin, 0, bytes(32)), BEFORE.key)
    assert refusal(witness, Addition(0, (), empty).to_bytes()).reason == "OLD_SIZE"
    assert store.witness.evidence() == []
    store.close()
