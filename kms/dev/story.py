"""`scripts/demo`: a booking platform's records, who can open them, and what its host can read.

Starts a whole cluster in a temporary folder, tells the story on real processes, then looks for every value of
every record wherever the host and the operator can look: the verdict. The same is done with the same records
in the design of 2021: the control. Exit code 0 only if the product shows nothing and the control does.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from kms.dev import control, ground_truth, samples
from kms.dev.acts import Play
from kms.dev.cluster import Cluster
from kms.dev.needles import Needles, Secrets
from kms.dev.places import Files, Memory, Place, PlaceKind, databases
from kms.dev.samples import Record
from kms.dev.stage import BookingDesk, Entry, book
from kms.dev.verdict import Look, Verdict, exposures, look, table, verdict
from kms.errors import KmsError

LIAR = 2
EXPECTED = {
    "patients read their own": "ok",
    "doctor with grants reads the day": "ok",
    "doctor without a grant": "refused",
    "operator": "refused",
    "service principal": "refused",
    "opened by human approval": "ok",
    "with two custodians dead": "ok",
    "with three custodians dead": "NotEnoughCustodians",
    "with one custodian lying": "ok",
}
"""What each kind of reading must come to; an error is told by its name."""


class Stage:
    """The console: narration, progress bars, and what was measured on the way."""

    def __init__(self) -> None:
        self.console = Console()
        self.started = time.monotonic()

    def say(self, text: str) -> None:
        self.console.print(f"[dim]{time.monotonic() - self.started:6.1f} s[/]  {text}")

    def bar(self, what: str, total: float | None) -> Bar:
        return Bar(self.console, what, total)


class Bar:
    """A progress bar for one piece of work."""

    def __init__(self, console: Console, what: str, total: float | None) -> None:
        columns = (
            TextColumn("          {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task(what, total=total)

    def __enter__(self) -> Callable[[int], None]:
        self._progress.start()
        return lambda n: self._progress.advance(self._task, n)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def places(cluster: Cluster) -> list[Place]:
    """Where host and operator can look: coordinator's and booking back end's files, logs, traffic, memory."""
    folder = cluster.layout.folder
    found: list[Place] = []
    for name in ("coordinator", "booking"):
        found += [
            databases(folder / name),
            Files(PlaceKind.LOG, folder / "logs", (f"{name}.log",)),
            Files(PlaceKind.WIRE, folder / name, ("wire.tap",)),
            Memory(cluster.pids[name], name),
        ]
    return found


def search(stage: Stage, what: str, where: list[Place], needles: Needles) -> Look:
    """Look everywhere, with a bar in megabytes."""
    done = 0
    with stage.bar(f"{what} (MB)", None) as tick:

        def progress(_: PlaceKind, size: int) -> None:
            nonlocal done
            before, done = done >> 20, done + size
            tick((done >> 20) - before)

        return look(where, needles, progress)


async def rehearse(play: Play) -> None:
    """Everything once with a record of random bytes, so that late imports are in before the first look."""
    record = Record("warm", "Warm", "warm", secrets.token_hex(64).encode(), {})
    entry = Entry(record, secrets.token_hex(12), "account-warm", 1, 1)
    warm = Play(play.cluster, {"warm": [entry]})
    try:
        await warm.write_all(lambda n: None)
        await warm.read_all_own(lambda n: None)
        await warm.doctors_day()
        await warm.refusals()
        await warm.human_approval()
    finally:
        await warm.close()


async def perform(stage: Stage, play: Play, total: int) -> None:
    """The story proper."""
    with stage.bar("devices encrypt and hand over", total) as tick:
        await play.write_all(tick)
    stage.say(f"{len(play.devices)} devices encrypted {total} records; the booking back end got ciphertext")
    with stage.bar("patients read their own", total) as tick:
        await play.read_all_own(tick)
    stage.say(f"patients read their own: {play.reads['patients read their own']}")
    count = await play.doctors_day()
    outcome = play.reads["doctor with grants reads the day"]
    stage.say(f"a doctor with grants reads the day's {count} records in one batch: {outcome}")
    await play.refusals()
    for name in ("doctor without a grant", "operator", "service principal"):
        stage.say(f"{name} asks: {play.reads[name]}")
    await play.human_approval()
    threshold, outcome = play.cluster.layout.threshold, play.reads["opened by human approval"]
    stage.say(f"people at {threshold} custodians approve one more: {outcome}")
    await play.deaths()
    stage.say(f"two custodians are killed, a patient reads: {play.reads['with two custodians dead']}")
    stage.say(f"a third is killed: {play.reads['with three custodians dead']}")
    await play.liar()
    blamed = ", ".join(map(str, sorted(play.blamed))) or "nobody"
    stage.say(f"one custodian lies: {play.reads['with one custodian lying']}; named: {blamed}")


def secrets_of(play: Play, texts: frozenset[str]) -> Secrets:
    """All that must not be found: values, data keys, shares, approvers' keys. Stops the custodians."""
    layout = play.cluster.layout
    for index in layout.custodians:
        play.cluster.kill(f"custodian-{index}", 15)
    shares = {share for index in layout.custodians for share in ground_truth.shares_of(layout, index)}
    keys = {e.key.secret.reveal() for entries in play.patients.values() for e in entries if e.key}
    return Secrets(
        texts, frozenset(keys), frozenset(shares), frozenset(ground_truth.approver_secrets(layout))
    )


