"""Three-valued evaluation against Cedar itself: what is called False never holds, what is called True always.

Rules are drawn from a grammar over the schema's attributes; some facts are hidden from the evaluation under
test and given to Cedar. Were one operator modelled wrongly, lint could pass a permit that opens to one group.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cedarpy
import pytest
from cedarpy import pst
from hypothesis import given, settings
from hypothesis import strategies as st

from kms.policy.attributes import ReleaseAttributes
from kms.policy.engine import default_schema
from kms.policy.lint import lint
from kms.policy.partial import UNKNOWN, condition
from kms.statements.manifest import HolderClass, Issuer, IssuerKey, IssuerKeyType
from tests.unit.policy.world import reading

SCHEMA = cedarpy.Schema.from_str(default_schema())
TEXTS = ["treatment", "lab", "owner", "issuer:a", "device", ""]
COUNTS = [0, 1, 2, 7]

texts = st.sampled_from(TEXTS)
counts = st.sampled_from(COUNTS)
quoted = texts.map(lambda text: f'"{text}"')
text_expr = quoted | st.sampled_from(["context.category", "context.purpose", "principal.class"])
count_expr = counts.map(str) | st.sampled_from(
    ["context.independent", "context.approvals", "context.batchCount"]
)
count_expr = count_expr | st.tuples(count_expr, st.sampled_from("+-*"), count_expr).map(
    lambda p: f"({p[0]} {p[1]} {p[2]})"
)
set_expr = st.just("context.controllers") | st.lists(text_expr, min_size=1, max_size=3).map(
    lambda parts: f"[{', '.join(parts)}]"
)
atom = (
    st.sampled_from(
        ["context.isOwner", "context.granted", "context.guardian", "context.clinical", "true", "false"]
    )
    | st.tuples(text_expr, st.sampled_from(["==", "!="]), text_expr).map(" ".join)
    | st.tuples(count_expr, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), count_expr).map(" ".join)
    | st.tuples(set_expr, text_expr).map(lambda p: f"{p[0]}.contains({p[1]})")
    | st.tuples(set_expr, st.sampled_from(["containsAll", "containsAny"]), set_expr).map(
        lambda p: f"{p[0]}.{p[1]}({p[2]})"
    )
    | st.tuples(set_expr, st.sampled_from(["==", "!="]), set_expr).map(" ".join)
    | st.just("context.controllers.isEmpty()")
    | st.just('context.category like "l*b"')
    | st.just("context has granted")
    | st.just("principal is Holder")
)
boolean = st.recursive(
    atom.map(lambda a: f"({a})"),
    lambda inner: (
        inner.map(lambda b: f"!{b}")
        | st.tuples(inner, st.sampled_from(["&&", "||", "==", "!="]), inner).map(
            lambda p: f"({p[0]} {p[1]} {p[2]})"
        )
        | st.tuples(inner, inner, inner).map(lambda p: f"(if {p[0]} then {p[1]} else {p[2]})")
    ),
    max_leaves=8,
)
clauses = st.lists(
    st.tuples(st.sampled_from(["when", "unless"]), boolean).map(lambda p: f"{p[0]} {{ {p[1]} }}"),
    min_size=1,
    max_size=2,
).map(" ".join)
worlds = st.builds(
    lambda controllers, changes: reading(*controllers, **changes),
    st.sets(st.sampled_from(["owner", "human", "issuer:a", "issuer:b"])),
    st.fixed_dictionaries(
        {
            "principal_class": texts,
            "is_owner": st.booleans(),
            "granted": st.booleans(),
            "guardian": st.booleans(),
            "approvals": counts,
            "category": texts,
            "clinical": st.booleans(),
            "purpose": texts,
            "batch_count": counts,
        }
    ),
)


def rule_of(clauses: str) -> tuple[str, pst.Template]:
    text = f'permit (principal, action == Action::"release", resource) {clauses};'
    (rule,) = cedarpy.policies_to_pst(text).static_policies.values()
    return text, rule


def known(world: ReleaseAttributes) -> dict[str, Any]:
    facts: dict[str, Any] = {f"context.{name}": value for name, value in world.context().items()}
    facts["context.controllers"] = world.controllers
    return facts | {"principal.class": world.principal_class}


def cedar_allows(text: str, world: ReleaseAttributes) -> bool:
    holder = {"uid": {"type": "Holder", "id": "h"}, "attrs": {"class": world.principal_class}, "parents": []}
    request = {
        "principal": 'Holder::"h"',
        "action": 'Action::"release"',
        "resource": 'Key::"k"',
        "context": world.context(),
    }
    result = cedarpy.is_authorized(request, text, [holder], SCHEMA)
    assert result.decision is not cedarpy.Decision.NoDecision, result.diagnostics.errors
    return result.decision is cedarpy.Decision.Allow


PATHS = sorted(known(reading()))


@settings(max_examples=400)
@given(clauses, worlds, st.sets(st.sampled_from(PATHS)))
def test_what_is_hidden_never_makes_it_contradict_cedar(
    drawn: str, world: ReleaseAttributes, hidden: set[str]
) -> None:
    text, rule = rule_of(drawn)
    facts = {path: value for path, value in known(world).items() if path not in hidden}
    said = condition(rule, facts)
    if said is not UNKNOWN:
        assert said is cedar_allows(text, world)


ALONE = [
    {"controllers": frozenset(shown), "principal_class": klass, "approvals": approvals} | owner
    for shown, klass, approvals, owner in (
        ((), "unknown", 0, {"is_owner": False, "granted": False}),
        (("owner",), "unknown", 0, {"is_owner": True, "granted": False}),
        (("owner",), "unknown", 0, {"is_owner": False, "granted": True}),
        (("owner",), "unknown", 0, {"is_owner": True, "granted": True}),
        (("owner",), "unknown", 0, {"is_owner": False, "granted": False, "guardian": True}),
        (("owner",), "unknown", 0, {"is_owner": False, "granted": True, "guardian": True}),
        (("human",), "unknown", 1, {"is_owner": False, "granted": False}),
        (("human",), "unknown", 7, {"is_owner": False, "granted": False}),
        (("issuer:a",), "device", 0, {"is_owner": False, "granted": False}),
    )
]
ISSUER_A = Issuer(
    "https://a.example", "a", (HolderClass.DEVICE,), (IssuerKey("1", IssuerKeyType.ED25519, bytes(32)),)
)


@settings(max_examples=400)
@given(clauses, worlds, st.sampled_from(ALONE))
def test_lint_refuses_every_rule_that_cedar_lets_one_group_through(
    drawn: str, world: ReleaseAttributes, alone: dict[str, Any]
) -> None:
    text, _ = rule_of(drawn)
    if cedar_allows(text, replace(world, **alone)):
        codes = {finding.code for finding in lint(text, default_schema(), [ISSUER_A])}
        assert codes & {"SINGLE_CONTROL_GROUP", "UNCONDITIONAL_PERMIT"}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("context.granted && false", False),
        ("false && context.granted", False),
        ("true && context.granted", UNKNOWN),
        ("context.granted || true", True),
        ("!context.granted", UNKNOWN),
        ("context.granted == context.granted", UNKNOWN),
        ("if context.granted then true else true", True),
        ("if context.granted then true else false", UNKNOWN),
        ("1 == true", False),
        ("[1, 2].contains(1)", UNKNOWN),
        ('["a", context.category].contains("a")', UNKNOWN),
        ("1 + 1 == 2", True),
        ("3 * 2 - 1 == 6", False),
        ("9223372036854775807 + 1 > 0", UNKNOWN),
        ('ip("127.0.0.1").isLoopback()', UNKNOWN),
        ("{a: 1}.a == 1", UNKNOWN),
    ],
)
def test_what_is_not_known_stays_unknown_unless_it_cannot_matter(expression: str, value: object) -> None:
    assert condition(rule_of(f"when {{ {expression} }}")[1], {}) is value


@pytest.mark.parametrize("operator", ["==", "!=", "<", "<=", ">", ">="])
@pytest.mark.parametrize(("left", "right"), [(1, 2), (2, 2), (3, 2)])
def test_numbers_compare_as_in_cedar(left: int, operator: str, right: int) -> None:
    text, rule = rule_of(f"when {{ context.independent {operator} {right} }}")
    world = reading(*(f"issuer:{number}" for number in range(left)))
    assert condition(rule, known(world)) is cedar_allows(text, world)
