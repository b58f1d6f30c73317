"""Who is a stranger to this node, and how much of it strangers may use up.

Whoever makes a key can sign statements for it, and the node keeps them for good. What one key, and all strangers
together, leave in an hour is bounded; the bound on strangers never holds up a key that is known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kms.crypto import labels
from kms.crypto.hashing import H
from kms.custodian.context import NodeContext
from kms.errors import Exhausted
from kms.statements.ids import Thumbprint

HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class Bound:
    """How many statements of a kind are taken in an hour: of one key, and of all keys that are not known here."""

    kind: bytes
    per_key: int
    strangers: int


def is_known(node: NodeContext, key: Thumbprint) -> bool:
    """Whether an issuer vouched for the key when it asked here, or keys lie here whose owner it is or acts for."""
    store = node.store
    return store.history.was_let_in(key) or any(
        store.owns_keys(owner) for owner in (key, *store.consent.owners_of(key))
    )


def find_room(
    node: NodeContext, bound: Bound, key: Thumbprint, now: int, reason: str, *, vouched: bool = False
) -> tuple[bytes, ...]:
    """The names to `count` one more statement of this key under; Exhausted, and nothing is kept, if there is no room.

    `vouched` if something else than the signature says that the signer is no stranger.
    """
    own, all_strangers = (H(labels.PRINCIPAL, bound.kind, name) for name in (key, b""))
    if node.counters.total(own, now, HOUR) >= bound.per_key:
        raise Exhausted("too many statements of this key: try again in an hour", reason=reason)
    if vouched or is_known(node, key):
        return (own,)
    if node.counters.total(all_strangers, now, HOUR) >= bound.strangers:
        raise Exhausted(
            "too many statements of keys that are not known here: try again in an hour", reason=reason
        )
    return own, all_strangers


def count(node: NodeContext, names: tuple[bytes, ...], now: int) -> None:
    """One more, inside the transaction that keeps the statement."""
    for name in names:
        node.counters.add(name, now, 1)
