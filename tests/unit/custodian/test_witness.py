"""A witness: what it cosigns, how its requests are written, and how each refusal is told over HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms.custodian.sqlite import SqliteCustodianStore
from kms.custodian.witness import Addition, Witness, Witnessed, answer, read_addition
from kms.errors import Exhausted, Invalid, KmsError
from kms.statements.checkpoint import read_note
from tests.protocol.loose_logs import Log, entries
from tests.protocol.witnesses import cosigned, open_store, refusal, witness_of
from tests.protocol.world import signing_key

LOG = Log(1, signing_key("custodian 1"), entries(5))
KNOWN = {LOG.origin: LOG.key.public}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteCustodianStore]:
    opened = open_store(tmp_path / "custodian.db")
    yield opened
    opened.close()


@pytest.fixture
def witness(store: SqliteCustodianStore) -> Witness:
    return witness_of(store.witness, KNOWN)


def test_a_log_is_cosigned_as_it_grows(witness: Witness) -> None:
    grown = LOG.grown(entries(7, "more"))
    assert cosigned(witness, LOG.addition(0))
    assert cosigned(witness, grown.addition(5))
    assert cosigned(witness, grown.addition(12)), "the same again gets a fresh word"


def test_an_empty_log_is_cosigned(witness: Witness) -> None:
    assert cosigned(witness, LOG.cut(0).addition(0))
    assert cosigned(witness, LOG.addition(0))


def test_what_was_seen_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "one.db"
    first = open_store(path)
    assert cosigned(witness_of(first.witness, KNOWN), LOG.addition(0))
    first.close()
    again = open_store(path)
    assert refusal(witness_of(again.witness, KNOWN), LOG.addition(0)).reason == "OLD_SIZE"
    assert set(again.witness.all()) == {LOG.origin}
    again.close()


def test_it_is_on_disk_before_it_is_signed(store: SqliteCustodianStore) -> None:
    class Full(type(store.witness)):  # type: ignore[misc]
        def advance(self, origin: str, old: int, new: Witnessed) -> bool:
            raise Exhausted("the node's disk is full", reason="DISK_FULL")

    broken = witness_of(Full(store._db), KNOWN)
    assert refusal(broken, LOG.addition(0)).reason == "DISK_FULL"


def test_the_size_that_it_has_is_told(witness: Witness) -> None:
    witness.add_checkpoint(LOG.addition(0))
    told = answer(refusal(witness, LOG.grown(entries(1)).addition(0)))
    assert (told.status, told.media_type, told.body) == (409, "text/x.tlog.size", b"5\n")


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("WITNESS_REQUEST_MALFORMED", 400),
        ("UNKNOWN_LOG", 404),
        ("CHECKPOINT_UNSIGNED", 403),
        ("BAD_SIGNATURE", 403),
        ("OLD_SIZE", 409),
        ("SPLIT_VIEW", 409),
        ("LOG_INCONSISTENT", 422),
        ("PROOF_MALFORMED", 422),
        ("DISK_FULL", 503),
    ],
)
def test_each_refusal_has_its_status(witness: Witness, reason: str, status: int) -> None:
    assert answer(_refused(witness, reason)).status == status


def _refused(witness: Witness, reason: str) -> KmsError:
    other = LOG.cut(3).grown(entries(2, "other"))
    unsigned = Addition(0, (), LOG.note(signing_key("mallory")))
    wrong = LOG.addition(0).replace(b"\n5\n", b"\n6\n")
    if reason == "DISK_FULL":
        return Exhausted("the disk is full", reason=reason)
    stranger = Log(2, signing_key("custodian 2"), entries(1))
    if reason in ("OLD_SIZE", "SPLIT_VIEW", "LOG_INCONSISTENT", "PROOF_MALFORMED"):
        witness.add_checkpoint(LOG.addition(0))
    long = other.grown(entries(2, "other"))
    bodies = {
        "WITNESS_REQUEST_MALFORMED": b"old 0\n\n",
        "UNKNOWN_LOG": stranger.addition(0),
        "CHECKPOINT_UNSIGNED": unsigned.to_bytes(),
        "BAD_SIGNATURE": wrong,
        "OLD_SIZE": LOG.addition(0),
        "SPLIT_VIEW": other.addition(5),
        "LOG_INCONSISTENT": long.addition(5),
        "PROOF_MALFORMED": Addition(5, (), long.note()).to_bytes(),
    }
    found = refusal(witness, bodies[reason])
    if reason == "WITNESS_REQUEST_MALFORMED":
        assert found.reason == "CHECKPOINT_MALFORMED"
    else:
        assert found.reason == reason
    return found


def test_a_request_reads_as_it_is_written() -> None:
    grown = LOG.grown(entries(4))
    body = grown.addition(3)
    assert body.startswith(b"old 3\n")
    assert read_addition(body) == Addition(3, grown.proof(3), grown.note())
    assert read_addition(body).to_bytes() == body


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body.replace(b"old 3", b"old 03"),
        lambda body: body.replace(b"old 3", b"old -3"),
        lambda body: body.replace(b"old 3", b"old  3"),
        lambda body: body.replace(b"old 3", b"size 3"),
        lambda body: body.replace(b"old 3\n", b"old 3\r\n"),
        lambda body: body.replace(b"\n\n", b"\nAAAA\n\n", 1),
        lambda body: body.replace(b"\n\n", b"\n*\n\n", 1),
        lambda body: body.replace(b"old 3", b"old 99"),
        lambda body: body.replace(b"\n\n", (b"\n" + b"A" * 43 + b"=") * 64 + b"\n\n", 1),
        lambda body: body.replace(b"\n\n", b"\n", 1),
        lambda body: body + b"\n",
        lambda body: body + b"x" * (1 << 17),
        lambda body: b"\n" + body,
        lambda body: b"",
    ],
)  # fmt: skip
def test_what_is_written_otherwise_is_refused(witness: Witness, spoil: object) -> None:
    assert callable(spoil)
    error = refusal(witness, spoil(LOG.grown(entries(4)).addition(3)))
    assert answer(error).status == 400, error.reason


@given(st.binary(max_size=300))
def test_garbage_is_refused_as_garbage(body: bytes) -> None:
    with pytest.raises(Invalid):
        read_addition(body)


@given(st.data())
def test_a_spoilt_byte_never_reads_as_another_request(data: st.DataObject) -> None:
    body = LOG.grown(entries(4)).addition(3)
    at = data.draw(st.integers(0, len(body) - 1))
    spoilt = body[:at] + bytes([body[at] ^ data.draw(st.integers(1, 255))]) + body[at + 1 :]
    with contextlib.suppress(Invalid):
        assert read_addition(spoilt).to_bytes() == spoilt


def test_further_signatures_are_neither_needed_nor_kept(
    witness: Witness, store: SqliteCustodianStore
) -> None:
    strangers = LOG.note(signing_key("mallory")).signatures
    note = LOG.note().with_signatures(strangers)
    witness.add_checkpoint(Addition(0, (), note).to_bytes())
    kept = store.witness.last(LOG.origin)
    assert kept is not None
    assert read_note(kept.note) == LOG.note()


def test_a_size_that_was_never_seen_is_not_grown_from(store: SqliteCustodianStore) -> None:
    assert not store.witness.advance(LOG.origin, 4, Witnessed(5, bytes(32), b"note"))
    assert store.witness.last(LOG.origin) is None
