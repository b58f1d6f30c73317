"""How long this custodian keeps which keys: by the policy's own rules, and from when it took them in.

From when, nobody else says. Whoever deals a key writes a date into it that no one could check, so it counts for
nothing. A key that other custodians handed on (to a newcomer, or by a repair) was taken in by those at the latest when
the manifest ended under which it was dealt, after which no custodian takes it: from then its time counts here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from kms.custodian.context import NodeContext
from kms.custodian.resharing import opening_of
from kms.custodian.store import StoredKey
from kms.errors import Denied, KmsError
from kms.policy.engine import Lifespan, PolicyEngine
from kms.statements.destroyed import scheduled_words
from kms.statements.destruction import Order
from kms.statements.envelope import Envelope
from kms.statements.ids import KeyId, Thumbprint
from kms.statements.keys import Descriptor, KeySpec, read_category

NEVER: Final = None


class Lifespans:
    """What a policy says of each category, asked once."""

    def __init__(self, policy: PolicyEngine) -> None:
        self._policy = policy
        self._known: dict[str, Lifespan] = {}

    def of(self, category: str) -> Lifespan:
        if category not in self._known:
            self._known[category] = self._policy.lifespan(category)
        return self._known[category]


def category_of(node: NodeContext, key: StoredKey) -> str:
    """As it was deposited; NotFound in a restored store, until the key is repaired."""
    return read_category(opening_of(node, key).context)


def readable_category(node: NodeContext, key: StoredKey) -> str:
    """The same, and "" where it cannot be read: in a restored store, or of a row that its disk spoiled.

    Such a key is kept, and no other one's end or count waits for it.
    """
    try:
        return category_of(node, key)
    except KmsError:
        return ""


def taken_at(node: NodeContext, key: StoredKey) -> int:
    """From when on a key's time counts here (unix seconds); NotFound if it was dealt under no manifest of the chain."""
    if key.taken_at:
        return key.taken_at
    return node.chain.of(key.descriptor.core.manifest_hash).manifest.expires_at


def due_at(node: NodeContext, key: StoredKey, span: Lifespan, begun: Mapping[KeyId, int]) -> int | None:
    """When a key's time is over (unix seconds); None: never.

    An inbox never ends by its age: what was put into it yesterday would end with it.
    """
    if span.seconds is None or key.descriptor.core.spec is not KeySpec.DATA:
        return NEVER
    try:
        return max(taken_at(node, key), begun.get(key.key_id, 0)) + span.seconds
    except KmsError:
        return NEVER


def not_due(
    node: NodeContext, order: Order, keys: Sequence[Descriptor], words: Sequence[Envelope], now: int
) -> list[KeyId]:
    """Those of an order's keys whose time is not over, as this custodian knows it.

    What it took in itself, it judges by itself. Of what it does not have, or got from others, it cannot know the age,
    and believes `t` others who signed that they checked: one of them is honest.
    """
    vouched = _checked_by_these_rules(node, order, words) >= node.keyring.threshold
    key_ids = [key.key_id for key in keys]
    here, begun = node.store.keys(key_ids), node.store.retention.begun(key_ids)
    spans = Lifespans(node.policy)
    found = []
    for key_id in key_ids:
        key = here.get(key_id)
        if key is None or not key.kept:
            over = vouched
        else:
            due = due_at(node, key, spans.of(readable_category(node, key)), begun)
            from_others = vouched and not key.taken_at and key_id not in begun
            over = due is not None and (from_others or due <= now)
        if not over:
            found.append(key_id)
    return found


def _checked_by_these_rules(node: NodeContext, order: Order, words: Sequence[Envelope]) -> int:
    """How many signed that they checked an order by the policy that is in force.

    Under a former one it may have been due sooner: who spoke then has called the order off since, and words stay.
    """
    hashes = [word.statement.manifest_hash for word in scheduled_words(words, node.keyring, order).values()]
    rules = {link.manifest_hash: link.policy_hash for link in node.chain.links}
    return sum(rules.get(name) == node.keyring.policy_hash for name in hashes)


def check_due(
    node: NodeContext, order: Order, keys: Sequence[Descriptor], words: Sequence[Envelope], now: int
) -> None:
    """Denied unless all of the order's keys are one owner's, and due.

    One owner's, so that whoever brings it couples nobody's records with another's: an owner who calls it off, or a
    hold on one of them, would keep them all.
    """
    if len({key.core.owner_thumbprint for key in keys}) > 1:
        raise Denied("an order by age names keys of one owner", reason="SEVERAL_OWNERS")
    early = not_due(node, order, keys, words, now)
    if early:
        raise Denied(
            f"{len(early)} of the keys are not due by the policy in force here",
            reason="NOT_DUE",
            details={"keys": ",".join(key_id.hex() for key_id in early[:16])},
        )


def begin_anew(
    node: NodeContext, keys: Sequence[Descriptor], owners: Collection[Thumbprint], now: int
) -> None:
    """Whoever calls an order by age off keeps these owners' keys of it for as long again; in a transaction."""
    node.store.retention.begin([key.key_id for key in keys if key.core.owner_thumbprint in owners], now)
