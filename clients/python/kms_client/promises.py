"""What custodians promised this device to have logged, kept for whoever audits their logs (`kms audit run`)."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from kms.errors import ConfigError
from kms.statements.promise_file import add_promises

_REMEMBERED: Final = 4096


class KeptPromises:
    """Adds verified envelopes to a file, or to a file for each day in a folder. Nothing in them is secret."""

    def __init__(self, place: Path) -> None:
        """`place`: a file that is made when it is missing, or a folder that is there."""
        self._place = place
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, envelopes: Iterable[bytes], now: float) -> None:
        """Each once, as far as this client remembers; ConfigError if the place cannot be written."""
        with self._lock:
            new = [one for one in dict.fromkeys(envelopes) if one not in self._known]
            if not new:
                return
            self._known.update(dict.fromkeys(new))
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
            try:
                add_promises(self._place, new, now)
            except OSError as error:
                raise ConfigError(f"cannot keep promises in {self._place}: {error.strerror}") from None
