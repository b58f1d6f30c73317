"""A witness is told a wrong old size, a stale proof, an unknown log, or shown another key's signature."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.custodian.sqlite import SqliteCustodianStore
from kms.custodian.witness import Addition, Witness
from tests.protocol.loose_logs import Log, entries
from tests.protocol.witnesses import cosigned, open_store, refusal, witness_of
from tests.protocol.world import signing_key

LOG = Log(1, signing_key("custodian 1"), entries(8))
GROWN = LOG.grown(entries(5))
OTHER = LOG.cut(7).grown(entries(6, "other"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteCustodianStore]:
    opened = open_store(tmp_path / "witness.db")
    yield opened
    opened.close()


@pytest.fixture
def witness(store: SqliteCustodianStore) -> Witness:
    """It has cosigned eight entries."""
    made = witness_of(store.witness, {LOG.origin: LOG.key.public})
    assert cosigned(made, LOG.addition(0))
    return made


def test_an_old_size_of_zero_does_not_make_it_forget(witness: Witness) -> None:
    assert refusal(witness, OTHER.addition(0)).reason == "OLD_SIZE"


@pytest.mark.parametrize("old", [1, 4, 7, 9, 13])
def test_another_old_size_does_not_move_it(witness: Witness, old: int) -> None:
    assert refusal(witness, OTHER.addition(old)).reason == "OLD_SIZE"
    assert refusal(witness, GROWN.addition(old)).reason == "OLD_SIZE", "it must be the last one, however true"


def test_an_old_size_above_the_new_one_is_refused(witness: Witness) -> None:
    assert refusal(witness, Addition(9, (), LOG.note()).to_bytes()).reason == "WITNESS_REQUEST_MALFORMED"


def test_a_proof_from_another_size_is_refused(witness: Witness) -> None:
    for old in (3, 5, 12):
        stale = Addition(8, GROWN.proof(old), GROWN.note()).to_bytes()
        assert refusal(witness, stale).reason in ("LOG_INCONSISTENT", "PROOF_MALFORMED"), old


def test_a_proof_of_another_log_is_refused(witness: Witness) -> None:
    assert refusal(witness, Addition(8, OTHER.proof(8), GROWN.note()).to_bytes()).reason == "LOG_INCONSISTENT"
    assert refusal(witness, Addition(8, GROWN.proof(8), OTHER.note()).to_bytes()).reason == "LOG_INCONSISTENT"


def test_no_proof_is_refused(witness: Witness) -> None:
    assert refusal(witness, Addition(8, (), GROWN.note()).to_bytes()).reason == "PROOF_MALFORMED"


def test_an_unknown_log_is_refused(witness: Witness) -> None:
    stranger = Log(7, signing_key("custodian 7"), entries(2))
    assert refusal(witness, stranger.addition(0)).reason == "UNKNOWN_LOG"


def test_another_keys_signature_is_refused(witness: Witness) -> None:
    note = GROWN.note(signing_key("mallory"))
    assert refusal(witness, Addition(8, GROWN.proof(8), note).to_bytes()).reason == "CHECKPOINT_UNSIGNED"


def test_the_signature_of_another_checkpoint_is_refused(witness: Witness) -> None:
    moved = Addition(8, GROWN.proof(8), GROWN.note()).to_bytes().replace(b"\n13\n", b"\n14\n")
    assert refusal(witness, moved).reason == "BAD_SIGNATURE"


def test_after_all_that_it_still_serves_the_honest_log(witness: Witness, store: SqliteCustodianStore) -> None:
    test_a_proof_of_another_log_is_refused(witness)
    test_another_keys_signature_is_refused(witness)
    assert cosigned(witness, GROWN.addition(8))
    assert store.witness.evidence() == []
