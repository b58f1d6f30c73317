"""The dashboard's numbers are those of the node: decisions by the hour, time to answer, what runs out, who answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.custodian.console.dashboard import DAY, HOUR, Dates, answers, releases, tiles
from kms.custodian.console.words import Words
from kms.custodian.neighbours import KEEP_SECONDS, Neighbour, Neighbours
from kms.custodian.store import HourCount
from kms.dev.certificates import Authority
from kms.dev.founding import free_ports
from kms.statements.manifest import Custodian
from kms.transport.process import Port, Server
from kms.transport.tls import TlsFiles, client_credentials
from tests.protocol.console import Office

NOW = 500_000 * HOUR + 1234
EN, FR = Words("en"), Words("fr")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    yield from Office.lent(tmp_path_factory.mktemp("office"))


def test_decisions_stand_in_their_hour_under_their_outcome() -> None:
    hour = NOW // HOUR * HOUR
    counts = [
        HourCount(hour, "allow", 3, 30, 0, 0),
        HourCount(hour, "deny", 1, 0, 0, 0),
        HourCount(hour - 23 * HOUR, "pending", 2, 0, 0, 0),
        HourCount(hour - 24 * HOUR, "allow", 100, 100, 0, 0),  # before what is shown
    ]
    plot = releases(EN, counts, NOW)
    assert [one.name for one in plot.series] == ["allowed", "denied", "partly allowed", "waiting"]
    assert len(plot.columns) == 24
    assert list(plot.columns[-1].values) == [3, 1, 0, 0]
    assert list(plot.columns[0].values) == [0, 0, 0, 2]
    assert sum(sum(column.values) for column in plot.columns) == 6
    assert plot.summary == "In the last 24 hours: 3 allowed, 1 denied, 0 partly allowed, 2 waiting."
    assert plot.columns[-1].name == EN.when(hour)


def test_the_time_to_answer_is_a_mean_of_answers_and_not_of_days() -> None:
    today = NOW // DAY * DAY
    counts = [
        HourCount(today, "allow", 1, 1, 1, 60),
        HourCount(today + HOUR, "deny", 3, 0, 3, 660),
        HourCount(today - DAY, "allow", 1, 1, 1, 1080),
        HourCount(today, "allow", 9, 9, 0, 0),  # by a rule: nobody took any time
    ]
    plot = answers(EN, counts, NOW)
    assert len(plot.columns) == 14
    assert [column.values[0] for column in plot.columns[-2:]] == [18.0, 3.0]
    assert plot.summary == "On average people answered after 6 minutes in the last two weeks."
    assert "6 minutes" in answers(FR, counts, NOW).summary
    assert answers(EN, [], NOW).summary == "Nobody had to answer in the last two weeks."


def test_what_runs_out_is_told_and_drawn() -> None:
    manifest, sealing = tiles(EN, Dates((NOW - 27 * DAY, NOW + 3 * DAY), (NOW - 8 * DAY, NOW - DAY)), NOW)
    assert (manifest.value, manifest.label[:20]) == ("3 days", "left of the manifest")
    assert 'width="24.0"' in manifest.meter  # a tenth of the bar
    assert sealing.value == "0 seconds"  # not less than nothing
    assert 'width="0.0"' in sealing.meter


def test_the_page_has_each_plot_as_a_table_and_names_who_does_not_answer(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, path = office.signed_in(), f"/requests/{office.ask().opened.hash.hex()}"
    assert browser.sign(browser.get(path).text, f"{path}/answer").status_code == 303
    office.world.clock.turn(1)

    async def neighbours() -> list[Neighbour]:
        return [Neighbour(2, "Union", True), Neighbour(3, "Chamber", False)]

    monkeypatch.setattr(office.console, "neighbours", neighbours)
    page = browser.get("/dashboard").text
    assert "In the last 24 hours: 1 allowed, 0 denied, 0 partly allowed, 1 waiting." in page
    assert page.count("<table>") == page.count("<figure") == 2
    cells = re.findall(r'<tr><th scope="row">[^<]+</th>((?:<td class="number">[^<]*</td>)+)</tr>', page)
    assert '<td class="number">1</td>' in cells[23]
    assert "2 · Union: answers" in page
    assert "3 · Chamber: does not answer" in page


async def test_the_other_custodians_are_asked_how_they_are_and_not_at_every_look(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path / "ca")
    authority.issue(tmp_path, "custodian")
    files = TlsFiles(tmp_path / "tls.pem", tmp_path / "tls.key", tmp_path / "ca" / "ca.pem")
    ports = free_ports(3)
    up, locked = (Server([Port(f"127.0.0.1:{port}", files.server(mutual=False), [])]) for port in ports[:2])
    await up.start()
    await locked.start(frozenset({""}))
    await locked.set_serving({""}, serving=False)
    custodians = [
        Custodian(i, f"organisation {i}", "FR", "here", f"organisation {i}", f"127.0.0.1:{port}", bytes(32))
        for i, port in enumerate(ports, 1)
    ]
    clock = [0.0]
    looking = Neighbours(
        lambda: custodians, client_credentials(tmp_path / "ca" / "ca.pem"), clock=lambda: clock[0]
    )
    try:
        assert [(one.index, one.answers) for one in await looking.look()] == [
            (1, True),
            (2, False),
            (3, False),
        ]
        await up.set_serving({""}, serving=False)
        assert [one.answers for one in await looking.look()] == [True, False, False]
        clock[0] += KEEP_SECONDS
        assert [one.answers for one in await looking.look()] == [False, False, False]
    finally:
        for server in (up, locked):
            await server.stop(0)
