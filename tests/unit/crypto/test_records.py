"""What a record is: frozen bytes, one to one, the same whole and streamed."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kms.crypto import records
from kms.crypto.records import CHUNK, Header, RecordError, parse_header
from kms.crypto.sealing import SealingPrivateKey
from kms.crypto.secret import DataKey, Secret
from kms.errors import CryptoError
from tests.reference import records as reference
from tests.unit.crypto.record_readers import READERS, WRITERS
from tests.vectors import drawn, load

VECTORS = load("records")["cases"]
KEY = DataKey(drawn("a record's key", 32))
SIZES = [0, 1, 15, 16, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7, 16 * CHUNK, 33 * CHUNK + 5]
each_reader = pytest.mark.parametrize("reader", READERS)
each_writer = pytest.mark.parametrize("writer", WRITERS)
each_vector = pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])


def a_header(name: str = "a record", version: int = 3) -> Header:
    return Header(
        drawn(name + " id", 32), drawn(name + " ctx", 32), drawn(name + " salt", 32), drawn(name, 16), version
    )


def header_of(case: dict[str, Any]) -> Header:
    commitment, bound = bytes.fromhex(case["context_commitment"]), bytes.fromhex(case["associated_data"])
    return Header(
        key_id=bytes.fromhex(case["key_id"]),
        context_hash=records.context_hash(commitment, bound),
        salt=bytes.fromhex(case["salt"]),
        record_id=bytes.fromhex(case["record_id"]),
        version=case["version"],
        sealed_key=bytes.fromhex(case["sealed_key"]),
    )


@each_writer
@each_vector
def test_frozen_records_are_written_bit_for_bit(case: dict[str, Any], writer: str) -> None:
    plaintext = drawn(case["plaintext_drawn_from"], case["plaintext_size"])
    record = WRITERS[writer](DataKey(bytes.fromhex(case["key"])), header_of(case), plaintext)
    assert len(record) == case["record_size"]
    assert hashlib.sha256(record).hexdigest() == case["record_sha256"]
    assert record.hex() == case.get("record", record.hex())


@each_reader
@each_vector
def test_frozen_records_open(case: dict[str, Any], reader: str) -> None:
    plaintext = drawn(case["plaintext_drawn_from"], case["plaintext_size"])
    fields = reference.Fields(
        key_id=bytes.fromhex(case["key_id"]),
        salt=bytes.fromhex(case["salt"]),
        context_hash=header_of(case).context_hash,
        record_id=bytes.fromhex(case["record_id"]),
        version=case["version"],
        inbox=bool(case["sealed_key"]),
        sealed_key=bytes.fromhex(case["sealed_key"]),
    )
    record = reference.encrypt(bytes.fromhex(case["key"]), fields, plaintext)
    assert hashlib.sha256(record).hexdigest() == case["record_sha256"]
    assert parse_header(record) == header_of(case)
    assert READERS[reader](DataKey(bytes.fromhex(case["key"])), record) == plaintext


@pytest.mark.parametrize("case", [c for c in VECTORS if "inbox_seed" in c], ids=lambda case: case["name"])
def test_a_frozen_content_key_opens_with_the_inbox_s_seed(case: dict[str, Any]) -> None:
    seed = Secret(bytes.fromhex(case["inbox_seed"]))
    assert records.open_content_key(header_of(case), seed).reveal().hex() == case["key"]


@each_writer
@each_reader
@pytest.mark.parametrize("size", SIZES)
def test_what_any_form_writes_any_form_reads(size: int, writer: str, reader: str) -> None:
    plaintext = drawn("plaintext", size)
    assert READERS[reader](KEY, WRITERS[writer](KEY, a_header(), plaintext)) == plaintext


@pytest.mark.parametrize("size", SIZES)
def test_the_streamed_record_is_the_whole_one(size: int) -> None:
    plaintext = drawn("plaintext", size)
    made = {WRITERS[name](KEY, a_header(), plaintext) for name in WRITERS}
    assert len(made) == 1


@settings(max_examples=40)
@given(
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=144, max_size=144),
    st.integers(0, 2**64 - 1),
    st.binary(max_size=200),
)
def test_any_record_is_the_reference_s_and_opens_again(
    key: bytes, field: bytes, version: int, plaintext: bytes
) -> None:
    header = Header(field[:32], field[32:64], field[64:96], field[96:112], version)
    fields = reference.Fields(field[:32], field[64:96], field[32:64], field[96:112], version)
    record = records.encrypt(DataKey(key), header, plaintext)
    assert record == reference.encrypt(key, fields, plaintext)
    assert parse_header(record) == header
    assert records.decrypt(DataKey(key), record) == plaintext


@pytest.mark.parametrize("size", SIZES)
def test_a_record_costs_159_bytes_and_16_for_each_chunk(size: int) -> None:
    record = records.encrypt(KEY, a_header(), bytes(size))
    assert len(record) == size + 159 + 16 * max(1, -(-size // CHUNK))


def test_an_empty_record_is_one_empty_last_chunk() -> None:
    record = records.encrypt(KEY, a_header(), b"")
    assert len(record) == 127 + 32 + 16
    aes_key, commitment = reference.keys(KEY.reveal(), a_header().salt, record[:127])
    assert record[127:159] == commitment
    assert record[159:] == reference.body(aes_key, [b""])


def test_a_stream_that_is_read_from_a_real_pipe_gives_the_same_record() -> None:
    plaintext = drawn("piped", 3 * CHUNK + 100)
    read_end, write_end = os.pipe()

    def feed() -> None:
        with os.fdopen(write_end, "wb", buffering=0) as target:
            for i in range(0, len(plaintext), 1000):
                target.write(plaintext[i : i + 1000])

    feeder = threading.Thread(target=feed)
    feeder.start()
    with os.fdopen(read_end, "rb", buffering=0) as source:
        record = b"".join(records.encrypt_stream(KEY, a_header(), source))
    feeder.join()
    assert record == records.encrypt(KEY, a_header(), plaintext)


def test_reading_a_header_leaves_the_source_right_after_it() -> None:
    record = records.encrypt(KEY, a_header(), b"body")
    source = io.BytesIO(record)
    assert records.read_header(source) == a_header()
    assert source.read() == record[127:]


def test_every_record_has_a_salt_and_an_id_of_its_own() -> None:
    made = [records.new_header(bytes(32), bytes(32)) for _ in range(20)]
    assert len({header.salt for header in made}) == 20
    assert len({header.record_id for header in made}) == 20
    assert len({header.salt[:16] for header in made} | {header.record_id for header in made}) == 40
    given_id = records.new_header(bytes(32), bytes(32), b"0123456789abcdef", 9)
    assert (given_id.record_id, given_id.version) == (b"0123456789abcdef", 9)


def test_one_plaintext_under_two_salts_has_no_bytes_in_common() -> None:
    a, b = (records.encrypt(KEY, a_header(name), bytes(64)) for name in ("one", "two"))
    blocks = [{record[i : i + 4] for i in range(127, len(record), 4)} for record in (a, b)]
    assert not blocks[0] & blocks[1]


@pytest.mark.parametrize("field", ["key_id", "context_hash", "salt", "record_id"])
@pytest.mark.parametrize("by", [-1, 1])
def test_a_header_field_of_another_size_cannot_exist(field: str, by: int) -> None:
    values: dict[str, Any] = dict.fromkeys(("key_id", "context_hash", "salt"), bytes(32))
    values |= {"record_id": bytes(16), "version": 0}
    values[field] = bytes(len(values[field]) + by)
    with pytest.raises(RecordError, match="wrong size"):
        Header(**values)


@pytest.mark.parametrize("version", [-1, 2**64])
def test_a_version_that_is_no_u64_cannot_exist(version: int) -> None:
    with pytest.raises(RecordError, match="wrong size"):
        a_header(version=version)


@pytest.mark.parametrize("size", [1, 32, 1167, 1169])
def test_a_sealed_key_of_another_size_cannot_exist(size: int) -> None:
    with pytest.raises(RecordError, match="1168 bytes"):
        Header(bytes(32), bytes(32), bytes(32), bytes(16), 0, bytes(size))


@settings(max_examples=200)
@given(st.binary(max_size=1400), st.booleans())
def test_any_bytes_are_a_header_with_one_encoding_or_refused(data: bytes, with_magic: bool) -> None:
    data = b"TKR1\x01" + data if with_magic else data
    try:
        header = parse_header(data)
    except RecordError:
        return
    assert data.startswith(header.to_bytes())


def test_a_header_cut_anywhere_is_refused_with_or_without_a_sealed_key() -> None:
    plain, inbox = a_header().to_bytes(), b"TKR1\x01\x01\x10" + bytes(120 + 1168)
    assert parse_header(inbox).sealed_key == bytes(1168)
    for head in (plain, inbox):
        for size in range(len(head)):
            with pytest.raises(RecordError):
                parse_header(head[:size])
            with pytest.raises(RecordError):
                records.read_header(io.BytesIO(head[:size]))


@given(st.binary(min_size=120, max_size=120), st.booleans(), st.binary(max_size=40))
def test_a_well_formed_header_parses_and_serialises_to_itself(
    fields: bytes, inbox: bool, following: bytes
) -> None:
    sealed = (fields * 10)[:1168] if inbox else b""
    data = b"TKR1\x01" + bytes([inbox, 16]) + fields + sealed
    assert parse_header(data + following).to_bytes() == data


def test_context_and_associated_data_are_bound_and_do_not_run_together() -> None:
    assert records.context_hash(b"ab", b"c") == reference.context_hash(b"ab", b"c")
    assert records.context_hash(b"ab", b"c") != records.context_hash(b"a", b"bc")


class TestInbox:
    """A record to an inbox key: anybody may write one, only the inbox's seed opens it."""

    private = SealingPrivateKey(Secret(bytes(range(32))))

    @each_writer
    @each_reader
    @pytest.mark.parametrize("size", [0, 100, CHUNK, 2 * CHUNK + 1])
    def test_opens_by_the_seed_alone(self, size: int, writer: str, reader: str) -> None:
        header, content_key = records.seal_content_key(a_header(), self.private.public)
        record = WRITERS[writer](content_key, header, bytes(size))
        found = records.open_content_key(parse_header(record), self.private.seed)
        assert READERS[reader](found, record) == bytes(size)
        assert len(record) == size + 159 + 1168 + 16 * max(1, -(-size // CHUNK))

    def test_each_record_has_a_content_key_of_its_own(self) -> None:
        made = [records.seal_content_key(a_header(), self.private.public)[1].reveal() for _ in range(5)]
        assert len(set(made)) == 5

    @pytest.mark.parametrize("place", [5, 7, 40, 75, 110, 126, 127, 1246, 1247, 1294])
    def test_a_content_key_does_not_open_under_another_header(self, place: int) -> None:
        header, _ = records.seal_content_key(a_header(), self.private.public)
        changed = bytearray(header.to_bytes())
        changed[place] ^= 1
        with pytest.raises(CryptoError):
            records.open_content_key(parse_header(bytes(changed)), self.private.seed)

    def test_a_content_key_does_not_open_with_another_seed_or_without_one_sealed(self) -> None:
        header, _ = records.seal_content_key(a_header(), self.private.public)
        with pytest.raises(CryptoError, match="does not open"):
            records.open_content_key(header, Secret(bytes(32)))
        with pytest.raises(CryptoError, match="does not open"):
            records.open_content_key(a_header(), self.private.seed)

    def test_a_sealed_key_cannot_be_moved_to_another_record(self) -> None:
        first, _ = records.seal_content_key(a_header("first"), self.private.public)
        second = a_header("second")
        moved = Header(
            second.key_id,
            second.context_hash,
            second.salt,
            second.record_id,
            second.version,
            sealed_key=first.sealed_key,
        )
        with pytest.raises(CryptoError, match="does not open"):
            records.open_content_key(moved, self.private.seed)

    def test_the_inbox_flag_cannot_be_dropped_or_added(self) -> None:
        header, content_key = records.seal_content_key(a_header(), self.private.public)
        record = bytearray(records.encrypt(content_key, header, b"message"))
        record[5] = 0
        with pytest.raises(RecordError):
            records.decrypt(content_key, record)
        plain = bytearray(records.encrypt(KEY, a_header(), bytes(3000)))
        plain[5] = 1
        with pytest.raises(RecordError):
            records.decrypt(KEY, plain)


FORKING = """
import os, signal
from kms.crypto import records
from tests.unit.crypto.test_records import CHUNK, KEY, a_header

plaintext = bytes(20 * CHUNK)
record = records.encrypt(KEY, a_header(), plaintext)  # the worker thread runs in this process now
child = os.fork()
if child == 0:
    signal.alarm(60)  # a child that waits for ever for a thread that it does not have ends
    same = records.encrypt(KEY, a_header(), plaintext) == record and records.decrypt(KEY, record) == plaintext
    os._exit(0 if same else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_still_writes_and_reads_large_records() -> None:
    # In a process of its own: other tests' threads may hold locks here, which a fork would inherit.
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
