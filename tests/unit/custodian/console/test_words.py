"""Everything that the console says is there in both languages, with the same values in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir

import kms.custodian.console as console
from kms.custodian.console.reasons import REASONS
from kms.custodian.console.words import LANGUAGES, Words, choose, sentences
from kms.policy.engine import default_policy, reason_code
from kms.policy.reasons import REASONS as DECISIONS
from kms.policy.rule_words import rules_in_words

FOLDER = Path(console.__file__).parent
VALUES = re.compile(r"%\((\w+)\)s")
Sentence = str | tuple[str, str]


def said() -> set[Sentence]:
    """Every sentence in templates and code: one, or a pair for one thing and for several."""
    found: set[Sentence] = set()
    jinja = {"extensions": "jinja2.ext.i18n", "trim_blocks": "true", "lstrip_blocks": "true"}
    for *_, message, _, _ in extract_from_dir(
        FOLDER,
        method_map=[("templates/**.html", "jinja2.ext:babel_extract"), ("**.py", "python")],
        options_map={"templates/**.html": jinja},
        keywords={"_": None, "N_": None, "say": None, "ngettext": (1, 2), "count": (1, 2)},
    ):
        found.add(message if isinstance(message, str) else (message[0], message[1]))
    return found


def names(sentence: Sentence) -> set[str]:
    return {sentence} if isinstance(sentence, str) else set(sentence[:1])


def test_templates_and_code_are_read() -> None:
    found = said()
    assert {"Approve", "Deny", "Nobody approves their own request."} <= found
    assert ("%(num)s request waits.", "%(num)s requests wait.") in found
    assert len(found) > 150


def test_every_sentence_is_there_in_french_and_no_other() -> None:
    wanted = set().union(*(names(sentence) for sentence in said()))
    assert wanted - sentences("fr").keys() == set()
    assert sentences("fr").keys() - wanted == set()


def test_every_translation_says_something_and_has_the_same_values() -> None:
    wrong = []
    for sentence in said():
        forms = [sentence] if isinstance(sentence, str) else list(sentence)
        french = sentences("fr")[forms[0]]
        same = set(VALUES.findall("".join(forms))) == set(VALUES.findall("".join(french)))
        if len(french) != len(forms) or not all(french) or not same:
            wrong.append(sentence)
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_has_words(language: str) -> None:
    words = Words(language)
    assert all(words.reason(code) != code for code in REASONS)
    assert words.reason("NOT_FORESEEN") == "NOT_FORESEEN"


def test_no_decision_is_shown_as_a_code() -> None:
    """All that a node may answer, and every rule of the default policy."""
    rules = {reason_code(rule.name) for rule in rules_in_words(default_policy())}
    assert rules
    assert (DECISIONS.keys() | rules) - REASONS.keys() == set()


def test_numbers_dates_and_spans_are_each_language_s_own() -> None:
    english, french = Words("en"), Words("fr")
    assert english.number(1234567) == "1,234,567"
    assert french.number(1234567).replace("\u202f", " ") == "1 234 567"
    assert english.when(1_800_000_000) == "Jan 15, 2027 08:00 UTC"
    assert french.when(1_800_000_000) == "15 janv. 2027 08:00 UTC"
    assert (english.span(900), french.span(900)) == ("15 minutes", "15 minutes")
    assert french.count("%(num)s request waits.", "%(num)s requests wait.", 0) == "0 demande attend."
    assert english.count("%(num)s request waits.", "%(num)s requests wait.", 0) == "0 requests wait."


@pytest.mark.parametrize(
    ("wished", "language"),
    [
        ((None, "fr-CA,fr;q=0.9,en;q=0.8"), "fr"),
        (("en", "fr"), "en"),
        (("xx", "de,fr;q=0.5,en;q=0.4"), "fr"),
        (("", "*", "fr;q=0"), "en"),
        (("fr;q=nonsense", "," * 5000), "en"),
        ((), "en"),
    ],
)
def test_the_first_language_that_is_ours_is_spoken(wished: tuple[str | None, ...], language: str) -> None:
    assert choose(*wished) == language
