"""Reading custodians' lists of keys, page by page, though a liar's list never ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from kms.coordinator.relay import Relay

PAGE: Final = 1024
"""Keys that are asked for at once."""
PATIENCE: Final = 16 * PAGE
"""Listed keys in a row that came to nothing, before other lists come first; a page without a key counts as one."""


@dataclass(frozen=True, slots=True)
class Page:
    """Where the next one begins (empty at the end), how many keys it lists, and whether any came to something."""

    after: bytes
    keys: int = 0
    useful: bool = False


async def read_lists(
    custodians: Iterable[int], read: Callable[[int, bytes], Awaitable[Page]], liars: int
) -> None:
    """Read every custodian's list to its end; `read` reads one page of one of them, from a place on.

    A list of which nothing comes waits until the others have ended. If no more than `liars` are left then, that is the
    end: what at least t custodians hold, an honest one among them has listed.
    """
    places = dict.fromkeys(custodians, b"")
    barren: Counter[int] = Counter()
    while places:
        patient = [index for index in places if barren[index] < PATIENCE]
        if not patient and len(places) <= liars:
            return
        if not patient:
            barren.clear()
        for index in patient:
            while index in places and barren[index] < PATIENCE:
                page = await read(index, places[index])
                barren[index] = 0 if page.useful else barren[index] + max(1, page.keys)
                places[index] = page.after
                if not page.after:
                    del places[index]


def possible_liars(relay: Relay) -> int:
    """How many of those that are reachable may lie: t-1 members, and any that are none."""
    members = relay.keyring.manifest.indices
    return relay.keyring.threshold - 1 + sum(index not in members for index in relay.reachable)
