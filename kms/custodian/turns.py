"""Steps of a node run one at a time: what those who wait for their turn are given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

R = TypeVar("R")


class Run(Protocol):
    """Runs a step of the node in its turn."""

    def __call__(self, step: Callable[..., R], *arguments: object) -> Awaitable[R]: ...
