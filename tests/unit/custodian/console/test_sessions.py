"""Sessions end, tickets count once, and tries run out."""

from __future__ import annotations

import pytest

from kms.custodian.console.sessions import (
    ABSOLUTE_SECONDS,
    IDLE_SECONDS,
    MAX_SESSIONS,
    TICKET_SECONDS,
    Sessions,
    Tickets,
    Tries,
)

ALICE = b"a" * 32


class Clock:
    """Monotonic seconds, turned by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_session_is_found_by_its_id_and_by_no_other(clock: Clock) -> None:
    sessions = Sessions(clock)
    first, second = sessions.start(ALICE), sessions.start(ALICE)
    one, other = sessions.find(first), sessions.find(second)
    assert one is not None
    assert other is not None
    assert one.approver == ALICE
    assert one.token != other.token
    assert sessions.find("") is None
    assert sessions.find(first + "x") is None


def test_a_session_that_is_not_used_ends(clock: Clock) -> None:
    sessions = Sessions(clock)
    name = sessions.start(ALICE)
    clock.seconds += IDLE_SECONDS
    assert sessions.find(name) is None


def test_a_session_that_is_used_ends_too(clock: Clock) -> None:
    sessions = Sessions(clock)
    name = sessions.start(ALICE)
    for _ in range(0, ABSOLUTE_SECONDS, IDLE_SECONDS // 2):
        assert sessions.find(name)
        clock.seconds += IDLE_SECONDS // 2
    assert sessions.find(name) is None


def test_a_page_that_asks_by_itself_keeps_nobody_signed_in(clock: Clock) -> None:
    sessions = Sessions(clock)
    name = sessions.start(ALICE)
    clock.seconds += IDLE_SECONDS - 1
    assert sessions.find(name, touch=False)
    clock.seconds += 1
    assert sessions.find(name, touch=False) is None


def test_a_session_that_was_ended_is_over(clock: Clock) -> None:
    sessions = Sessions(clock)
    name = sessions.start(ALICE)
    sessions.end(name)
    assert sessions.find(name) is None


def test_there_are_only_so_many_sessions(clock: Clock) -> None:
    sessions = Sessions(clock)
    first, *_, last = (sessions.start(ALICE) for _ in range(MAX_SESSIONS + 1))
    assert sessions.find(first) is None
    assert sessions.find(last)


def test_neither_id_nor_token_is_printed(clock: Clock) -> None:
    sessions = Sessions(clock)
    session = sessions.find(sessions.start(ALICE))
    assert session is not None
    assert session.token not in repr(session)


def test_a_ticket_is_good_until_it_was_used_or_ran_out(clock: Clock) -> None:
    tickets = Tickets(clock)
    used, kept = tickets.issue(), tickets.issue()
    assert tickets.valid(used)
    tickets.use(used)
    assert not tickets.valid(used)
    assert tickets.valid(kept)
    clock.seconds += TICKET_SECONDS
    assert not tickets.valid(kept)


@pytest.mark.parametrize("forged", ["", "a.b.c", "00.99999999999.00", "....", "\u0661.1.00"])
def test_a_ticket_that_somebody_made_up_is_none(clock: Clock, forged: str) -> None:
    assert not Tickets(clock).valid(forged)


def test_a_ticket_of_another_start_is_none(clock: Clock) -> None:
    assert not Tickets(clock).valid(Tickets(clock).issue())


def test_a_ticket_cannot_be_made_to_last(clock: Clock) -> None:
    tickets = Tickets(clock)
    nonce, until, proof = tickets.issue().split(".")
    assert not tickets.valid(f"{nonce}.{int(until) + 1}.{proof}")


def test_each_ticket_has_its_own_challenge_and_token(clock: Clock) -> None:
    tickets = Tickets(clock)
    one, other = tickets.issue(), tickets.issue()
    assert len(tickets.challenge(one)) == 32
    assert tickets.challenge(one) == tickets.challenge(one) != tickets.challenge(other)
    assert tickets.token(one) == tickets.token(one) != tickets.token(other)


def test_tries_run_out_and_come_back(clock: Clock) -> None:
    tries = Tries(clock, each=2, together=3)
    assert [tries.take("a"), tries.take("a"), tries.take("a")] == [True, True, False]
    assert [tries.take("b"), tries.take("c")] == [True, False]
    clock.seconds += 60
    assert tries.take("a")
