"""Nothing about a record can be changed: not a bit, not a boundary, not its end."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from concurrent.futures import wait
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from kms.crypto import records
from kms.crypto.records import CHUNK, TAG, RecordError
from kms.crypto.secret import DataKey
from tests.reference import records as reference
from tests.unit.crypto.record_readers import READERS, Trickle, opened
from tests.vectors import drawn

KEY = DataKey(drawn("a record's key", 32))
HEADER = records.Header(drawn("id", 32), drawn("ctx", 32), drawn("salt", 32), drawn("record", 16), 1)
HEAD = HEADER.to_bytes()
AES_KEY, COMMITMENT = reference.keys(KEY.reveal(), HEADER.salt, HEAD)
FRONT = HEAD + COMMITMENT
SEALED = CHUNK + TAG
SMALL = records.encrypt(KEY, HEADER, drawn("small", 50))
PLAIN = drawn("three chunks", 2 * CHUNK + 500)
RECORD = records.encrypt(KEY, HEADER, PLAIN)
BODY = [RECORD[len(FRONT) + i * SEALED : len(FRONT) + (i + 1) * SEALED] for i in range(3)]
each_reader = pytest.mark.parametrize("reader", READERS)


def sealed(piece: bytes, counter: int, last: bool) -> bytes:
    return AESGCM(AES_KEY).encrypt(reference.nonce(counter, last), piece, b"")


def yielded(record: bytes) -> tuple[bytes, bool]:
    """What a stream hands out of a record, and whether it then says that the record was complete."""
    source, out = opened(Trickle(record)), b""
    try:
        for piece in records.decrypt_stream(KEY, records.read_header(source), source):
            out += piece
    except RecordError:
        return out, False
    return out, True


@pytest.mark.parametrize("reader", READERS)
def test_the_parts_put_together_again_open(reader: str) -> None:
    assert READERS[reader](KEY, FRONT + b"".join(BODY)) == PLAIN
    assert [len(chunk) for chunk in BODY] == [SEALED, SEALED, 500 + TAG]


@settings(max_examples=150)
@given(st.integers(0, 8 * len(SMALL) - 1), st.sampled_from(sorted(READERS)))
def test_one_changed_bit_anywhere_in_header_commitment_or_body_is_refused(bit: int, reader: str) -> None:
    changed = bytearray(SMALL)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(RecordError):
        READERS[reader](KEY, bytes(changed))


@settings(max_examples=30)
@given(st.integers(0, 8 * len(RECORD) - 1), st.sampled_from(sorted(READERS)))
def test_one_changed_bit_anywhere_in_a_long_record_is_refused(bit: int, reader: str) -> None:
    changed = bytearray(RECORD)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(RecordError):
        READERS[reader](KEY, bytes(changed))


@each_reader
def test_every_byte_of_header_and_commitment_counts(reader: str) -> None:
    for place in range(len(FRONT)):
        changed = bytearray(SMALL)
        changed[place] ^= 0x40
        with pytest.raises(RecordError):
            READERS[reader](KEY, bytes(changed))


@each_reader
def test_a_short_record_cut_anywhere_is_refused(reader: str) -> None:
    for size in range(len(SMALL)):
        with pytest.raises(RecordError):
            READERS[reader](KEY, SMALL[:size])


CUTS = sorted(
    {
        len(FRONT) + boundary + by
        for boundary in (0, SEALED, 2 * SEALED, len(RECORD) - len(FRONT))
        for by in (-CHUNK, -TAG - 1, -TAG, -TAG + 1, -1, 0, 1, TAG - 1, TAG, TAG + 1)
        if 0 <= boundary + by < len(RECORD) - len(FRONT)
    }
)


@each_reader
def test_a_long_record_cut_at_or_around_any_chunk_boundary_is_refused(reader: str) -> None:
    for size in CUTS:
        with pytest.raises(RecordError):
            READERS[reader](KEY, RECORD[:size])


@pytest.mark.parametrize("size", CUTS)
def test_a_stream_hands_out_only_a_true_beginning_and_then_says_that_the_tail_is_missing(size: int) -> None:
    out, complete = yielded(RECORD[:size])
    assert PLAIN.startswith(out)
    assert len(out) % CHUNK == 0
    assert not complete


@each_reader
@pytest.mark.parametrize("extra", [b"\0", bytes(15), bytes(16), bytes(17), bytes(SEALED), RECORD])
@pytest.mark.parametrize(
    "record", [SMALL, RECORD, FRONT + sealed(b"", 0, True)], ids=["small", "long", "empty"]
)
def test_bytes_after_the_end_are_refused(record: bytes, extra: bytes, reader: str) -> None:
    with pytest.raises(RecordError):
        READERS[reader](KEY, record + extra)


REARRANGED: dict[str, Sequence[bytes]] = {
    "first two swapped": [BODY[1], BODY[0], BODY[2]],
    "last moved to the front": [BODY[2], BODY[0], BODY[1]],
    "last two swapped": [BODY[0], BODY[2], BODY[1]],
    "first dropped": BODY[1:],
    "middle dropped": [BODY[0], BODY[2]],
    "last dropped": BODY[:2],
    "only the last": BODY[2:],
    "first doubled": [BODY[0], BODY[0], BODY[1], BODY[2]],
    "middle doubled": [BODY[0], BODY[1], BODY[1], BODY[2]],
    "last doubled": [*BODY, BODY[2]],
    "first in place of the second": [BODY[0], BODY[0], BODY[2]],
    "all doubled": [*BODY, *BODY],
    "none": [],
}


@each_reader
@pytest.mark.parametrize("name", REARRANGED)
def test_chunks_cannot_be_moved_dropped_or_doubled(name: str, reader: str) -> None:
    with pytest.raises(RecordError):
        READERS[reader](KEY, FRONT + b"".join(REARRANGED[name]))


FIRST, SECOND, TAIL = PLAIN[:CHUNK], PLAIN[CHUNK : 2 * CHUNK], PLAIN[2 * CHUNK :]

# Made with the right key: what a careless or malicious writer might hand out as a record.
MISFORMED: dict[str, Sequence[bytes]] = {
    "no chunk is the last": [sealed(FIRST, 0, False), sealed(SECOND, 1, False), sealed(TAIL, 2, False)],
    "one chunk, not the last": [sealed(b"alone", 0, False)],
    "the last flag on the first": [sealed(FIRST, 0, True), sealed(SECOND, 1, False), sealed(TAIL, 2, False)],
    "the last flag twice": [sealed(FIRST, 0, True), sealed(TAIL, 1, True)],
    "counting from one": [sealed(FIRST, 1, False), sealed(TAIL, 2, True)],
    "a counter twice": [sealed(FIRST, 0, False), sealed(SECOND, 0, False), sealed(TAIL, 1, True)],
    "a counter left out": [sealed(FIRST, 0, False), sealed(TAIL, 2, True)],
    "an empty last chunk after a full one": [sealed(FIRST, 0, False), sealed(b"", 1, True)],
    "a short chunk in the middle": [sealed(FIRST[:-1], 0, False), sealed(TAIL, 1, True)],
    "an empty chunk first": [sealed(b"", 0, False), sealed(TAIL, 1, True)],
    "a chunk one byte too long": [sealed(FIRST + b"\0", 0, True)],
    "two chunks' worth in one": [sealed(FIRST + SECOND, 0, True)],
    "another nonce size's counter": [
        AESGCM(AES_KEY).encrypt((0).to_bytes(8, "big") + b"\0\0\0\1", TAIL[:1], b"x")
    ],
}


@each_reader
@pytest.mark.parametrize("name", MISFORMED)
def test_a_body_of_another_form_is_refused_though_every_chunk_is_authentic(name: str, reader: str) -> None:
    with pytest.raises(RecordError):
        READERS[reader](KEY, FRONT + b"".join(MISFORMED[name]))


@each_reader
def test_chunks_of_another_record_under_the_same_key_do_not_fit(reader: str) -> None:
    other = records.encrypt(KEY, records.new_header(HEADER.key_id, HEADER.context_hash), PLAIN)
    for i in range(3):
        mixed = [other[len(FRONT) + k * SEALED :][:SEALED] if k == i else BODY[k] for k in range(3)]
        with pytest.raises(RecordError):
            READERS[reader](KEY, FRONT + b"".join(mixed))
    with pytest.raises(RecordError):
        READERS[reader](KEY, HEAD + other[len(HEAD) :])


def test_old_and_new_versions_of_a_record_cannot_be_passed_for_each_other() -> None:
    newer = records.Header(HEADER.key_id, HEADER.context_hash, HEADER.salt, HEADER.record_id, 2)
    with pytest.raises(RecordError):
        records.decrypt(KEY, newer.to_bytes() + SMALL[len(HEAD) :])


def test_a_header_that_is_not_the_record_s_own_is_refused() -> None:
    newer = records.Header(HEADER.key_id, HEADER.context_hash, HEADER.salt, HEADER.record_id, 2)
    relabelled = newer.to_bytes() + SMALL[len(HEAD) :]
    with pytest.raises(RecordError, match="not the one of this record"):
        records.decrypt(KEY, relabelled, HEADER)
    with pytest.raises(RecordError, match="not the one of this record"):
        records.decrypt(KEY, SMALL, newer)


@pytest.mark.parametrize(
    ("place", "values"),
    [
        (0, [0, ord("t")]),
        (3, [ord("0"), ord("2")]),
        (4, [0, 2, 255]),
        (5, [2, 3, 4, 0x80, 0x81, 0xFF]),
        (6, [0, 12, 15, 17, 255]),
    ],
    ids=["magic", "format", "suite", "flags", "chunk size"],
)
def test_an_unknown_magic_suite_flag_or_chunk_size_is_refused_even_if_authentic(
    place: int, values: list[int]
) -> None:
    for value in values:
        head = bytearray(HEAD)
        head[place] = value
        aes_key, commitment = reference.keys(KEY.reveal(), HEADER.salt, bytes(head))
        record = bytes(head) + commitment + reference.body(aes_key, [b"text"])
        for reader in READERS.values():
            with pytest.raises(RecordError, match=r"not a record|unknown suite|ends inside"):
                reader(KEY, record)


@each_reader
def test_another_key_is_refused_by_the_commitment(reader: str) -> None:
    with pytest.raises(RecordError, match="the key is not the one"):
        READERS[reader](DataKey(bytes(32)), RECORD)


@each_reader
def test_nothing_is_decrypted_before_the_commitment_is_compared(
    reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Untouchable:
        def __init__(self, key: bytes) -> None:
            self.key = key

        def __getattr__(self, name: str) -> object:
            raise AssertionError(f"{name} was called before the commitment was compared")

    monkeypatch.setattr("kms.crypto.records.AESGCM", Untouchable)
    forged = bytearray(RECORD)
    forged[len(HEAD)] ^= 1
    with pytest.raises(RecordError, match="the key is not the one"):
        READERS[reader](KEY, bytes(forged))
    with pytest.raises(AssertionError, match="was called"):
        READERS[reader](KEY, RECORD)


@each_reader
def test_the_commitment_is_compared_in_constant_time(reader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def recording(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return a == b

    monkeypatch.setattr("kms.crypto.records.equal", recording)
    READERS[reader](KEY, SMALL)
    assert compared == [(COMMITMENT, COMMITMENT)]


LONG = records.encrypt(KEY, HEADER, bytes(20 * CHUNK))


@each_reader
def test_a_changed_bit_in_any_chunk_of_a_record_that_two_threads_share_is_refused(reader: str) -> None:
    for chunk in range(20):
        changed = bytearray(LONG)
        changed[len(FRONT) + chunk * SEALED + 1000] ^= 1
        with pytest.raises(RecordError, match="altered"):
            READERS[reader](KEY, bytes(changed))


def test_an_error_goes_up_only_when_both_threads_have_left_the_buffer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited, left = threading.Event(), threading.Event()

    class Slow:
        def __init__(self, key: bytes) -> None:
            self.real = AESGCM(key)

        def decrypt_into(self, nonce: bytes, data: memoryview, associated: None, buffer: memoryview) -> int:
            if not any(nonce):  # the first chunk, in the other thread, lasts until somebody waits for it
                waited.wait()
                left.set()
            return self.real.decrypt_into(nonce, data, associated, buffer)

    def announcing(futures: Any) -> Any:
        waited.set()
        return wait(futures)

    changed = bytearray(LONG)
    changed[-1] ^= 1
    monkeypatch.setattr("kms.crypto.records.AESGCM", Slow)
    monkeypatch.setattr("kms.crypto.records.wait", announcing)
    try:
        with pytest.raises(RecordError, match="altered"):
            records.decrypt(KEY, changed)
        assert left.is_set()
    finally:
        waited.set()


def test_an_error_says_nothing_of_key_or_plaintext() -> None:
    changed = bytearray(SMALL)
    changed[-1] ^= 1
    with pytest.raises(RecordError) as caught:
        records.decrypt(KEY, changed)
    assert caught.value.__cause__ is None
    assert (caught.value.reason, caught.value.status) == ("RECORD_INVALID", "DATA_LOSS")
    assert str(caught.value) == "the record was altered, cut short or extended"


def test_a_source_that_ends_at_once_is_no_record() -> None:
    with pytest.raises(RecordError, match="not a record"):
        records.read_header(io.BytesIO(b""))
    with pytest.raises(RecordError, match="not a record"):
        records.parse_header(b"")
