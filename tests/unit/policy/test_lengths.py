"""How long records are kept, as rules say it: what counts as a length, what `lint` refuses, what people are told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms.errors import Invalid
from kms.policy.attributes import ExpiryAttributes
from kms.policy.cases import Asked
from kms.policy.diff import compare
from kms.policy.engine import Lifespan, PolicyEngine, default_policy, default_schema, former_schema
from kms.policy.explain import explain
from kms.policy.golden import Golden, GoldenTable, failures
from kms.policy.lengths import DAY, MAX_DAYS, in_words, read_length
from kms.policy.lint import lint, refuse_unsafe
from kms.policy.rule_words import rules_in_words
from kms.policy.schedule import OTHERS, schedule, schedule_in_words
from kms.policy.schedule import changes as schedule_changes
from tests.protocol.retaining import kept, policy, rule
from tests.unit.policy.test_lint import manifest

CLINICAL = (
    '@id("clinical-ends") @after_days("200")\n'
    'permit (principal, action == Action::"expire", resource) when { context.clinical };\n'
)


def engine(text: str, own: str = "") -> PolicyEngine:
    return PolicyEngine(text, default_schema(), own)


def kept_for(text: str, category: str, own: str = "") -> int | None:
    """Days; None for good."""
    seconds = engine(text, own).lifespan(category).seconds
    return None if seconds is None else seconds // DAY


# -- numbers -------------------------------------------------------------------------------------------------------


@given(st.integers(1, MAX_DAYS))
def test_a_number_of_days_is_that_many(days: int) -> None:
    assert read_length(str(days)) == days * DAY


@given(st.integers(0, 10**6))
def test_a_part_of_a_day_is_whole_seconds_of_it(millionths: int) -> None:
    seconds = millionths * DAY // 10**6
    assert read_length(f"{millionths // 10**6}.{millionths % 10**6:06}") == (seconds or None)


@given(st.text(max_size=12))
def test_whatever_else_stands_there_is_no_length(text: str) -> None:
    length = read_length(text)
    assert length is None or (0 < length <= MAX_DAYS * DAY and set(text) <= set("0123456789."))


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "+1", "1e3", " 1", "1 ", "1_0", "0.0000001", ".5", "5.", "36526", "99999", "١٢", "nan"],
)
def test_no_length(text: str) -> None:
    assert read_length(text) is None


# -- which length counts -------------------------------------------------------------------------------------------


def test_without_a_rule_nothing_ends() -> None:
    assert kept_for(default_policy(), "laboratory") is None
    assert schedule(engine(default_policy())) == {}


@given(st.lists(st.integers(1, MAX_DAYS), min_size=1, max_size=5))
def test_of_several_lengths_the_longest_counts(days: list[int]) -> None:
    text = "".join(rule("laboratory", n, f"rule-{i}") for i, n in enumerate(days))
    assert kept_for(text, "laboratory") == max(days)


@given(st.lists(st.integers(1, MAX_DAYS), min_size=1, max_size=3))
def test_a_forbid_keeps_for_good_whatever_permits(days: list[int]) -> None:
    text = "".join(rule("laboratory", n, f"rule-{i}") for i, n in enumerate(days)) + kept("laboratory")
    assert kept_for(text, "laboratory") is None


def test_a_custodians_own_forbid_keeps_for_good() -> None:
    assert kept_for(policy(), "laboratory") == 100
    assert kept_for(policy(), "laboratory", kept("laboratory")) is None


def test_what_operators_may_never_destroy_does_not_end_by_age_either() -> None:
    own = (
        '@id("no-operators") forbid (principal, action == Action::"destroy", resource)'
        ' when { principal.class == "operator" };'
    )
    assert kept_for(policy(), "laboratory", own) is None


@pytest.mark.parametrize("category", ["", "Laboratory", "laboratory ", "imaging"])
def test_another_category_or_none_is_kept(category: str) -> None:
    assert kept_for(policy(), category) is None


def test_no_category_is_kept_though_a_rule_is_for_all_that_is_clinical() -> None:
    assert kept_for(CLINICAL, "anything") == 200
    assert kept_for(CLINICAL, "booking") is None
    assert kept_for(CLINICAL, "") is None


@pytest.mark.parametrize("days", ["0", "x", "-5", "36526", "1e9"])
def test_one_rule_whose_length_is_none_keeps_for_good(days: str) -> None:
    text = rule("laboratory", 100) + rule("laboratory", days, "slip")
    assert kept_for(text, "laboratory") is None


@pytest.mark.parametrize(
    "scope", ["action", 'action in [Action::"expire", Action::"destroy"]', 'action in [Action::"expire"]']
)
def test_a_length_on_a_wider_rule_keeps_for_good(scope: str) -> None:
    wide = (
        f'@id("wide") @after_days("1") permit (principal, {scope}, resource)'
        ' when { principal.class == "operator" };'
    )
    assert kept_for(rule("laboratory", 100) + wide, "laboratory") is None


def test_an_erring_rule_keeps_for_good() -> None:
    erring = (
        '@id("errs") forbid (principal, action == Action::"expire", resource)'
        " when { 9223372036854775807 + 1 > 0 };"
    )
    assert kept_for(rule("laboratory", 100) + erring, "laboratory") is None


# -- lint ----------------------------------------------------------------------------------------------------------


def codes(text: str) -> set[tuple[str, str]]:
    return {(found.code, found.rule) for found in lint(text, default_schema())}


def test_a_policy_with_lengths_passes() -> None:
    assert codes(policy({"laboratory": 3650, "booking": 1}, more=kept("imaging"))) == set()


@pytest.mark.parametrize("days", ["0", "", "ten", "-1", "36526", "1e3"])
def test_lint_refuses_a_length_that_is_none(days: str) -> None:
    assert codes(policy({"laboratory": days})) == {("LENGTH_INVALID", "laboratory-ends")}


def test_lint_tells_of_a_length_below_a_day_which_stops_no_node_that_has_it() -> None:
    short = policy({"laboratory": "0.5"})
    assert codes(short) == {("LENGTH_SHORT", "laboratory-ends")}
    refuse_unsafe(manifest(short))
    with pytest.raises(Invalid):
        refuse_unsafe(manifest(policy({"laboratory": "0"})))


def test_a_keyring_from_before_there_were_lengths_goes_on_and_ends_nothing() -> None:
    assert lint(default_policy(), former_schema()) == []
    assert {f.code for f in lint(policy(), former_schema())} == {"SCHEMA_MISMATCH"}
    before = PolicyEngine(default_policy(), former_schema())
    assert before.lifespan("laboratory") == Lifespan(None, "NO_RULE_ALLOWS")


@pytest.mark.parametrize(
    "scope", ["action", 'action in [Action::"expire", Action::"deposit"]', 'action == Action::"expire"']
)
def test_lint_refuses_a_rule_that_would_end_records_without_a_length(scope: str) -> None:
    text = f'@id("bare") permit (principal, {scope}, resource) when {{ principal.class == "operator" }};'
    assert ("LENGTH_MISSING", "bare") in codes(default_policy() + text)


@pytest.mark.parametrize(
    "head",
    [
        'permit (principal, action == Action::"deposit", resource)',
        'permit (principal, action in [Action::"expire"], resource)',
        'forbid (principal, action == Action::"expire", resource)',
        "forbid (principal, action, resource)",
    ],
)
def test_lint_refuses_a_length_anywhere_else(head: str) -> None:
    text = f'@id("stray") @after_days("100") {head} when {{ principal.class == "operator" }};'
    assert ("LENGTH_MISPLACED", "stray") in codes(default_policy() + text)


def test_lint_refuses_ending_everything() -> None:
    text = '@id("all") @after_days("100") permit (principal, action == Action::"expire", resource);'
    assert codes(default_policy() + text) == {("UNCONDITIONAL_PERMIT", "all")}


def test_a_rule_that_asks_for_who_asks_does_not_fit() -> None:
    text = rule("laboratory", 100).replace('context.category == "laboratory"', "context.isOwner")
    assert {code for code, _ in codes(default_policy() + text)} == {"SCHEMA_MISMATCH"}


# -- in words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "for good"),
        (DAY, "1 day"),
        (3650 * DAY, "3650 days"),
        (2 * DAY + 3600, "2 days 1 hour"),
        (8, "8 seconds"),
    ],
)
def test_a_length_in_words(seconds: int | None, words: str) -> None:
    assert in_words(seconds) == words


def test_rules_say_what_they_end_and_keep() -> None:
    said = {one.name: one.text for one in rules_in_words(policy(more=kept("imaging")))}
    assert said["laboratory-ends"] == (
        'destroys records 100 days after they came if the category of the record is "laboratory"'
    )
    assert said["imaging-stays"] == 'keeps records for good if the category of the record is "imaging"'


def test_the_schedule_is_told_by_category() -> None:
    assert schedule_in_words(policy({"laboratory": 3650}, more=kept("imaging"))) == [
        "imaging: kept for good (imaging-stays)",
        "laboratory: destroyed 3650 days after they came to the custodians (laboratory-ends)",
        f"{OTHERS}: kept for good",
    ]
    assert schedule_in_words(default_policy()) == []
    assert schedule_in_words("permit (") == []


def test_a_rule_for_all_that_is_clinical_tells_of_what_is_not() -> None:
    said = schedule_in_words(default_policy() + CLINICAL)
    assert f"{OTHERS}: destroyed 200 days after they came to the custodians (clinical-ends)" in said
    assert "booking: kept for good" in said


def test_what_changes_is_told_by_category() -> None:
    assert list(schedule_changes(policy({"laboratory": 100}), policy({"laboratory": 50, "imaging": 7}))) == [
        "records of imaging: kept for good becomes 7 days",
        "records of laboratory: kept 100 days becomes 50 days",
    ]
    assert list(schedule_changes(policy(), policy())) == []


# -- golden decisions, explanations, differences -------------------------------------------------------------------


def test_golden_decisions_hold_a_length_fast() -> None:
    table = GoldenTable(
        (
            Golden("due", Asked("expire", category="laboratory", age_days=100), "allow", "LABORATORY_ENDS"),
            Golden("not yet", Asked("expire", category="laboratory", age_days=99), "deny", "NOT_DUE"),
            Golden("never", Asked("expire", category="imaging", age_days=30000), "deny", "NO_RULE_ALLOWS"),
        )
    )
    assert failures(engine(policy()), table) == []
    assert [f.name for f in failures(engine(policy({"laboratory": 99})), table)] == ["not yet"]
    assert [f.name for f in failures(engine(policy({"laboratory": 101})), table)] == ["due"]


def test_an_explanation_names_the_rule() -> None:
    told = explain(engine(policy()), ExpiryAttributes("laboratory", 100 * DAY), "expire")
    assert [one.name for one in told.rules] == ["laboratory-ends"]
    early = explain(engine(policy()), ExpiryAttributes("laboratory", 99 * DAY), "expire")
    assert (early.verdict, early.reason) == ("deny", "NOT_DUE")


def test_a_shorter_length_shows_as_what_ends_sooner() -> None:
    difference = compare(engine(policy({"laboratory": 100})), engine(policy({"laboratory": 50})))
    assert difference.changes
    assert all(change.opens and change.asked.action == "expire" for change in difference.changes)
    assert {change.asked.age_days for change in difference.changes} == {50, 99}
