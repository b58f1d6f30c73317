"""docs/destruction.md is run as it stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.pages import DOCS, cluster_folder, run_page


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with cluster_folder(monkeypatch) as home:
        yield home


def test_every_block_of_the_page_works_as_it_stands(folder: Path) -> None:
    said = run_page(DOCS / "destruction.md", folder)
    assert "DESTROYED: " in said
    assert '"tolerates_liars": ' in said
