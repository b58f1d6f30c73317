"""A bound on what callers whom no issuer vouches for may leave on this disk.

Whoever makes a key can sign requests, and a denial is a line of the log for ever. Beyond the bound such a request
is refused without a decision and without a trace. Callers with a valid credential are never held up by it.
"""

from __future__ import annotations

from kms.crypto import labels
from kms.crypto.hashing import H
from kms.custodian.context import NodeContext
from kms.errors import Exhausted

HOUR = 3600
_ALL = H(labels.PRINCIPAL, b"denied")


def check_room(node: NodeContext, requester: bytes, now: int) -> None:
    """Exhausted if this key, or all such callers together, were denied too often in the last hour."""
    if (
        node.counters.total(_by(requester), now, HOUR) >= node.denials_per_key_per_hour
        or node.counters.total(_ALL, now, HOUR) >= node.denials_per_hour
    ):
        raise Exhausted(
            "too many requests without a valid credential: this one was not decided on, try again in an hour",
            reason="TOO_MANY_DENIALS",
        )


def count(node: NodeContext, requester: bytes, now: int) -> None:
    """One more, inside the decision's transaction."""
    for name in (_by(requester), _ALL):
        node.counters.add(name, now, 1)


def _by(requester: bytes) -> bytes:
    return H(labels.PRINCIPAL, b"denied", requester)
