"""What a custodian decided, as its people look through it: filters, pages, sums by the hour, CSV, bounds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kms.custodian.history import COLUMNS, HistoryRow, csv_lines
from kms.custodian.node import NodeOptions
from kms.custodian.sqlite import SqliteCustodianStore
from kms.custodian.store import HistoryFilter, StoredOutcome
from kms.statements.envelope import sign
from kms.statements.ids import KeyId, RequestHash
from kms.statements.release import HUMAN_LIFETIME, Purpose, Verdict
from tests import stores
from tests.protocol.world import BOOKING, LAB, START, World

ANY = HistoryFilter()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world", n=3, threshold=2)
    yield made
    made.close()


def rows(world: World, wanted: HistoryFilter = ANY) -> list[HistoryRow]:
    return list(world.nodes[1].history(wanted).rows)


def ask(world: World, name: str, contexts: list[dict[str, str]], purpose: Purpose) -> RequestHash:
    keys = world.create(world.device("alice"), contexts)
    prepared = world.prepare(world.device(name), keys, purpose=purpose, lifetime=HUMAN_LIFETIME)
    world.decide_at(1, prepared)
    return prepared.opened.hash


def test_each_decision_is_a_row_with_what_was_asked_for_and_who_answered_when(world: World) -> None:
    request = ask(world, "bob", [LAB, LAB, BOOKING], Purpose.TREATMENT)
    world.clock.turn(90)
    world.approve(1, request)
    answered, waited = rows(world)
    assert (waited.outcome, waited.reason, waited.pending, waited.seconds) == (
        "pending",
        "NEEDS_HUMAN",
        3,
        -1,
    )
    assert (answered.outcome, answered.reason, answered.allowed) == ("allow", "HUMAN_APPROVED", 3)
    assert (answered.seconds, answered.approver) == (90, world.approvers[1].thumbprint)
    assert answered.categories == (("booking", 1), ("laboratory", 2))
    assert answered.principal == world.device("bob").thumbprint
    assert answered.request_hash == request


def test_what_people_refuse_and_what_nobody_answers_are_rows_too(world: World) -> None:
    first, second = (ask(world, name, [LAB], Purpose.TREATMENT) for name in ("bob", "carl"))
    no = world.approval(1, first, verdict=Verdict.DENY)
    world.nodes[1].answer(sign(no, world.approvers[1]).message)
    world.clock.turn(HUMAN_LIFETIME)
    world.nodes[1].tick()
    told = [(row.outcome, row.reason, row.request_hash, row.categories) for row in rows(world)[:2]]
    assert told == [
        ("deny", "TIMED_OUT", second, (("laboratory", 1),)),
        ("deny", "HUMAN_DENIED", first, (("laboratory", 1),)),
    ]


def test_filters(world: World) -> None:
    bob = ask(world, "bob", [LAB], Purpose.TREATMENT)
    world.clock.turn(3600)
    ask(world, "carl", [LAB], Purpose.RESEARCH)
    world.approve(1, bob)
    assert len(rows(world)) == 3
    for wanted, found in {
        HistoryFilter(outcomes=frozenset({"pending"})): 2,
        HistoryFilter(outcomes=frozenset({"allow", "pending"})): 3,
        HistoryFilter(purpose=int(Purpose.RESEARCH)): 1,
        HistoryFilter(principal=world.device("bob").thumbprint): 2,
        HistoryFilter(approver=world.approvers[1].thumbprint): 1,
        HistoryFilter(request=bob, outcomes=frozenset({"allow"})): 1,
        HistoryFilter(since=START + 3600): 2,
        HistoryFilter(until=START + 3600): 1,
        HistoryFilter(outcomes=frozenset({"deny"})): 0,
    }.items():
        assert len(rows(world, wanted)) == found, wanted


def test_a_stranger_s_denial_is_a_row(world: World) -> None:
    prepared = world.prepare(replace(world.device("x"), issuers=("a",)), [KeyId(bytes(32))])
    world.decide_at(1, prepared)
    assert rows(world)[0].outcome == "deny"


def test_sums_by_the_hour(world: World) -> None:
    request = ask(world, "bob", [LAB, LAB], Purpose.TREATMENT)
    world.clock.turn(1800)
    world.approve(1, request)
    sums = {(c.outcome): c for c in world.nodes[1].statistics(START - 3600, START + 7200)}
    assert (sums["pending"].decisions, sums["pending"].keys, sums["pending"].answered) == (1, 0, 0)
    assert (sums["allow"].keys, sums["allow"].answered, sums["allow"].seconds) == (2, 1, 1800)
    assert world.nodes[1].statistics(START + 86400, START + 2 * 86400) == []


def test_categories_lie_sealed(world: World) -> None:
    ask(world, "bob", [LAB], Purpose.TREATMENT)
    world.nodes.pop(1).close()
    with stores.edited(world.folder / "custodian-1.db") as execute:
        ((sealed,),) = execute("SELECT categories FROM history")
        assert b"laboratory" not in bytes(sealed)
        execute("UPDATE history SET categories = ?", b"\0")
    world.start(1)
    assert rows(world)[0].categories == ()


def test_csv_is_one_line_a_row_and_no_formula(world: World) -> None:
    ask(world, "bob", [{"category": '=HYPERLINK("evil")'}, {"category": "a,b\nc"}], Purpose.TREATMENT)
    (row,) = rows(world)
    header, line = csv.reader(io.StringIO(csv_lines([row], header=True)))
    assert tuple(header) == COLUMNS
    cells = dict(zip(header, line, strict=True))
    assert cells["categories"] == r"1 =HYPERLINK(\u0022evil\u0022); 1 a,b\u000ac"
    assert cells["seconds"] == ""
    assert cells["request"] == row.request_hash.hex()
    formula = replace(row, reason="=1+1")
    assert "'=1+1" in csv_lines([formula])


def test_it_is_kept_for_so_long_and_no_more_than_so_much(world: World) -> None:
    world.start(1, options=NodeOptions(history_days=2, history_rows=3))
    for n in range(5):
        ask(world, f"reader {n}", [LAB], Purpose.TREATMENT)
    world.nodes[1].tick()
    assert len(rows(world)) == 3
    world.clock.turn(3 * 86400)
    world.nodes[1].tick()  # denies what waited, and forgets what was before
    assert {row.reason for row in rows(world)} == {"TIMED_OUT"}


def fill(store: SqliteCustodianStore, count: int) -> None:
    with store.transaction():
        for n in range(count):
            outcome = ("allow", "deny", "pending")[n % 3]
            store.history.add(
                StoredOutcome(
                    *(0, START + n, n.to_bytes(32, "big"), outcome, "RULE", 1, 0, 0, b"", 1),
                    *((n % 1000).to_bytes(32, "big"), b"", -1),
                )
            )


def test_pages_of_many_rows_are_read_by_an_index_and_join_without_a_gap(tmp_path: Path) -> None:
    store = SqliteCustodianStore.create(tmp_path / "store.db", bytes(32), 1)
    fill(store, 3000)
    seen: list[int] = []
    before = 0
    while page := store.history.page(ANY, before, 700):
        seen += [row.number for row in page]
        before = page[-1].number
    assert seen == list(range(3000, 0, -1))
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    store._db.set_progress_handler(count, 100)  # work done, not time
    everything = store.history.page(ANY, 0, 50)
    newest = steps
    store.history.page(ANY, 0, 3000)
    assert newest * 20 < steps
    assert len(everything) == 50
    steps = 0
    mine = store.history.page(HistoryFilter(principal=(7).to_bytes(32, "big")), 0, 50)
    assert (len(mine), steps) == (3, 0)
    for wanted in (
        HistoryFilter(until=START + 100),
        HistoryFilter(since=START + 100, until=START + 150, outcomes=frozenset({"allow"})),
        HistoryFilter(until=START + 900, outcomes=frozenset({"allow", "deny"})),
        HistoryFilter(until=START + 900, purpose=1),
    ):
        for before in (0, 800):
            steps = 0
            assert store.history.page(wanted, before, 10)
            assert steps < 20, wanted
    store.close()
