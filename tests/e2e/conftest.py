"""Clusters of real processes: one that all read-only tests share, and one of its own for a test that breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.e2e.site import Site


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """2 of 3, shared by every test of this process that breaks nothing."""
    shared = Site()
    yield shared
    shared.close()


@pytest.fixture
def own_site() -> Iterator[Callable[..., Site]]:
    """Makes clusters that belong to one test."""
    made: list[Site] = []

    def make(**options: object) -> Site:
        made.append(Site(**options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()