async def tell(stage: Stage, cluster: Cluster, records: list[Record]) -> dict[str, Any]:
    """The whole evening; returns the report."""
    texts = frozenset(text for record in records for text in samples.string_values(record.resource))
    patients = book(records)
    play = Play(cluster, patients)
    desk: BookingDesk | None = None
    try:
        await rehearse(play)
        values = await asyncio.to_thread(Needles, Secrets(texts))
        before = await asyncio.to_thread(
            search, stage, "first look, before any record", places(cluster), values
        )
        stage.say(f"before any record, {len(before.everywhere)} of {len(texts):,} values stand there anyway")
        await perform(stage, play, len(records))
        needles = await asyncio.to_thread(lambda: Needles(secrets_of(play, texts)))
        after = await asyncio.to_thread(search, stage, "looking for every value", places(cluster), needles)
        product = verdict(needles, before, after)
        stage.say("the control: the same records, encrypted on the server")
        endpoint = await asyncio.to_thread(control.start_control, cluster)
        desk = BookingDesk(endpoint, cluster.layout.authorities)
        await control.warm_up(desk)
        where = control.control_places(cluster)
        control_before = await asyncio.to_thread(search, stage, "first look at the control", where, values)
        with stage.bar("the control stores and reads", len(records)) as tick:
            entries = [entry for mine in patients.values() for entry in mine]
            play.note("control stores and reads", await control.run_control(desk, entries, tick))
        control_after = await asyncio.to_thread(search, stage, "looking at the control", where, needles)
        contrast = verdict(needles, control_before, control_after)
    finally:
        await play.close()
        if desk is not None:
            await desk.close()
    return conclude(stage, cluster, play, needles, product, contrast, len(records))


def conclude(
    stage: Stage,
    cluster: Cluster,
    play: Play,
    needles: Needles,
    product: Verdict,
    contrast: Verdict,
    records: int,
) -> dict[str, Any]:
    """Print the verdict and make the report; `passed` says whether it is what was promised."""
    stage.console.print()
    stage.console.print(table({"this design": product, "keys on a server (2021)": contrast}))
    odd = {
        name: outcome
        for name, outcome in play.reads.items()
        if not outcome.startswith(EXPECTED.get(name, "ok"))
    }
    shown = contrast.hits
    passed = (
        product.nothing_found
        and contrast.sound
        and bool(shown[PlaceKind.MEMORY] and shown[PlaceKind.WIRE])
        and not odd
        and set(EXPECTED) <= set(play.reads)
        and play.blamed == {LIAR}
    )
    for fault in product.faults + contrast.faults:
        stage.console.print(f"[red]not sound[/]: {fault}")
    for name, outcome in odd.items():
        stage.console.print(f"[red]unexpected[/]: {name}: {outcome}")
    if any(product.hits.values()):
        exposed = frozenset().union(*product.exposed.values())
        for exposure in exposures(places(cluster), needles, exposed):
            stage.console.print(f"[red]exposed[/] {exposure.explain()}", markup=True, highlight=False)
    if passed:
        stage.console.print(
            f"\n[bold green]The host and the operator read none of {product.searched:,} values.[/] "
            f"In the other design they read {max(shown.values()):,}."
        )
    else:
        stage.console.print("\n[bold red]The verdict is not what was promised.[/]")
    layout = cluster.layout
    return {
        "passed": passed,
        "records": records,
        "patients": len(play.patients),
        "custodians": len(layout.custodians),
        "threshold": layout.threshold,
        "product": product.report(),
        "control": contrast.report(),
        "reads": play.reads,
        "blamed": sorted(play.blamed),
        "seconds": round(time.monotonic() - stage.started, 1),
    }


def main(
    data: Annotated[
        Path | None, typer.Option(help="FHIR resources, one a line; own samples if left out.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report here.")] = None,
    patients: Annotated[int, typer.Option(help="Patients of the own samples.", min=1)] = 20,
    keep: Annotated[bool, typer.Option(help="Keep the folder with the cluster's state.")] = False,
) -> None:
    """Tell the story of a booking platform's records, and what its host can read."""
    stage = Stage()
    folder = Path(tempfile.mkdtemp(prefix="kms-demo-"))
    cluster: Cluster | None = None
    try:
        records = samples.load(data, patients)
        stage.say(f"{len(records):,} records of {len({r.patient_id for r in records})} patients")
        cluster = Cluster.create(folder / "c", tap=True)
        cluster.start()
        layout = cluster.layout
        stage.say(f"a coordinator, {len(layout.custodians)} custodians, 2 issuers, a booking back end")
        report = asyncio.run(tell(stage, cluster, records))
        passed = report.pop("passed")
        if json_file is not None:
            json_file.write_text(json.dumps(report, indent=1) + "\n")
    except KmsError as error:
        stage.console.print(f"[red]{error.message}[/] [{error.reason}]", markup=True)
        raise typer.Exit(2) from None
    finally:
        if cluster is not None:
            cluster.stop()
        if keep:
            stage.console.print(f"state kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    raise typer.Exit(0 if passed else 1)


if __name__ == "__main__":
    typer.run(main)
