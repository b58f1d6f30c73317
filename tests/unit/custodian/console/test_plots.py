"""Plots show what they are given, say it in words too, and take nothing as markup."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from kms.custodian.console.plots import HEIGHT, TOP, Column, Series, meter, stacked

SERIES = (Series("allowed", "s1"), Series("denied", "s2"))


def drawn(*columns: tuple[float, float]) -> list[ET.Element]:
    named = [Column("", f"hour {n}", values) for n, values in enumerate(columns)]
    svg = ET.fromstring(stacked("p", "Decisions", "Some.", SERIES, named).svg)
    return [element for element in svg if element.tag == "rect"]


def test_heights_are_in_proportion_and_stand_on_each_other() -> None:
    first, second, third = drawn((10, 5), (5, 0))
    assert float(first.get("height", 0)) == pytest.approx(2 * float(second.get("height", 0)), abs=0.2)
    assert float(second.get("y", 0)) + float(second.get("height", 0)) == pytest.approx(
        float(first.get("y", 0)), abs=0.2
    )
    assert float(third.get("height", 0)) == pytest.approx(float(second.get("height", 0)), abs=0.2)
    assert [bar.get("class") for bar in (first, second, third)] == ["s1", "s2", "s1"]


@pytest.mark.parametrize("highest", [0.0, 0.1, 1, 2, 3, 7, 9.9, 10, 11, 99, 100, 12345, 10**9])
def test_nothing_is_drawn_above_the_frame(highest: float) -> None:
    assert all(TOP - 0.1 <= float(bar.get("y", 0)) <= HEIGHT for bar in drawn((highest, 0)))


def test_no_columns_are_a_plot_too() -> None:
    assert drawn() == []


def test_a_plot_is_named_and_described_for_who_cannot_see_it() -> None:
    svg = ET.fromstring(stacked("p", "Decisions", "All in all 3.", SERIES, []).svg)
    named = {element.get("id"): element.text for element in svg.iter() if element.get("id")}
    assert svg.get("role") == "img"
    assert [named[name] for name in svg.get("aria-labelledby", "").split()] == ["Decisions", "All in all 3."]


def test_names_are_text() -> None:
    plot = stacked("p", "<script>", "&", SERIES, [Column("<b>", "<i>", (1, 1))])
    assert "<script>" not in plot.svg
    assert "<b>" not in plot.svg
    assert "<script>" not in meter("m", "<script>", 0.5)


@pytest.mark.parametrize(("part", "width"), [(-1, 0), (0.5, 120), (7, 240)])
def test_a_meter_is_filled_by_its_part(part: float, width: float) -> None:
    *_, bar = ET.fromstring(meter("m", "left", part))
    assert float(bar.get("width", -1)) == width
