"""The files of ceremonies: JSON Lines, each line a DSSE envelope (JSON form) or an attachment.

    {"payload":"...","payloadType":"...","signatures":[{"keyid":"<hex>","sig":"..."}]}
    {"attachment":"<name>","data":"..."}

There is one spelling: keys sorted, no spaces, strict base64, lower-case hex, a newline after each line. A line that is
not byte for byte what it would be written as again is refused with its number, so no bit of a file is without meaning.
This module reads bytes and knows no statement: the offline verifier uses it too.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kms.errors import ConfigError, Invalid

MAX_FILE_SIZE: Final = 512 * 1024 * 1024
"""Bytes. A transcript of a large refresh has some hundreds of megabytes at most."""
MAX_BRACKETS: Final = 300
"""In one line: an envelope has two, and one for each of at most 128 signatures."""
KEY_SIZE: Final = 32
SIGNATURE_SIZE: Final = 64


@dataclass(frozen=True, slots=True)
class Enveloped:
    """A statement's exact bytes and the (32-byte key, 64-byte signature) pairs under it; none in a proposal."""

    payload_type: str
    payload: bytes
    signatures: tuple[tuple[bytes, bytes], ...]

    @property
    def kind(self) -> str:
        """The middle of the payload type: `manifest`, `reshare-order`, ...; the whole type if it is not ours."""
        start, _, rest = self.payload_type.partition("application/vnd.threshold-kms.")
        kind, _, end = rest.partition(".")
        return kind if not start and end == "v1+protobuf" else self.payload_type


@dataclass(frozen=True, slots=True)
class Attachment:
    """Bytes that statements name by hash, under a name that says what they are."""

    name: str
    data: bytes


Line = Enveloped | Attachment


def write_line(line: Line) -> bytes:
    """The one spelling of a line, with its newline."""
    value: dict[str, Any]
    if isinstance(line, Attachment):
        value = {"attachment": line.name, "data": base64.b64encode(line.data).decode()}
    else:
        value = {
            "payloadType": line.payload_type,
            "payload": base64.b64encode(line.payload).decode(),
            "signatures": [
                {"keyid": key.hex(), "sig": base64.b64encode(sig).decode()} for key, sig in line.signatures
            ],
        }
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def write_lines(lines: Iterable[Line]) -> bytes:
    return b"".join(map(write_line, lines))


def read_lines(data: bytes, name: str = "the file") -> tuple[Line, ...]:
    """Every line of a file; Invalid with the number of the first that is not in its one spelling."""
    if not data:
        raise Invalid(f"{name} is empty", reason="NOT_A_CEREMONY_FILE")
    return tuple(
        read_line(raw, f"{name}, line {number}")
        for number, raw in enumerate(data.splitlines(keepends=True), 1)
    )


def read_line(raw: bytes, where: str) -> Line:
    """One line with its newline; Invalid, beginning with `where`, if it is not in its one spelling."""
    try:
        # Before any parsing: brackets without end run a parser that recurses out of its stack.
        if raw.count(b"[") + raw.count(b"{") > MAX_BRACKETS:
            raise ValueError
        line = _parse(json.loads(raw))
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        raise Invalid(f"{where}: neither an envelope nor an attachment", reason="NOT_A_LINE") from None
    if write_line(line) != raw:
        raise Invalid(f"{where}: not in its one canonical spelling", reason="NOT_CANONICAL")
    return line


def _parse(value: Any) -> Line:
    if "attachment" in value:
        return Attachment(_text(value["attachment"]), base64.b64decode(value["data"], validate=True))
    signatures = tuple(
        (bytes.fromhex(s["keyid"]), base64.b64decode(s["sig"], validate=True)) for s in value["signatures"]
    )
    if any(len(key) != KEY_SIZE or len(sig) != SIGNATURE_SIZE for key, sig in signatures):
        raise ValueError
    return Enveloped(
        _text(value["payloadType"]), base64.b64decode(value["payload"], validate=True), signatures
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    value.encode()  # JSON can spell halves of characters, which are no text
    return value


def read(path: Path) -> tuple[Line, ...]:
    """The lines of the file at `path`; ConfigError if it cannot be read, Invalid as `read_lines`."""
    return read_lines(read_bytes(path), path.name)


def read_bytes(path: Path) -> bytes:
    """The file's bytes; ConfigError if it cannot be read or is too large."""
    try:
        if path.stat().st_size > MAX_FILE_SIZE:
            raise ConfigError(f"{path} is larger than {MAX_FILE_SIZE} bytes")
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None


def create(path: Path, lines: Sequence[Line]) -> None:
    """Write a new file, whole or not at all; ConfigError if another one is there.

    A second run that would write the same bytes is no error, so a ceremony's step can be repeated.
    """
    data = write_lines(lines)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, path)  # unlike a rename, never in the place of another file
        except FileExistsError:
            if path.read_bytes() != data:
                raise ConfigError(f"{path} exists already and says something else") from None
        finally:
            part.unlink()
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from None
