"""What a policy and its issuers must hold before a keyring may live by them.

The heart is this rule: **no permit of `release` or `destroy` may be satisfied by evidence that one group
controls alone** (one issuers' owner, the record owner's key, a custodian's human, or nobody at all). How it
is shown, for each such permit apart:

1. Write down every way in which one group can appear: `controllers`, `independent`, `isOwner`, `granted`,
   `approvals` and the principal's class, each class that this group's issuers may vouch for.
2. Leave every other attribute open: purpose, category, counters. One group may choose them or wait for them.
3. Evaluate the permit's condition in three-valued logic (`kms.policy.partial`). Only False is safe.

So nothing is sampled: a permit that passes is safe for every purpose, category and count. The price is that a
permit may be refused whose open attributes contradict each other; write it more plainly then. Forbids are not
counted on: the next manifest may drop one, and a permit that is unsafe without it would open.

Limits: whether two `controlled_by` groups are independent in the world is what the manifest's signers assert.
Only what shows in the manifest itself is noticed (`kms.policy.issuer_lint`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import cedarpy
from cedarpy import pst

from kms.errors import FieldProblem, Invalid
from kms.policy.attributes import HUMAN, OWNER, class_name, issuer_group
from kms.policy.engine import default_schema, former_schema
from kms.policy.issuer_lint import Finding, about_issuers
from kms.policy.length_lint import about_length
from kms.policy.partial import Facts, Known, concerns, condition, parts
from kms.policy.reading import read_rules
from kms.statements.manifest import HolderClass, Issuer, Manifest

GUARDED: Final = frozenset({"release", "emergency", "destroy"})
"""Actions that no single group may reach."""

ADVICE: Final = frozenset({"LENGTH_SHORT"})
"""Findings that are for those who sign to weigh, and keep no node from living by what they signed."""

_MAX_COUNT: Final = 2**53
_MAX_LONG: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class LoneGroup:
    """One way in which a single group of control can appear before the policy."""

    who: str
    facts: Facts = field(repr=False)


def refuse_unsafe(manifest: Manifest) -> None:
    """Invalid, with each finding as a field problem, unless the manifest's policy and issuers pass `lint`."""
    findings = _unsafe(manifest.policy, manifest.policy_schema, manifest.issuers)
    if findings:
        raise Invalid(
            "the keyring's policy is not safe: " + "; ".join(f.message for f in findings),
            reason="POLICY_UNSAFE",
            fields=tuple(
                FieldProblem(f"manifest.policy[{f.rule}]" if f.rule else "manifest", f"{f.code}: {f.message}")
                for f in findings
            ),
        )


@lru_cache(maxsize=16)  # most links of a chain have their predecessor's policy
def _unsafe(policy: str, schema: str, issuers: tuple[Issuer, ...]) -> tuple[Finding, ...]:
    return tuple(found for found in lint(policy, schema, issuers) if found.code not in ADVICE)


def lint(policy: str, schema: str, issuers: Sequence[Issuer] = ()) -> list[Finding]:
    """Everything that is wrong; empty if the policy may be signed. Takes milliseconds.

    Without `issuers`, the policy must be safe whoever they will be.
    """
    findings = list(about_issuers(issuers)) + list(_about_schema(schema))
    try:
        rules = read_rules(policy)
        checked = cedarpy.validate_policies(policy, _known(schema) or default_schema())
    except ValueError as error:
        return [*findings, Finding("UNREADABLE", "", f"the policy does not parse: {error}")]
    for problem in checked.errors:
        rule = rules.static_policies.get(problem.policy_id) or rules.templates.get(problem.policy_id)
        message = f"does not fit the schema: {problem.error}"
        findings.append(Finding("SCHEMA_MISMATCH", _name(rule) if rule else "", message))
    for template in rules.templates.values():
        message = "is a template, which is never linked: write the rule without slots"
        findings.append(Finding("TEMPLATE", _name(template), message))
    findings += _about_names(rules.static_policies.values())
    groups = tuple(lone_groups(issuers))
    for rule in rules.static_policies.values():
        findings += _about_rule(rule, groups)
        findings += about_length(rule)
    return findings


def lone_groups(issuers: Iterable[Issuer]) -> Iterator[LoneGroup]:
    """Every appearance of nobody, the owner alone, a human alone, and each issuers' owner alone."""
    yield _lone("nobody", (), "unknown")
    yield _lone("the owner's key alone", (OWNER,), "unknown", is_owner=True)
    yield _lone("the owner's grant alone", (OWNER,), "unknown", granted=True)
    yield _lone("the owner's key and grant alone", (OWNER,), "unknown", is_owner=True, granted=True)
    yield _lone("the owner's naming of a guardian alone", (OWNER,), "unknown", guardian=True)
    yield _lone("a guardian's mandate and grant alone", (OWNER,), "unknown", granted=True, guardian=True)
    # How many of its humans say yes stays open: they are all one custodian's.
    yield _lone("a custodian's humans alone", (HUMAN,), "unknown", approvals=None)
    classes: dict[str, set[str]] = defaultdict(set)
    for issuer in issuers:
        classes[issuer.controlled_by].update(class_name(klass) for klass in issuer.classes)
    for group, vouched in sorted(classes.items()):
        for klass in sorted(vouched):
            yield _lone(f"issuers of {group!r} alone, class {klass}", (issuer_group(group),), klass)
    if not classes:
        for klass in map(class_name, HolderClass):
            any_one = _lone(f"any issuer alone, class {klass}", ("any",), klass)
            facts = {path: fact for path, fact in any_one.facts.items() if path != "context.controllers"}
            yield LoneGroup(any_one.who, facts)


