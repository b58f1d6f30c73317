"""A chain of manifests in a file: one binary envelope (genesis alone), or DSSE JSON envelopes, one a line."""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path
from typing import Any

from kms.errors import ConfigError
from kms.statements.chain import Chain, open_chain
from kms.wire.v1 import keyring_pb2

MAX_BYTES = 64 << 20
MAX_BRACKETS = 300


def read_chain(path: Path, pinned: bytes) -> Chain:
    """The chain of the keyring named `pinned`; ConfigError if the file cannot be read, else what is wrong with it."""
    if len(pinned) != 32:
        raise ConfigError("keyring_id must be 64 hex digits")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    if not data.startswith(b"{"):
        return open_chain([data], pinned)
    return open_chain([_envelope(path, n, line) for n, line in enumerate(data.splitlines(), 1)], pinned)


def _envelope(path: Path, number: int, line: bytes) -> bytes:
    try:
        if (
            line.count(b"[") + line.count(b"{") > MAX_BRACKETS
        ):  # a parser that recurses would run out of its stack
            raise ValueError
        parsed: Any = json.loads(line)
        envelope = keyring_pb2.Envelope(
            payload_type=parsed["payloadType"],
            payload=base64.b64decode(parsed["payload"], validate=True),
            signatures=[
                keyring_pb2.Signature(
                    keyid=bytes.fromhex(s["keyid"]), sig=base64.b64decode(s["sig"], validate=True)
                )
                for s in parsed["signatures"]
            ],
        )
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise ConfigError(f"{path}, line {number}: not a DSSE envelope") from None
    return envelope.SerializeToString(deterministic=True)
