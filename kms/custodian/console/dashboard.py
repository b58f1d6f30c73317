"""Numbers and plots: what goes out, how long people take, and what will run out."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from starlette.responses import Response

from kms.custodian.budgets import Usage
from kms.custodian.console.plots import Column, Plot, Series, meter, stacked
from kms.custodian.console.visit import Visit
from kms.custodian.console.words import N_, Words
from kms.custodian.node import CustodianNode
from kms.custodian.store import HourCount
from kms.statements.checkpoint import log_origin

HOUR, DAY = 3600, 86400
DAYS_SHOWN = 14
OUTCOMES = (
    ("allow", N_("allowed"), "s1"),
    ("deny", N_("denied"), "s2"),
    ("mixed", N_("partly allowed"), "s3"),
    ("pending", N_("waiting"), "s4"),
)

SCOPES = {
    "PRINCIPAL": N_("whoever asks most"),
    "ORGANISATION": N_("the organisation that asks most"),
    "OWNER": N_("the owner whose keys are asked for most"),
    "KEYRING": N_("the whole keyring"),
}
WINDOWS = {"HOUR": N_("in an hour"), "DAY": N_("in a day"), "MONTH": N_("in a month")}


@dataclass(frozen=True, slots=True)
class Tile:
    """A length of time that runs out, in words and as a bar."""

    value: str
    label: str
    meter: Markup


async def show(visit: Visit) -> Response:
    """The dashboard."""
    console, words = visit.console, visit.words
    now, counts, waiting, dates, usage = await console.desk.ask(_look)
    accused = await console.desk.ask(_accused)
    return visit.page(
        "dashboard.html",
        waiting=waiting,
        tiles=tiles(words, dates, now),
        plots=[releases(words, counts, now), answers(words, counts, now)],
        budgets=budgets(words, usage),
        custodians=await console.neighbours(),
        accused=accused,
    )


@dataclass(frozen=True, slots=True)
class Dates:
    """Unix seconds at which things begin and end."""

    manifest: tuple[int, int]
    sealing_key: tuple[int, int]


def _look(node: CustodianNode) -> tuple[int, list[HourCount], int, Dates, list[Usage]]:
    now, manifest = node.context.now(), node.context.keyring.manifest
    key = node.sealing_key().statement
    dates = Dates((manifest.created_at, manifest.expires_at), (key.not_before, key.not_after))
    counts = node.statistics(now - DAYS_SHOWN * DAY, now)
    return now, counts, len(node.waiting_views()), dates, node.usage()


def _accused(node: CustodianNode) -> list[str]:
    """Custodians against whose logs this node keeps evidence."""
    origins = {evidence.checkpoints[0].origin for evidence in node.watch.misbehaviour()}
    chain = node.context.chain
    return sorted(
        {
            f"{custodian.index} · {custodian.organisation}"
            for link in chain.links
            for custodian in link.manifest.custodians
            if log_origin(chain.keyring_id, custodian.index) in origins
        }
    )


@dataclass(frozen=True, slots=True)
class Brake:
    """A budget, in words, and how much of it is used: by the keyring, or by whoever uses most of it."""

    name: str
    used: int
    limit: int
    meter: Markup


def budgets(words: Words, usage: Sequence[Usage]) -> list[Brake]:
    """The keyring's budgets, as far as this custodian has counted."""
    found = []
    for n, one in enumerate(usage):
        budget = one.budget
        name = f"{words.say(SCOPES[budget.scope.name])}, {words.say(WINDOWS[budget.window.name])}"
        label = words.say(
            "%(used)s of %(limit)s keys: %(name)s", used=one.used, limit=budget.limit, name=name
        )
        found.append(
            Brake(name, one.used, budget.limit, meter(f"budget-{n}", label, one.used / budget.limit))
        )
    return found


def tiles(words: Words, dates: Dates, now: int) -> list[Tile]:
    """What runs out, and how much of it is left."""
    named = (
        ("manifest", words.say("left of the manifest, which admins must renew"), dates.manifest),
        (
            "sealing",
            words.say("left of the sealing key, which this node renews by itself"),
            dates.sealing_key,
        ),
    )
    found = []
    for name, label, (begin, end) in named:
        left = max(0, end - now)
        value = words.span(left)
        found.append(Tile(value, label, meter(name, f"{value} {label}", left / max(1, end - begin))))
    return found


def releases(words: Words, counts: Sequence[HourCount], now: int) -> Plot:
    """Decisions in each of the last 24 hours, by outcome."""
    hours = range((now // HOUR - 23) * HOUR, now + 1, HOUR)
    found: dict[tuple[int, str], int] = defaultdict(int)
    for count in counts:
        found[count.hour, count.outcome] += count.decisions
    columns = [
        Column(
            _clock(hour) if hour // HOUR % 6 == 0 else "",
            words.when(hour),
            tuple(float(found[hour, outcome]) for outcome, _, _ in OUTCOMES),
        )
        for hour in hours
    ]
    totals = [sum(column.values[k] for column in columns) for k in range(len(OUTCOMES))]
    series = [Series(words.say(name), colour) for _, name, colour in OUTCOMES]
    parts = ", ".join(f"{words.number(int(n))} {one.name}" for n, one in zip(totals, series, strict=True))
    summary = words.say("In the last 24 hours: %(parts)s.", parts=parts)
    return stacked("releases", words.say("Decisions per hour"), summary, series, columns)


def answers(words: Words, counts: Sequence[HourCount], now: int) -> Plot:
    """How long approvers took, day by day: minutes from a request to the answer, on average."""
    days = range((now // DAY - DAYS_SHOWN + 1) * DAY, now + 1, DAY)
    answered: dict[int, int] = defaultdict(int)
    seconds: dict[int, int] = defaultdict(int)
    for count in counts:
        answered[count.hour // DAY * DAY] += count.answered
        seconds[count.hour // DAY * DAY] += count.seconds
    columns = [
        Column(
            _date(day) if place % 3 == 1 else "",
            _date(day),
            (round(seconds[day] / 60 / answered[day], 1) if answered[day] else 0.0,),
        )
        for place, day in enumerate(days)
    ]
    n = sum(answered.values())
    mean = sum(seconds.values()) / n if n else 0
    summary = (
        words.say("On average people answered after %(span)s in the last two weeks.", span=words.span(mean))
        if n
        else words.say("Nobody had to answer in the last two weeks.")
    )
    series = [Series(words.say("minutes until the answer"), "s4")]
    return stacked("answers", words.say("Time to answer"), summary, series, columns)


def _clock(at: int) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%H:%M")


def _date(at: int) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%m-%d")
