"""Which decisions change from one policy to another: asked of both, over all kinds of cases that they can tell apart.

The cases are every combination of holder, number of issuers, ownership, grant, approvals, category and purpose; every
text and number that stands in either policy is a category and a volume of its own, so that a rule which names one is
met. A rule that joins several such numbers by arithmetic may still hide a case: the texts are to be read as well.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Final

from cedarpy import pst

from kms.policy.attributes import CLASSES, HUMAN, OWNER, issuer_group
from kms.policy.cases import DAY, PURPOSES, Asked
from kms.policy.engine import Outcome, PolicyEngine
from kms.policy.lengths import length_of
from kms.policy.partial import condition, facts_of, parts
from kms.policy.reading import read_rules

CATEGORIES: Final = ("laboratory", "booking")
ISSUERS: Final = ("(one)", "(another)")
SMALL: Final = 8
"""Numbers up to this are counts of people or issuers, which are enumerated anyway."""
MOST_VALUES: Final = 6
"""Texts and numbers of the policies that are tried; the largest numbers first."""


@dataclass(frozen=True, slots=True)
class Change:
    """A case that the two policies answer differently."""

    asked: Asked
    before: Outcome
    after: Outcome

    @property
    def opens(self) -> bool:
        """Whether something goes out now that did not, or ends."""
        return self.after.verdict == "allow" or self.before.verdict == "deny"


@dataclass(frozen=True, slots=True)
class Difference:
    """Cases asked, those whose verdict changes, and how many only have another reason."""

    cases: int
    changes: tuple[Change, ...]
    other_reasons: int

    def lines(self) -> Iterator[str]:
        """In words, what opens first."""
        groups: dict[tuple[bool, str, str, str], list[Change]] = defaultdict(list)
        for c in self.changes:
            before = f"{c.before.verdict} ({c.before.reason})"
            after = f"{c.after.verdict} ({c.after.reason})"
            groups[not c.opens, c.asked.action, before, after].append(c)
        for (closes, action, before, after), members in sorted(groups.items()):
            word = "closes" if closes else "OPENS"
            what = f"{word}: {action}, {len(members)} kinds of cases: {before} becomes {after}"
            yield f"{what}, where {_common(members)}"
        if not self.cases:
            yield "both have the same rules"
        elif not self.changes:
            yield f"no verdict changes in {self.cases} kinds of cases"
        if self.other_reasons:
            yield f"{self.other_reasons} kinds of cases keep their verdict and get another reason"


def compare(old: PolicyEngine, new: PolicyEngine, cases: Sequence[Asked] = ()) -> Difference:
    """What changes over these cases, or over all kinds of them; a second."""
    differing = _differing(old, new)
    asked = (cases or list(kinds(old, new))) if differing else []
    changes = []
    reasons = 0
    for one in asked:
        attributes = one.attributes()
        facts = facts_of(attributes)
        # Where no rule applies that only one of them has, both answer by the same rules.
        if all(condition(rule, facts) is False for rule in differing):
            continue
        before, after = old.decide(one.action, attributes), new.decide(one.action, attributes)
        if before.verdict != after.verdict:
            changes.append(Change(one, before, after))
        elif before.reason != after.reason:
            reasons += 1
    return Difference(len(asked), tuple(changes), reasons)


def _differing(old: PolicyEngine, new: PolicyEngine) -> list[pst.Template]:
    """Rules that stand in one of them only, whatever their places."""
    before, after = ({repr(replace(rule, id="")): rule for rule in _rules(engine)} for engine in (old, new))
    return [rule for text, rule in (before | after).items() if (text in before) != (text in after)]


def _rules(engine: PolicyEngine) -> Iterable[pst.Template]:
    return read_rules(engine.text).static_policies.values()


def kinds(*engines: PolicyEngine) -> Iterator[Asked]:
    """All kinds of cases that these policies may tell apart."""
    texts, numbers = _literals(engines)
    named = sorted(text.removeprefix(issuer_group("")) for text in texts if text.startswith(issuer_group("")))
    others = texts - set(CLASSES) - set(PURPOSES) - set(CATEGORIES) - {OWNER, HUMAN}
    categories = (*CATEGORIES, *sorted(t for t in others if not t.startswith(issuer_group("")))[:MOST_VALUES])
    volumes = (0, *sorted(numbers, reverse=True)[:MOST_VALUES])
    vouched = [("unknown", ()), *product(CLASSES, _vouchers(named))]
    known = [(klass, by) for klass, by in vouched if (klass == "unknown") == (not by)]
    for (klass, by), (owner, granted), approvals, category, purpose, volume in product(
        known, ((False, False), (True, False), (False, True)), (0, 1, 2), categories, PURPOSES, volumes
    ):
        yield Asked(
            "release", klass, by, owner, granted, approvals, category, purpose, 1, volume, volume, volume
        )
    for (klass, by), (owner, granted), approvals, category in product(
        known, ((False, False), (True, False), (False, True)), (0, 1), categories
    ):
        yield Asked("destroy", klass, by, owner, granted, approvals, category)
    ages = sorted({day for engine in engines for day in _days(engine)})
    for category, age in product(categories, ages):
        yield Asked("expire", category=category, age_days=age)
    for (klass, by), volume in product(known, volumes):
        yield Asked("deposit", klass, by, keys=volume or 1)
        yield Asked("deposit", klass, by, keys=volume + 1)


def _days(engine: PolicyEngine) -> Iterator[int]:
    """Ages on either side of each length that a policy gives, in whole days."""
    for length in filter(None, map(length_of, _rules(engine))):
        yield from {length // DAY, -(-length // DAY), max(0, length // DAY - 1)}


def _vouchers(named: list[str]) -> list[tuple[str, ...]]:
    plain = [ISSUERS[:1], ISSUERS]
    return plain + [(name,) for name in named] + ([tuple(named)] if len(named) > 1 else [])


def _literals(engines: Sequence[PolicyEngine]) -> tuple[set[str], set[int]]:
    texts: set[str] = set()
    numbers: set[int] = set()
    for engine in engines:
        for rule in _rules(engine):
            for clause in rule.clauses:
                for part in parts(clause.expr):
                    if isinstance(part, pst.StringLit):
                        texts.add(part.value)
                    elif isinstance(part, pst.LongLit) and SMALL < part.value < 2**53 - 1:
                        numbers.add(part.value)
    return texts, numbers


def _common(changes: list[Change]) -> str:
    """What holds of all these cases: each field with its values, unless it may be anything."""
    said = []
    for field in fields(Asked):
        values = Counter(getattr(c.asked, field.name) for c in changes)
        if field.name == "action":
            continue
        if field.name == "purpose":
            if len(values) == len(PURPOSES):
                continue
        elif len(values) == 1 and next(iter(values)) == field.default:
            continue
        if field.name == "vouched_by":
            values = Counter(len(value) for value in values) if len(values) > 1 else values
        said.append(f"{field.name} {' or '.join(sorted(map(_value, values)))}")
    return "; ".join(said) or "nothing else is said"


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return " and ".join(value) or "nobody"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) or "(none)"
