"""What a fresh clone promises before any of its own code runs: locks, commands, packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
COMMANDS = ["scripts/bench", "scripts/demo", "scripts/lock", "scripts/protos", "scripts/test", ".ci/run"]
LOCKS = ["requirements.lock", "requirements-bench.lock"]
FULL_LOCK = ["dev", "postgres", "web", "verify", "demo", "pkcs11"]

# Joined here so that this file does not hold the words that it looks for.
REGISTRIES = ["pypi" + ".org", "python" + "hosted.org", "registry." + "npmjs", "proxy." + "golang"]
MACHINE_PATHS = [f"/{folder}/" for folder in ("root", "home", "work", "tmp", "Users")]


def tracked() -> list[Path]:
    """Every file of the checkout that git knows and that still exists, relative to the root."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    return [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def locked(name: str) -> dict[str, tuple[Requirement, str]]:
    """The entries of a lock by canonical name: the requirement and its hashes as they stand."""
    text = (ROOT / name).read_text("utf-8").replace("\\\n", " ")
    entries: dict[str, tuple[Requirement, str]] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        requirement, _, hashes = line.partition(" --hash=")
        parsed = Requirement(requirement)
        entries[canonicalize_name(parsed.name)] = (parsed, "--hash=" + hashes if hashes else "")
    return entries


def demanded(*extras: str) -> list[Requirement]:
    """What pyproject.toml asks for, with the extras' references to the project itself resolved."""
    asked = list(PROJECT["dependencies"])
    for extra in extras:
        asked += PROJECT["optional-dependencies"][extra]
    return [r for r in map(Requirement, asked) if canonicalize_name(r.name) != PROJECT["name"]]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_is_pinned_and_has_a_hash(lock: str) -> None:
    entries = locked(lock)
    assert entries
    for requirement, hashes in entries.values():
        assert re.fullmatch(r"==[^=,*]+", str(requirement.specifier)), requirement
        assert re.fullmatch(r"(--hash=sha256:[0-9a-f]{64}\s*)+", hashes), requirement


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index_and_no_path(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    assert re.findall(r"(?m)^\s*(?:-i|-f|-e|--(?!hash=))\S*|://|file:| @ |^\s*#.*", text) == []


@pytest.mark.parametrize(("lock", "extras"), [(LOCKS[0], FULL_LOCK), (LOCKS[1], ["bench"])])
def test_a_lock_satisfies_what_the_project_asks_for(lock: str, extras: list[str]) -> None:
    entries = locked(lock)
    for requirement in demanded(*extras):
        pinned = next(iter(entries[canonicalize_name(requirement.name)][0].specifier)).version
        assert requirement.specifier.contains(pinned), (requirement, pinned)


def test_the_benchmark_changes_no_version_of_the_project() -> None:
    product, bench = locked(LOCKS[0]), locked(LOCKS[1])
    shared = product.keys() & bench.keys()
    assert len(shared) >= len(PROJECT["dependencies"])
    assert {name: str(bench[name][0].specifier) for name in shared} == {
        name: str(product[name][0].specifier) for name in shared
    }


def test_only_the_benchmark_brings_the_libraries_it_compares_with() -> None:
    others = {canonicalize_name(r.name) for r in demanded("bench")} - {
        canonicalize_name(r.name) for r in demanded()
    }
    assert others
    assert others.isdisjoint(locked("requirements.lock"))


@pytest.mark.parametrize("word", [*REGISTRIES, *MACHINE_PATHS])
def test_no_tracked_file_names_a_registry_or_a_place_on_a_machine(word: str) -> None:
    # A path counts where it begins: docs/work/ is nobody's machine.
    start = rb"(?<![\w.~/-])" if word.startswith("/") else rb""
    pattern = re.compile(start + re.escape(word).encode())
    found = [str(path) for path in tracked() if pattern.search((ROOT / path).read_bytes())]
    assert found == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_executable_and_its_shell_can_read_it(command: str) -> None:
    path = ROOT / command
    assert os.access(path, os.X_OK)
    assert path.read_text("utf-8").startswith("#!/usr/bin/env bash\n")
    assert subprocess.run(["bash", "-n", path], capture_output=True, check=False).stderr == b""


def test_git_keeps_the_commands_executable() -> None:
    tracked()  # skips where there is no git
    listed = subprocess.run(
        ["git", "ls-files", "--stage", *COMMANDS], cwd=ROOT, capture_output=True, check=True, text=True
    )
    modes = {line.split("\t")[1]: line.split()[0] for line in listed.stdout.splitlines()}
    assert modes == dict.fromkeys(COMMANDS, "100755")


def test_a_wheel_holds_both_packages_with_their_data_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for path in tracked():
        if path.parts[0] in ("kms", "clients") or len(path.parts) == 1:
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, source / path)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-index"]
    built = subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, source],
        capture_output=True,
        check=False,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0].removesuffix(f"-{PROJECT['version']}.dist-info") for name in names} == {
        "kms",
        "kms_client",
        "threshold_kms",
    }
    data = {".py", ".pyi", ".typed", ".sql", ".cedar", ".cedarschema"}
    expected = {p for p in tracked() if p.suffix in data and p.parts[0] in ("kms", "clients")}
    shipped = {str(p).removeprefix("clients/python/") for p in expected if p.parts[:2] != ("clients", "web")}
    assert shipped - names == set()
    assert any(name.endswith("licenses/LICENSE") for name in names)
