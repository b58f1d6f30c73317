"""Plots as SVG, drawn here: no script, no style of their own, colours by class, and words for who cannot see them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 10, 26


@dataclass(frozen=True, slots=True)
class Series:
    """What one colour stands for: its name as shown, and its class (s1 to s4)."""

    name: str
    colour: str


@dataclass(frozen=True, slots=True)
class Column:
    """One place on the axis: what is written under it (may be empty), its full name, a value of each series."""

    tick: str
    name: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture, and the same as a table."""

    title: str
    summary: str
    svg: Markup
    series: tuple[Series, ...]
    columns: tuple[Column, ...]
    unit: str = ""


def stacked(
    name: str, title: str, summary: str, series: Sequence[Series], columns: Sequence[Column], unit: str = ""
) -> Plot:
    """Columns of values on top of each other. `name` makes the ids of the page's elements, `unit` is the axis's."""
    top = _nice(max((sum(column.values) for column in columns), default=0))
    step = (WIDTH - LEFT - RIGHT) / max(1, len(columns))
    parts = [_axis(value, top) for value in (0.0, top / 2, top)]
    for place, column in enumerate(columns):
        x = LEFT + place * step
        below = 0.0
        for one, value in zip(series, column.values, strict=True):
            if value > 0:
                parts.append(_bar(x + step * 0.12, step * 0.76, below, value, top, one.colour))
            below += value
        if column.tick:
            parts.append(
                Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
                    x + step / 2, HEIGHT - 8, column.tick
                )
            )
    svg = Markup(
        '<svg class="plot" role="img" aria-labelledby="{n}-title {n}-text" viewBox="0 0 {w} {h}">'
        '<title id="{n}-title">{title}</title><desc id="{n}-text">{summary}</desc>{parts}</svg>'
    ).format(n=name, w=WIDTH, h=HEIGHT, title=title, summary=summary, parts=Markup("").join(parts))
    return Plot(title, summary, svg, tuple(series), tuple(columns), unit)


def meter(name: str, label: str, part: float) -> Markup:
    """A bar that is filled by `part` (0 to 1); red at the end that needs attention is the caller's `label` to say."""
    filled = max(0.0, min(1.0, part))
    return Markup(
        '<svg class="plot" role="img" aria-labelledby="{n}-title" viewBox="0 0 240 12">'
        '<title id="{n}-title">{label}</title>'
        '<rect class="track" x="0" y="1" width="240" height="10" rx="5"/>'
        '<rect class="{colour}" x="0" y="1" width="{width:.1f}" height="10" rx="5"/></svg>'
    ).format(n=name, label=label, width=240 * filled, colour="s4")


def _bar(x: float, width: float, below: float, value: float, top: float, colour: str) -> Markup:
    scale = (HEIGHT - TOP - BOTTOM) / top
    height = value * scale
    y = HEIGHT - BOTTOM - below * scale - height
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        colour, x, y, width, height
    )


def _axis(value: float, top: float) -> Markup:
    y = HEIGHT - BOTTOM - value * (HEIGHT - TOP - BOTTOM) / top
    return Markup(
        '<line class="axis" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/><text x="{}" y="{:.1f}" '
        'text-anchor="end">{:g}</text>'
    ).format(LEFT, WIDTH - RIGHT, y, y, LEFT - 6, y + 4, value)


def _nice(highest: float) -> float:
    """A round number that is not below, with a half that is round too: 2, 4, 6, 8, 10, 20, 30, ..."""
    if highest <= 2:
        return 2.0
    power = 10.0 ** math.floor(math.log10(highest))
    factors = (1, 2, 3, 4, 6, 8, 10) if power >= 10 else (2, 4, 6, 8, 10)
    return next(factor * power for factor in factors if factor * power >= highest)
