"""scripts/test: every check runs, each failure is named, and pytest has the last word."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What scripts/test and the environment need from the system. No Node: the contract's checks are skipped.
TOOLS = ["bash", "cat", "cp", "dirname", "env", "grep", "mkdir", "mktemp", "rm"]

# An environment's Python in which each tool does what its variable says.
FAKE_PYTHON = """#!/usr/bin/env bash
case "$0 $*" in
  *lint-imports*) tool=imports ;;
  *"-m venv"*)
    mkdir -p "$KMS_VENV/bin"
    for name in python lint-imports; do cp "$0" "$KMS_VENV/bin/$name"; done
    exit 0 ;;
  *"-m pip"*) exit 0 ;;
  *"-m ruff"*) tool=ruff ;;
  *"-m mypy"*) tool=mypy ;;
  *_protos.py*) tool=stubs ;;
  *"-m pytest"*) echo "arguments: $*"; echo "== ${PYTEST_SAYS} =="; exit "${PYTEST_STATUS:-0}" ;;
  *) exec "$REAL_PYTHON" "$@" ;;
esac
[[ " $BROKEN " != *" $tool "* ]] || { echo "$tool is unhappy"; exit 1; }
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    for name in ("requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    system = tmp_path / "bin"
    system.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (system / tool).symlink_to(found)
    fake = system / "python3"
    fake.write_text(FAKE_PYTHON, "utf-8")
    fake.chmod(0o755)
    return folder


def run(clone: Path, *arguments: str, broken: str = "", **environment: str) -> tuple[int, list[str]]:
    """The exit status of scripts/test and the lines that it printed."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("KMS_")}
    done = subprocess.run(
        [clone / "scripts" / "test", *arguments],
        env=inherited
        | {"PATH": str(clone.parent / "bin"), "REAL_PYTHON": sys.executable, "BROKEN": broken}
        | {"PYTEST_SAYS": "3 passed"}
        | environment,
        capture_output=True,
        check=False,
        text=True,
    )
    return done.returncode, done.stdout.splitlines()


def test_all_green_ends_with_the_summary_and_status_0(clone: Path) -> None:
    status, lines = run(clone)
    assert (status, lines[-1]) == (0, "== 3 passed ==")
    assert [line for line in lines if line.startswith("FAILED")] == []


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ("ruff", "[ruff check] [ruff format]"),
        ("mypy", "[mypy]"),
        ("imports", "[import rules]"),
        ("stubs", "[stubs are fresh]"),
        ("mypy imports", "[mypy] [import rules]"),
    ],
)
def test_a_failed_check_is_named_before_the_tests_and_fails_the_run(
    clone: Path, broken: str, named: str
) -> None:
    status, lines = run(clone, broken=broken)
    assert status == 1
    assert f"FAILED before the tests: {named}" in lines
    assert f"{broken.split(maxsplit=1)[0]} is unhappy" in lines
    assert lines[-1] == "== 3 passed =="


def test_a_failed_test_fails_the_run_with_the_status_of_pytest(clone: Path) -> None:
    assert run(clone, PYTEST_SAYS="1 failed", PYTEST_STATUS="2")[0] == 2


def test_what_a_machine_lacks_is_skipped_and_said_so(clone: Path) -> None:
    status, lines = run(clone)
    assert status == 0
    assert [line for line in lines if line.startswith("skipped")] == [
        "skipped PKCS#11 tokens: softhsm2-util is not on this machine (Debian's package softhsm2)",
        "skipped stores in PostgreSQL: pg_lsclusters is not on this machine (Debian's package postgresql)",
        "skipped the console in a browser: chromium is not on this machine (Debian's package chromium)",
        "skipped buf lint, buf breaking: there is no Node on this machine, and buf comes from npm",
    ]


def test_arguments_reach_pytest_and_long_lifts_the_filter(clone: Path) -> None:
    side_by_side = "arguments: -m pytest -n 3 --dist loadgroup --no-loadscope-reorder"
    assert run(clone, "-k", "two words")[1][-2] == f"{side_by_side} -k two words"
    assert run(clone, "--long", "-x")[1][-2] == f"{side_by_side} -m  -x"
    assert " -n 7 " in run(clone, KMS_TEST_WORKERS="7")[1][-2]
