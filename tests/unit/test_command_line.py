"""A command line reads as many commands as its words can mean, and then stands there as all of them would."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

from kms.cli.app import NOUNS, command_line

SHOW = """
import sys, typer
from kms.cli.app import command_line
words = sys.argv[1:]
print(sorted(name for name in sys.modules if name in {f"kms.cli.{noun}" for noun in %r}))
made = typer.main.get_command(command_line(words))
print(sorted(made.commands))
print(sorted(name for name in sys.modules if name in {f"kms.cli.{noun}" for noun in %r}))
"""


def kms(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kms.cli", *words], capture_output=True, text=True, check=False
    )


def read_for(*words: str) -> tuple[str, str]:
    """(commands at the top, nouns whose file was read) for a command line, in a process of its own."""
    script = SHOW % (NOUNS, NOUNS)
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=True)
    before, commands, read = done.stdout.splitlines()
    assert before == "[]"
    return commands, read


def test_all_nouns_are_there_where_no_word_chooses_one() -> None:
    made = typer.main.get_command(command_line())
    assert sorted(made.commands) == sorted(NOUNS)  # type: ignore[attr-defined]


@pytest.mark.parametrize("words", [("policy", "lint", "x.cedar"), ("policy", "--help"), ("policy", "lnt")])
def test_a_noun_alone_is_read_and_described(words: tuple[str, ...]) -> None:
    assert read_for(*words) == ("['policy']", "['kms.cli.policy']")


def test_what_is_meant_is_found_at_every_depth_and_what_is_not_is_told_with_its_neighbours() -> None:
    assert kms("custodian", "approver", "invite", "--help").returncode == 0
    assert kms("login", "--help").returncode == 0
    neighbours = kms("custodian", "approver", "--help").stdout
    assert "invite" in neighbours
    assert "revoke" in neighbours
    wrong = kms("custodian", "approver", "invit")
    assert wrong.returncode == 2
    assert "invite" in wrong.stderr
    assert "ceremony" in kms("--help").stdout
    assert kms("cermony").returncode == 2
