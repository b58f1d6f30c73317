"""Pages of the documentation that are run as they stand, on a development cluster that they start themselves."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.test_docs import BLOCK

DOCS = Path(__file__).parents[2] / "docs"
_NAMED = re.compile(r"^\w+=.*$", re.MULTILINE)


@contextmanager
def cluster_folder(patch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in; a cluster that was started there is stopped, and the folder removed."""
    # Short: a local socket's path holds about a hundred characters.
    home = Path(tempfile.mkdtemp(prefix="kd"))
    patch.chdir(home)
    patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    yield home
    subprocess.run(["kms", "dev", "down"], cwd=home, capture_output=True, check=False)
    shutil.rmtree(home)


def run_page(page: Path, folder: Path) -> str:
    """Every block of a page, in order: Python in one namespace, the rest by bash. What the shell printed.

    A block may use what one before it named (`name=...` at the beginning of a line).
    """
    namespace: dict[str, object] = {"__name__": page.stem}
    text, names, said = page.read_text(), "", ""
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start()) + 2
        if block[1] == "python":
            # Padded, so that a traceback names the line of the page.
            exec(compile("\n" * (line - 1) + block[2], page.name, "exec"), namespace)
            continue
        assert block[1] == "sh", f"line {line}: nothing runs {block[1]}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{names}\n{block[2]}"],
            cwd=folder,
            capture_output=True,
            check=False,
            text=True,
        )
        assert done.returncode == 0, f"line {line}: {done.stdout}{done.stderr}"
        names += "\n".join(_NAMED.findall(block[2])) + "\n"
        said += done.stdout
    return said
