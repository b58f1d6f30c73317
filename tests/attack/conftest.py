"""A fresh keyring for each attack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.protocol.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Five custodians, any three of which open a key."""
    made = World.found(tmp_path / "world")
    yield made
    made.close()