def _lone(
    who: str,
    controllers: tuple[str, ...],
    klass: str,
    *,
    is_owner: bool = False,
    granted: bool = False,
    guardian: bool = False,
    approvals: int | None = 0,
) -> LoneGroup:
    facts: dict[str, Known] = {
        "principal.class": klass,
        "context.controllers": frozenset(controllers),
        "context.independent": len(controllers),
        "context.isOwner": is_owner,
        "context.granted": granted,
        "context.guardian": guardian,
    }
    if approvals is not None:
        facts["context.approvals"] = approvals
    return LoneGroup(who, facts)


def _about_rule(rule: pst.Template, groups: Sequence[LoneGroup]) -> Iterator[Finding]:
    name = _name(rule)
    for clause in rule.clauses:
        yield from (Finding("RULE_CAN_ERR", name, why) for why in _possible_errors(clause.expr))
    if rule.effect != "permit":
        return
    if condition(rule, {}) is True:
        yield Finding("UNCONDITIONAL_PERMIT", name, "permits without a condition: say under which one")
        return
    if not concerns(rule.action, GUARDED):
        return
    opens = [group.who for group in groups if condition(rule, group.facts) is not False]
    if opens:
        yield Finding(
            "SINGLE_CONTROL_GROUP",
            name,
            f"may be satisfied by {' or '.join(opens)}: "
            "require evidence under two owners, such as `context.independent >= 2`",
        )


def _possible_errors(expr: pst.Expr) -> Iterator[str]:
    """What can make a rule err though it fits the schema. Cedar skips an erring rule, our engine denies."""
    for part in parts(expr):
        match part:
            case pst.GetAttr(base, attr) if not isinstance(base, pst.Var):
                yield f"`.{attr}` of something that may not exist: ask `context` and `principal` only"
            case pst.BinaryOp("get_tag" | "offset" | "duration_since" as op, _, _):
                yield f"`{op}` can err: write the rule without it"
            case pst.BinaryOp("add" | "sub" | "mul", _, _) | pst.UnaryOp("neg", _):
                if _bound(part) > _MAX_LONG:
                    yield "its arithmetic can overflow: compare without it, or with smaller numbers"


def _bound(expr: pst.Expr) -> int:
    """No result is larger than this, by absolute value; counts stay below 2**53."""
    match expr:
        case pst.LongLit(value):
            return abs(value)
        case pst.GetAttr():
            return _MAX_COUNT
        case pst.UnaryOp("neg", arg):
            return _bound(arg)
        case pst.BinaryOp("add" | "sub", left, right):
            return _bound(left) + _bound(right)
        case pst.BinaryOp("mul", left, right):
            return _bound(left) * _bound(right)
        case pst.IfThenElse(_, then_expr, else_expr):
            return max(_bound(then_expr), _bound(else_expr))
        case _:
            return _MAX_LONG + 1


def _name(rule: pst.Template) -> str:
    return rule.annotations.get("id") or rule.id


def _about_names(rules: Iterable[pst.Template]) -> Iterator[Finding]:
    seen: set[str] = set()
    for rule in rules:
        name = rule.annotations.get("id", "")
        if not name:
            yield Finding("RULE_UNNAMED", rule.id, 'has no @id("..."): decisions give it as their reason')
        elif name in seen:
            yield Finding("RULE_NAME_REPEATED", name, "is the @id of two rules: give each its own")
        seen.add(name)


def _about_schema(schema: str) -> Iterator[Finding]:
    # The schema says what the software hands to the policy, so there is one right answer. In another one, an
    # optional attribute could make a forbid err, and a group of actions could hide `release` in a harmless
    # name.
    try:
        cedarpy.Schema.from_str(schema)
    except ValueError as error:
        yield Finding("SCHEMA_UNREADABLE", "", f"the schema does not parse: {error}")
        return
    if _known(schema) is None:
        yield Finding("SCHEMA_DIFFERS", "", "use the schema that comes with this version, unchanged")


def _known(schema: str) -> str | None:
    """The schema of this version, or of an earlier one, that this text is; None if it is neither."""
    try:
        read = str(cedarpy.Schema.from_str(schema))
    except ValueError:
        return None
    return next((ours for ours in _schemas() if str(cedarpy.Schema.from_str(ours)) == read), None)


@lru_cache(maxsize=1)
def _schemas() -> tuple[str, ...]:
    # A keyring goes on under the manifest that it has when its nodes' software is renewed.
    return default_schema(), former_schema()
