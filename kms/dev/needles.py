"""Finds which of many thousand known values occur in megabytes of memory, files and traffic.

How it stays fast. Each spelling is represented by one 8-byte window of its own, chosen to start with a byte
that memory rarely holds; one Aho-Corasick automaton finds all windows in a single pass (the fewer starts, the
seldomer the automaton leaves its root, and its speed is that of cache misses); every candidate is then
compared with the whole spelling. All windows have one length, so none hides in another, and overlapping ones
are asked for: a value that is part of another, or overlaps it, is still found. A piece that was seen before
(zeros, program code that two processes share, memory that did not change between two looks) is answered from
a table by its SHA-256.

How false hits stay negligible. A pattern is at least 8 bytes, and 10 characters in base64. In random bytes, a
gigabyte (2^30 places) against 2^15 short texts gives 2^(30+15-64) = 2^-19 expected hits; in random base64,
against 3 * 2^15 patterns of 10 characters, 2^(30+17-60) = 2^-13. Secrets of 16 bytes and more: under 2^-60.
One case is not negligible: clinical codes are 8 digits, while hashes in hex, timestamps and printed fractions
are long runs of digits. A megabyte of random hex against 100 codes gives 2^(20+7-32) = 3%, of decimals a near
certainty. So a text under 16 characters that consists of hex digits alone does not count while it stands
inside a run of hex digits that is longer by 8 or more. Such places are returned apart (`in_runs`) and never
dropped in silence.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from typing import NamedTuple, NewType

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from kms.dev import spellings
from kms.dev.samples import SHORTEST_VALUE
from kms.errors import Invalid

NeedleId = NewType("NeedleId", bytes)
"""16 bytes of SHA-256 over kind and value: the same value has the same id in every `Needles`."""

WINDOW = 8
SHORTEST_SECRET = 16
SHARE_BYTES = 64
RUN_SLACK = 8
"""How many hex digits beside a short digit-only text make it part of a run."""

_PIECE = 4 << 20
_HEX_DIGITS = frozenset(b"0123456789abcdefABCDEF")
# Rare starts first: bytes above ASCII, then capitals and late digits; common letters and zero come last.
_RARE = bytes(range(0xFF, 0x7F, -1)) + b"QXZJKVWYqzj987650UHGBMNDORFPLECTAIS1234"
_RARITY = bytes(
    (_RARE + bytes(b for b in range(0x7F, -1, -1) if b not in _RARE)).index(b) for b in range(256)
)
_CHOICES = 4


class SecretKind(StrEnum):
    """What a value is, for counts and for descriptions that do not show it."""

    TEXT = "text"
    DATA_KEY = "data key"
    SHARE = "share"
    APPROVER_SECRET = "approver secret"  # noqa: S105 - the name of a kind, not a secret


@dataclass(frozen=True, slots=True)
class Secrets:
    """The values to look for. Texts have 8 characters or more, keys and approver secrets 16 bytes or more, a
    share is 64 bytes (f(i) || g(i)) and counts as found where either half is. Raises `Invalid` otherwise."""

    texts: frozenset[str] = field(default=frozenset(), repr=False)
    data_keys: frozenset[bytes] = field(default=frozenset(), repr=False)
    shares: frozenset[bytes] = field(default=frozenset(), repr=False)
    approver_secrets: frozenset[bytes] = field(default=frozenset(), repr=False)

    def __post_init__(self) -> None:
        if any(len(text) < SHORTEST_VALUE for text in self.texts):
            raise Invalid(f"a text to look for has under {SHORTEST_VALUE} characters, so would be anywhere")
        if any(len(secret) < SHORTEST_SECRET for secret in self.data_keys | self.approver_secrets):
            raise Invalid(f"a secret to look for has fewer than {SHORTEST_SECRET} bytes")
        if any(len(share) != SHARE_BYTES for share in self.shares):
            raise Invalid(f"a share is {SHARE_BYTES} bytes, f(i) || g(i)")


@dataclass(frozen=True, slots=True)
class Found:
    """The values that occur, and those that were seen only inside longer runs of hex digits (not counted)."""

    ids: frozenset[NeedleId]
    in_runs: frozenset[NeedleId]


@dataclass(frozen=True, slots=True)
class Match:
    """One occurrence at `start .. end` of what was searched, in the spelling `form`."""

    id: NeedleId
    form: str
    start: int
    end: int
    in_run: bool


class _Pattern(NamedTuple):
    id: NeedleId
    form: str
    pattern: bytes
    at: int  # of the window in the pattern
    digits_only: bool


class Needles:
    """All spellings of a set of secrets, ready to be searched for."""

    def __init__(self, secrets: Secrets) -> None:
        """Takes about 4 s and 0.4 GB for 10,000 texts, 2,600 data keys and 13,000 shares."""
        self._described: dict[NeedleId, str] = {}
        by_window = _windowed(list(self._spelled(secrets)))
        self._patterns = list(by_window.values())
        self._automaton = BytesAhoCorasick(by_window, MatchKind.Standard, Implementation.ContiguousNFA)
        longest = max((len(p.pattern) for group in self._patterns for p in group), default=WINDOW)
        self.overlap: int = longest + 2 * RUN_SLACK
        """Bytes that consecutive chunks must share, so that each occurrence lies whole, and with the digits
        beside it, in one of them."""
        self._seen: dict[tuple[bytes, bool, bool], Found] = {}

    def __len__(self) -> int:
        """How many distinct values are looked for."""
        return len(self._described)

    def __contains__(self, needle: object) -> bool:
        return needle in self._described

    def __repr__(self) -> str:
        return f"<needles for {len(self)} values>"

    def describe(self, needle: NeedleId) -> str:
        """What kind of value it is and how long, without a byte of it."""
        return self._described[needle]

    def search(
        self, data: bytes, *, cut_before: bool = False, cut_after: bool = False
    ) -> frozenset[NeedleId]:
        """The ids of all values that occur in `data`; see `scan`."""
        return self.scan(data, cut_before=cut_before, cut_after=cut_after).ids

    def scan(self, data: bytes, *, cut_before: bool = False, cut_after: bool = False) -> Found:
        """Search `data`, of any size.

        `cut_before`, `cut_after`: more of the same source precedes or follows, in chunks that share `overlap`
        bytes with this one.
        """
        ids: set[NeedleId] = set()
        in_runs: set[NeedleId] = set()
        for piece, before, after in _pieces(data, self.overlap):
            found = self._scan_piece(piece, before or cut_before, after or cut_after)
            ids |= found.ids
            in_runs |= found.in_runs
        return Found(frozenset(ids), frozenset(in_runs - ids))

    def matches(self, data: bytes, *, cut_before: bool = False, cut_after: bool = False) -> Iterator[Match]:
        """Every occurrence in every spelling, also those inside runs. For explaining a hit."""
        for window, at, _ in self._automaton.find_matches_as_indexes(data, overlapping=True):
            for needle, form, pattern, inside, digits_only in self._patterns[window]:
                start = at - inside
                if start < 0 or not data.startswith(pattern, start):
                    continue
                end, in_run = start + len(pattern), False
                if digits_only:
                    if (cut_before and start < RUN_SLACK) or (cut_after and end > len(data) - RUN_SLACK):
                        continue  # what stands beside it is in the neighbouring chunk, which holds it too
                    in_run = _digits_beside(data, start, end) >= RUN_SLACK
                yield Match(needle, form, start, end, in_run)

    def _scan_piece(self, data: bytes, cut_before: bool, cut_after: bool) -> Found:
        name = (hashlib.sha256(data).digest(), cut_before, cut_after)
        found = self._seen.get(name)
        if found is None:
            ids: set[NeedleId] = set()
            in_runs: set[NeedleId] = set()
            for match in self.matches(data, cut_before=cut_before, cut_after=cut_after):
                (in_runs if match.in_run else ids).add(match.id)
            found = self._seen[name] = Found(frozenset(ids), frozenset(in_runs))
        return found

    def _spelled(self, secrets: Secrets) -> Iterator[_Pattern]:
        for text in secrets.texts:
            needle = self._named(SecretKind.TEXT, spellings.plain(text), f"{len(text)} characters")
            digits_only = len(text) < 2 * SHORTEST_VALUE and _HEX_DIGITS.issuperset(spellings.plain(text))
            for form, pattern in spellings.of_text(text):
                yield _Pattern(needle, form, pattern, 0, digits_only and form == "utf-8")
        whole = [(SecretKind.DATA_KEY, key) for key in secrets.data_keys]
        whole += [(SecretKind.APPROVER_SECRET, secret) for secret in secrets.approver_secrets]
        for kind, secret in whole:
            needle = self._named(kind, secret, f"{len(secret)} bytes")
            for form, pattern in spellings.of_bytes(secret):
                yield _Pattern(needle, form, pattern, 0, False)
        for share in secrets.shares:
            needle = self._named(SecretKind.SHARE, share, "either half")
            # A spelling of the whole share holds one of each half, so the halves alone are enough.
            for half in (share[: SHARE_BYTES // 2], share[SHARE_BYTES // 2 :]):
                for form, pattern in spellings.of_bytes(half):
                    yield _Pattern(needle, form, pattern, 0, False)

    def _named(self, kind: SecretKind, value: bytes, size: str) -> NeedleId:
        needle = needle_id(kind, value)
        self._described[needle] = f"{kind} ({size})"
        return needle


def needle_id(kind: SecretKind, value: bytes) -> NeedleId:
    """The id under which a value (UTF-8 for a text) is reported."""
    return NeedleId(hashlib.sha256(kind.encode() + b"\0" + value).digest()[:16])


def _windowed(patterns: list[_Pattern]) -> dict[bytes, list[_Pattern]]:
    """Give each pattern a window of its bytes; of its rarest starts, the one that fewest share."""
    choices = [_rare_windows(p.pattern) for p in patterns]
    popularity = Counter(chain.from_iterable(choices))
    by_window: dict[bytes, list[_Pattern]] = {}
    for p, windows in zip(patterns, choices, strict=True):
        window = min(windows, key=lambda w: popularity[w].bit_length())
        by_window.setdefault(window, []).append(p._replace(at=p.pattern.index(window)))
    return by_window


def _rare_windows(pattern: bytes) -> list[bytes]:
    rarities = pattern[: len(pattern) - WINDOW + 1].translate(_RARITY)
    starts = [rarities.index(rarity) for rarity in sorted(set(rarities))[:_CHOICES]]
    return [pattern[start : start + WINDOW] for start in starts]


def _pieces(data: bytes, overlap: int) -> Iterable[tuple[bytes, bool, bool]]:
    """(piece, cut before, cut after), so that a huge buffer does not become one huge list of candidates."""
    size = max(_PIECE, 4 * overlap)
    if len(data) <= size:
        yield data, False, False
        return
    for start in range(0, len(data) - overlap, size - overlap):
        yield data[start : start + size], start > 0, start + size < len(data)


def _digits_beside(data: bytes, start: int, end: int) -> int:
    """How many hex digits touch data[start:end], at most RUN_SLACK counted on each side."""
    count = 0
    for byte in reversed(data[max(0, start - RUN_SLACK) : start]):
        if byte not in _HEX_DIGITS:
            break
        count += 1
    for byte in data[end : end + RUN_SLACK]:
        if byte not in _HEX_DIGITS:
            break
        count += 1
    return count
