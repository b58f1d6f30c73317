"""The record format: what a device hands to the host.

    magic "TKR1" | suite u8 | flags u8 | chunk size log2 u8 | key id 32 | salt 32 | context hash 32
    | record id 16 | version u64be | sealed content key (1168, inbox keys only) | commitment 32 | chunks

Chunks are AES-256-GCM over 64 KiB of plaintext each, nonce = u88be counter || last-flag, so that none can be
dropped, moved or added (the STREAM construction: Hoang, Reyhanitabar, Rogaway, Vizár 2015). The key is
derived from the header's hash, so the header needs no further authentication, and the commitment is compared
before anything is decrypted: one ciphertext cannot open to two plaintexts under two keys (invisible
salamanders: Dodis, Grubbs, Ristenpart, Woodage 2018).
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kms.crypto import labels, sealing
from kms.crypto.hashing import H, equal, hkdf
from kms.crypto.secret import DataKey, Secret
from kms.errors import CryptoError

MAGIC: Final = b"TKR1"
CHUNK_LOG2: Final = 16
CHUNK: Final = 1 << CHUNK_LOG2
TAG: Final = 16
FLAG_INBOX: Final = 1
FIXED_HEADER: Final = 127
SEALED_KEY: Final = sealing.ENCAPSULATION_SIZE + 32 + sealing.TAG_SIZE
COMMITMENT: Final = 32
_PREFIX: Final = MAGIC + bytes([labels.SUITE_1])
_PARALLEL_CHUNKS: Final = 16
_worker = ThreadPoolExecutor(1, thread_name_prefix="records")


def _renew_worker() -> None:
    # A forked child inherits the pool but not its thread, and would wait for it for ever.
    global _worker  # noqa: PLW0603
    _worker = ThreadPoolExecutor(1, thread_name_prefix="records")


os.register_at_fork(after_in_child=_renew_worker)


class RecordError(CryptoError):
    """The record is malformed, altered, cut short, extended, or not of this key."""

    status, reason = "DATA_LOSS", "RECORD_INVALID"


@dataclass(frozen=True, slots=True)
class Header:
    """A record's header. `sealed_key` is empty, or 1168 bytes for a record to an inbox key."""

    key_id: bytes
    context_hash: bytes
    salt: bytes
    record_id: bytes
    version: int
    sealed_key: bytes = b""

    def __post_init__(self) -> None:
        sizes = (len(self.key_id), len(self.context_hash), len(self.salt), len(self.record_id))
        if sizes != (32, 32, 32, 16) or not 0 <= self.version < 1 << 64:
            raise RecordError("a record header's field has the wrong size")
        if len(self.sealed_key) not in (0, SEALED_KEY):
            raise RecordError("a sealed content key must be 1168 bytes")

    def to_bytes(self) -> bytes:
        return self.fixed_bytes(bool(self.sealed_key)) + self.sealed_key

    def fixed_bytes(self, inbox: bool) -> bytes:
        """The first 127 bytes: all but a sealed content key."""
        return b"".join(
            (
                _PREFIX,
                bytes((FLAG_INBOX if inbox else 0, CHUNK_LOG2)),
                self.key_id,
                self.salt,
                self.context_hash,
                self.record_id,
                self.version.to_bytes(8, "big"),
            )
        )


def parse_header(data: bytes | bytearray | memoryview) -> Header:
    """The header at the start of `data`; RecordError if it is not a record of suite 1."""
    fixed = bytes(data[:FIXED_HEADER])
    if len(fixed) < FIXED_HEADER or fixed[:4] != MAGIC:
        raise RecordError("not a record: it does not start with a TKR1 header")
    suite, flags, log2 = fixed[4:7]
    if suite != labels.SUITE_1 or flags & ~FLAG_INBOX or log2 != CHUNK_LOG2:
        raise RecordError("a record of an unknown suite, flag or chunk size: a newer client may read it")
    sealed = bytes(data[FIXED_HEADER : FIXED_HEADER + SEALED_KEY]) if flags & FLAG_INBOX else b""
    if flags & FLAG_INBOX and len(sealed) != SEALED_KEY:
        raise RecordError("the record ends inside its header")
    return Header(
        key_id=fixed[7:39],
        salt=fixed[39:71],
        context_hash=fixed[71:103],
        record_id=fixed[103:119],
        version=int.from_bytes(fixed[119:127], "big"),
        sealed_key=sealed,
    )


