"""A table of golden decisions is what its policy answers, and a change of policy shows what it comes to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kms.ceremony.golden import read_golden, refuse_failing
from kms.cli.app import command_line
from kms.errors import ConfigError, Invalid
from kms.policy.cases import Asked
from kms.policy.diff import compare, kinds
from kms.policy.engine import PolicyEngine, default_policy, default_schema
from kms.policy.golden import default_golden, failures, unused_rules
from kms.statements.manifest import Manifest, golden_hash
from tests.unit.ceremony.people import genesis

APP = command_line()

HERE = Path("golden.toml")
ENGINE = PolicyEngine(default_policy(), default_schema())
TABLE = read_golden(default_golden(), HERE)
FOR_TREATMENT = 'context.purpose == "treatment"'
BROADER = default_policy().replace(FOR_TREATMENT, '["treatment", "research"].contains(context.purpose)')
OTHER = default_policy().replace(FOR_TREATMENT, 'context.purpose == "research"')


def engine(policy: str) -> PolicyEngine:
    return PolicyEngine(policy, default_schema())


def manifest(policy: str, table: bytes) -> Manifest:
    statement = genesis().statement
    assert isinstance(statement, Manifest)
    return replace(statement, policy=policy, golden_hash=golden_hash(table))


def test_the_default_policy_passes_the_table_that_ships_with_it() -> None:
    assert failures(ENGINE, TABLE) == []


def test_a_changed_rule_fails_the_case_that_was_written_for_it() -> None:
    failed = failures(engine(BROADER), TABLE)
    assert [(f.name, f.expected, f.actual) for f in failed] == [
        (
            "the same doctor for research: people are asked",
            "pending NEEDS_HUMAN",
            "allow PROFESSIONAL_BY_TWO_ISSUERS",
        )
    ]


def test_another_reason_fails_too_unless_none_is_written() -> None:
    renamed = default_policy().replace('"owner-destroys"', '"owner-erases"')
    assert [f.name for f in failures(engine(renamed), TABLE)] == ["only the owner destroys"]
    any_reason = replace(TABLE, decision=tuple(replace(g, reason="") for g in TABLE.decision))
    assert failures(engine(renamed), any_reason) == []


def test_rules_that_decide_no_case_are_named() -> None:
    assert unused_rules(default_policy(), TABLE) == ["may-ask-humans", "brake", "legal-wants-a-human"]


@pytest.mark.parametrize(
    "table",
    [
        b"",
        b"[[decision]]\nname = 'x'\nasked = {}\nverdict = 'perhaps'",
        b"[[decision]]\nname = 'x'\nasked = { holder = 'boss' }\nverdict = 'deny'",
        b"[[decision]]\nname = 'x'\nasked = {}\nverdict = 'deny'\n" * 2,
        b"\xff",
    ],
)
def test_a_table_that_says_nothing_clear_is_refused(table: bytes) -> None:
    with pytest.raises(ConfigError):
        read_golden(table, HERE)


def test_only_the_very_bytes_that_the_manifest_names_are_its_table() -> None:
    refuse_failing(manifest(default_policy(), default_golden()), default_golden(), HERE)
    with pytest.raises(Invalid) as wrong:
        refuse_failing(manifest(default_policy(), default_golden()), default_golden() + b"\n", HERE)
    assert wrong.value.reason == "WRONG_GOLDEN"
    with pytest.raises(Invalid) as failed:
        refuse_failing(manifest(BROADER, default_golden()), default_golden(), HERE)
    assert failed.value.reason == "GOLDEN_FAILED"
    assert failed.value.fields[0].path == "golden[the same doctor for research: people are asked]"


def test_the_cases_that_change_are_found_with_what_opens_first() -> None:
    difference = compare(ENGINE, engine(OTHER))
    assert [line.split(":")[0] for line in difference.lines()][:2] == ["OPENS", "closes"]
    assert {c.asked.purpose for c in difference.changes if c.opens} == {"research"}
    assert {c.asked.purpose for c in difference.changes if not c.opens} == {"treatment"}


def test_a_number_a_category_and_an_issuer_of_a_rule_are_met() -> None:
    for old, new, field, value in (
        ("> 2000 ", "> 1234 ", "released_last_hour", 1234),
        (
            "context.granted &&",
            'context.category != "sexual_health" && context.granted &&',
            "category",
            "sexual_health",
        ),
        (
            "context.isOwner && context.independent >= 2",
            'context.controllers.containsAll(["issuer:X", "owner"])',
            "vouched_by",
            ("X",),
        ),
    ):
        changed = engine(default_policy().replace(old, new))
        assert value in {getattr(c.asked, field) for c in compare(ENGINE, changed).changes}


def test_leaving_out_cases_that_no_differing_rule_reaches_hides_nothing() -> None:
    changed = engine(
        default_policy().replace("context.granted &&", "context.granted && !context.clinical &&")
    )
    some = [
        case
        for case in kinds(ENGINE, changed)
        if case.purpose in ("treatment", "billing") and not case.released_last_hour
    ]
    slow = [
        c
        for c in some
        if ENGINE.decide(c.action, c.attributes()).verdict != changed.decide(c.action, c.attributes()).verdict
    ]
    assert slow
    assert [c.asked for c in compare(ENGINE, changed, some).changes] == slow


def test_the_order_of_rules_changes_nothing() -> None:
    blocks = default_policy().split("\n\n")
    assert list(compare(ENGINE, engine("\n\n".join(reversed(blocks)))).lines()) == [
        "both have the same rules"
    ]


def test_the_commands_say_so_and_fail(tmp_path: Path) -> None:
    old, new, golden = tmp_path / "old.cedar", tmp_path / "new.cedar", tmp_path / "golden.toml"
    old.write_text(default_policy())
    new.write_text(BROADER)
    golden.write_bytes(default_golden())
    runner = CliRunner()
    passed = runner.invoke(APP, ["policy", "test", str(old), str(golden), "--json"])
    assert passed.exit_code == 0
    assert json.loads(passed.stdout)["golden_hash"] == golden_hash(default_golden()).hex()
    failed = runner.invoke(APP, ["policy", "test", str(new), str(golden)])
    assert failed.exit_code == 1
    assert "FAILED  the same doctor for research" in failed.stdout
    told = runner.invoke(APP, ["policy", "diff", str(old), str(new), str(golden)])
    assert told.stdout.splitlines()[-1] == (
        "golden: the same doctor for research: people are asked: pending becomes allow"
    )
    parsed = json.loads(runner.invoke(APP, ["policy", "diff", str(old), str(new), "--json"]).stdout)
    assert any(change["opens"] for change in parsed["changes"])


def test_a_case_of_the_table_is_asked_as_it_stands() -> None:
    assert TABLE.decision[0].asked == Asked(
        holder="device", vouched_by=("a",), owner=True, category="laboratory", purpose="patient_access"
    )
