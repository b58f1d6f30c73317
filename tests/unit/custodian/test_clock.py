"""A wall clock that jumps stops decisions; one that drifts is followed."""

from __future__ import annotations

from contextlib import suppress

import pytest

from kms.custodian.clock import TOLERANCE, SteadyClock
from kms.errors import Unavailable


class Hands:
    """Two clocks that a test moves."""

    def __init__(self) -> None:
        self.wall, self.monotonic = 1_700_000_000.0, 50.0

    def clock(self) -> SteadyClock:
        return SteadyClock(lambda: self.wall, lambda: self.monotonic)

    def pass_time(self, seconds: float, drift: float = 0.0) -> None:
        self.wall += seconds + drift
        self.monotonic += seconds


@pytest.mark.parametrize("jump", [TOLERANCE + 1, -TOLERANCE - 1, 400 * 86400.0])
def test_a_jump_either_way_is_refused_until_the_clock_is_back(jump: float) -> None:
    hands = Hands()
    clock = hands.clock()
    hands.wall += jump
    for _ in range(3):
        with pytest.raises(Unavailable) as refused:
            clock.now()
        assert refused.value.reason == "CLOCK_JUMPED"
    hands.wall -= jump
    assert clock.now() == int(hands.wall)


def test_slow_drift_is_followed() -> None:
    hands = Hands()
    clock = hands.clock()
    for _ in range(2000):
        hands.pass_time(1000.0, drift=0.5)
        assert clock.now() == int(hands.wall)


def test_a_clock_that_is_pulled_ahead_in_small_steps_is_refused_however_often_it_is_read() -> None:
    hands = Hands()
    clock, start = hands.clock(), hands.wall
    latest = start
    for _ in range(1000):  # readings within a hundredth of a second of real time
        hands.pass_time(0.00001, drift=1.0)
        with suppress(Unavailable):
            latest = clock.now()
    assert latest - start <= TOLERANCE + 1
