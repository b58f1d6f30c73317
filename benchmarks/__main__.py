"""`scripts/bench [--quick] [--json FILE] [--markdown] [--pages]`."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import audit, ceremonies, cluster, decisions, log, pages, primitives, records, rolling
from benchmarks import console as approvers_pages
from benchmarks.figures import TARGETS, rows


def machine() -> str:
    """Processor, cores, memory, and the versions that matter."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = " ".join(f"{name} {version(name)}" for name in ("cryptography", "coincurve", "grpcio"))
    return (
        f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}, {packages}"
    )


def main(
    quick: Annotated[bool, typer.Option(help="Fewer repeats: under 45 seconds.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write figures and profile here.")] = None,
    markdown: Annotated[bool, typer.Option(help="Print the tables as Markdown.")] = False,
    into_pages: Annotated[
        bool, typer.Option("--pages", help="Write docs/figures.json and what docs/ computes from it.")
    ] = False,
) -> None:
    """Measure everything in one run, and say what was met and what was missed."""
    console = Console(stderr=markdown)
    with tempfile.TemporaryDirectory(prefix="kms-bench-") as name, console.status("primitives") as status:
        folder = Path(name)
        alone = primitives.measure(folder)
        status.update("records")
        figures, of_records = records.measure(quick)
        status.update("decisions")
        deciding, of_decisions = decisions.measure(folder, quick)
        status.update("a cluster of nine processes")
        more, of_cluster = cluster.measure(folder / "c", quick)
        status.update("ceremonies")
        changing, of_ceremonies = ceremonies.measure(folder, quick)
        status.update("the approvers' console")
        shown, of_console = approvers_pages.measure(folder / "console", quick)
        status.update("a roll of the row root")
        rolled, of_roll = rolling.measure(folder / "rolling", quick)
        status.update("a custodian's log")
        logged, of_log = log.measure(folder / "log", quick)
        status.update("an audit of five logs")
        audited, of_audit = audit.measure(folder / "audit", quick)
    figures |= deciding | more | changing | shown | rolled | logged | audited
    report: dict[str, Any] = {
        "machine": machine(),
        "figures": {key: figures.get(key) for key in TARGETS},
        "profile": {
            "primitives_us": alone,
            "records": of_records,
            "decisions": of_decisions,
            **of_cluster,
            **of_ceremonies,
            **of_console,
            "roll": of_roll,
            **of_log,
            **of_audit,
        },
    }
    if json_file is not None:
        json_file.write_text(json.dumps(report, indent=1) + "\n")
    if into_pages:
        pages.write(report)
    if markdown:
        print_markdown(report)
        return
    table = Table(title="Figures (medians)", caption=report["machine"])
    for column in ("figure", "measured", "target", ""):
        table.add_column(column, justify="right" if column in ("measured", "target") else "left")
    for row in rows(figures):
        table.add_row(*row)
    console.print(table)
    console.print_json(json.dumps(report["profile"]))


def print_markdown(report: Mapping[str, Any]) -> None:
    """The tables of docs/performance.md."""
    print(f"Machine: {report['machine']}.\n")
    print("| figure | measured | target | |\n| --- | ---: | ---: | --- |")
    for row in rows(report["figures"]):
        print("| " + " | ".join(row) + " |")
    print("\n```json\n" + json.dumps(report["profile"], indent=1) + "\n```")


if __name__ == "__main__":
    typer.run(main)
