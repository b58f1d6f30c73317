"""What owners are to know of what happened to their records, kept for them sealed at each custodian."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from kms.custodian.context import NodeContext
from kms.statements.codec import decode, encode
from kms.statements.consent import MAX_NOTICES, Notice, NoticeKind
from kms.statements.ids import Thumbprint
from kms.statements.keys import Descriptor

KEEP_SECONDS: Final = 366 * 86400
SEALED_FOR: Final = "notice"


def notify(
    node: NodeContext,
    owner: Thumbprint,
    kind: NoticeKind,
    subject: bytes,
    key: Thumbprint,
    at: int,
    count: int = 0,
    due_at: int = 0,
    destroy_reason: int = 0,
) -> None:
    """Leave a notice for an owner, inside the caller's transaction: what is done and what is told stand together."""
    notice = Notice(0, at, kind, subject, key, count, due_at, destroy_reason)
    node.store.consent.add_notice(_tag(node, owner), at, node.vault.seal(SEALED_FOR, owner + encode(notice)))


def tell_owners(
    node: NodeContext,
    keys: Sequence[Descriptor],
    kind: NoticeKind,
    subject: bytes,
    key: Thumbprint | None,
    at: int,
    *,
    due_at: int = 0,
    destroy_reason: int = 0,
) -> None:
    """The same notice for each owner of these keys, with how many of theirs; `key` acts (None: the admins)."""
    for owner, n in Counter(d.core.owner_thumbprint for d in keys).items():
        notify(node, owner, kind, subject, key or owner, at, n, due_at, destroy_reason)


def notices(node: NodeContext, owner: Thumbprint, after: int) -> tuple[Notice, ...]:
    """The next ones of an owner with a higher number, oldest first, at most 200."""
    found = []
    for number, sealed in node.store.consent.notices(_tag(node, owner), after, MAX_NOTICES):
        plain = node.vault.open(SEALED_FOR, sealed)
        if plain[:32] == owner:  # a row that was moved to another owner tells them nothing
            found.append(replace(decode(Notice, plain[32:], "notice"), number=number))
    return tuple(found)


def forget(node: NodeContext, now: int) -> None:
    """Drop those that are older than a year."""
    node.store.consent.forget_notices(now - KEEP_SECONDS)


def _tag(node: NodeContext, owner: Thumbprint) -> bytes:
    # Who copies the database does not learn whose notices these are.
    return node.vault.tag("notices of", owner)
