"""What is turned away before Cedar's parser, which a deep policy ends together with the process it is in."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kms.errors import ConfigError
from kms.policy.engine import PolicyEngine, default_policy, default_schema
from kms.policy.lint import lint
from kms.policy.reading import MAX_NESTING, check_nesting, nesting, read_rules

FORMS = {
    "brackets": ("(", "true", ")"),
    "sets": ("[", "1", "]"),
    "records": ("{a: ", "1", "}"),
    "negations": ("!(", "true", ")"),
    "and": ("", "context.clinical", " && context.clinical"),
    "or": ("", "context.clinical", ' || context.category == "a"'),
    "sums": ("", "1", " + 1"),
    "attributes": ("", "context", ".category"),
    "indices": ("", "context", '["category"]'),
    "calls": ("", "context.category", ".contains(1)"),
    "choices": ("if true then ", "true", " else false"),
    "choices in a row": ("if true then true else ", "true", ""),
}
CRASH = """
import sys, threading
import cedarpy
text = sys.stdin.read()
threading.Thread(target=cedarpy.policies_to_pst, args=(text,)).start()
"""


def deep(form: str, times: int) -> str:
    before, inner, after = FORMS[form]
    said = before * times + inner + after * times
    return f'@id("x") permit (principal, action == Action::"expire", resource) when {{ {said} }};'


@pytest.mark.parametrize("form", FORMS)
def test_a_deep_policy_is_turned_away_before_cedar_reads_it(form: str) -> None:
    text = deep(form, 2000)
    with pytest.raises(ValueError, match="nested too deeply"):
        read_rules(text)
    assert "UNREADABLE" in [found.code for found in lint(text, default_schema())]
    with pytest.raises(ConfigError, match="nested too deeply"):
        PolicyEngine(text, default_schema())
    with pytest.raises(ConfigError, match="nested too deeply"):
        PolicyEngine(default_policy(), default_schema(), text)


def test_cedar_itself_would_end_the_process() -> None:
    """Not by an error: so nothing after it could help."""
    ended = subprocess.run(
        [sys.executable, "-c", CRASH], input=deep("brackets", 2000), text=True, check=False
    )
    assert ended.returncode < 0


@pytest.mark.parametrize("form", FORMS)
def test_cedar_stands_whatever_is_let_through(form: str) -> None:
    times = next(n for n in range(10, 2000) if nesting(deep(form, n + 1)) > MAX_NESTING)
    ended = subprocess.run(
        [sys.executable, "-c", CRASH], input=deep(form, times), text=True, check=False, capture_output=True
    )
    assert ended.returncode == 0


@pytest.mark.parametrize(
    "hidden",
    [
        '"))))" == context.category || {}',
        "//))))))))\n{}",
        "//))))))))\r{}",
        r'"\"))))" == context.category || {}',
    ],
)
def test_no_string_and_no_comment_hides_a_bracket(hidden: str) -> None:
    piece = hidden.format("(")
    with pytest.raises(ValueError, match="nested too deeply"):
        check_nesting(f"permit (principal, action, resource) when {{ {piece * 2000}")


def test_a_string_that_does_not_end_is_not_read() -> None:
    with pytest.raises(ValueError, match="does not end"):
        check_nesting('permit (principal, action, resource) when { "a ((((')


def test_what_people_write_is_let_through() -> None:
    alternatives = " || ".join(f'context.category == "c{n}"' for n in range(500))
    names = ", ".join(f'"c{n}"' for n in range(3000))
    assert nesting(default_policy()) < MAX_NESTING / 10
    check_nesting(deep("brackets", 50) + deep("and", 99))
    check_nesting(f"forbid (principal, action, resource) when {{ {alternatives} }};")
    check_nesting(f"forbid (principal, action, resource) when {{ [{names}].contains(context.category) }};")


def test_own_rules_that_are_long_keep_no_length_from_being_read() -> None:
    """Cedar asks them, though it does not take them apart: that is done with the signed rules alone."""
    alternatives = " || ".join(f'context.category == "c{n}"' for n in range(150))
    own = f'@id("own") forbid (principal, action == Action::"expire", resource) when {{ {alternatives} }};'
    signed = (
        '@id("ends") @after_days("3") permit (principal, action == Action::"expire", resource)'
        " when { context.clinical };"
    )
    engine = PolicyEngine(signed, default_schema(), own)
    assert engine.lifespan("laboratory").seconds == 3 * 86400
    assert engine.lifespan("c7").seconds is None
