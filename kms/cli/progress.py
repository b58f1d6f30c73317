"""A bar for what takes longer than a second: how much is done, how fast, how long yet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, TypeVar

P = TypeVar("P", bound=Any)


async def follow(work: AsyncIterator[P], what: str, quiet: bool) -> P:
    """The last report of `work`, whose `keys` and `done` the bar shows; nothing is drawn if `quiet`."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    last: P | None = None
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
        disable=quiet,
    ) as progress:
        task = progress.add_task(what, total=None, rate="")
        async for last in work:
            speed = progress.tasks[0].speed or 0.0
            progress.update(task, total=last.keys or None, completed=last.done, rate=f"{speed:.0f} keys/s")
    if last is None:
        raise RuntimeError("the ceremony ended without a word")
    return last
