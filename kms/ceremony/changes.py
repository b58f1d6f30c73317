"""What a next manifest changes, in words."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import lru_cache
from typing import Any, TypeVar

from kms.ceremony.drafts import DAY
from kms.errors import ConfigError
from kms.policy.diff import compare
from kms.policy.engine import PolicyEngine, default_schema
from kms.policy.rule_words import rules_in_words
from kms.policy.schedule import changes as schedule_changes
from kms.statements.manifest import Custodian, Issuer, Manifest

T = TypeVar("T")
_FACTS = ("organisation", "jurisdiction", "hosting", "parent", "endpoint")
_NUMBERS = {
    "name": "the name",
    "threshold": "the threshold",
    "durable_quorum": "custodians that must hold a new key",
    "admin_quorum": "admins that act together",
    "change_delay": "the delay of changes",
    "recovery_delay": "the delay of recoveries (0: there are none)",
    "destruction_delay": "the wait before keys are destroyed (0: a week)",
}

_OF_ISSUERS = {
    "controlled_by": "its owner",
    "classes": "the classes that it vouches for",
    "keys": "its pinned keys",
    "trust_anchors": "the authorities over its TLS",
    "audience": "its audience",
    "nonce_bound": "how its credentials are bound to keys",
    "key_delay": "how soon its new keys count",
    "max_key_age": "how long its keys count without being fetched",
    "authorities": "the authorities that certify services",
}


def changes(before: Manifest, after: Manifest) -> list[str]:
    """One line for each difference; a line that says so if only the time is new."""
    lines = [
        f"{word}: {_number(name, getattr(before, name))} becomes {_number(name, getattr(after, name))}"
        for name, word in _NUMBERS.items()
        if getattr(before, name) != getattr(after, name)
    ]
    lines += _custodians(before.custodians, after.custodians)
    lines += [f"admin {key.hex()} leaves" for key in before.admins if key not in after.admins]
    lines += [f"admin {key.hex()} is new" for key in after.admins if key not in before.admins]
    lines += _issuers(before.issuers, after.issuers)
    lines += _rules(before.policy, after.policy)
    lines += schedule_changes(before.policy, after.policy) if before.policy != after.policy else ()
    lines += _decisions(before.policy, after.policy)
    if before.golden_hash != after.golden_hash:
        lines.append(f"golden decisions: {_hash(before.golden_hash)} becomes {_hash(after.golden_hash)}")
    lines += _budgets(before, after)
    if before.policy_schema != after.policy_schema:
        lines.append("the policy's schema is another one")
    return lines or ["nothing but its time"]


def _number(name: str, value: Any) -> str:
    return f"{value / DAY:g} days" if name.endswith("_delay") else str(value)


def _by(key: Callable[[T], Hashable], values: Iterable[T]) -> dict[Hashable, T]:
    return {key(value): value for value in values}


def _custodians(before: Iterable[Custodian], after: Iterable[Custodian]) -> Iterator[str]:
    old, new = _by(lambda c: c.index, before), _by(lambda c: c.index, after)
    for index, c in old.items():
        if index not in new:
            yield f"custodian {index} ({c.organisation}) leaves"
    for index, c in new.items():
        if index not in old:
            place = f"in {c.jurisdiction}, hosted by {c.hosting}, owned by {c.parent}"
            yield f"custodian {index} is new: {c.organisation}, {place}"
            continue
        for name in _FACTS:
            was, now = getattr(old[index], name), getattr(c, name)
            if was != now:
                yield f"custodian {index} ({c.organisation}): {name} {was!r} becomes {now!r}"
        if old[index].identity_key != c.identity_key:
            yield f"custodian {index} ({c.organisation}) has a new identity key {c.identity_key.hex()}"


def _issuers(before: Iterable[Issuer], after: Iterable[Issuer]) -> Iterator[str]:
    old, new = _by(lambda i: i.iss, before), _by(lambda i: i.iss, after)
    yield from (f"issuer {iss} leaves" for iss in old if iss not in new)
    for iss, issuer in new.items():
        if iss not in old:
            yield f"issuer {iss} is new, controlled by {issuer.controlled_by}"
            continue
        for name, word in _OF_ISSUERS.items():
            if getattr(old[iss], name) != getattr(issuer, name):
                yield f"issuer {iss} changes {word}"


def _hash(digest: bytes) -> str:
    return digest.hex() or "none"


def _budgets(before: Manifest, after: Manifest) -> Iterator[str]:
    old, new = ([b.in_words(len(m.custodians), m.threshold) for b in m.budgets] for m in (before, after))
    yield from (f"the budget goes: {words}" for words in old if words not in new)
    yield from (f"the budget is new: {words}" for words in new if words not in old)


@lru_cache(maxsize=4)
def _decisions(before: str, after: str) -> tuple[str, ...]:
    """What the change of rules comes to, asked of both policies over all kinds of cases."""
    if before == after:
        return ()
    try:
        old, new = PolicyEngine(before, default_schema()), PolicyEngine(after, default_schema())
    except ConfigError:
        return ("decisions: one of the policies cannot be asked by this software",)
    difference = compare(old, new)
    return tuple(f"decisions: {line}" for line in difference.lines()) if difference.cases else ()


def _rules(before: str, after: str) -> Iterator[str]:
    if before == after:
        return
    old, new = _by(lambda r: r.name, rules_in_words(before)), _by(lambda r: r.name, rules_in_words(after))
    yield from (f"the rule {name} goes: it {rule.text}" for name, rule in old.items() if name not in new)
    for name, rule in new.items():
        if name not in old:
            yield f"the rule {name} is new: it {rule.text}"
        elif rule != old[name]:
            yield f"the rule {name} now {rule.text}; before, it {old[name].text}"
    if old == new:
        yield "the policy's text changes, its rules read the same"
