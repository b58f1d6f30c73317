"""A recorder of every byte that a process receives and sends after TLS, for looking at what a host sees.

Only the coordinator and development services can be told to keep one; a custodian cannot.
"""

from __future__ import annotations

import threading
from pathlib import Path


class WireTap:
    """Appends messages and metadata to one file: a direction mark, the method, the raw bytes."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._lock = threading.Lock()

    def record(self, direction: str, what: str, data: bytes) -> None:
        with self._lock:
            self._file.write(b"\n%s %s %d\n" % (direction.encode(), what.encode(), len(data)))
            self._file.write(data)
