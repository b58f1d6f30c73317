"""What a rule's condition can come to when only some facts are known: three-valued logic over Cedar's syntax.

`UNKNOWN` means "some value, perhaps an error". The answer errs on one side only: a condition that comes out
False can hold for no value of what is unknown, while UNKNOWN and True may hold. Whatever this does not model
is UNKNOWN, so new syntax makes `lint` stricter, never blind. Cedar's own partial evaluation is experimental
and asks not to be relied on.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import Final, Literal

from cedarpy import pst

from kms.policy.attributes import DepositAttributes, ExpiryAttributes, ReleaseAttributes


class _Unknown(enum.Enum):
    UNKNOWN = "unknown"


UNKNOWN: Final = _Unknown.UNKNOWN
Known = bool | int | str | frozenset[str]
Value = Known | Literal[_Unknown.UNKNOWN]
Facts = Mapping[str, Known]
"""Known attributes by path: "context.isOwner", "principal.class"."""


def facts_of(attributes: ReleaseAttributes | DepositAttributes | ExpiryAttributes) -> Facts:
    """All attributes of a request by path."""
    facts: dict[str, Known] = {"principal.class": attributes.principal_class}
    for name, value in attributes.context().items():
        facts[f"context.{name}"] = frozenset(value) if isinstance(value, list) else value
    return facts


def condition(rule: pst.Template, facts: Facts) -> Value:
    """All clauses of a rule together. Its scope is not looked at."""
    outcome: Value = True
    for clause in rule.clauses:
        value = evaluate(clause.expr, facts)
        outcome = _and(outcome, value if isinstance(clause, pst.When) else _not(value))
    return outcome


def evaluate(expr: pst.Expr, facts: Facts) -> Value:
    """An expression's value under `facts`."""
    match expr:
        case pst.BoolLit(value) | pst.LongLit(value) | pst.StringLit(value):
            return value
        case pst.GetAttr(pst.Var(name), attr):
            return facts.get(f"{name}.{attr}", UNKNOWN)
        case pst.Set(elements):
            return _set([evaluate(element, facts) for element in elements])
        case pst.UnaryOp("not", arg):
            return _not(evaluate(arg, facts))
        case pst.BinaryOp(op, left, right):
            return _binary(op, evaluate(left, facts), evaluate(right, facts))
        case pst.IfThenElse(cond, then_expr, else_expr):
            return _choose(evaluate(cond, facts), evaluate(then_expr, facts), evaluate(else_expr, facts))
        case _:
            return UNKNOWN


def _not(value: Value) -> Value:
    return not value if isinstance(value, bool) else UNKNOWN


def _and(left: Value, right: Value) -> Value:
    if left is False or right is False:
        return False
    return True if left is True and right is True else UNKNOWN


def _choose(cond: Value, then: Value, otherwise: Value) -> Value:
    if isinstance(cond, bool):
        return then if cond else otherwise
    return then if _same(then, otherwise) is True else UNKNOWN


def _set(elements: list[Value]) -> Value:
    texts = frozenset(element for element in elements if isinstance(element, str))
    # Sets of anything but known strings do not occur in the schema.
    return texts if all(isinstance(element, str) for element in elements) else UNKNOWN


def _same(left: Value, right: Value) -> Value:
    if left is UNKNOWN or right is UNKNOWN:
        return UNKNOWN
    # Python's True == 1 is not Cedar's.
    return type(left) is type(right) and left == right


def _binary(op: str, left: Value, right: Value) -> Value:
    match op:
        case "and":
            return _and(left, right)
        case "or":
            return _not(_and(_not(left), _not(right)))
        case "eq":
            return _same(left, right)
        case "not_eq":
            return _not(_same(left, right))
    if isinstance(left, frozenset):
        return _on_sets(op, left, right)
    if type(left) is int and type(right) is int:
        return _on_numbers(op, left, right)
    return UNKNOWN


def _on_sets(op: str, left: frozenset[str], right: Value) -> Value:
    if op == "contains" and isinstance(right, str):
        return right in left
    if isinstance(right, frozenset):
        if op == "contains_all":
            return right <= left
        if op == "contains_any":
            return bool(right & left)
    return UNKNOWN


def _on_numbers(op: str, left: int, right: int) -> Value:
    match op:
        case "less":
            return left < right
        case "less_eq":
            return left <= right
        case "greater":
            return left > right
        case "greater_eq":
            return left >= right
        case "add":
            return _long(left + right)
        case "sub":
            return _long(left - right)
        case "mul":
            return _long(left * right)
        case _:
            return UNKNOWN


def _long(value: int) -> Value:
    # What overflows is an error in Cedar.
    return value if -(2**63) <= value < 2**63 else UNKNOWN


def parts(expr: pst.Expr) -> Iterator[pst.Expr]:
    """An expression and all that it is made of."""
    yield expr
    match expr:
        case pst.UnaryOp(_, arg) | pst.GetAttr(arg, _) | pst.HasAttr(arg, _) | pst.Like(arg, _):
            inner: tuple[pst.Expr, ...] = (arg,)
        case pst.BinaryOp(_, left, right):
            inner = (left, right)
        case pst.Is(base, _, in_expr):
            inner = (base,) if in_expr is None else (base, in_expr)
        case pst.IfThenElse(cond, then_expr, else_expr):
            inner = (cond, then_expr, else_expr)
        case pst.Set(elements):
            inner = elements
        case pst.Record(fields):
            inner = tuple(fields.values())
        case _:
            inner = ()
    for part in inner:
        yield from parts(part)


def concerns(action: pst.ActionConstraint, names: frozenset[str]) -> bool:
    """Whether a rule of this scope is about one of these actions."""
    # The schema is ours and has no groups of actions, so `in` names actions themselves.
    match action:
        case pst.ActionEq(entity):
            return entity.id in names
        case pst.ActionIn(entities):
            return any(entity.id in names for entity in entities)
        case _:
            return True
