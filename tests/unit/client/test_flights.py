"""Callers who ask the same share one answer, and nobody's giving up harms the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from kms.errors import Denied
from kms_client.flights import Flights

R = TypeVar("R")


class Question:
    """Counts how often it is asked, and answers when it is told to."""

    def __init__(self) -> None:
        self.asked = self.ended = 0
        self.answer = asyncio.Event()

    async def __call__(self) -> str:
        self.asked += 1
        try:
            await self.answer.wait()
            return "a key"
        finally:
            self.ended += 1


def scene(play: Callable[[Flights[str], Question], Awaitable[R]]) -> R:
    async def whole() -> R:
        return await play(Flights(), Question())

    return asyncio.run(whole())


async def turns() -> None:
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_a_thousand_callers_ask_once() -> None:
    async def play(flights: Flights[str], question: Question) -> tuple[set[str], int]:
        callers = [asyncio.create_task(flights.join("k", question)) for _ in range(1000)]
        await turns()
        question.answer.set()
        return set(await asyncio.gather(*callers)), question.asked

    assert scene(play) == ({"a key"}, 1)


def test_the_first_asker_s_giving_up_does_not_fail_the_others() -> None:
    async def play(flights: Flights[str], question: Question) -> str:
        first, second = (asyncio.create_task(flights.join("k", question)) for _ in range(2))
        await turns()
        first.cancel()
        await turns()
        assert first.cancelled()
        question.answer.set()
        return await second

    assert scene(play) == "a key"


def test_once_all_gave_up_the_request_ends_and_a_later_caller_asks_anew() -> None:
    async def play(flights: Flights[str], question: Question) -> tuple[int, int, str]:
        callers = [asyncio.create_task(flights.join("k", question)) for _ in range(2)]
        await turns()
        for caller in callers:
            caller.cancel()
        await turns()
        ended = question.ended
        question.answer.set()
        return ended, question.asked, await flights.join("k", question)

    assert scene(play) == (1, 1, "a key")


def test_an_error_reaches_everybody_and_is_not_remembered() -> None:
    async def play(flights: Flights[str], question: Question) -> str:
        async def refuse() -> str:
            await asyncio.sleep(0)
            raise Denied("no", reason="NO")

        results = await asyncio.gather(*(flights.join("k", refuse) for _ in range(3)), return_exceptions=True)
        assert [type(result) for result in results] == [Denied] * 3
        question.answer.set()
        return await flights.join("k", question)

    assert scene(play) == "a key"


def test_other_questions_fly_alone() -> None:
    async def play(flights: Flights[str], question: Question) -> int:
        question.answer.set()
        await asyncio.gather(flights.join("a", question), flights.join("b", question))
        return question.asked

    assert scene(play) == 2


def test_a_cancelled_caller_is_told_so() -> None:
    async def play(flights: Flights[str], question: Question) -> None:
        caller = asyncio.create_task(flights.join("k", question))
        await turns()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller

    scene(play)
