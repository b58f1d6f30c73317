"""What statements name by hash. Every attachment is held against its own name, so a changed one is known by itself.

descriptors <batch root>   the keys' descriptors, each after its length (8 bytes, big-endian)
keys <batch root>          32-byte key ids
points <points hash>       33-byte points, those of a key together
plan <version>             a plan's exact bytes
plan-points <version>      the points of that plan, held against it at the end
pool-plan <plan hash>      the exact bytes of a plan of keys that are made jointly; its points are under their own hash
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from kms.ceremony.files import Attachment
from kms.ceremony.offline import messages as m
from kms.ceremony.offline.reader import read
from kms.crypto import labels
from kms.crypto.hashing import H
from kms.errors import Invalid

POINT_SIZE: Final = 33
MAX_PER_KEY: Final = 32
"""A threshold is 32 at most; where keys are dealt on, the first point is not there."""


@dataclass(slots=True)
class Attachments:
    """By kind and name; plans and their points with the line on which they stand."""

    keys: dict[bytes, int] = field(default_factory=dict)
    """Batch root -> how many keys."""
    thresholds: dict[bytes, set[int]] = field(default_factory=dict)
    """Batch root -> thresholds of its keys as they were first dealt, where their descriptors are here."""
    points: dict[bytes, bytes] = field(default_factory=dict)
    plans: dict[bytes, tuple[int, m.Plan]] = field(default_factory=dict)
    plan_points: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    pool_plans: dict[bytes, tuple[int, m.PoolPlan]] = field(default_factory=dict)
    described: list[tuple[bytes, ...]] = field(default_factory=list)
    """The commitments of each key whose description is here."""

    def add(self, number: int, attachment: Attachment) -> str:
        """Keep what line `number` attaches and say what it is; Invalid if it is not what its name says."""
        kind, _, name = attachment.name.partition(" ")
        named, data = _digest(name), attachment.data
        match kind:
            case "keys":
                self._keys(named, [data[at : at + 32] for at in range(0, len(data), 32)])
                return f"the names of {self.keys[named]} keys"
            case "descriptors":
                payloads = list(_prefixed(data))
                self._keys(named, [H(labels.KEY, payload) for payload in payloads])
                cores = [_core(payload) for payload in payloads]
                self.thresholds[named] = {core.threshold for core in cores}
                self.described += [core.commitments for core in cores]
                return f"the descriptions of {len(payloads)} keys"
            case "points":
                if not _fits(named, data):
                    raise Invalid("the points are not those that it names", reason="WRONG_POINTS")
                self.points[named] = data
                return f"{len(data) // POINT_SIZE} points"
            case "plan":
                if H(labels.PLAN, data) != named:
                    raise Invalid("the plan is not the one that it names", reason="WRONG_PLAN")
                plan = read(m.Plan, data)
                self.plans[named] = (number, plan)
                return f"the plan of version {name[:16]}: {plan.count} keys, by order {plan.sequence}"
            case "plan-points":
                self.plan_points[named] = (number, data)
                return f"{len(data) // POINT_SIZE} points of version {name[:16]}"
            case "pool-plan":
                if H(labels.POOL_PLAN, data) != named:
                    raise Invalid("the plan is not the one that it names", reason="WRONG_PLAN")
                pool = read(m.PoolPlan, data)
                self.pool_plans[named] = (number, pool)
                return f"the plan {name[:16]} of batch {pool.batch}: {pool.count} keys made jointly"
            case _:
                raise Invalid(f"{attachment.name!r} is no attachment of a ceremony", reason="UNKNOWN")

    def _keys(self, root: bytes, key_ids: list[bytes]) -> None:
        if not key_ids or any(len(key) != 32 for key in key_ids) or H(labels.BATCH, *key_ids) != root:
            raise Invalid("the keys are not those that it names", reason="WRONG_KEYS")
        self.keys[root] = len(key_ids)


def rows(data: bytes, per_key: int) -> list[bytes]:
    """The points of each key, still joined."""
    size = per_key * POINT_SIZE
    return [data[at : at + size] for at in range(0, len(data), size)]


def _fits(named: bytes, data: bytes) -> bool:
    # How many belong to one key, a statement elsewhere says; the hash fits one way only.
    if not data or len(data) % POINT_SIZE:
        return False
    count = len(data) // POINT_SIZE
    ways = [per_key for per_key in range(1, MAX_PER_KEY + 1) if count % per_key == 0]
    return any(H(labels.POINTS, *rows(data, per_key)) == named for per_key in ways)


def _digest(name: str) -> bytes:
    try:
        digest = bytes.fromhex(name)
    except ValueError:
        digest = b""
    if len(digest) != 32 or digest.hex() != name:
        raise Invalid("an attachment's name ends with 64 hex digits", reason="UNKNOWN")
    return digest


def _prefixed(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 8], "big")
        piece = data[at + 8 : at + 8 + length]
        if len(data) < at + 8 or len(piece) != length:
            raise Invalid("the last description does not end", reason="WRONG_KEYS")
        yield piece
        at += 8 + length


def _core(payload: bytes) -> m.Core:
    core = read(m.Core, read(m.Descriptor, payload).core)
    if len(core.commitments) != core.threshold:
        raise Invalid("a key has more or fewer commitments than its threshold", reason="WRONG_KEYS")
    return core
