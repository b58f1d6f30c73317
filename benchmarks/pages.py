"""`python -m benchmarks.pages [FIGURES]`: write again what docs/ says in figures.

FIGURES, a report of `scripts/bench --json`, becomes docs/figures.json; without it that file is
read. docs/scale.md is written whole, in docs/performance.md
what stands between `<!-- NAME: begin -->` and `<!-- NAME: end -->`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks import scale
from benchmarks.figures import read, rows
from kms.errors import ConfigError

DOCS: Final = Path(__file__).parents[1] / "docs"
Report = Mapping[str, Any]


def _machine(report: Report) -> str:
    return f"Machine of these tables: {report['machine']}."


def _figures(report: Report) -> str:
    lines = ["| figure | measured | target | |", "| --- | ---: | ---: | --- |"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows(report["figures"]))])


def _processors(report: Report) -> str:
    profile = report["profile"]
    ceremonies = profile["ceremonies"]
    lines = [
        "| operation | client | coordinator | custodians together |",
        "| --- | ---: | ---: | ---: |",
    ]
    spent = {
        "one key released": profile["release_one_cpu_ms"],
        "256 keys released": profile["release_batch_256_cpu_ms"],
        "1,000 keys created": profile["create_batch_1000_cpu_ms"],
    }
    for name, kind in (("dealt anew", "reshare"), ("brought back by repair", "repair")):
        part = ceremonies[kind]
        spent[f"1,000 keys {name}"] = {k: v / part["keys"] * 1e6 for k, v in part["cpu_s"].items()}
    for name, cost in spent.items():
        shown = " | ".join(f"{cost[who]:,.3g}" for who in ("client", "coordinator", "custodians"))
        lines.append(f"| {name} | {shown} |")
    return "\n".join(lines)


def _primitives(report: Report) -> str:
    lines = ["| primitive | us |", "| --- | ---: |"]
    return "\n".join(
        [*lines, *(f"| {name} | {us:,.3g} |" for name, us in report["profile"]["primitives_us"].items())]
    )


def _shapes(report: Report) -> str:
    """Per key, and per key and pair of dealer and receiver: what a linear cost in t and in n leaves constant."""
    measured = scale.shapes(report)
    if not measured:
        return "Not measured in this run (`scripts/bench --quick`)."
    lines = [
        "| shape | keys a second | us a key | us a key, dealer and receiver |",
        "| --- | ---: | ---: | ---: |",
    ]
    for (t, n), rate in measured.items():
        lines.append(f"| {t} of {n} | {rate:,.0f} | {1e6 / rate:,.0f} | {1e6 / rate / t / n:,.0f} |")
    growth = report["profile"]["ceremonies"].get("reshare_keys_per_s_by_keys", {})
    lines += ["", "| keys in the keyring, 3 of 5 | keys a second |", "| ---: | ---: |"]
    lines += [f"| {int(keys):,} | {rate:,.0f} |" for keys, rate in growth.items()]
    return "\n".join(lines)


BLOCKS: Final[Mapping[str, Callable[[Report], str]]] = {
    "machine": _machine,
    "figures": _figures,
    "processors": _processors,
    "primitives": _primitives,
    "shapes": _shapes,
}


def performance(text: str, report: Report) -> str:
    """docs/performance.md with its tables written anew; ConfigError if the place of one is not there once."""
    for name, write in BLOCKS.items():
        place = re.compile(f"(<!-- {name}: begin -->\n).*?(\n<!-- {name}: end -->)", re.DOTALL)
        if len(place.findall(text)) != 1:
            raise ConfigError(f"docs/performance.md must have one place <!-- {name}: begin -->")
        block = write(report)
        text = place.sub(lambda found, block=block: found[1] + block + found[2], text)  # type: ignore[misc]
    return text


def write(report: Report, docs: Path = DOCS) -> None:
    """figures.json, scale.md and the tables of performance.md."""
    (docs / "figures.json").write_text(json.dumps(report, indent=1) + "\n")
    (docs / "scale.md").write_text(scale.page(report))
    page = docs / "performance.md"
    page.write_text(performance(page.read_text(), report))


if __name__ == "__main__":
    try:
        write(read(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS / "figures.json"))
    except ConfigError as error:
        sys.exit(f"benchmarks: {error.message}")
