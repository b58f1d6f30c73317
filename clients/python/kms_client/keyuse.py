"""A key at work: which header and content key a record gets, and which key opens a record."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from kms.crypto import records
from kms.crypto.hashing import equal
from kms.crypto.records import Header, RecordError
from kms.crypto.secret import DataKey
from kms.errors import Invalid
from kms.statements.keys import Descriptor, KeySpec
from kms_client.cache import OpenKey


def header_for(
    key: OpenKey, associated_data: bytes, record_id: bytes = b"", version: int = 0
) -> tuple[Header, DataKey]:
    """A fresh header, and the key that its record is encrypted with."""
    descriptor = key.descriptor
    digest = records.context_hash(descriptor.core.context_commitment, associated_data)
    header = records.new_header(key.key_id, digest, record_id, version)
    if descriptor.core.spec is KeySpec.INBOX:
        return records.seal_content_key(header, descriptor.public_key)
    return header, DataKey(key.secret.reveal())


def header_to(inbox: Descriptor, associated_data: bytes, record_id: bytes) -> tuple[Header, DataKey]:
    """The same by an inbox key's public description alone."""
    if inbox.core.spec is not KeySpec.INBOX:
        raise Invalid("only an inbox key can be written to by its description", reason="NOT_AN_INBOX")
    digest = records.context_hash(inbox.core.context_commitment, associated_data)
    return records.seal_content_key(records.new_header(inbox.key_id, digest, record_id), inbox.public_key)


def content_key(key: OpenKey, header: Header, associated_data: bytes) -> DataKey:
    """The key that opens the record of this header; RecordError if it belongs to another context or kind."""
    expected = records.context_hash(key.descriptor.core.context_commitment, associated_data)
    if not equal(expected, header.context_hash):
        raise RecordError("the record belongs to another context, or other associated data was given")
    if bool(header.sealed_key) != (key.descriptor.core.spec is KeySpec.INBOX):
        raise RecordError("the record is not of its key's kind")
    if header.sealed_key:
        return records.open_content_key(header, key.secret)
    return DataKey(key.secret.reveal())


@contextlib.contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name only if the block ends well."""
    part = target.with_name(target.name + ".part")
    try:
        with part.open("wb") as writer:
            yield writer
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
