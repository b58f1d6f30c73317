"""The coordinator is ready for a manifest that was announced when it holds, and not half a minute later."""

from __future__ import annotations

import math
from typing import Any

from kms.coordinator.ceremonies import Ceremonies
from tests.protocol.chains import DELAY, House
from tests.protocol.world import START

NOBODY: Any = None


def test_it_knows_how_long_an_announced_manifest_waits() -> None:
    house = House.found()
    now = [float(START)]
    ceremonies = Ceremonies(house.chain, NOBODY, NOBODY, NOBODY, NOBODY, lambda: now[0])
    assert ceremonies.until_change() == math.inf
    house.grow(created_at=START + 10)
    ceremonies.chain = house.chain
    assert ceremonies.until_change() == DELAY + 10
    now[0] += DELAY + 9.75
    assert ceremonies.until_change() == 0.25
    now[0] += 0.5
    assert ceremonies.until_change() == math.inf
