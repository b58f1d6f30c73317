"""A policy's rules in plain words, made from the rules themselves: a comment beside a rule may say anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cedarpy import pst

from kms.policy.lengths import EXPIRE, in_words, is_expiry, length_of
from kms.policy.reading import read_rules

_ATTRIBUTES: Final = {
    "principal.class": "the class of who asks",
    "context.controllers": "the parties whose evidence there is",
    "context.independent": "the number of independent parties whose evidence there is",
    "context.isOwner": "who asks is the owner that the key names",
    "context.granted": "the owner has granted it",
    "context.guardian": "who asks is the owner's guardian",
    "context.approvals": "the number of this custodian's people who approved",
    "context.category": "the category of the record",
    "context.clinical": "the record is clinical",
    "context.purpose": "the purpose",
    "context.batchCount": "the number of keys asked for at once",
    "context.releasedLastHour": "what who asks was given in the last hour",
    "context.releasedLastDay": "what who asks was given in the last day",
    "context.ownerReleasedLastHour": "what was given of this owner's in the last hour",
    "context.count": "the number of keys handed in at once",
}
_FLAGS: Final = {"context.isOwner", "context.granted", "context.guardian", "context.clinical"}
_ACTIONS: Final = {
    "release": "reading",
    "request": "asking a custodian's people",
    "emergency": "breaking the glass in an emergency",
    "destroy": "destroying",
    "deposit": "handing in keys",
    "expire": "ending by age",
}
_COMPARISONS: Final = {
    "eq": "is",
    "not_eq": "is not",
    "less": "is less than",
    "less_eq": "is at most",
    "greater": "is more than",
    "greater_eq": "is at least",
}
_NEGATED: Final = {
    "eq": "not_eq",
    "not_eq": "eq",
    "less": "greater_eq",
    "less_eq": "greater",
    "greater": "less_eq",
    "greater_eq": "less",
}
_ARITHMETIC: Final = {"add": "plus", "sub": "minus", "mul": "times"}


@dataclass(frozen=True, slots=True)
class RuleInWords:
    """One rule: its `@id`, `permit` or `forbid`, and what it says."""

    name: str
    effect: str
    text: str


def rules_in_words(policy: str) -> list[RuleInWords]:
    """Each rule in plain words, in the order of their names; one line that says so if the policy does not parse."""
    try:
        rules = read_rules(policy).static_policies.values()
    except ValueError:
        return [RuleInWords("", "unreadable", "the policy does not parse")]
    return sorted(map(rule_in_words, rules), key=lambda rule: (rule.effect != "permit", rule.name))


def rule_in_words(rule: pst.Template) -> RuleInWords:
    """One rule of a policy that parsed."""
    return RuleInWords(rule.annotations.get("id") or rule.id, rule.effect, _rule(rule))


def conditions(rule: pst.Template) -> list[tuple[pst.Expr, bool, str]]:
    """What must all hold for a rule to apply: an expression, whether it must be false instead, both in words."""
    parts = []
    for clause in rule.clauses:
        negated = not isinstance(clause, pst.When)
        for part in [clause.expr] if negated else _flat("and", clause.expr):
            parts.append((part, negated, _say(part, negated=negated)))
    return parts


def _rule(rule: pst.Template) -> str:
    conditions = [_say(clause.expr, negated=not isinstance(clause, pst.When)) for clause in rule.clauses]
    for scope in (rule.principal, rule.resource):
        if not isinstance(scope, pst.ScopeAny):
            conditions.insert(0, f"[{scope}]")
    return _effect(rule) + (" if " + " and ".join(conditions) if conditions else " always")


def _effect(rule: pst.Template) -> str:
    if is_expiry(rule):
        length = length_of(rule)
        return f"destroys records {in_words(length)} after they came" if length else "destroys no records"
    match rule.action:
        case pst.ActionEq(entity) if entity.id == EXPIRE:
            return "keeps records for good"
        case _:
            verb = "allows" if rule.effect == "permit" else "never allows"
            return f"{verb} {_actions(rule.action)}"


def _actions(action: pst.ActionConstraint) -> str:
    match action:
        case pst.ActionEq(entity):
            return _ACTIONS.get(entity.id, entity.id)
        case pst.ActionIn(entities):
            return " and ".join(_ACTIONS.get(entity.id, entity.id) for entity in entities)
        case _:
            return "everything"


def _say(expr: pst.Expr, *, negated: bool = False) -> str:
    match expr:
        case pst.UnaryOp("not", arg):
            return _say(arg, negated=not negated)
        case pst.BinaryOp("and" | "or" as op, _, _):
            word = op if not negated else {"and": "or", "or": "and"}[op]
            said = [_say(part, negated=negated) for part in _flat(op, expr)]
            return f" {word} ".join(said) if word == "and" else "(" + f" {word} ".join(said) + ")"
        case pst.GetAttr(pst.Var(name), attr) if f"{name}.{attr}" in _FLAGS:
            text = _ATTRIBUTES[f"{name}.{attr}"]
            return f"it is not so that {text}" if negated else text
        case pst.BinaryOp("contains", pst.Set(elements), right):
            options = " or ".join(_value(element) for element in elements)
            return f"{_value(right)} is {'neither ' if negated else ''}" + (
                options.replace(" or ", " nor ") if negated else options
            )
        case pst.BinaryOp(op, left, right) if op in _COMPARISONS:
            return f"{_value(left)} {_COMPARISONS[_NEGATED[op] if negated else op]} {_value(right)}"
        case _:
            return ("it is not so that " if negated else "") + _value(expr)


def _flat(op: str, expr: pst.Expr) -> Iterator[pst.Expr]:
    match expr:
        case pst.BinaryOp(same, left, right) if same == op:
            yield from _flat(op, left)
            yield from _flat(op, right)
        case _:
            yield expr


def _value(expr: pst.Expr) -> str:
    match expr:
        case pst.StringLit(value):
            return f'"{value}"'
        case pst.BoolLit(value) | pst.LongLit(value):
            return str(value).lower()
        case pst.GetAttr(pst.Var(name), attr):
            return _ATTRIBUTES.get(f"{name}.{attr}", f"{name}.{attr}")
        case pst.Set(elements):
            return "{" + ", ".join(_value(element) for element in elements) + "}"
        case pst.BinaryOp(op, left, right) if op in _ARITHMETIC:
            return f"{_value(left)} {_ARITHMETIC[op]} {_value(right)}"
        case pst.BinaryOp(op, left, right):
            return f"[{_value(left)} {op} {_value(right)}]"
        case _:
            # What has no words here is shown as it is, never left out.
            return f"[{expr}]"