def context_hash(commitment: bytes, associated_data: bytes) -> bytes:
    """Binds the key's context (by its commitment) and the caller's own data into the header."""
    return H(labels.RECORD_CONTEXT, commitment, associated_data)


def new_header(key_id: bytes, context_digest: bytes, record_id: bytes = b"", version: int = 0) -> Header:
    """A header with fresh salt, and a random record id unless one is given."""
    random = secrets.token_bytes(48)
    return Header(key_id, context_digest, random[:32], record_id or random[32:], version)


def seal_content_key(header: Header, inbox_public_key: bytes) -> tuple[Header, DataKey]:
    """The header of a record to an inbox key, and the fresh content key that is sealed in it."""
    content_key = secrets.token_bytes(32)
    info = H(labels.SEAL_INBOX, header.key_id, header.fixed_bytes(inbox=True))
    sealed = sealing.seal(inbox_public_key, info, content_key)
    return replace(header, sealed_key=sealed), DataKey(content_key)


def open_content_key(header: Header, seed: Secret) -> DataKey:
    """The content key of a record to an inbox key, by the inbox's seed."""
    info = H(labels.SEAL_INBOX, header.key_id, header.fixed_bytes(inbox=True))
    return DataKey(sealing.SealingPrivateKey(seed).open(info, header.sealed_key))


def _keys(key: DataKey, header: Header, header_bytes: bytes) -> tuple[AESGCM, bytes]:
    info = labels.HKDF_RECORD + hashlib.sha256(header_bytes).digest()
    okm = hkdf(header.salt, key.reveal(), info, 64)
    return AESGCM(okm[:32]), okm[32:]


def _nonce(counter: int, last: bool) -> bytes:
    return (counter << 8 | last).to_bytes(12, "big")


