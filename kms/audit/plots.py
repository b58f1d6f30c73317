"""Plots as SVG in the page itself: no script, no address, a title and a description for who cannot see them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kms.audit.words import on_page

WIDTH: Final = 700
HEIGHT: Final = 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 8, 10, 26
COLOURS: Final = 8
"""Classes c0 to c7: further series take them again."""
STYLE: Final = """
.plot { width: 100%; height: auto; } .plot text { font: 11px sans-serif; fill: #333; } .plot line { stroke: #bbb; }
.c0 { fill: #2b5c8a; background: #2b5c8a; } .c1 { fill: #c8662b; background: #c8662b; }
.c2 { fill: #3c8a4e; background: #3c8a4e; } .c3 { fill: #8a3c77; background: #8a3c77; }
.c4 { fill: #b39a1c; background: #b39a1c; } .c5 { fill: #3a8c8c; background: #3a8c8c; }
.c6 { fill: #8c3a3a; background: #8c3a3a; } .c7 { fill: #666; background: #666; }
.key { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 1em; print-color-adjust: exact; }
"""


@dataclass(frozen=True, slots=True)
class Column:
    """One place on the axis: what is written under it (may be empty), and a value of each series."""

    tick: str
    values: tuple[float, ...]


def stacked(name: str, title: str, summary: str, series: Sequence[str], columns: Sequence[Column]) -> str:
    """Columns of values on top of each other, with a key under them. `name` makes the ids."""
    top = _nice(max((sum(column.values) for column in columns), default=0))
    step = (WIDTH - _LEFT - _RIGHT) / max(1, len(columns))
    scale = (HEIGHT - _TOP - _BOTTOM) / top
    parts = [_axis(value, scale) for value in (0.0, top / 2, top)]
    for place, column in enumerate(columns):
        x, below = _LEFT + place * step, 0.0
        for colour, value in enumerate(column.values):
            if value > 0:
                y = HEIGHT - _BOTTOM - (below + value) * scale
                parts.append(
                    f'<rect class="c{colour % COLOURS}" x="{x + step * 0.1:.1f}" y="{y:.1f}" '
                    f'width="{step * 0.8:.1f}" height="{value * scale:.1f}"/>'
                )
            below += value
        if column.tick:
            middle = x + step / 2
            parts.append(
                f'<text x="{middle:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{on_page(column.tick)}</text>'
            )
    key = "".join(
        f'<span class="key c{colour % COLOURS}"></span>{on_page(one)}' for colour, one in enumerate(series)
    )
    return (
        f'<figure><svg class="plot" role="img" aria-labelledby="{name}-title {name}-text" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}"><title id="{name}-title">{on_page(title)}</title>'
        f'<desc id="{name}-text">{on_page(summary)}</desc>{"".join(parts)}</svg>'
        f"<figcaption>{on_page(title)}.{key}</figcaption></figure>"
    )


def _axis(value: float, scale: float) -> str:
    y = HEIGHT - _BOTTOM - value * scale
    return (
        f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,.0f}</text>'
    )


def _nice(highest: float) -> float:
    """A round number that is not below: 2, 4, 6, 8, 10, 20, 40, ..."""
    if highest <= 2:
        return 2.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(factor * power for factor in (1, 2, 4, 6, 8, 10) if factor * power >= highest)
