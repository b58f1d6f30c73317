"""How long records are kept, as rules of the policy say it.

    @id("laboratory-ten-years") @after_days("3650")
    permit (principal, action == Action::"expire", resource) when { context.category == "laboratory" };

The rule is the authority: it was certified with the manifest, and whoever brings an order by it adds nothing. So a
length counts only on a `permit` of exactly this action, as a plain number; whatever else is written ends nothing.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from cedarpy import pst

from kms.policy.reading import read_rules

EXPIRE: Final = "expire"
AFTER: Final = "after_days"
DAY: Final = 86400
MAX_DAYS: Final = 36525
"""A hundred years. Whoever means longer means for good, and writes no rule."""
MIN_DAYS: Final = 1
"""What `lint` advises. Shorter ones are for development clusters, on which nobody waits a day."""
_NUMBER: Final = re.compile(r"[0-9]{1,5}(\.[0-9]{1,6})?", re.ASCII)


def read_length(text: str) -> int | None:
    """Seconds of a number of days; None if it is no plain number above zero, or is too large."""
    if _NUMBER.fullmatch(text) is None:
        return None
    seconds = int(Decimal(text) * DAY)
    return seconds if 1 <= seconds <= MAX_DAYS * DAY else None


def is_expiry(rule: pst.Template) -> bool:
    """Whether this is a rule whose length counts: a permit of this action and of no other."""
    match rule.action:
        case pst.ActionEq(entity):
            return rule.effect == "permit" and entity.id == EXPIRE
        case _:
            return False


def length_of(rule: pst.Template) -> int | None:
    """Seconds after which a rule ends records; None if it says no length, or none that counts."""
    text = rule.annotations.get(AFTER)
    return read_length(text) if text is not None and is_expiry(rule) else None


def lengths_of(policy: str) -> dict[str, int | None]:
    """The length that each rule of a policy gives, by Cedar's name for the rule; empty if none is about expiry."""
    rules = read_rules(policy).static_policies
    found = {name: length_of(rule) for name, rule in rules.items() if rule.effect == "permit"}
    return found if any(length is not None for length in found.values()) else {}


def in_words(seconds: int | None) -> str:
    """A length for people to read: `3650 days`, `2 days 3 hours`, `9 seconds`."""
    if seconds is None:
        return "for good"
    parts = []
    for unit, size in (("day", DAY), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}{'s' if count > 1 else ''}")
    return " ".join(parts)
