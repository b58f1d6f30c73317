"""Why the policy answers as it does, and what would have changed the answer.

Which rules decided is Cedar's own word. What was missing is found by asking again: each piece of evidence that might
still be brought, alone and with others, is added to the attributes, and whatever then opens is told, the smallest
first. Nothing is suggested that would have to be claimed instead of brought: no other purpose, no other owner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any, Final

from cedarpy import pst

from kms.policy.attributes import (
    HUMAN,
    OWNER,
    DepositAttributes,
    ExpiryAttributes,
    ReleaseAttributes,
    issuer_group,
)
from kms.policy.engine import EMERGENCY, Outcome, PolicyEngine, VerdictName
from kms.policy.partial import concerns, condition, evaluate, facts_of, parts
from kms.policy.reading import read_rules
from kms.policy.reasons import in_words
from kms.policy.rule_words import RuleInWords, conditions, rule_in_words

Attributes = ReleaseAttributes | DepositAttributes | ExpiryAttributes
_FIRST, _FURTHER = issuer_group("(the first)"), issuer_group("(one more)")
MOST_STEPS: Final = 3
"""Pieces of evidence that are tried together."""


@dataclass(frozen=True, slots=True)
class Way:
    """Evidence that would do: in words, what the answer would be, and by which rules."""

    text: str
    verdict: VerdictName
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """A rule that is about this action: whether it applies, else which of its conditions do not hold."""

    rule: RuleInWords
    holds: bool
    failing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer, the rules that gave it, what would have given another, and every rule that was looked at."""

    verdict: VerdictName
    reason: str
    text: str
    rules: tuple[RuleInWords, ...]
    ways: tuple[Way, ...]
    tried: tuple[Tried, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{self.verdict}: {self.text} [{self.reason}]"
        yield from (f"  {rule.name}: {rule.text}" for rule in self.rules)
        if self.verdict != "allow":
            for way in self.ways:
                answer = "allowed" if way.verdict == "allow" else "put to this custodian's people"
                yield f"it would be {answer} if {way.text} ({', '.join(way.rules)})"
            if not self.ways:
                yield "no further evidence would change that"
        for one in self.tried if self.verdict != "allow" else ():
            if one.rule.effect == "permit" and one.failing:
                yield f"  {one.rule.name} does not apply: it wants that " + " and that ".join(one.failing)
            elif one.rule.effect == "forbid" and one.holds and one.rule not in self.rules:
                yield f"  {one.rule.name} applies: it {one.rule.text}"


@dataclass(frozen=True, slots=True)
class _Step:
    text: str
    fits: Callable[[ReleaseAttributes], bool]
    take: Callable[[ReleaseAttributes], ReleaseAttributes]


def explain(engine: PolicyEngine, attributes: Attributes, action: str = "release") -> Explanation:
    """Takes about ten milliseconds. `action` is release, deposit, destroy or expire."""
    outcome = engine.decide(action, attributes)
    parsed = sorted(read_rules(engine.text).static_policies.values(), key=_name)
    spoken = {rule.name: rule for rule in map(rule_in_words, parsed)}
    tried = tuple(
        _tried(rule, attributes, _name(rule) in outcome.rules)
        for rule in parsed
        if concerns(rule.action, frozenset({_asked(action, attributes)}))
    )
    return Explanation(
        outcome.verdict,
        outcome.reason,
        in_words(outcome.reason, spoken.values()),
        tuple(spoken[name] for name in outcome.rules),
        tuple(_ways(engine, attributes, action, outcome, parsed)),
        tried,
    )


def _asked(action: str, attributes: Attributes) -> str:
    """The action that rules are asked for: an emergency is one of its own."""
    emergency = isinstance(attributes, ReleaseAttributes) and attributes.purpose == EMERGENCY
    return EMERGENCY if emergency and action == "release" else action


def _ways(
    engine: PolicyEngine, attributes: Attributes, action: str, now: Outcome, rules: list[pst.Template]
) -> Iterator[Way]:
    if now.verdict == "allow" or not isinstance(attributes, ReleaseAttributes):
        return
    steps = _steps(attributes, rules)
    found: list[tuple[frozenset[str], VerdictName]] = []
    for size in range(1, MOST_STEPS + 1):
        for chosen in combinations(steps, size):
            names = frozenset(step.text for step in chosen)
            if any(less <= names and verdict == "allow" for less, verdict in found):
                continue  # more than what would do already
            changed = _take(attributes, chosen)
            if changed is None:
                continue
            outcome = engine.decide(action, changed)
            if outcome.verdict in ("deny", now.verdict):
                continue
            if any(less <= names and verdict == outcome.verdict for less, verdict in found):
                continue
            found.append((names, outcome.verdict))
            yield Way(" and ".join(step.text for step in chosen), outcome.verdict, outcome.rules)


def _take(attributes: ReleaseAttributes, steps: tuple[_Step, ...]) -> ReleaseAttributes | None:
    for step in steps:
        if not step.fits(attributes):
            return None
        attributes = step.take(attributes)
    return attributes


def _steps(attributes: ReleaseAttributes, rules: list[pst.Template]) -> list[_Step]:
    steps = []
    if attributes.principal_class == "unknown":
        for klass in ("professional", "device", "service"):
            text = f"an issuer vouched for who asks as a {klass}"
            steps.append(_Step(text, _is_unknown, partial(_known_as, klass)))
    steps.append(
        _Step("one more independent issuer vouched for who asks", _is_known, partial(_with, _FURTHER))
    )
    for group in sorted(_named_groups(rules) - attributes.controllers):
        text = f"the issuers of {group.removeprefix('issuer:')!r} vouched for who asks"
        steps.append(_Step(text, _is_known, partial(_with, group)))
    return [
        *steps,
        _Step("the owner granted it", lambda a: not (a.granted or a.is_owner or a.guardian), _granted),
        _Step("one of this custodian's people approved", lambda a: a.approvals == 0, _approved),
        _Step("a second one of this custodian's people approved", lambda a: a.approvals == 1, _approved),
        _Step("fewer keys were asked for at once", lambda a: a.batch_count > 1, _alone),
        _Step("less had been given out lately", _has_history, _forgotten),
    ]


def _is_unknown(a: ReleaseAttributes) -> bool:
    return a.principal_class == "unknown"


def _is_known(a: ReleaseAttributes) -> bool:
    return not _is_unknown(a)


def _with(group: str, a: ReleaseAttributes) -> ReleaseAttributes:
    return replace(a, controllers=a.controllers | {group})


def _known_as(klass: str, a: ReleaseAttributes) -> ReleaseAttributes:
    return replace(_with(_FIRST, a), principal_class=klass)


def _granted(a: ReleaseAttributes) -> ReleaseAttributes:
    return replace(_with(OWNER, a), granted=True)


def _approved(a: ReleaseAttributes) -> ReleaseAttributes:
    return replace(_with(HUMAN, a), approvals=a.approvals + 1)


def _alone(a: ReleaseAttributes) -> ReleaseAttributes:
    return replace(a, batch_count=1)


def _has_history(a: ReleaseAttributes) -> bool:
    return bool(a.released_last_hour_principal or a.released_last_day_principal or a.released_last_hour_owner)


def _forgotten(a: ReleaseAttributes) -> ReleaseAttributes:
    return replace(
        a, released_last_hour_principal=0, released_last_day_principal=0, released_last_hour_owner=0
    )


def _named_groups(rules: list[pst.Template]) -> set[str]:
    """Issuers' owners that rules ask for by name."""
    found: set[str] = set()
    for rule in rules:
        for clause in rule.clauses:
            for part in parts(clause.expr):
                if isinstance(part, pst.StringLit) and part.value.startswith(issuer_group("")):
                    found.add(part.value)
    return found


def _name(rule: pst.Template) -> str:
    return rule_in_words(rule).name


def _tried(rule: pst.Template, attributes: Attributes, applied: bool) -> Tried:
    facts = facts_of(attributes)
    # What three-valued logic cannot tell is claimed neither to hold nor to fail.
    failing = tuple(words for part, negated, words in conditions(rule) if evaluate(part, facts) is negated)
    return Tried(rule_in_words(rule), applied or condition(rule, facts) is True, failing)
