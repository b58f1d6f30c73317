"""For each owner whom an entry of the log concerns, what it means to them: kept sealed, shown to them alone.

The entry holds the root over these leaves, so that an owner can prove what they were told, and a custodian cannot tell
them one thing and have logged another.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kms.crypto.merkle import HASH_SIZE
from kms.custodian.context import NodeContext
from kms.custodian.store import StoredKey
from kms.custodian.vault import Vault
from kms.errors import Invalid, StoreError
from kms.policy.attributes import Credential
from kms.statements.audit import read_entry
from kms.statements.details import OwnerDetail, OwnerLeaf, OwnerOutcome, leaves_of
from kms.statements.ids import KeyId, Thumbprint
from kms.statements.keys import Descriptor

SEALED_FOR = "owner detail"
MAX_EVENTS = 200
MAX_PERSON = 1024
"""Characters of an issuer's name and a person's."""
Outcomes = Mapping[Thumbprint, Sequence[OwnerOutcome]]


@dataclass(frozen=True, slots=True)
class OwnerEvent:
    """An entry of the log that concerns an owner: its number, its exact bytes, and the owner's leaf under it."""

    log_index: int
    entry: bytes
    leaf: OwnerLeaf


@dataclass(frozen=True, slots=True)
class Details:
    """What is to be logged about owners: the root for the entry, and (owner, leaf) to keep with it."""

    root: bytes
    leaves: tuple[tuple[Thumbprint, OwnerLeaf], ...] = field(repr=False)


NONE = Details(b"", ())
"""Of what concerns no owner."""


def details(told: Outcomes, purpose: int = 0, people: Sequence[str] = ()) -> Details:
    """Leaves for these owners."""
    if not told:
        return NONE
    root, leaves = leaves_of(
        [OwnerDetail.salted(owner, purpose, people, outcomes) for owner, outcomes in told.items()]
    )
    return Details(root, tuple(zip(told, leaves, strict=True)))


def of_keys(outcomes: Iterable[tuple[Thumbprint, KeyId, str, str]]) -> Outcomes:
    """(owner, key, outcome, reason) of each key, put together by owner and outcome."""
    found: dict[Thumbprint, dict[tuple[str, str], list[KeyId]]] = defaultdict(lambda: defaultdict(list))
    for owner, key_id, outcome, reason in outcomes:
        found[owner][outcome, reason].append(key_id)
    return {
        owner: [OwnerOutcome(*outcome, tuple(key_ids)) for outcome, key_ids in by_outcome.items()]
        for owner, by_outcome in found.items()
    }


def of_descriptors(keys: Iterable[Descriptor], outcome: str, reason: str = "") -> Outcomes:
    """The same outcome of all of these keys."""
    return of_keys((d.core.owner_thumbprint, d.key_id, outcome, reason) for d in keys)


def people_of(credentials: Iterable[Credential]) -> tuple[str, ...]:
    """Who asks, as their issuers call them."""
    return tuple(dict.fromkeys(f"{one.iss}|{one.subject}"[:MAX_PERSON] for one in credentials))


def keep(node: NodeContext, log_index: int, at: int, made: Details) -> None:
    """Keep the leaves of an entry, in its transaction."""
    vault = node.vault
    rows = [(_tag(vault, owner), vault.seal(SEALED_FOR, pack(leaf))) for owner, leaf in made.leaves]
    if rows:
        node.store.details.add(log_index, at, rows)


def owner_events(
    node: NodeContext, owner: Thumbprint, after: int, limit: int = MAX_EVENTS
) -> list[OwnerEvent]:
    """The next entries that concern an owner, with a number above `after`, oldest first."""
    found = []
    limit = min(limit, MAX_EVENTS)
    for log_index, sealed in node.store.details.page(_tag(node.vault, owner), after, limit):
        (entry,) = node.store.log.entries(log_index, 1)
        leaf = unpack(node.vault.open(SEALED_FOR, sealed))
        try:
            leaf.opened(read_entry(entry, log_index), owner)
        except Invalid:
            raise StoreError(
                "what was kept for an owner was moved or altered", reason="STORE_DAMAGED"
            ) from None
        found.append(OwnerEvent(log_index, entry, leaf))
    return found


def forget(node: NodeContext, now: int) -> None:
    """Drop the leaves that are older than the history that is kept; the entries stay."""
    node.store.details.forget(now - node.history_days * 86400)


def owners_of(
    node: NodeContext, key_ids: Sequence[KeyId], keys: Sequence[StoredKey | None] | None
) -> Sequence[Thumbprint | None]:
    """Whose these keys are (None: not here), by position; `keys` if they were fetched already."""
    if keys is None:
        found = node.store.keys(key_ids)
        keys = [found.get(key_id) for key_id in key_ids]
    return [key.owner if key is not None else None for key in keys]


def pack(leaf: OwnerLeaf) -> bytes:
    """u32be position || u32be count || u8 number of hashes || hashes || detail: how a leaf is sealed on disk."""
    return struct.pack(">IIB", leaf.position, leaf.count, len(leaf.path)) + b"".join(leaf.path) + leaf.detail


def unpack(data: bytes) -> OwnerLeaf:
    position, count, hashes = struct.unpack_from(">IIB", data)
    start, end = 9, 9 + HASH_SIZE * hashes
    path = tuple(data[at : at + HASH_SIZE] for at in range(start, end, HASH_SIZE))
    return OwnerLeaf(data[end:], position, count, path)


def _tag(vault: Vault, owner: Thumbprint) -> bytes:
    # Who copies the database does not learn whose these are.
    return vault.tag("details of", owner)[:16]
