"""The control does its cryptography properly: what it exposes is the design's fault, not a mistake's."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms.dev.envelope_control import KeyProcess, ServerSideEnvelope
from kms.dev.needles import Needles, Secrets
from kms.errors import CryptoError


@given(record=st.binary(max_size=5000), record_id=st.text(max_size=40))
def test_record_comes_back_through_the_stored_form(record: bytes, record_id: str) -> None:
    keys = KeyProcess()
    stored = ServerSideEnvelope.encrypt(record, record_id, keys.generate_data_key()).to_bytes()
    envelope = ServerSideEnvelope.from_bytes(stored)
    assert envelope.decrypt(record_id, keys.unwrap(envelope.wrapped_key)) == record


def test_stored_form_holds_neither_record_nor_key() -> None:
    key = KeyProcess().generate_data_key()
    record = b'{"resourceType":"Patient","name":"Jarmila"}'
    stored = ServerSideEnvelope.encrypt(record, "r-1", key).to_bytes()
    needles = Needles(Secrets(texts=frozenset([record.decode()]), data_keys=frozenset([key.plaintext])))
    assert needles.search(stored) == frozenset()
    assert needles.search(record + key.plaintext) != frozenset()


def test_every_record_has_a_key_and_a_nonce_of_its_own() -> None:
    keys = KeyProcess()
    made = [keys.generate_data_key() for _ in range(50)]
    assert len({key.plaintext for key in made}) == len({key.wrapped for key in made}) == 50
    sealed = {ServerSideEnvelope.encrypt(b"same", "same", made[0]).sealed for _ in range(50)}
    assert len(sealed) == 50


def test_key_of_another_key_process_does_not_unwrap() -> None:
    wrapped = KeyProcess().generate_data_key().wrapped
    with pytest.raises(CryptoError, match="master key"):
        KeyProcess().unwrap(wrapped)


def test_key_process_with_the_same_master_key_unwraps_after_a_restart() -> None:
    master = os.urandom(32)
    key = KeyProcess(master).generate_data_key()
    assert KeyProcess(master).unwrap(key.wrapped) == key.plaintext


def test_altered_record_or_another_id_does_not_open() -> None:
    key = KeyProcess().generate_data_key()
    envelope = ServerSideEnvelope.encrypt(b"a record", "r-1", key)
    with pytest.raises(CryptoError):
        envelope.decrypt("r-2", key.plaintext)
    altered = bytearray(envelope.to_bytes())
    altered[-1] ^= 1
    with pytest.raises(CryptoError):
        ServerSideEnvelope.from_bytes(bytes(altered)).decrypt("r-1", key.plaintext)


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused(stored: bytes) -> None:
    for candidate in (stored, b"TKE1" + stored[:30]):
        with pytest.raises(CryptoError):
            ServerSideEnvelope.from_bytes(candidate)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_master_and_wrapped_keys_of_another_length_are_refused(length: int) -> None:
    with pytest.raises(CryptoError, match="32 bytes"):
        KeyProcess(bytes(length))
    with pytest.raises(CryptoError, match="60 bytes"):
        KeyProcess().unwrap(bytes(length))


def test_data_key_shows_nothing_of_itself_in_its_repr() -> None:
    key = KeyProcess().generate_data_key()
    assert repr(key.plaintext) not in repr(key)
