"""Budgets: how many keys each custodian allows, to whom, in which time.

A custodian counts an allow when it decides, in one transaction with the decision. A key is released only against the
allows of t custodians. Each of the n counts at most L of them in a window, so all together give at most n L, and what
they allow in one window releases at most floor(n L / t) keys, however requests are split, raced or sent to different
custodians. Where c of them lie and count nothing, each release still needs t - c honest allows, and the bound is
floor((n - c) L / (t - c)).

An allow stays counted though its request expires unreleased: it may have been one of the t in a certificate by which
others released, and its custodian would never know. Taking it back would let the same budget open twice.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kms.statements.codec import message
from kms.wire.v1 import keyring_pb2


class BudgetScope(enum.IntEnum):
    """Whose keys are counted together."""

    PRINCIPAL = 1
    ORGANISATION = 2
    OWNER = 3
    KEYRING = 4


class BudgetWindow(enum.IntEnum):
    HOUR = 1
    DAY = 2
    MONTH = 3


class BudgetExcess(enum.IntEnum):
    """What becomes of keys that a rule allows beyond the budget."""

    HOLD = 1
    DENY = 2


WINDOW_SECONDS: Final[Mapping[BudgetWindow, int]] = {
    BudgetWindow.HOUR: 3600,
    BudgetWindow.DAY: 86400,
    BudgetWindow.MONTH: 30 * 86400,
}
_WINDOWS: Final = {
    BudgetWindow.HOUR: "an hour",
    BudgetWindow.DAY: "a day",
    BudgetWindow.MONTH: "in 30 days",
}
_SCOPES: Final = {
    BudgetScope.PRINCIPAL: "each who asks",
    BudgetScope.ORGANISATION: "each organisation that asks",
    BudgetScope.OWNER: "each owner's keys",
    BudgetScope.KEYRING: "the whole keyring",
}


@message(keyring_pb2.Budget)
@dataclass(frozen=True, slots=True)
class Budget:
    """At most `limit` keys are allowed at one custodian in any such window."""

    scope: BudgetScope
    window: BudgetWindow
    limit: int
    on_excess: BudgetExcess

    @property
    def seconds(self) -> int:
        return WINDOW_SECONDS[self.window]

    def bound(self, n: int, threshold: int) -> int:
        """How many keys all n custodians together may release by what they allow in one window."""
        return n * self.limit // threshold

    def in_words(self, n: int, threshold: int) -> str:
        """One line for people: the limit, what comes after it, and the bound over all custodians."""
        after = "more wait for people" if self.on_excess is BudgetExcess.HOLD else "more are denied"
        without = " without them" if self.on_excess is BudgetExcess.HOLD else ""
        return (
            f"{_SCOPES[self.scope]}: {self.limit} keys {_WINDOWS[self.window]} at each custodian, {after}; "
            f"at most {self.bound(n, threshold)} are released altogether{without}"
        )
