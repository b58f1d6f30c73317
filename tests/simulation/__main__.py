"""`python -m tests.simulation SEED [SEED...]`: play seeds and tell their stories; or `--from N --count M`."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from tests.simulation.invariants import Broken
from tests.simulation.play import play


def main(
    seeds: Annotated[list[int] | None, typer.Argument(help="Seeds to play.")] = None,
    first: Annotated[int, typer.Option("--from", help="The first of many seeds.")] = 0,
    count: Annotated[int, typer.Option(help="How many seeds from there.")] = 0,
) -> None:
    """Exit code 1 at the first seed under which an invariant does not hold."""
    started = time.monotonic()
    many = range(first, first + count)
    for seed in [*(seeds or []), *many]:
        try:
            played = play(seed)
        except Broken as broken:
            typer.echo(str(broken))
            sys.exit(1)
        if not count:
            typer.echo(f"seed {seed}")
            typer.echo("\n".join(f"  {line}" for line in played.story))
    if count:
        typer.echo(f"{count} seeds hold, {(time.monotonic() - started) / count * 1e3:.1f} ms each")


if __name__ == "__main__":
    typer.run(main)
