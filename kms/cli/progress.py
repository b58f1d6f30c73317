"""A bar for what takes longer than a second: how much is done, how fast, how long yet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

P = TypeVar("P", bound=Any)


async def follow(work: AsyncIterator[P], what: str, quiet: bool) -> P:
    """The last report of `work`, whose `keys` and `done` the bar shows; nothing is drawn if `quiet`."""
    last: P | None = None
    with _bars(quiet) as progress:
        task = progress.add_task(what, total=None, rate="")
        async for last in work:
            speed = progress.tasks[0].speed or 0.0
            progress.update(task, total=last.keys or None, completed=last.done, rate=f"{speed:.0f} keys/s")
    if last is None:
        raise RuntimeError("the ceremony ended without a word")
    return last


@contextmanager
def counting(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """What to tell how far work is (of what, how much is done, how much there is), a bar for each of what.

    Nothing is drawn if `quiet`: what a program reads stands alone.
    """
    bars: dict[str, TaskID] = {}
    with _bars(quiet, transient=True) as progress:

        def tell(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total, rate="")
            speed = progress.tasks[list(bars).index(what)].speed or 0.0
            progress.update(bars[what], completed=done, rate=f"{speed:.0f}/s")

        yield tell


def _bars(quiet: bool, *, transient: bool = False) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=transient,
        disable=quiet,
    )
