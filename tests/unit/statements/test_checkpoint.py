"""Checkpoints as signed notes: what they look like, what is refused, and whose word counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms.crypto.secret import Secret
from kms.crypto.signing import SigningKey, pae
from kms.errors import BadSignature, CryptoError, Invalid
from kms.statements.checkpoint import (
    Checkpoint,
    cosign,
    cosigned_at,
    log_origin,
    read_note,
    read_verifier_key,
    sign_checkpoint,
    verifier_key,
    verify_checkpoint,
    witness_key,
)

LOG, WITNESS, OTHER = (SigningKey(Secret(bytes([number]) * 32)) for number in (1, 2, 3))
ORIGIN = log_origin(bytes(32), 3)
CHECKPOINT = Checkpoint(ORIGIN, 20_852_163, bytes(range(32)))


def test_a_note_is_what_other_programs_read() -> None:
    note = sign_checkpoint(CHECKPOINT, LOG)
    text, signature = note.to_bytes().decode().split("\n\n")
    assert text == f"{ORIGIN}\n20852163\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    assert signature.startswith(f"\u2014 {ORIGIN} ")
    assert read_note(note.to_bytes()) == note
    assert verify_checkpoint(note, ORIGIN, LOG.public) == CHECKPOINT


def test_the_known_key_id() -> None:
    # The example key of golang.org/x/mod/sumdb/note.
    text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    name, public, cosigns = read_verifier_key(text)
    assert (name, cosigns) == ("PeterNeumann", False)
    assert verifier_key(name, public) == text
    assert read_verifier_key(witness_key("w", WITNESS.public)) == ("w", WITNESS.public, True)


def test_only_the_logs_own_signature_counts() -> None:
    note = sign_checkpoint(CHECKPOINT, OTHER)
    with pytest.raises(BadSignature, match="not signed by its log"):
        verify_checkpoint(note, ORIGIN, LOG.public)
    good = sign_checkpoint(CHECKPOINT, LOG)
    with pytest.raises(BadSignature, match="came for"):
        verify_checkpoint(good, log_origin(bytes(32), 4), LOG.public)
    moved = read_note(good.to_bytes().replace(b"20852163", b"20852164"))
    with pytest.raises(BadSignature, match="does not verify"):
        verify_checkpoint(moved, ORIGIN, LOG.public)


def test_a_witness_says_when_and_of_which_note() -> None:
    note = sign_checkpoint(CHECKPOINT, LOG)
    line = cosign(note, "witness", WITNESS, 1_700_000_000)
    both = note.with_signatures((line,))
    assert read_note(both.to_bytes()) == both
    assert cosigned_at(both, "witness", WITNESS.public) == 1_700_000_000
    assert cosigned_at(note, "witness", WITNESS.public) is None
    assert cosigned_at(both, "witness", OTHER.public) is None
    other = sign_checkpoint(Checkpoint(ORIGIN, 1, bytes(32)), LOG).with_signatures((line,))
    with pytest.raises(BadSignature):
        cosigned_at(other, "witness", WITNESS.public)


def test_a_cosignature_is_no_signature_of_the_log() -> None:
    note = sign_checkpoint(CHECKPOINT, OTHER)
    line = cosign(note, ORIGIN, LOG, 5)
    with pytest.raises(BadSignature):
        verify_checkpoint(note.with_signatures((line,)), ORIGIN, LOG.public)


def test_a_statement_is_never_signed_as_a_note() -> None:
    with pytest.raises(CryptoError):
        LOG.sign_text(pae("type", b"payload"))


GOOD = sign_checkpoint(CHECKPOINT, LOG).to_bytes()


@given(st.data())
def test_a_note_has_one_way_to_be_written(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(GOOD)))
    cut = data.draw(st.integers(0, 2))
    altered = GOOD[:at] + data.draw(st.binary(max_size=2)) + GOOD[at + cut :]
    try:
        note = read_note(altered)
    except Invalid:
        return
    assert note.to_bytes() == altered


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.replace(b"20852163", b"020852163"),
        lambda raw: raw.replace(b"20852163", b"-1"),
        lambda raw: raw.replace(b"20852163", b"4611686018427387905"),
        lambda raw: raw.replace(b"AAECAw", b"AAEC"),
        lambda raw: raw.replace(b"\n\n", b"\n\n\n"),
        lambda raw: raw.replace(b"\n\n", b"\n\x07\n\n"),
        lambda raw: raw.replace("\u2014".encode(), b"-"),
        lambda raw: raw.rstrip(b"\n"),
        lambda raw: raw + b"\n",
        lambda raw: raw.split("\u2014".encode())[0],
        lambda raw: raw + b"x" * (1 << 16),
        lambda raw: b"\xff" + raw,
    ],
    ids=lambda change: "",
)
def test_a_malformed_note_is_refused(change) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Invalid):
        read_note(change(GOOD))
