"""Streams run in constant memory: 64 MiB go through while a few chunks are held."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from itertools import repeat

import pytest

from kms.crypto import records
from kms.crypto.records import CHUNK
from kms.crypto.secret import DataKey
from tests.unit.crypto.record_readers import Joined, opened

KEY = DataKey(bytes(32))
HEADER = records.Header(bytes(32), bytes(32), bytes(32), bytes(16), 0)
BLOCK = bytes(CHUNK)


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def through(size: int) -> tuple[int, int]:
    """(plaintext bytes that came out, peak of traced memory) of writing and reading back `size` bytes."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    plain = Joined(repeat(BLOCK, size // CHUNK))
    record = Joined(records.encrypt_stream(KEY, HEADER, opened(plain)))
    header = records.read_header(opened(record))
    total = sum(map(len, records.decrypt_stream(KEY, header, opened(record))))
    return total, tracemalloc.get_traced_memory()[1] - before


@pytest.mark.usefixtures("traced")
def test_64_mib_are_written_and_read_back_within_one_mib() -> None:
    total, peak = through(64 << 20)
    assert total == 64 << 20
    assert peak < 1 << 20


@pytest.mark.usefixtures("traced")
def test_memory_does_not_grow_with_the_record() -> None:
    through(1 << 20)  # what is allocated once only
    _, small = through(1 << 20)
    _, large = through(16 << 20)
    assert large < small + CHUNK


@pytest.mark.usefixtures("traced")
def test_the_measure_would_see_a_whole_record_in_memory() -> None:
    tracemalloc.reset_peak()
    records.encrypt(KEY, HEADER, io.BytesIO(bytes(2 << 20)).read())
    assert tracemalloc.get_traced_memory()[1] > 2 << 20
