"""Released keys in memory, bounded by age, bytes and uses, and never printed."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from kms.crypto.secret import DataKey, Secret
from kms.statements.ids import KeyId
from kms.statements.keys import Descriptor


@dataclass(frozen=True, slots=True)
class OpenKey:
    """A key that this device holds: its description, its secret half, what its records are about."""

    descriptor: Descriptor
    secret: DataKey | Secret
    """The data key; for an inbox key the X-Wing seed."""
    context: dict[str, str] = field(repr=False)
    salt: bytes = field(repr=False)

    @property
    def key_id(self) -> KeyId:
        return self.descriptor.key_id


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """How long (seconds), for how many plaintext bytes, how many uses, and how many keys at once."""

    max_age: float = 300.0
    max_bytes: int = 1 << 32
    max_uses: int = 1 << 20
    max_keys: int = 10_000


@dataclass(slots=True)
class _Entry:
    key: OpenKey
    expires: float
    bytes_left: int
    uses_left: int


class KeyCache:
    """Thread-safe; the least recently used key goes first. `max_keys=0` keeps nothing."""

    def __init__(
        self, limits: CacheLimits | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits or CacheLimits()
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[KeyId, _Entry] = OrderedDict()

    def put(self, key: OpenKey) -> None:
        limits = self._limits
        with self._lock:
            self._entries[key.key_id] = _Entry(
                key, self._clock() + limits.max_age, limits.max_bytes, limits.max_uses
            )
            self._entries.move_to_end(key.key_id)
            while len(self._entries) > limits.max_keys:
                self._entries.popitem(last=False)

    def take(self, key_id: KeyId, size: int = 0) -> OpenKey | None:
        """The key for one use over `size` bytes, or None if it is not here or used up."""
        with self._lock:
            entry = self._entries.get(key_id)
            if entry is None:
                return None
            if self._clock() >= entry.expires or entry.uses_left < 1 or entry.bytes_left < size:
                del self._entries[key_id]
                return None
            entry.uses_left -= 1
            entry.bytes_left -= size
            self._entries.move_to_end(key_id)
            return entry.key

    def drop(self, key_id: KeyId) -> None:
        with self._lock:
            self._entries.pop(key_id, None)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<key cache of {len(self)}>"
