"""The host keeps the records, and cuts: it truncates, reorders, repeats and extends them chunk by chunk.

Every chunk of AES-GCM is authentic by itself. A format whose chunks do not say where they stand and which is
the last lets the host drop the end of a medication list, or put last year's page into this year's record, and
the reader sees a record that verifies.
"""

from __future__ import annotations

import io
import secrets

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kms.crypto import records
from kms.crypto.records import CHUNK, TAG, RecordError
from kms.crypto.secret import DataKey

KEY = bytes(range(32))
PAGES = [bytes([letter]) * CHUNK for letter in b"ABC"] + [b"allergic to penicillin"]
TEXT = b"".join(PAGES)
NAIVE_CHUNK = 12 + CHUNK + TAG


class NaiveFormat:
    """Chunks of AES-GCM, each under a random nonce of its own in front of it; the file's end is the end."""

    def write(self, text: bytes) -> bytes:
        return b"".join(
            (nonce := secrets.token_bytes(12)) + AESGCM(KEY).encrypt(nonce, text[i : i + CHUNK], None)
            for i in range(0, len(text), CHUNK)
        )

    def read(self, record: bytes) -> bytes:
        chunks = [record[i : i + NAIVE_CHUNK] for i in range(0, len(record), NAIVE_CHUNK)]
        return b"".join(AESGCM(KEY).decrypt(chunk[:12], chunk[12:], None) for chunk in chunks)


class CountingFormat:
    """Better: the nonce counts the chunks. Still nothing says which one is the last."""

    def write(self, text: bytes) -> bytes:
        pieces = [text[i : i + CHUNK] for i in range(0, len(text), CHUNK)]
        return b"".join(AESGCM(KEY).encrypt(n.to_bytes(12, "big"), p, None) for n, p in enumerate(pieces))

    def read(self, record: bytes) -> bytes:
        size = CHUNK + TAG
        chunks = [record[i : i + size] for i in range(0, len(record), size)]
        return b"".join(AESGCM(KEY).decrypt(n.to_bytes(12, "big"), c, None) for n, c in enumerate(chunks))


def refused(front: bytes, chunks: list[bytes]) -> None:
    """Both readers of the record format refuse these chunks."""
    record = front + b"".join(chunks)
    with pytest.raises(RecordError):
        records.decrypt(DataKey(KEY), record)
    source = io.BytesIO(record)
    with pytest.raises(RecordError):
        list(records.decrypt_stream(DataKey(KEY), records.read_header(source), source))


@pytest.fixture
def ours() -> tuple[bytes, list[bytes]]:
    """What stands in front of the chunks, and the chunks."""
    header = records.new_header(bytes(32), bytes(32))
    record = records.encrypt(DataKey(KEY), header, TEXT)
    front = len(header.to_bytes()) + 32
    size = CHUNK + TAG
    chunks = [record[i : i + size] for i in range(front, len(record), size)]
    assert records.decrypt(DataKey(KEY), record[:front] + b"".join(chunks)) == TEXT
    return record[:front], chunks


def naive_chunks() -> list[bytes]:
    record = NaiveFormat().write(TEXT)
    assert NaiveFormat().read(record) == TEXT
    return [record[i : i + NAIVE_CHUNK] for i in range(0, len(record), NAIVE_CHUNK)]


def test_dropping_the_end_works_on_naive_chunks() -> None:
    assert NaiveFormat().read(b"".join(naive_chunks()[:3])) == b"".join(PAGES[:3])
    counted = CountingFormat().write(TEXT)
    assert CountingFormat().read(counted) == TEXT
    assert CountingFormat().read(counted[: 3 * (CHUNK + TAG)]) == b"".join(PAGES[:3])


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_dropping_the_end_of_a_record_is_refused(ours: tuple[bytes, list[bytes]], kept: int) -> None:
    front, chunks = ours
    refused(front, chunks[:kept])


@pytest.mark.parametrize("into", [1, TAG - 1, TAG, TAG + 1, 20])
def test_cutting_inside_the_last_chunk_is_refused(ours: tuple[bytes, list[bytes]], into: int) -> None:
    front, chunks = ours
    refused(front, [*chunks[:3], chunks[3][:into]])


def test_a_stream_that_was_cut_never_ends_as_if_it_were_whole(ours: tuple[bytes, list[bytes]]) -> None:
    front, chunks = ours
    source = io.BytesIO(front + b"".join(chunks[:3]))
    pieces = records.decrypt_stream(DataKey(KEY), records.read_header(source), source)
    assert [next(pieces), next(pieces)] == PAGES[:2]
    with pytest.raises(RecordError):
        next(pieces)


def test_reordering_works_on_naive_chunks() -> None:
    a, b, c, d = naive_chunks()
    assert NaiveFormat().read(b + a + c + d) == PAGES[1] + PAGES[0] + PAGES[2] + PAGES[3]


def test_reordering_a_record_is_refused(ours: tuple[bytes, list[bytes]]) -> None:
    front, (a, b, c, d) = ours
    refused(front, [b, a, c, d])
    refused(front, [a, c, b, d])


def test_repeating_and_leaving_out_work_on_naive_chunks() -> None:
    a, b, c, d = naive_chunks()
    assert NaiveFormat().read(a + a + b + c + d) == PAGES[0] + TEXT
    assert NaiveFormat().read(a + c + d) == PAGES[0] + PAGES[2] + PAGES[3]


def test_repeating_or_leaving_out_chunks_of_a_record_is_refused(ours: tuple[bytes, list[bytes]]) -> None:
    front, (a, b, c, d) = ours
    refused(front, [a, a, b, c, d])
    refused(front, [a, c, d])
    refused(front, [b, c, d])
    refused(front, [a, b, c, d, d])


def test_extending_works_on_naive_chunks() -> None:
    extended = b"".join(naive_chunks()[:3]) + NaiveFormat().write(b"and to nothing else")
    assert NaiveFormat().read(extended) == b"".join(PAGES[:3]) + b"and to nothing else"


def test_extending_a_record_by_a_chunk_of_another_is_refused(ours: tuple[bytes, list[bytes]]) -> None:
    front, chunks = ours
    header = records.new_header(bytes(32), bytes(32))
    other = records.encrypt(DataKey(KEY), header, TEXT[: 3 * CHUNK] + b"and to nothing else")
    last = other[len(front) + 3 * (CHUNK + TAG) :]
    refused(front, [*chunks, last])
    refused(front, [*chunks[:3], last])
    refused(front, [*chunks, b"\0"])


def test_splicing_two_versions_works_on_naive_chunks_and_is_refused_here(
    ours: tuple[bytes, list[bytes]],
) -> None:
    old_page = NaiveFormat().write(b"Z" * CHUNK)
    a, _, c, d = naive_chunks()
    assert NaiveFormat().read(a + old_page + c + d) == PAGES[0] + b"Z" * CHUNK + PAGES[2] + PAGES[3]
    front, chunks = ours
    header = records.parse_header(front)
    older = records.Header(
        header.key_id, header.context_hash, header.salt, header.record_id, header.version + 1
    )
    record = records.encrypt(DataKey(KEY), older, TEXT)
    page = record[len(front) + CHUNK + TAG :][: CHUNK + TAG]
    refused(front, [chunks[0], page, *chunks[2:]])
