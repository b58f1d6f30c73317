"""What is wrong with what rules say of how long records are kept: a slip of the pen there ends records for good."""

from __future__ import annotations

from collections.abc import Iterator

from cedarpy import pst

from kms.policy.issuer_lint import Finding
from kms.policy.lengths import AFTER, DAY, EXPIRE, MAX_DAYS, MIN_DAYS, in_words, is_expiry, read_length
from kms.policy.partial import concerns


def about_length(rule: pst.Template) -> Iterator[Finding]:
    """What is wrong with what a rule says of lengths."""
    name = rule.annotations.get("id") or rule.id
    text = rule.annotations.get(AFTER)
    if text is not None and not is_expiry(rule):
        yield Finding(
            "LENGTH_MISPLACED",
            name,
            f'has @{AFTER}, which stands on a permit of `action == Action::"{EXPIRE}"` and of nothing else',
        )
    elif rule.effect == "permit" and concerns(rule.action, frozenset({EXPIRE})):
        yield from _about_expiry(rule, name, text)


def _about_expiry(rule: pst.Template, name: str, text: str | None) -> Iterator[Finding]:
    if text is None:
        yield Finding(
            "LENGTH_MISSING",
            name,
            f'permits "{EXPIRE}" without a length: give that action a rule of its own, with @{AFTER}("...")',
        )
        return
    length = read_length(text)
    if length is None:
        yield Finding(
            "LENGTH_INVALID",
            name,
            f'@{AFTER}("{text}"): give a number of days, from {MIN_DAYS} to {MAX_DAYS}',
        )
    elif length < MIN_DAYS * DAY:
        yield Finding(
            "LENGTH_SHORT",
            name,
            f'@{AFTER}("{text}"): {in_words(length)} is for trying things; give {MIN_DAYS} day or more',
        )
