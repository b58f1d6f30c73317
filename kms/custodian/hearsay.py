"""What other custodians tell of the end of keys, put together: one of them that lies must not drown what others say.

Whoever tells may send anything. So of each teller as much is kept as an honest one needs, words only where they are a
custodian's, descriptions only of the order's own keys; and when there is too much, it goes from whoever told most.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from kms.custodian.context import NodeContext
from kms.custodian.destroy_rights import Submission
from kms.errors import KmsError
from kms.statements.destroyed import destroyed_words, scheduled_words
from kms.statements.destruction import Order, open_destroy_order
from kms.statements.envelope import Envelope
from kms.statements.keys import parse_descriptor

MAX_ORDERS: Final = 4096
"""That are remembered, of all tellers."""
MAX_WORDS: Final = 128
"""Of one order by one teller: two of each of 64 custodians."""
MAX_AGAIN: Final = 64
"""Orders a round that were told of before and did not come to their end."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What one custodian tells of one order, as it came."""

    order: Envelope
    words: Sequence[Envelope] = ()
    descriptors: Sequence[bytes] = ()
    cancellation: Envelope | None = None


@dataclass(slots=True)
class Heard:
    """One order: who told of it first, and what all have told."""

    order: Envelope
    teller: int
    descriptors: dict[bytes, bytes] = field(default_factory=dict)
    words: dict[tuple[int, str], Envelope] = field(default_factory=dict)
    """By custodian and kind: each has one of each."""
    cancellations: dict[int, Envelope] = field(default_factory=dict)
    """By who told, the first of each: whose word it is only the node can say."""

    def submissions(self) -> Iterator[Submission]:
        """What keeps keys comes before what ends them."""
        descriptors = tuple(self.descriptors.values())
        for cancellation in self.cancellations.values():
            yield Submission(cancellation, descriptors=descriptors, order=self.order)
        yield Submission(self.order, (), descriptors, tuple(self.words.values()))


class Hearsay:
    """Of all rounds: words come one by one."""

    def __init__(self) -> None:
        self._known: dict[bytes, Heard] = {}
        self._again: deque[bytes] = deque()

    def __len__(self) -> int:
        return len(self._known)

    def take(self, node: NodeContext, teller: int, told: Telling) -> bytes | None:
        """Remember what one custodian tells of one order; its hash, or None if that is no order."""
        try:
            order = open_destroy_order(told.order, node.chain, node.keyring, node.now())
        except KmsError:
            return None
        heard = self._known.setdefault(order.hash, Heard(told.order, teller))
        if told.cancellation is not None:
            heard.cancellations.setdefault(teller, told.cancellation)
        words = told.words[:MAX_WORDS]
        for index, done in destroyed_words(words, node.keyring, order).items():
            heard.words[index, "destroyed"] = done.message
        for index, waits in scheduled_words(words, node.keyring, order).items():
            heard.words[index, "scheduled"] = waits.message
        if len(heard.descriptors) < len(order.key_ids):
            heard.descriptors |= _described(order, told.descriptors)
        while len(self._known) > MAX_ORDERS:
            self._forget_one()
        return order.hash if order.hash in self._known else None

    def heard(self, names: Iterable[bytes]) -> list[Heard]:
        """Those orders, and some of those that did not come to their end before."""
        wanted = dict.fromkeys(names)
        for _ in range(min(MAX_AGAIN, len(self._again))):
            wanted[self._again.popleft()] = None
        return [self._known[name] for name in wanted if name in self._known]

    def try_again(self, name: bytes) -> None:
        """It was refused: a clock may have been wrong, a hold may end, words may be missing."""
        if name in self._known and name not in self._again:
            self._again.append(name)

    def _forget_one(self) -> None:
        """The oldest of whoever told of most: a flood washes away nothing but itself."""
        (loudest, _), *_ = Counter(heard.teller for heard in self._known.values()).most_common(1)
        oldest = next(name for name, heard in self._known.items() if heard.teller == loudest)
        del self._known[oldest]
        if oldest in self._again:
            self._again.remove(oldest)


def _described(order: Order, descriptors: Iterable[bytes]) -> dict[bytes, bytes]:
    """Descriptions of the order's keys: a key's id is the hash of its description, so nobody makes one up."""
    found: dict[bytes, bytes] = {}
    for payload in list(descriptors)[: len(order.key_ids)]:
        try:
            key_id = parse_descriptor(payload, "descriptor").key_id
        except KmsError:
            continue
        if key_id in order.key_ids:
            found[key_id] = payload
    return found
