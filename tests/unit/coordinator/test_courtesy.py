"""Who reads goes first, and a ceremony still gets its part."""

from __future__ import annotations

import asyncio

from kms.coordinator.courtesy import JUST_NOW, LONGEST, Courtesy


class Time:
    """A clock that only waiting turns."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


async def most_at_once(courtesy: Courtesy, steps: int) -> int:
    """How many of so many steps, begun together, run beside each other."""
    running = most = 0

    async def one() -> None:
        nonlocal running, most
        async with courtesy.step():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(one() for _ in range(steps)))
    return most


async def test_steps_run_beside_each_other_while_nobody_reads() -> None:
    time = Time()
    assert await most_at_once(Courtesy(clock=lambda: time.now, sleep=time.sleep), 5) == 5
    assert time.waits == []


async def test_steps_wait_and_go_one_at_a_time_while_somebody_reads() -> None:
    time = Time()
    courtesy = Courtesy(clock=lambda: time.now, sleep=time.sleep)
    with courtesy.reading():
        assert await most_at_once(courtesy, 5) == 1
    assert len(time.waits) == 5
    assert all(wait > 0 for wait in time.waits)


async def test_somebody_who_read_a_moment_ago_is_expected_again() -> None:
    time = Time()
    courtesy = Courtesy(clock=lambda: time.now, sleep=time.sleep)
    with courtesy.reading():
        pass
    time.now += JUST_NOW / 2
    assert courtesy.busy
    time.now += JUST_NOW
    assert not courtesy.busy


async def test_a_node_that_hangs_makes_the_others_wait_little() -> None:
    time = Time()
    courtesy = Courtesy(clock=lambda: time.now, sleep=time.sleep)
    with courtesy.reading():
        for _ in range(50):
            async with courtesy.step():
                time.now += 60.0
    assert max(time.waits) <= LONGEST


async def test_a_step_that_fails_lets_the_next_one_in() -> None:
    time = Time()
    courtesy = Courtesy(clock=lambda: time.now, sleep=time.sleep)
    with courtesy.reading():
        for _ in range(2):
            try:
                async with courtesy.step():
                    raise ValueError
            except ValueError:
                pass
        assert await most_at_once(courtesy, 2) == 1
