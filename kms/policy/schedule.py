"""What a policy's rules on how long records are kept come to, category by category, for people to read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cedarpy import pst

from kms.errors import ConfigError
from kms.policy.attributes import NON_CLINICAL
from kms.policy.engine import Lifespan, PolicyEngine, default_schema
from kms.policy.lengths import EXPIRE, in_words
from kms.policy.partial import concerns, parts
from kms.policy.reading import read_rules

OTHERS: Final = "any other category"
"""Stands for all that no rule names; asked of the policy like a category of that name."""
_CONTEXT: Final = pst.Var("context")


def categories(policy: str) -> list[str]:
    """The categories that rules on keeping and destroying tell apart: those that they name, for the most part."""
    found: set[str] = set()
    for rule in read_rules(policy).static_policies.values():
        if not concerns(rule.action, frozenset({EXPIRE, "destroy"})):
            continue
        said = [part for clause in rule.clauses for part in parts(clause.expr)]
        if pst.GetAttr(_CONTEXT, "category") in said:
            found |= {part.value for part in said if isinstance(part, pst.StringLit)}
        if pst.GetAttr(_CONTEXT, "clinical") in said:
            found |= NON_CLINICAL
    return sorted(found - {"", OTHERS})


def schedule(engine: PolicyEngine) -> dict[str, Lifespan]:
    """How long each category that is told apart is kept, and any other; empty if the policy ends nothing by age."""
    spans = {name: engine.lifespan(name) for name in (*categories(engine.text), OTHERS)}
    return spans if any(span.seconds is not None for span in spans.values()) else {}


def schedule_in_words(policy: str) -> list[str]:
    """One line for each category; none if the policy ends nothing by age, or cannot be asked."""
    engine = _engine(policy)
    return [f"{name}: {say(span)}" for name, span in schedule(engine).items()] if engine else []


def changes(before: str, after: str) -> Iterator[str]:
    """One line for each category that is kept for another time under the second policy."""
    old, new = _engine(before), _engine(after)
    if old is None or new is None:
        return
    for name in (*sorted({*categories(before), *categories(after)}), OTHERS):
        was, becomes = old.lifespan(name).seconds, new.lifespan(name).seconds
        if was != becomes:
            yield f"records of {name}: kept {in_words(was)} becomes {in_words(becomes)}"


def say(span: Lifespan) -> str:
    """What becomes of records with this lifespan."""
    rules = f" ({', '.join(span.rules)})" if span.rules else ""
    if span.seconds is None:
        return f"kept for good{rules}"
    return f"destroyed {in_words(span.seconds)} after they came to the custodians{rules}"


def _engine(policy: str) -> PolicyEngine | None:
    try:
        return PolicyEngine(policy, default_schema())
    except ConfigError:
        return None
