"""What the coordinator decides: when a quorum has allowed, which certificate proves it, whom to ask for shares.

No sockets, no SQL, no clock of its own. It asks all n custodians, forwards every answer, and never stops at
t: it cannot tell a good sealed share from a bad one, so whoever waits for the keys decides when it is enough,
by hanging up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from kms.statements.ceremony import Status
from kms.statements.envelope import Envelope, Signed
from kms.statements.keys import OpenedDeposit, open_receipt
from kms.statements.manifest import Keyring
from kms.statements.release import (
    Decision,
    OpenedRequest,
    Verdict,
    build_certificate,
    certified_positions,
    open_decision,
)

PENDING, ACTIVE, FULL = 1, 2, 3
"""States of a key in the directory (`KeyState` of the contract)."""


@dataclass(slots=True)
class ReleaseCase:
    """One request on its way through the custodians."""

    keyring: Keyring
    opened: OpenedRequest
    old_threshold: int = 0
    """Of shares that were not dealt on yet, if it is higher than the manifest's."""
    decisions: dict[int, Signed[Decision]] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)
    delivered: dict[int, frozenset[int]] = field(default_factory=dict)
    _certified: frozenset[int] = frozenset()
    _allowed: dict[int, frozenset[int]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.opened.request.key_ids)

    @property
    def quorum(self) -> int:
        """How many allows a certificate holds: enough for every version that is still alive."""
        return max(self.keyring.threshold, self.old_threshold)

    def add_decision(self, index: int, envelope: Envelope) -> None:
        """A custodian's latest decision; raises if it is not its signed word on this request."""
        self.decisions[index] = open_decision(envelope, self.keyring, index, self.opened.hash, self.count)
        self.failed.discard(index)
        self._certified = certified_positions(
            [signed.statement for signed in self.decisions.values()], self.quorum, self.count
        )
        self._allowed[index] = frozenset(
            p
            for r in self.decisions[index].statement.rulings
            if r.verdict is Verdict.ALLOW
            for p in r.positions
        )

    def add_failure(self, index: int) -> None:
        """The custodian did not answer, or not with a decision."""
        self.failed.add(index)

    def certified(self) -> frozenset[int]:
        """Positions that a quorum allows by now."""
        return self._certified

    def settled(self) -> bool:
        """Whether waiting for further first answers could certify nothing more."""
        asked = {target.index for target in self.opened.request.evidence}
        return len(self.certified()) == self.count or asked <= set(self.decisions) | self.failed

    def allowed_by(self, index: int) -> frozenset[int]:
        """Positions that this custodian itself allows."""
        return self._allowed.get(index, frozenset())

    def due(self, index: int) -> frozenset[int]:
        """Certified positions that this custodian allows and has not delivered."""
        return (self.certified() & self.allowed_by(index)) - self.delivered.get(index, frozenset())

    def add_delivery(self, index: int, positions: frozenset[int]) -> None:
        self.delivered[index] = self.delivered.get(index, frozenset()) | positions

    def delivered_by_quorum(self) -> bool:
        """Whether a quorum was asked to deliver each key."""
        held = Counter(p for positions in self.delivered.values() for p in positions)
        return len(held) == self.count and min(held.values()) >= self.quorum

    def certificate(self) -> bytes:
        """The exact bytes of a certificate for all that is certified, of as few decisions as will do."""
        wanted = self.certified()
        chosen: list[Signed[Decision]] = []
        for signed in sorted(self.decisions.values(), key=lambda s: -len(self.allowed_by(s.statement.index))):
            if certified_positions([c.statement for c in chosen], self.quorum, self.count) >= wanted:
                break
            chosen.append(signed)
        return build_certificate(self.opened.hash, chosen)

    def waiting(self) -> bool:
        """Whether some custodian's humans may still change something."""
        return any(
            ruling.verdict is Verdict.PENDING
            for signed in self.decisions.values()
            for ruling in signed.statement.rulings
        )


@dataclass(slots=True)
class DepositCase:
    """One deposit on its way; counts verified receipts per key."""

    keyring: Keyring
    opened: OpenedDeposit
    accepted: dict[int, frozenset[int]] = field(default_factory=dict)
    """Custodian -> positions that its receipt takes."""

    def add_receipt(self, index: int, envelope: Envelope) -> None:
        """Raises if it is not this custodian's receipt for this deposit."""
        receipt = open_receipt(envelope, self.keyring, index, self.opened.signed).statement
        self.accepted[index] = frozenset(range(receipt.count)) - frozenset(receipt.refused)

    def states(self) -> list[int]:
        """PENDING, ACTIVE (the manifest's quorum keeps it) or FULL, for each key in order."""
        n, q = len(self.keyring.manifest.custodians), self.keyring.manifest.durable_quorum
        held = [0] * len(self.opened.descriptors)
        for positions in self.accepted.values():
            for position in positions:
                held[position] += 1
        return [FULL if h == n else ACTIVE if h >= q else PENDING for h in held]


def threshold_in_use(statuses: Mapping[int, Status], t: int) -> int:
    """The highest threshold of any version that at least t custodians say they hold shares of; 0 if there is none.

    t of them, because fewer may all lie: and a threshold that nobody needs would stop every release.
    """
    highest = sorted(
        (max((v.threshold for v in status.versions if v.count), default=0) for status in statuses.values()),
        reverse=True,
    )
    return highest[t - 1] if len(highest) >= t else 0
