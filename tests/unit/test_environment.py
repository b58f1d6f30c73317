"""scripts/_env.sh: one environment from the lock, made once, used again, and clear when it cannot be made."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Stands for a Python: makes an "environment" whose interpreter is this same file, writes down what pip is
# asked for, and leaves everything else to the real one.
FAKE_PYTHON = """#!/usr/bin/env bash
case "$*" in
  *"-m venv"*) mkdir -p "$KMS_VENV/bin"; cp "$0" "$KMS_VENV/bin/python"; : >"$KMS_VENV/pyvenv.cfg" ;;
  *"-m pip"*) echo "$*" >>"$FAKE_LOG"; [[ ! -e $FAKE_LOG.broken ]] ;;
  *) exec "$REAL_PYTHON" "$@" ;;
esac
"""


class Clone:
    """What the environment is made from, and a Python that only pretends to install."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "clone"
        self.log = folder / "log"
        shutil.copytree(ROOT / "scripts", self.folder / "scripts")
        for name in ("requirements.lock", "requirements-bench.lock", "pyproject.toml"):
            shutil.copy(ROOT / name, self.folder)
        fake = folder / "python"
        fake.write_text(FAKE_PYTHON, "utf-8")
        fake.chmod(0o755)
        self.environment = os.environ | {
            "KMS_PYTHON": str(fake),
            "KMS_VENV": ".venv",
            "REAL_PYTHON": sys.executable,
            "FAKE_LOG": str(self.log),
        }

    def start(self, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", '. scripts/_env.sh; echo "$python"'],
            cwd=self.folder,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def installs(self) -> list[str]:
        """What pip was asked to install, in order."""
        return re.findall(r"-r \S+|--editable \.", self.log.read_text("utf-8"))


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


ONCE = ["-r requirements.lock", "--editable ."]


def test_two_runs_at_once_make_the_environment_once(clone: Clone) -> None:
    runs = [clone.start() for _ in range(3)]
    answers = [run.communicate() for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], answers
    assert {out for out, _ in answers} == {f"{clone.folder}/.venv/bin/python\n"}
    assert clone.installs() == ONCE


def test_an_environment_is_used_again_without_a_word(clone: Clone) -> None:
    assert "installing" in clone.start().communicate()[1]
    assert clone.start().communicate()[1] == ""
    assert clone.installs() == ONCE


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_changed_lock_or_project_is_installed_again(clone: Clone, name: str) -> None:
    clone.start().communicate()
    with (clone.folder / name).open("a", encoding="utf-8") as file:
        file.write("\n")
    clone.start().communicate()
    assert clone.installs() == ONCE * 2


def test_a_failed_installation_fails_the_run_and_is_tried_again(clone: Clone) -> None:
    broken = Path(f"{clone.log}.broken")
    broken.touch()
    run = clone.start()
    out, err = run.communicate()
    assert (run.returncode, out) == (1, "")
    assert err.endswith("environment: failed\n")
    broken.unlink()
    clone.log.unlink()
    run = clone.start()
    run.communicate()
    assert run.returncode == 0
    assert clone.installs() == ONCE


def test_a_folder_that_is_no_environment_is_left_alone(clone: Clone) -> None:
    precious = clone.folder / ".venv" / "precious"
    precious.mkdir(parents=True)
    run = clone.start()
    assert "is no virtual environment" in run.communicate()[1]
    assert run.returncode == 1
    assert precious.exists()


def test_without_a_python_the_error_says_what_is_missing(clone: Clone) -> None:
    run = clone.start(KMS_PYTHON="no-such-python")
    err = run.communicate()[1]
    assert run.returncode == 1
    assert "no Python of version 3.11 or later was found (tried: no-such-python)" in err


def test_without_ensurepip_the_error_says_what_to_install(clone: Clone, tmp_path: Path) -> None:
    crippled = tmp_path / "crippled"
    crippled.mkdir()
    for module in ("ensurepip", "virtualenv"):
        (crippled / f"{module}.py").write_text("raise ImportError", "utf-8")
    run = clone.start(PYTHONPATH=str(crippled))
    err = run.communicate()[1]
    assert run.returncode == 1
    assert "python3-venv" in err
    assert not (clone.folder / ".venv").exists()
