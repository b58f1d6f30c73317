"""A custodian shows one log to one peer and another to another: neither can be shown the other's any more."""

from __future__ import annotations

from pathlib import Path

import pytest

from kms.errors import Fork
from kms.statements.misbehaviour import check, read_misbehaviour
from tests.protocol.loose_logs import Log, entries
from tests.protocol.witnesses import cosigned, open_store, refusal, witness_of
from tests.protocol.world import signing_key

LIAR = Log(1, signing_key("custodian 1"), entries(6))
TO_AUDITOR = LIAR.cut(3).grown(entries(3, "without that release"))
KNOWN = {LIAR.origin: LIAR.key.public}


def test_a_witness_that_cosigned_one_log_does_not_cosign_the_other(tmp_path: Path) -> None:
    store = open_store(tmp_path / "witness.db")
    witness = witness_of(store.witness, KNOWN)
    assert cosigned(witness, LIAR.addition(0))
    for old in (0, 3, 6):
        assert refusal(witness, TO_AUDITOR.addition(old)).reason == "SPLIT_VIEW", old
    longer = TO_AUDITOR.grown(entries(5))
    assert refusal(witness, longer.addition(6)).reason == "LOG_INCONSISTENT"
    store.close()


def test_what_both_saw_proves_it_to_anybody(tmp_path: Path) -> None:
    stores = [open_store(tmp_path / f"witness-{index}.db", index) for index in (2, 3)]
    one, other = (
        witness_of(store.witness, KNOWN, index) for index, store in zip((2, 3), stores, strict=True)
    )
    assert cosigned(one, LIAR.addition(0), 2)
    assert cosigned(other, TO_AUDITOR.addition(0), 3)
    shown = stores[1].witness.last(LIAR.origin)
    assert shown is not None
    # Peers show one another what they saw last. Whatever comes with it, the note is the log's own word.
    error = refusal(one, b"old 6\n\n" + shown.note)
    assert isinstance(error, Fork)
    (kept,) = stores[0].witness.evidence()
    assert error.evidence == (kept.to_bytes(),)
    assert check(read_misbehaviour(kept.to_bytes()), KNOWN.get) == LIAR.origin
    for store in stores:
        store.close()


def test_many_views_do_not_fill_the_disk(tmp_path: Path) -> None:
    store = open_store(tmp_path / "witness.db")
    witness = witness_of(store.witness, KNOWN)
    assert cosigned(witness, LIAR.addition(0))
    for view in range(20):
        refusal(witness, LIAR.cut(5).grown((b"view %d" % view,)).addition(0))
    assert len(store.witness.evidence()) == 8
    store.close()


@pytest.mark.parametrize("branch", ["", "other"])
def test_an_honest_log_is_accused_by_nobodys_word(tmp_path: Path, branch: str) -> None:
    store = open_store(tmp_path / "witness.db")
    witness = witness_of(store.witness, KNOWN)
    assert cosigned(witness, LIAR.addition(0))
    forged = LIAR.cut(3).grown(entries(3, branch)).note(signing_key("mallory"))
    assert refusal(witness, b"old 6\n\n" + forged.to_bytes()).reason == "CHECKPOINT_UNSIGNED"
    assert store.witness.evidence() == []
    store.close()
