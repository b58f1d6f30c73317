"""The engine beside the rules: every doubt is a deny, and a node may only be stricter."""

from __future__ import annotations

from dataclasses import replace

import cedarpy
import pytest

from kms.crypto.hashing import H
from kms.errors import ConfigError
from kms.policy.attributes import DepositAttributes, ReleaseAttributes
from kms.policy.engine import Outcome, PolicyEngine, default_policy, default_schema
from tests.unit.policy.world import ONE, OTHER, reading

POLICY, SCHEMA = default_policy(), default_schema()
OPEN_READING = reading(ONE, OTHER)
ERROR = Outcome("deny", "POLICY_ERROR")


def test_a_decision_names_every_rule_that_made_it() -> None:
    outcome = PolicyEngine(POLICY, SCHEMA).decide_release(
        reading(ONE, OTHER, "owner", is_owner=True, granted=True)
    )
    assert outcome.rules == ("grantee-reads", "owner-reads-own", "professional-by-two-issuers")
    assert outcome.reason == "GRANTEE_READS"


def test_the_policy_hash_is_over_policy_and_schema_alone() -> None:
    engine = PolicyEngine(POLICY, SCHEMA)
    assert engine.policy_hash == H("policy", POLICY.encode(), SCHEMA.encode())
    local = PolicyEngine(
        POLICY, SCHEMA, '@id("x") forbid (principal, action == Action::"release", resource);'
    )
    assert local.policy_hash == engine.policy_hash
    assert PolicyEngine(POLICY + "\n// a word", SCHEMA).policy_hash != engine.policy_hash


@pytest.mark.parametrize(
    "attributes",
    [
        replace(OPEN_READING, principal_class="administrator"),
        replace(OPEN_READING, batch_count=2**63),
        reading(ONE, OTHER, approvals="1"),
        reading(ONE, OTHER, clinical=None),
        replace(OPEN_READING, released_last_hour_principal=2**63 - 1),
        replace(OPEN_READING, purpose="\ud800"),
    ],
    ids=["class", "too long", "type", "missing", "overflow", "no unicode"],
)
def test_attributes_that_cedar_cannot_evaluate_are_denied(attributes: ReleaseAttributes) -> None:
    assert PolicyEngine(POLICY, SCHEMA).decide_release(attributes) == ERROR


def test_a_deposit_that_cedar_cannot_evaluate_is_denied() -> None:
    outcome = PolicyEngine(POLICY, SCHEMA).decide_deposit(
        DepositAttributes("device", frozenset({ONE}), 2**63)
    )
    assert outcome == ERROR


def test_an_answer_without_a_decision_is_a_deny(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = PolicyEngine(POLICY, SCHEMA)
    undecided = cedarpy.AuthzResult(
        {"decision": "NoDecision", "diagnostics": {"errors": [], "reason": []}, "metrics": {}}
    )
    assert undecided.decision is cedarpy.Decision.NoDecision
    monkeypatch.setattr(cedarpy, "is_authorized", lambda *_: undecided)
    assert engine.decide_release(OPEN_READING) == ERROR


def test_a_rule_that_errs_only_when_humans_may_be_asked_is_a_deny_and_not_a_question() -> None:
    erring = """@id("errs") forbid (principal, action == Action::"request", resource)
                when { Holder::"somebody".class == "x" };"""
    engine = PolicyEngine(POLICY, SCHEMA, erring)
    assert engine.decide_release(reading(ONE)) == ERROR
    assert engine.decide_release(OPEN_READING).verdict == "allow"


def test_a_nodes_own_forbid_is_obeyed() -> None:
    own = """@id("no-research-here") forbid (principal, action in [Action::"release", Action::"request"], resource)
             when { context.purpose == "treatment" };"""
    assert PolicyEngine(POLICY, SCHEMA, own).decide_release(OPEN_READING).reason == "NO_RESEARCH_HERE"


@pytest.mark.parametrize(
    "own",
    [
        'permit (principal, action == Action::"release", resource) when { context.independent >= 2 };',
        'forbid (principal, action == Action::"release", resource) when { context.clinical };'
        'permit (principal, action == Action::"release", resource) when { context.isOwner };',
        'forbid (principal == ?principal, action == Action::"release", resource);',
        'forbid (principal, action == Action::"release", resource) when { context.category == 1 };',
        'forbid (principal, action == Action::"release", resource) when { context.colour == "red" };',
        "forbid (principal",
    ],
    ids=["permit", "permit behind forbid", "template", "type", "unknown attribute", "cut off"],
)
def test_own_rules_that_are_not_plain_forbids_are_refused_at_the_start(own: str) -> None:
    with pytest.raises(ConfigError):
        PolicyEngine(POLICY, SCHEMA, own)


def test_two_texts_cannot_finish_each_others_rules() -> None:
    first, second = POLICY + '@id("x")', 'forbid (principal, action == Action::"release", resource);'
    assert cedarpy.validate_policies(first + "\n" + second, SCHEMA).validation_passed
    with pytest.raises(ConfigError):
        PolicyEngine(first, SCHEMA, second)


@pytest.mark.parametrize(
    ("policy", "schema"),
    [
        ("permit (principal, action, resource) when { context.colour };", SCHEMA),
        ("permit (", SCHEMA),
        (POLICY, "entity Holder"),
        (POLICY, "entity Holder { class: Long }; entity Key;"),
    ],
)
def test_a_policy_that_does_not_fit_is_refused_at_the_start(policy: str, schema: str) -> None:
    with pytest.raises(ConfigError):
        PolicyEngine(policy, schema)


def test_equal_attributes_are_one_key_of_a_mapping() -> None:
    assert len({reading(ONE, OTHER), reading(OTHER, ONE), reading(ONE)}) == 2
