"""Brakes: what a custodian's decisions may allow, to whom, in which time (`kms.statements.budgets` has the proof).

Counted at the decision and in its transaction, never at the release: between a decision and its release there would be
room for any number of requests. One allow of a key in a request counts once, whoever repeats the request; a key that
waits counts when people allow it. Steps of a node run one at a time, so nothing is counted between `weigh` and `count`.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from kms.crypto import labels
from kms.crypto.hashing import H
from kms.custodian.case import Case, principals
from kms.custodian.context import NodeContext
from kms.statements.audit import LogKind
from kms.statements.budgets import Budget, BudgetExcess, BudgetScope
from kms.statements.release import Verdict

Rulings = Mapping[int, tuple[Verdict, str, bytes]]
"""Position -> (verdict, reason, approver's thumbprint or empty)."""
HELD: Final = "BUDGET_HELD"
EXCEEDED: Final = "BUDGET_EXCEEDED"
BUCKETS: Final = 24
"""Of a window. It counts its whole first bucket, which errs on the strict side."""


@dataclass(frozen=True, slots=True)
class Excess:
    """Keys that a rule allowed and this budget did not."""

    budget: Budget
    keys: int

    @property
    def outcome(self) -> str:
        """`HELD_PRINCIPAL_HOUR`, say: for the log."""
        done = "HELD" if self.budget.on_excess is BudgetExcess.HOLD else "DENIED"
        return f"{done}_{self.budget.scope.name}_{self.budget.window.name}"


@dataclass(frozen=True, slots=True)
class Weighed:
    """What is left of some rulings under the budgets, what is to be counted for it, and what went beyond."""

    rulings: Rulings
    counts: tuple[tuple[Budget, bytes, int], ...] = ()
    excess: tuple[Excess, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a budget is used: of the keyring's, or by whoever uses most of it."""

    budget: Budget
    used: int


def weigh(node: NodeContext, case: Case, rulings: Rulings, now: int, counted: Iterable[int] = ()) -> Weighed:
    """Hold or deny what goes beyond a budget; `counted` are positions that were allowed, and counted, before.

    Keys that one budget counts together are held or denied together: which of them would still fit is not for the order
    of their names to say.
    """
    left = dict(rulings)
    fresh = {p for p, r in left.items() if r[0] is Verdict.ALLOW} - set(counted)
    excess = []
    # First those that deny: what is denied need not wait for anybody.
    for budget in sorted(node.keyring.manifest.budgets, key=lambda b: -b.on_excess):
        beyond: set[int] = set()
        groups = _groups(case, budget, fresh)
        used = node.store.budgets.totals(list(groups), _since(budget, now))
        for name, positions in groups.items():
            if used.get(name, 0) + len(positions) > budget.limit:
                beyond |= positions
        if budget.on_excess is BudgetExcess.HOLD:
            # Whom people of this custodian have seen and allowed is not put to them again.
            beyond = {p for p in beyond if not left[p][2]}
        if beyond:
            held = budget.on_excess is BudgetExcess.HOLD
            answer = (Verdict.PENDING, HELD, b"") if held else (Verdict.DENY, EXCEEDED, b"")
            left |= dict.fromkeys(beyond, answer)
            fresh -= beyond
            excess.append(Excess(budget, len(beyond)))
    counts = tuple(
        (budget, name, len(positions))
        for budget in node.keyring.manifest.budgets
        for name, positions in _groups(case, budget, fresh).items()
    )
    return Weighed(left, counts, tuple(excess))


def count(node: NodeContext, weighed: Weighed, request: bytes, requester: bytes, now: int) -> None:
    """Inside the decision's transaction."""
    rows = []
    for budget, name, keys in weighed.counts:
        at = now - now % _bucket(budget)
        rows.append((name, at, _number(budget), at + _bucket(budget) + budget.seconds, keys))
    node.store.budgets.add(rows)
    for excess in weighed.excess:
        node.ledger.append(
            LogKind.BUDGET, now, request, principal=requester, outcome=excess.outcome, count=excess.keys
        )


def usage(node: NodeContext) -> list[Usage]:
    """Of each budget of the manifest in force, by the one who uses most of it."""
    now = node.now()
    return [
        Usage(budget, node.store.budgets.highest(_number(budget), _since(budget, now)))
        for budget in node.keyring.manifest.budgets
    ]


def _groups(case: Case, budget: Budget, positions: Iterable[int]) -> dict[bytes, set[int]]:
    """Positions by the name under which this budget counts them."""
    groups: dict[bytes, set[int]] = defaultdict(set)
    shared = None if budget.scope is BudgetScope.OWNER else list(_who(case, budget.scope))
    for position in positions:
        key = case.keys[position]
        owners = [key.owner] if key is not None else []
        for who in owners if shared is None else shared:
            groups[_name(budget, who)].add(position)
    return groups


def _who(case: Case, scope: BudgetScope) -> Iterator[bytes]:
    if scope is BudgetScope.KEYRING:
        yield b""
    elif scope is BudgetScope.PRINCIPAL:
        # By key and by person: fresh keys, or another card, must not start from zero.
        yield from principals(case)
    else:
        named = {_plain(c.organisation) for c in case.credentials if c.organisation}
        yield from sorted(b"organisation" + name.encode() for name in named)
        if not named:
            # Who belongs to none is one of their own: leaving the claim out must not lift the brake.
            yield from principals(case)


def _plain(organisation: str) -> str:
    """One spelling, so that capitals make no second organisation."""
    return " ".join(unicodedata.normalize("NFKC", organisation).casefold().split())


def _name(budget: Budget, who: bytes) -> bytes:
    return H(labels.BUDGET, bytes([budget.scope, budget.window]), who)


def _number(budget: Budget) -> int:
    return budget.scope * 16 + budget.window


def _bucket(budget: Budget) -> int:
    return budget.seconds // BUCKETS


def _since(budget: Budget, now: int) -> int:
    since = now - budget.seconds
    return since - since % _bucket(budget)
