"""What holds for every test."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import py_ecc  # noqa: F401  # tests use it by itself too
import pytest
from hypothesis import settings

from tests import stores
from tests.postgres import server

__all__ = ["server"]

# A slow machine is no failure: no example has a time limit.
settings.register_profile("project", deadline=None)
settings.load_profile("project")

# As py_ecc's two users do: it raises the limit as it is imported, and deep JSON then ends the process.
sys.setrecursionlimit(1000)

# Each worker takes ports of its own: what one chose, and does not listen on yet, looks free to the others.
if "PYTEST_XDIST_WORKER" in os.environ:
    _share = 12_000 // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    _first = 10_000 + _share * int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    os.environ["KMS_DEV_PORTS"] = f"{_first}-{_first + _share - 1}"

TESTS = Path(__file__).parent
LONG_FIRST = (
    "e2e/test_ceremony_page.py",
    "e2e/test_ceremony_script.py",
    "e2e/test_ceremonies.py",
    "e2e/test_demo.py",
    "e2e/test_docs.py",
    "e2e",
    "siege",
)
"""Where tests take minutes and not seconds, the longest first: begun last they would end alone."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Longest first, and tests that share what their module set up on one worker, so that it is set up once."""
    items.sort(key=_rank)
    for item in items:
        if isinstance(item, pytest.Function) and _shares_its_module(item):
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))


def _rank(item: pytest.Item) -> int:
    place = item.path.relative_to(TESTS)
    return next((rank for rank, long in enumerate(LONG_FIRST) if place.is_relative_to(long)), len(LONG_FIRST))


def _shares_its_module(item: pytest.Function) -> bool:
    """Whether a fixture of its own module, for the whole module, is behind it."""
    definitions = item._fixtureinfo.name2fixturedefs
    return any(
        found[-1].scope == "module" and inspect.getmodule(found[-1].func) is item.module
        for name in item.fixturenames
        if (found := definitions.get(name))
    )


@pytest.fixture(scope="session", autouse=os.environ.get("KMS_TEST_STORE") == "postgres")
def _everywhere_on_postgres(request: pytest.FixtureRequest) -> Iterator[None]:
    with stores.kept_on(request.getfixturevalue("server")):
        yield


@pytest.fixture(autouse=os.environ.get("KMS_TEST_STORE") == "postgres")
def _some_in_files(request: pytest.FixtureRequest) -> Iterator[None]:
    with ExitStack() as stack:
        if request.node.get_closest_marker("in_files"):
            stack.enter_context(stores.kept_on(None))
        yield


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("each_store"):
        metafunc.fixturenames.insert(0, "_store_kind")
        metafunc.parametrize("_store_kind", ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def _store_kind(request: pytest.FixtureRequest) -> Iterator[None]:
    with stores.kept_on(request.getfixturevalue("server") if request.param == "postgres" else None):
        yield
