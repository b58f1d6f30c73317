"""Hashes as words that people can read to each other, and names of others so that they cannot mislead.

The words are SLIP-39's: 1024 of them, four to eight letters, each known by its first four. Twelve stand for the first
120 bits of a hash: who wanted two proposals of the same words would try 2^60 of them. They are written down here too
(`words.txt`), so that the offline verifier needs no library for them.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Final

COUNT: Final = 12
_BITS: Final = 10


def printable(text: str) -> str:
    """Text of others for people: what is not printable shows as its escape, so that it can hide and move nothing."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@cache
def _wordlist() -> tuple[str, ...]:
    return tuple(resources.files("kms.ceremony").joinpath("words.txt").read_text().split())


def words(digest: bytes) -> str:
    """The first 120 bits of a 32-byte hash, as twelve words with spaces between."""
    value = int.from_bytes(digest, "big") >> (8 * len(digest) - COUNT * _BITS)
    wordlist = _wordlist()
    return " ".join(
        wordlist[(value >> (_BITS * position)) & (2**_BITS - 1)] for position in reversed(range(COUNT))
    )
