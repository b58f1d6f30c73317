"""What this custodian keeps for how long, and what is due: shown to those who see to it before anything is ordered.

Told are counts, and the names of keys that are due. Owners are not, nor any word of a context but categories that the
policy itself names: whoever deposits a key may write anything there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from kms.custodian.context import NodeContext
from kms.custodian.destroy_rights import check_messenger
from kms.custodian.retaining import Lifespans, due_at, readable_category
from kms.custodian.store import StoredKey
from kms.errors import Denied, Invalid
from kms.policy.engine import Lifespan, PolicyEngine, default_schema
from kms.policy.lint import ADVICE, lint
from kms.policy.schedule import categories
from kms.statements.envelope import Envelope
from kms.statements.ids import KeyId
from kms.statements.retention import open_retention_question

PAGE: Final = 1024
"""Keys that are looked at for one answer."""
MAX_CATEGORIES: Final = 32
"""Of which a policy that nobody signed is asked for one answer: it may be written so that each takes half a second, in
which the node answers nobody else."""
DAY: Final = 86400
WINDOWS: Final = (30 * DAY, 90 * DAY, 365 * DAY)
OTHERS: Final = ""


@dataclass(slots=True)
class Row:
    """Keys of a page that are kept alike: how many are due, will be within `WINDOWS`, later, or never, and so on.

    `next_due_at` in unix seconds; 0 if none is to come.
    """

    category: str
    span: Lifespan
    due: int = 0
    within: list[int] = field(default_factory=lambda: [0] * len(WINDOWS))
    later: int = 0
    kept: int = 0
    ordered: int = 0
    held: int = 0
    next_due_at: int = 0

    def wait(self, due: int, now: int) -> None:
        """One key more, that is due then."""
        self.next_due_at = min(self.next_due_at or due, due)
        for position, window in enumerate(WINDOWS):
            if due - now <= window:
                self.within[position] += 1
                return
        self.later += 1


@dataclass(frozen=True, slots=True)
class Outlook:
    """Rows of one page of keys, those that may be ordered now, and where to go on (0: nowhere)."""

    rows: tuple[Row, ...]
    due: tuple[KeyId, ...]
    following: int


def outlook(
    node: NodeContext,
    envelope: Envelope,
    credentials: Sequence[str],
    after: int,
    forbids: str,
    due_only: bool = False,
) -> Outlook:
    """The page of keys after that number. `forbids` are this custodian's own rules, which hold under any policy.

    `due_only`: it is the last one if its last key is too young for any length, for later ones came later.

    Denied unless an admin asks, or an operator or a service; under another policy than the one in force, an admin.
    """
    now = node.now()
    asked = open_retention_question(envelope, node.keyring, node.me.index, now).statement
    admin = check_messenger(node, asked.signer_thumbprint, credentials, now)
    policy = node.policy
    if asked.policy:
        # What would be due under rules of one's own choosing tells of categories that nobody named.
        if not admin:
            raise Denied("only an admin asks what another policy would come to", reason="NOT_ADMINS")
        policy = _policy(asked.policy, forbids)
    page = node.store.page_of_keys(after, PAGE)
    more = len(page) == PAGE
    if asked.policy:
        page, more = _of_few_categories(node, page, more)
    # What this custodian's own rules name is its own affair.
    named = frozenset(categories(asked.policy or node.keyring.manifest.policy))
    rows, due = _count(node, policy, named, page, now)
    young = due_only and bool(page) and page[-1].taken_at + policy.shortest() > now
    following = page[-1].number if more and not young else 0
    return Outlook(rows, () if asked.policy else due, following)


def _of_few_categories(
    node: NodeContext, page: Sequence[StoredKey], more: bool
) -> tuple[Sequence[StoredKey], bool]:
    """So much of a page that a policy is asked few times, and whether there are more keys."""
    found: set[str] = set()
    for position, key in enumerate(page):
        found.add(readable_category(node, key))
        if len(found) > MAX_CATEGORIES:
            return page[:position], True
    return page, more


def _policy(text: str, forbids: str) -> PolicyEngine:
    for found in lint(text, default_schema()):
        # Whether it is safe is for those to find who sign it; what cannot be read or counted by is nothing to ask.
        if found.code.startswith(("LENGTH", "UNREADABLE")) and found.code not in ADVICE:
            raise Invalid(f"{found.rule}: {found.message}", reason="POLICY_UNSAFE")
    return PolicyEngine(text, default_schema(), forbids)


def _count(
    node: NodeContext, policy: PolicyEngine, named: Collection[str], page: Sequence[StoredKey], now: int
) -> tuple[tuple[Row, ...], tuple[KeyId, ...]]:
    key_ids = [key.key_id for key in page]
    ordered = node.store.destructions.scheduled(key_ids)
    begun = node.store.retention.begun(key_ids)
    held = node.store.destructions.held({name for key in page for name in (key.key_id, key.owner)}, now)
    spans = Lifespans(policy)
    rows: dict[tuple[str, Lifespan], Row] = {}
    found = []
    for key in page:
        category = readable_category(node, key)
        span = spans.of(category)
        shown = category if category in named else OTHERS
        row = rows.setdefault((shown, span), Row(shown, span))
        due = due_at(node, key, span, begun)
        if key.key_id in ordered:
            row.ordered += 1
        elif due is None:
            row.kept += 1
        elif due > now:
            row.wait(due, now)
        elif key.key_id in held or key.owner in held:
            row.held += 1
        else:
            row.due += 1
            found.append(key.key_id)
    return tuple(rows.values()), tuple(found)
