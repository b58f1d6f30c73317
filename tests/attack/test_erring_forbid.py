"""A `forbid` that errs: Cedar skips it and lets the permits decide, so the guard is gone and the door opens.

An insider needs no bad permit for that, only a forbid that reads well, fits the schema and fails when it is
evaluated, or a request that makes an honest forbid fail.
"""

from __future__ import annotations

from dataclasses import replace

import cedarpy
import pytest

from kms.policy.attributes import ReleaseAttributes
from kms.policy.engine import PolicyEngine, default_policy, default_schema
from kms.policy.lint import lint
from tests.unit.policy.world import ISSUERS, ONE, OTHER, reading

PERMIT = """
@id("two-issuers") permit (principal, action == Action::"release", resource)
when { context.independent >= 2 };
"""
UNKNOWN_ENTITY = """
@id("guard") forbid (principal, action == Action::"release", resource)
when { Holder::"somebody".class == "service" || context.clinical };
"""
OVERFLOW = """
@id("guard") forbid (principal, action == Action::"release", resource)
when { context.batchCount * 9223372036854775807 > 0 && context.clinical };
"""
UNKNOWN_ATTRIBUTE = """
@id("guard") forbid (principal, action == Action::"release", resource)
when { context.colour == "red" || context.clinical };
"""
STRING_IN = """
@id("guard") forbid (principal, action == Action::"release", resource)
when { context.category in ["laboratory"] };
"""
CLINICAL = reading(ONE, OTHER, batch_count=2)


def bare_cedar(policy: str, attributes: ReleaseAttributes) -> bool:
    """Ask Cedar and look at the answer alone, as its examples do."""
    result = cedarpy.is_authorized(
        {
            "principal": 'Holder::"h"',
            "action": 'Action::"release"',
            "resource": 'Key::"k"',
            "context": attributes.context(),
        },
        policy,
        [{"uid": {"type": "Holder", "id": "h"}, "attrs": {"class": "professional"}, "parents": []}],
    )
    return result.allowed


FITTING = pytest.mark.parametrize("guard", [UNKNOWN_ENTITY, OVERFLOW], ids=["entity", "overflow"])
UNFITTING = pytest.mark.parametrize("guard", [UNKNOWN_ATTRIBUTE, STRING_IN], ids=["attribute", "in"])


@pytest.mark.parametrize(
    "guard",
    [UNKNOWN_ENTITY, OVERFLOW, UNKNOWN_ATTRIBUTE, STRING_IN],
    ids=["entity", "overflow", "attribute", "in"],
)
def test_the_attack_works_on_whoever_asks_cedar_for_its_answer_alone(guard: str) -> None:
    assert bare_cedar(PERMIT + guard, CLINICAL)


@FITTING
def test_a_schema_alone_does_not_stop_it(guard: str) -> None:
    assert cedarpy.validate_policies(PERMIT + guard, default_schema()).validation_passed


@FITTING
def test_the_engine_denies_when_a_rule_errs(guard: str) -> None:
    outcome = PolicyEngine(PERMIT + guard, default_schema()).decide_release(CLINICAL)
    assert (outcome.verdict, outcome.reason) == ("deny", "POLICY_ERROR")


@FITTING
def test_the_engine_denies_when_a_nodes_own_rule_errs(guard: str) -> None:
    engine = PolicyEngine(default_policy(), default_schema(), guard)
    assert PolicyEngine(default_policy(), default_schema()).decide_release(CLINICAL).verdict == "allow"
    assert engine.decide_release(CLINICAL).reason == "POLICY_ERROR"


@FITTING
def test_lint_refuses_such_a_rule_before_anybody_signs_it(guard: str) -> None:
    findings = lint(PERMIT + guard, default_schema(), ISSUERS)
    assert [(finding.code, finding.rule) for finding in findings] == [("RULE_CAN_ERR", "guard")]


@UNFITTING
def test_lint_refuses_a_rule_that_does_not_fit_the_schema(guard: str) -> None:
    assert {(f.code, f.rule) for f in lint(PERMIT + guard, default_schema(), ISSUERS)} == {
        ("SCHEMA_MISMATCH", "guard")
    }


def test_a_request_cannot_make_the_brake_err_away() -> None:
    # The default brake adds two counts. Without the engine's care a count near 2**63 would remove it.
    overflowing = replace(CLINICAL, released_last_hour_principal=2**63 - 1)
    assert bare_cedar(default_policy(), overflowing)
    outcome = PolicyEngine(default_policy(), default_schema()).decide_release(overflowing)
    assert (outcome.verdict, outcome.reason) == ("deny", "POLICY_ERROR")
