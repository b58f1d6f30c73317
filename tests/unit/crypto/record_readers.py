"""Every way in which a record is read and written, in one shape, so that all are held to one claim."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from random import Random
from typing import BinaryIO, cast

from kms.crypto import records
from kms.crypto.records import Header
from kms.crypto.secret import DataKey

Reader = Callable[[DataKey, bytes], bytes]
Writer = Callable[[DataKey, Header, bytes], bytes]


class Trickle(io.RawIOBase):
    """A source whose reads come back short, as a pipe's or a socket's do."""

    def __init__(self, data: bytes, seed: int = 0) -> None:
        self._data, self._at, self._random = data, 0, Random(seed)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        piece = self._data[self._at : self._at + self._random.randint(1, max(1, size))]
        self._at += len(piece)
        return piece


class Joined(io.RawIOBase):
    """A source over pieces that are made as they are asked for: holds one piece at a time."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces, self._rest = iter(pieces), b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if not self._rest:
            self._rest = next(self._pieces, b"")
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece


def opened(source: io.RawIOBase) -> BinaryIO:
    """What typing calls a binary file; RawIOBase is one in all but name."""
    return cast(BinaryIO, source)


def read_stream(key: DataKey, source: BinaryIO) -> bytes:
    """All plaintext of a stream."""
    header = records.read_header(source)
    return b"".join(records.decrypt_stream(key, header, source))


def parsed_first(key: DataKey, record: bytes) -> bytes:
    return records.decrypt(key, record, records.parse_header(record))


READERS: dict[str, Reader] = {
    "whole": records.decrypt,
    "whole, header parsed before": parsed_first,
    "whole, from a memoryview": lambda key, record: records.decrypt(key, memoryview(record)),
    "stream": lambda key, record: read_stream(key, io.BytesIO(record)),
    "stream in short reads": lambda key, record: read_stream(key, opened(Trickle(record))),
}

WRITERS: dict[str, Writer] = {
    "whole": records.encrypt,
    "whole, from a bytearray": lambda key, header, data: records.encrypt(key, header, bytearray(data)),
    "stream": lambda key, header, data: b"".join(records.encrypt_stream(key, header, io.BytesIO(data))),
    "stream in short reads": lambda key, header, data: b"".join(
        records.encrypt_stream(key, header, opened(Trickle(data)))
    ),
}
