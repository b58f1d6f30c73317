"""How a value may stand in a file, on a wire or in memory: text encodings, hex, base64 at any alignment.

A text is looked for as UTF-8, UTF-16 (both byte orders), as JSON spells it with escapes, as Latin-1 or UTF-32
where CPython keeps it so (accented letters; emoji), and its UTF-8 bytes as hex and base64. A secret of raw
bytes is looked for as it is, and as hex and base64.

Base64 spells 3 bytes in 4 characters, so one value has three spellings, by its offset modulo 3 in what was
encoded; the characters at its edges also depend on its neighbours and are left out (RFC 4648 section 4). Not
looked for: base64 that is broken into lines inside the value, compressed or encrypted data.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import NamedTuple

_LONE = "surrogatepass"
_TO_URL_ALPHABET = bytes.maketrans(b"+/", b"-_")


class Spelling(NamedTuple):
    """One form of a value: `form` names it (`utf-16-le`, `base64+1`), `pattern` is the bytes to look for."""

    form: str
    pattern: bytes


def of_text(text: str) -> Iterator[Spelling]:
    """Yield each distinct spelling of a text; no pattern is shorter than the text has characters."""
    utf8 = plain(text)
    yield Spelling("utf-8", utf8)
    yield Spelling("utf-16-le", text.encode("utf-16-le", _LONE))
    yield Spelling("utf-16-be", text.encode("utf-16-be", _LONE))
    yield from _armoured(utf8)
    escaped = json.dumps(text)[1:-1].encode()
    if escaped != utf8:
        yield Spelling("json", escaped)
        for form, pattern in _armoured(escaped):
            yield Spelling(f"json in {form}", pattern)
    if not text.isascii() and max(text) <= "\xff":
        yield Spelling("latin-1", text.encode("latin-1"))
    if max(text) > "\uffff":
        yield Spelling("utf-32-le", text.encode("utf-32-le", _LONE))


def plain(text: str) -> bytes:
    """UTF-8; a lone surrogate, which JSON can smuggle in, keeps its three bytes instead of raising."""
    return text.encode("utf-8", _LONE)


def of_bytes(secret: bytes) -> Iterator[Spelling]:
    """Yield each distinct spelling of a byte string; no pattern is shorter than the byte string."""
    yield Spelling("raw", secret)
    yield from _armoured(secret)


def base64_core(value: bytes, alignment: int) -> bytes:
    """The characters that `value` alone determines where `alignment` (0, 1, 2) bytes modulo 3 precede it.

    Those are the 6-bit groups that lie wholly within bits 8a .. 8(a+n): 10 of them for 8 bytes at any
    alignment, 42 or 41 for 32 bytes.
    """
    first = -(-8 * alignment // 6)
    end = 8 * (alignment + len(value)) // 6
    return b64encode(bytes(alignment) + value)[first:end]


def _armoured(value: bytes) -> Iterator[Spelling]:
    lower = value.hex().encode()
    yield Spelling("hex", lower)
    if (upper := lower.upper()) != lower:
        yield Spelling("HEX", upper)
    for alignment in range(3):
        standard = base64_core(value, alignment)
        yield Spelling(f"base64+{alignment}", standard)
        if (url := standard.translate(_TO_URL_ALPHABET)) != standard:
            yield Spelling(f"base64url+{alignment}", url)
