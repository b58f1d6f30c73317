"""What lint refuses. That it misses nothing is shown against Cedar itself in test_partial.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kms.errors import Invalid
from kms.policy.engine import default_policy, default_schema
from kms.policy.lint import lint, refuse_unsafe
from kms.statements.manifest import Custodian, HolderClass, Issuer, IssuerKey, IssuerKeyType, Manifest
from tests.reference.tokens import Ed25519Signer, seed
from tests.unit.policy.world import CHAMBER, ISSUERS

SCHEMA = default_schema()


def found(policy: str, issuers: tuple[Issuer, ...] = ISSUERS, schema: str = SCHEMA) -> set[tuple[str, str]]:
    return {(finding.code, finding.rule) for finding in lint(policy, schema, issuers)}


def permit(condition: str, action: str = 'action == Action::"release"') -> str:
    return f'@id("r") permit (principal, {action}, resource) when {{ {condition} }};'


def test_the_default_policy_passes_with_and_without_known_issuers() -> None:
    assert lint(default_policy(), SCHEMA, ISSUERS) == []
    assert lint(default_policy(), SCHEMA) == []


@pytest.mark.parametrize(
    "condition",
    [
        "context.independent >= 2",
        'context.controllers.contains("owner") && context.controllers.contains("issuer:Medical Chamber")',
        'context.controllers.containsAll(["issuer:Medical Chamber", "issuer:Mutual Insurance"])',
        'context.isOwner && context.independent > 1 && context.purpose == "patient_access"',
        "if context.clinical then context.independent >= 3 else context.independent >= 2",
        '!(context.independent < 2 || context.category == "x")',
        'context.isOwner && ["device", "professional"].contains(principal.class)',
        "context.approvals >= 1 && context.independent == 2",
        "context.granted && context.approvals >= 1",
        # The chamber may not vouch for services, so a second group must have.
        'context.controllers.contains("issuer:Medical Chamber") && principal.class == "service"',
    ],
)
def test_a_permit_that_needs_two_groups_passes(condition: str) -> None:
    assert found(permit(condition)) == set()


@pytest.mark.parametrize(
    ("condition", "who"),
    [
        ("context.isOwner", "the owner's key alone"),
        ("context.granted", "the owner's grant alone"),
        ("context.granted && context.isOwner", "the owner's key and grant alone"),
        ("context.guardian", "the owner's naming of a guardian alone"),
        ("context.guardian && context.granted", "a guardian's mandate and grant alone"),
        ("context.approvals >= 1", "a custodian's humans alone"),
        ("context.approvals >= 2", "a custodian's humans alone"),
        ("context.independent >= 1", "issuers of 'Medical Chamber' alone"),
        ("!context.clinical", "nobody"),
        ('context.purpose == "emergency"', "nobody"),
        ("context.releasedLastHour < 10", "nobody"),
        ("context.releasedLastHour == 4711 && context.batchCount * 7 == 21", "nobody"),
        ('principal.class == "professional"', "issuers of 'Medical Chamber' alone, class professional"),
        ('principal.class == "operator"', "issuers of 'Mutual Insurance' alone, class operator"),
        ('context.controllers.contains("issuer:Mutual Insurance")', "issuers of 'Mutual Insurance' alone"),
        ('context.controllers.containsAny(["owner", "human"])', "a custodian's humans alone"),
        ("!context.controllers.isEmpty()", "issuers of 'Mutual Insurance' alone"),
        ('context.category like "lab*" && !context.isOwner', "nobody"),
        ("context.independent >= 2 || context.batchCount == 1", "nobody"),
        ('if context.purpose == "emergency" then true else context.independent >= 2', "nobody"),
        ("context.independent > context.approvals", "a custodian's humans alone"),
    ],
)
def test_a_permit_that_one_group_satisfies_is_refused_and_the_group_named(condition: str, who: str) -> None:
    findings = lint(permit(condition), SCHEMA, ISSUERS)
    assert [(finding.code, finding.rule) for finding in findings] == [("SINGLE_CONTROL_GROUP", "r")]
    assert who in findings[0].message


def test_an_unless_counts_like_the_when_that_it_negates() -> None:
    rule = '@id("r") permit (principal, action == Action::"release", resource) unless {{ {} }};'
    assert found(rule.format("context.independent < 2")) == set()
    assert found(rule.format("context.independent > 2")) == {("SINGLE_CONTROL_GROUP", "r")}


def test_two_brands_of_one_owner_are_one_group() -> None:
    brands = (ISSUERS[0], replace(ISSUERS[1], controlled_by=ISSUERS[0].controlled_by))
    rule = permit('context.controllers.contains("issuer:Medical Chamber") && principal.class == "service"')
    assert found(rule) == set()
    assert found(rule, brands) == {("SINGLE_CONTROL_GROUP", "r")}


def test_without_known_issuers_a_permit_must_be_safe_whoever_they_will_be() -> None:
    named = permit('context.controllers.contains("issuer:Somebody")')
    assert found(named) == set()
    assert found(named, ()) == {("SINGLE_CONTROL_GROUP", "r")}


def test_a_forbid_does_not_make_a_careless_permit_safe() -> None:
    guarded = (
        permit("context.isOwner")
        + """
        @id("guard") forbid (principal, action == Action::"release", resource)
        when { context.independent < 2 };"""
    )
    assert found(guarded) == {("SINGLE_CONTROL_GROUP", "r")}


@pytest.mark.parametrize(
    "action",
    [
        'action in [Action::"request", Action::"release"]',
        'action == Action::"destroy"',
        'action in [Action::"request", Action::"destroy"]',
    ],
)
def test_a_permit_that_reaches_release_or_destroy_among_others_is_refused_too(action: str) -> None:
    assert found(permit("context.isOwner", action)) == {("SINGLE_CONTROL_GROUP", "r")}


def test_a_permit_for_every_action_is_looked_at_too() -> None:
    assert ("SINGLE_CONTROL_GROUP", "r") in found(permit("context.independent >= 1", "action"))


@pytest.mark.parametrize("action", ['action == Action::"request"', 'action == Action::"deposit"'])
def test_one_group_may_ask_and_deposit(action: str) -> None:
    assert found(permit("context.independent >= 1", action)) == set()


@pytest.mark.parametrize("clauses", ["", "when { true }", "unless { false }", "when { 1 == 1 || false }"])
@pytest.mark.parametrize("action", ["deposit", "request", "release", "destroy"])
def test_a_permit_without_a_condition_is_refused_for_any_action(clauses: str, action: str) -> None:
    rule = f'@id("r") permit (principal, action == Action::"{action}", resource) {clauses};'
    assert found(rule) == {("UNCONDITIONAL_PERMIT", "r")}


def test_a_forbid_without_a_condition_is_fine() -> None:
    assert found('@id("r") forbid (principal, action == Action::"destroy", resource);') == set()


@pytest.mark.parametrize(
    "condition",
    [
        'Holder::"somebody".class == "service"',
        "context.batchCount * 9007199254740993 > 1",
        "context.batchCount * context.approvals > 1",
        "context.batchCount + 9223372036854775807 > 1",
        "-(context.batchCount - 9223372036854775807) > 1",
        '(if context.clinical then principal else Holder::"other").class == "service"',
        'duration("1d") < datetime("2030-01-01").durationSince(datetime("2020-01-01"))',
    ],
)
def test_a_forbid_that_fits_the_schema_but_can_err_is_refused(condition: str) -> None:
    rule = f'@id("r") forbid (principal, action == Action::"release", resource) when {{ {condition} }};'
    assert found(rule) == {("RULE_CAN_ERR", "r")}


def test_counts_may_be_added_up() -> None:
    rule = permit("context.independent >= 2 && context.releasedLastHour + context.batchCount * 3 - 1 < 2000")
    assert found(rule) == set()


@pytest.mark.parametrize(
    ("condition", "what"),
    [("context.colour", "colour"), ("context.approvals == true", "types"), ("principal.name", "name")],
)
def test_a_rule_that_does_not_fit_the_schema_is_refused_and_named(condition: str, what: str) -> None:
    findings = lint(permit(f"context.independent >= 2 && {condition}"), SCHEMA, ISSUERS)
    assert [(finding.code, finding.rule) for finding in findings] == [("SCHEMA_MISMATCH", "r")]
    assert what in findings[0].message


def test_templates_and_rules_without_a_name_of_their_own_are_refused() -> None:
    unnamed = 'permit (principal, action == Action::"release", resource) when { context.independent >= 2 };'
    assert found(unnamed) == {("RULE_UNNAMED", "policy0")}
    twice = permit("context.independent >= 2") * 2
    assert found(twice) == {("RULE_NAME_REPEATED", "r")}
    template = '@id("t") permit (principal == ?principal, action == Action::"release", resource);'
    assert ("TEMPLATE", "t") in found(template)


@pytest.mark.parametrize("policy", ["permit (", "\x00", "permit (principal, action, resource) when { 1 + };"])
def test_a_policy_that_does_not_parse_is_refused(policy: str) -> None:
    assert found(policy) == {("UNREADABLE", "")}


def test_a_policy_nested_beyond_reading_is_refused() -> None:
    assert found(permit("!" * 300 + "context.clinical")) == {("UNREADABLE", "")}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("approvals: Long", "approvals?: Long"),
        ("entity Key;", "entity Key { owner: String };"),
        (
            "action release, request, emergency, destroy",
            'action "safe"; action release, request, emergency, destroy in ["safe"]',
        ),
    ],
    ids=["optional attribute", "attribute of a key", "group of actions"],
)
def test_a_schema_in_which_a_rule_could_err_or_hide_is_refused(old: str, new: str) -> None:
    changed = SCHEMA.replace(old, new)
    assert changed != SCHEMA
    assert found(default_policy(), schema=changed) == {("SCHEMA_DIFFERS", "")}


def test_the_schemas_comments_and_spaces_do_not_matter() -> None:
    assert found(default_policy(), schema="// ours\n" + SCHEMA.replace("  ", "\t")) == set()


def test_a_schema_that_does_not_parse_is_refused() -> None:
    assert found(default_policy(), schema="entity") == {("SCHEMA_UNREADABLE", "")}


@pytest.mark.parametrize(
    "spelling", ["medical chamber", "Medical  Chamber", "Medical-Chamber", "\uff2dedical Chamber"]
)
def test_one_owner_spelt_twice_would_count_twice_and_is_refused(spelling: str) -> None:
    issuers = (ISSUERS[0], replace(ISSUERS[1], controlled_by=spelling))
    assert found(default_policy(), issuers) == {("CONTROLLED_BY_CONFUSABLE", "")}


def test_an_issuer_that_nobody_controls_is_refused() -> None:
    issuers = (ISSUERS[0], replace(ISSUERS[1], controlled_by=" "))
    assert found(default_policy(), issuers) == {("ISSUER_UNCONTROLLED", "")}


def test_one_key_under_two_owners_is_refused() -> None:
    shared = replace(ISSUERS[1], keys=(IssuerKey("x", IssuerKeyType.ED25519, CHAMBER.public),))
    assert found(default_policy(), (ISSUERS[0], shared)) == {("ISSUER_KEY_SHARED", "")}
    brand = replace(shared, controlled_by=ISSUERS[0].controlled_by)
    assert found(default_policy(), (ISSUERS[0], brand)) == set()


def custodian(index: int) -> Custodian:
    key = Ed25519Signer(seed(f"custodian {index}")).public
    name = f"organisation {index}"
    return Custodian(index, name, f"land {index}", f"host {index}", name, "x:1", key)


def manifest(policy: str) -> Manifest:
    admin = Ed25519Signer(seed("admin")).public
    custodians = tuple(custodian(index) for index in (1, 2, 3))
    return Manifest("k", 0, b"", b"", 2, 3, custodians, (admin,), 1, ISSUERS, policy, SCHEMA, 1, 2)


def test_a_manifest_with_an_unsafe_policy_is_refused_with_each_rule_as_a_field() -> None:
    refuse_unsafe(manifest(default_policy()))
    with pytest.raises(Invalid) as caught:
        refuse_unsafe(manifest(permit("context.isOwner")))
    assert caught.value.reason == "POLICY_UNSAFE"
    assert [field.path for field in caught.value.fields] == ["manifest.policy[r]"]


def test_every_class_that_an_issuer_may_vouch_for_is_tried() -> None:
    rule = permit('principal.class == "professional"')
    devices_only = (replace(ISSUERS[0], classes=(HolderClass.DEVICE,)),)
    assert found(rule, devices_only) == set()
    assert found(rule, (ISSUERS[0],)) == {("SINGLE_CONTROL_GROUP", "r")}
