"""Which keys custodians say they have destroyed, as they refuse batches in which one of them is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from kms.errors import KmsError
from kms.statements.ids import KeyId


class DestroyedKeys:
    """Heard in one ceremony: who says of which key that it is destroyed. Any of them may lie."""

    def __init__(self) -> None:
        self._by: dict[KeyId, set[int]] = defaultdict(set)

    def by(self, key_id: KeyId) -> frozenset[int]:
        """Who says so of this key."""
        return frozenset(self._by.get(key_id, ()))

    def hear(self, index: int, key_ids: Sequence[KeyId], error: KmsError) -> None:
        """A custodian's refusal of a batch: one bit a key says which of them are destroyed there."""
        if error.reason != "KEY_DESTROYED":
            return
        try:
            bits = bytes.fromhex(error.details.get("destroyed", ""))
        except ValueError:
            return
        for position, key_id in enumerate(key_ids):
            if position < 8 * len(bits) and bits[position // 8] >> (7 - position % 8) & 1:
                self._by[key_id].add(index)
