"""Places for those who watch what is new: an open call each, so there are not many, and no one takes them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kms.errors import Exhausted


@dataclass(slots=True)
class Seats:
    """`places` in all, `per_owner` of them for one owner, `strangers` for owners of nothing that lies here."""

    places: int = 256
    per_owner: int = 8
    strangers: int = 64
    _taken: Counter[bytes] = field(default_factory=Counter)
    _unknown: int = 0

    @contextmanager
    def taken(self, owner: bytes, known: bool) -> Iterator[None]:
        """A place as long as this lasts; Exhausted if there is none left for this owner."""
        if (
            self._taken.total() >= self.places
            or self._taken[owner] >= self.per_owner
            or (not known and self._unknown >= self.strangers)
        ):
            raise Exhausted("too many watch already: ask now and then", reason="TOO_MANY_WATCHERS")
        self._taken[owner] += 1
        self._unknown += not known
        try:
            yield
        finally:
            self._taken[owner] -= 1
            self._unknown -= not known
            if not self._taken[owner]:
                del self._taken[owner]
