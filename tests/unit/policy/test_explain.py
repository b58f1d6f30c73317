"""What an explanation claims is what the engine answers, and what it suggests is evidence that does open."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path

import pytest

from kms.custodian.providers import SWITCHED
from kms.errors import ConfigError
from kms.policy import explain as module
from kms.policy.attributes import DepositAttributes, ReleaseAttributes
from kms.policy.cases import Asked
from kms.policy.engine import PolicyEngine, default_policy, default_schema
from kms.policy.explain import Explanation, explain
from kms.policy.reasons import REASONS, in_words
from kms.policy.rule_words import _ATTRIBUTES, rules_in_words
from tests.unit.policy.world import ONE, OTHER, reading

ENGINE = PolicyEngine(default_policy(), default_schema())
KMS = Path(module.__file__).parents[1]


def ways(explanation: Explanation) -> dict[str, str]:
    return {way.text: way.verdict for way in explanation.ways}


def test_an_answer_is_told_with_its_rule_in_words() -> None:
    told = explain(ENGINE, reading(ONE, OTHER))
    assert (told.verdict, told.reason) == ("allow", "PROFESSIONAL_BY_TWO_ISSUERS")
    assert [rule.name for rule in told.rules] == ["professional-by-two-issuers"]
    assert told.text.startswith("the rule professional-by-two-issuers allows reading if")
    assert told.ways == ()


def test_one_issuer_lacks_another_or_a_grant_or_a_human() -> None:
    told = explain(ENGINE, reading(ONE))
    assert told.verdict == "pending"
    assert ways(told) == {
        "one more independent issuer vouched for who asks": "allow",
        "the owner granted it": "allow",
        "one of this custodian's people approved": "allow",
    }


def test_a_stranger_lacks_two_credentials_and_one_lets_them_ask() -> None:
    told = ways(explain(ENGINE, Asked().attributes()))
    one, more = (
        "an issuer vouched for who asks as a professional",
        "one more independent issuer vouched for who asks",
    )
    assert told[one] == "pending"
    assert told[f"{one} and {more}"] == "allow"


def test_what_no_evidence_changes_has_no_way() -> None:
    told = explain(ENGINE, reading(ONE, OTHER, principal_class="service"))
    assert told.reason == "NO_CLINICAL_FOR_SERVICES"
    assert told.ways == ()
    assert "no further evidence would change that" in list(told.lines())


def test_nothing_is_suggested_that_would_have_to_be_claimed() -> None:
    legal = explain(ENGINE, reading(ONE, OTHER, purpose="legal"))
    assert ways(legal) == {"one of this custodian's people approved": "allow"}
    assert any("legal-wants-a-human applies" in line for line in legal.lines())


def test_bulk_reading_lacks_a_human_or_fewer_keys_or_time() -> None:
    bulk = reading(ONE, OTHER, batch_count=1500, released_last_hour_principal=1000)
    assert ways(explain(ENGINE, bulk)) == {
        "one of this custodian's people approved": "allow",
        "fewer keys were asked for at once": "allow",
        "less had been given out lately": "allow",
    }


def test_an_issuer_that_a_rule_asks_for_by_name_is_named() -> None:
    rule = (
        '@id("r") permit (principal, action == Action::"release", resource) when '
        '{ context.controllers.containsAll(["issuer:Chamber", "issuer:Medical Chamber"]) };'
    )
    told = explain(PolicyEngine(rule, default_schema()), reading(ONE))
    assert ways(told) == {"the issuers of 'Chamber' vouched for who asks": "allow"}


def test_a_local_forbid_is_told_like_any_rule() -> None:
    own = '@id("not-here") forbid (principal, action in [Action::"release", Action::"request"], resource);'
    told = explain(PolicyEngine(default_policy(), default_schema(), own), reading(ONE, OTHER))
    assert (told.reason, told.ways) == ("NOT_HERE", ())
    assert told.rules[0].text == "never allows reading and asking a custodian's people always"


@pytest.mark.parametrize(
    "attributes",
    [reading(), reading(ONE), reading(ONE, batch_count=5000), reading(ONE, OTHER, purpose="billing")],
)
def test_every_rule_that_is_said_to_fail_or_hold_does(attributes: ReleaseAttributes) -> None:
    told = explain(ENGINE, attributes)
    for one in told.tried:
        alone = PolicyEngine(_only(one.rule.name), default_schema()).decide("release", attributes)
        assert one.holds == bool(alone.rules)
        assert one.holds != bool(one.failing)


def _only(name: str) -> str:
    blocks = re.split(r"\n\n", default_policy())
    return next(block for block in blocks if f'@id("{name}")' in block)


def test_deposits_and_destruction_are_explained_too() -> None:
    deposit = explain(ENGINE, DepositAttributes("device", frozenset(), 1), "deposit")
    assert (deposit.verdict, deposit.reason) == ("deny", "NO_RULE_ALLOWS")
    assert deposit.tried[0].failing == (
        "the number of independent parties whose evidence there is is at least 1",
    )
    own = explain(ENGINE, replace(reading("owner", ONE), is_owner=True), "destroy")
    assert own.reason == "OWNER_DESTROYS"


def test_a_case_cannot_say_what_could_not_be() -> None:
    known = Asked(holder="professional", vouched_by=("a", "b"), granted=True, category="booking")
    attributes = known.attributes()
    assert isinstance(attributes, ReleaseAttributes)
    assert attributes.controllers == {"issuer:a", "issuer:b", "owner"}
    assert attributes.context()["clinical"] is False
    for wrong in (
        {"holder": "professional"},
        {"vouched_by": ("a",)},
        {"purpose": "fun"},
        {"action": "read"},
        {"keys": -1},
        {"holder": "boss", "vouched_by": ("a",)},
    ):
        with pytest.raises(ConfigError):
            Asked(**wrong)


def test_every_attribute_has_a_place_in_schema_context_words_and_cases() -> None:
    release, deposit = (
        set(re.findall(r"^ +(\w+): ", part, re.MULTILINE))
        for part in default_schema().split("action deposit")
    )
    deposit |= set(re.findall(r"(\w+): (?:Set|Long)", default_schema().split("action deposit")[1]))
    deposit -= {"principal", "resource", "context"}
    said = {name.removeprefix("context.") for name in _ATTRIBUTES if name.startswith("context.")}
    assert set(Asked(action="destroy").attributes().context()) == release
    assert set(Asked(action="deposit").attributes().context()) == deposit
    assert said == release | deposit


def test_every_reason_that_a_decision_can_give_is_in_the_table() -> None:
    # What is refused at an approver's invitation stands in no decision.
    files = [*KMS.glob("policy/*.py"), *KMS.glob("custodian/*.py"), KMS / "statements" / "evidence.py"]
    missing: set[str] = set()
    for source in files:
        if source.name != "approvers.py":
            missing |= _reasons(source) - set(REASONS)
    by_name = {"KEY_DESTROYED", "KEY_DESTROY_SCHEDULED", SWITCHED}  # as values of keys and of issuers
    missing |= by_name - set(REASONS)
    assert missing == set()


def _reasons(source: Path) -> set[str]:
    """Of evidence that is refused, of grants that do not count, of verdicts that code gives."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "EvidenceRefused":
            found |= {
                str(k.value.value)
                for k in node.keywords
                if k.arg == "reason" and isinstance(k.value, ast.Constant)
            }
        if isinstance(node, ast.Tuple) and node.elts and ast.unparse(node.elts[0]).startswith("Verdict."):
            found |= {e.value for e in node.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)}
    return found


def test_a_reason_that_nobody_knows_is_shown_as_it_is() -> None:
    assert in_words("SOMETHING_NEW") == "SOMETHING_NEW"
    assert in_words("BRAKE", rules_in_words(default_policy())).startswith("the rule brake never allows")