def encrypt(key: DataKey, header: Header, plaintext: bytes | bytearray | memoryview) -> bytes:
    """The whole record. Overhead: 159 bytes and 16 per started 64 KiB (1168 more to an inbox key)."""
    head = header.to_bytes()
    aead, commitment = _keys(key, header, head)
    size = len(plaintext)
    if size <= CHUNK:
        return b"".join((head, commitment, aead.encrypt(_nonce(0, True), plaintext, None)))
    chunks = -(-size // CHUNK)
    out = _Output(len(head) + COMMITMENT + size + TAG * chunks)
    with out.view() as target, memoryview(plaintext) as source:
        body = len(head) + COMMITMENT
        target[:body] = head + commitment

        def encrypt_some(numbers: range) -> None:
            for n in numbers:
                piece = source[n * CHUNK : (n + 1) * CHUNK]
                start = body + n * (CHUNK + TAG)
                aead.encrypt_into(
                    _nonce(n, n == chunks - 1), piece, None, target[start : start + len(piece) + TAG]
                )

        _share_out(chunks, encrypt_some)
    return out.take()


def decrypt(key: DataKey, record: bytes | bytearray | memoryview, header: Header | None = None) -> bytes:
    """The plaintext of a whole record; RecordError on any doubt. `header` is its own, if already parsed."""
    view = memoryview(record)
    header = header or parse_header(view)
    head = header.to_bytes()
    if view[: len(head)] != head:
        raise RecordError("the header is not the one of this record")
    aead, commitment = _keys(key, header, head)
    body = len(head) + COMMITMENT
    if not equal(bytes(view[len(head) : body]), commitment):
        raise RecordError("the key is not the one that this record was written with")
    size = len(view) - body
    chunks = max(1, -(-size // (CHUNK + TAG)))
    last = size - (chunks - 1) * (CHUNK + TAG)
    if last < TAG or (chunks > 1 and last == TAG):
        raise RecordError("the record is cut short")
    try:
        if chunks == 1:
            return aead.decrypt(_nonce(0, True), view[body:], None)
        out = _Output(size - chunks * TAG)
        with out.view() as target:

            def decrypt_some(numbers: range) -> None:
                for n in numbers:
                    piece = view[body + n * (CHUNK + TAG) : body + (n + 1) * (CHUNK + TAG)]
                    start = n * CHUNK
                    aead.decrypt_into(
                        _nonce(n, n == chunks - 1), piece, None, target[start : start + len(piece) - TAG]
                    )

            _share_out(chunks, decrypt_some)
    except InvalidTag:
        raise RecordError("the record was altered, cut short or extended") from None
    return out.take()


def _share_out(chunks: int, work: Callable[[range], None]) -> None:
    """Run `work` over all chunk numbers, on two threads if there are many: the cipher releases the lock."""
    if chunks < _PARALLEL_CHUNKS:
        work(range(chunks))
        return
    half = chunks // 2
    other = _worker.submit(work, range(half))
    try:
        work(range(half, chunks))
    finally:
        wait([other])  # the buffer is released only after both have left it
    other.result()


class _Output:
    """A bytes object that is filled in place: BytesIO takes it over and hands it out uncopied."""

    def __init__(self, size: int) -> None:
        self._buffer = io.BytesIO(bytes(size))

    def view(self) -> memoryview:
        return self._buffer.getbuffer()

    def take(self) -> bytes:
        return self._buffer.getvalue()


def encrypt_stream(key: DataKey, header: Header, source: BinaryIO) -> Iterator[bytes]:
    """The record in pieces of about 64 KiB, in constant memory."""
    head = header.to_bytes()
    aead, commitment = _keys(key, header, head)
    yield head + commitment
    piece = _read_full(source, CHUNK)
    counter = 0
    while True:
        following = _read_full(source, CHUNK) if len(piece) == CHUNK else b""
        yield aead.encrypt(_nonce(counter, not following), piece, None)
        if not following:
            return
        piece, counter = following, counter + 1


def read_header(source: BinaryIO) -> Header:
    """Read a header off a stream; RecordError if there is none."""
    fixed = _read_full(source, FIXED_HEADER)
    inbox = len(fixed) == FIXED_HEADER and fixed[5] & FLAG_INBOX
    return parse_header(fixed + (_read_full(source, SEALED_KEY) if inbox else b""))


def decrypt_stream(key: DataKey, header: Header, source: BinaryIO) -> Iterator[bytes]:
    """Plaintext in pieces of 64 KiB, in constant memory; `source` stands right after the header.

    Each piece is authentic and in its place when it is yielded, but only the end of the iteration says that
    the record is complete: a missing tail raises RecordError then.
    """
    aead, commitment = _keys(key, header, header.to_bytes())
    if not equal(_read_full(source, COMMITMENT), commitment):
        raise RecordError("the key is not the one that this record was written with")
    piece = _read_full(source, CHUNK + TAG)
    counter = 0
    while True:
        following = _read_full(source, CHUNK + TAG) if len(piece) == CHUNK + TAG else b""
        try:
            plain = aead.decrypt(_nonce(counter, not following), piece, None)
        except InvalidTag:
            raise RecordError("the record was altered, cut short or extended") from None
        if not plain and counter:
            raise RecordError("the record ends in an empty chunk")
        if plain:
            yield plain
        if not following:
            return
        piece, counter = following, counter + 1


def _read_full(source: BinaryIO, size: int) -> bytes:
    """Up to `size` bytes, fewer only at the end: a pipe's short read must not look like the last chunk."""
    data = source.read(size)
    if len(data) in (0, size):
        return data
    parts = [data]
    have = len(data)
    while have < size and (more := source.read(size - have)):
        parts.append(more)
        have += len(more)
    return b"".join(parts)
