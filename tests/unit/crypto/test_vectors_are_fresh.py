"""The frozen vectors are what the independent reference answers today; it imports nothing of the product."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_script_finds_every_vector_file_fresh() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "vectors"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "fresh"), done.stderr


def test_the_reference_and_the_script_import_nothing_of_the_product() -> None:
    sources = [*sorted((ROOT / "tests" / "reference").glob("*.py")), ROOT / "scripts" / "vectors"]
    imported: set[str] = set()
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
    assert "tests.reference.hashing" in imported
    assert not [name for name in imported if name.split(".")[0].startswith("kms")]
