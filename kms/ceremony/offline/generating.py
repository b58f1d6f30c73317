"""Keys that custodians made jointly: who dealt terms, whether a plan's keys are the sum of them, and who keeps it.

What was dealt is sealed, so whether a share fits is for its receiver to check, and its word that it did ends a batch.
What anybody can check is that t custodians dealt, that the keys' commitments are the sum of theirs and nothing else,
and that so many keep the plan that no other plan of the batch can be drawn from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from kms.ceremony.offline import messages as m
from kms.ceremony.offline.account import Broken, Tell, listing, silent
from kms.ceremony.offline.attachments import POINT_SIZE, Attachments, rows
from kms.crypto import labels
from kms.crypto.hashing import H
from kms.errors import ConfigError, Invalid

BATCH: Final = 128
"""Keys in each part of an order but the last."""


@dataclass(slots=True)
class Pools:
    """All of it in one file. What reads a line raises Invalid if it does not fit those before it."""

    orders: dict[bytes, tuple[m.PoolOrder, m.Manifest]] = field(default_factory=dict)
    dealings: dict[bytes, m.PoolDealing] = field(default_factory=dict)
    kept: list[tuple[int, m.Generated]] = field(default_factory=list)

    def order(self, said: m.PoolOrder, manifest: m.Manifest, payload: bytes) -> None:
        self.orders[H(labels.POOL_ORDER, payload)] = said, manifest

    def deal(self, said: m.PoolDealing, statement_hash: bytes) -> str:
        if said.order_hash not in self.orders:
            raise _refuse("it deals under an order that is not before it")
        order, manifest = self.orders[said.order_hash]
        if said.manifest_hash != order.manifest_hash or not 0 < said.count == _size(order, said.batch):
            raise _refuse("it deals other keys than its order demands")
        receivers = [target.index for target in said.targets]
        if receivers != sorted(set(receivers)) or not set(receivers) <= set(manifest.indices):
            raise _refuse("it deals to others than members, or to one of them twice")
        self.dealings[statement_hash] = said
        return (
            f"dealt random terms of the {said.count} keys of batch {said.batch} to custodians "
            f"{listing(receivers)}, and forgot them"
        )

    def keep(self, number: int, said: m.Generated) -> str:
        self.kept.append((number, said))
        return f"keeps its shares of {said.count} keys of plan {_short(said.plan_hash)}, and no other plan of them"

    def outcomes(self, attachments: Attachments, tell: Tell = silent) -> list[str]:
        """What the plans add up to, a line for each; Broken if they do not."""
        for line, said in self.kept:
            if said.plan_hash not in attachments.pool_plans:
                raise Broken(line, "it keeps a plan that is not in the file")
        keepers: dict[tuple[bytes, int, int], bytes] = {}
        told = []
        for plan_hash, (line, plan) in attachments.pool_plans.items():
            manifest = self._demanded(line, plan)
            _check_sum(attachments, line, plan, self._dealt(line, plan))
            who = self._keepers(plan_hash, plan, manifest, keepers)
            n, t = len(manifest.custodians), plan.threshold
            need = max(-(-(n + t) // 2), manifest.durable_quorum)
            state = "they can be drawn" if len(who) >= need else "NOT ENOUGH, nobody may draw them"
            told.append(
                f"plan {_short(plan_hash)} of batch {plan.batch}: {plan.count} keys that nobody knows, the sum of what "
                f"custodians {listing([d.index for d in plan.dealings])} dealt, by their commitments; "
                f"kept by custodians {listing(who)} ({len(who)}, {need} are needed: {state})"
            )
            tell("plans", len(told), len(attachments.pool_plans))
        drawn = set(self._rows(attachments)) & set(attachments.described)
        if drawn:
            told.append(
                f"{len(drawn)} of the keys that are described in the file were drawn from these plans"
            )
        return told

    def _demanded(self, line: int, plan: m.PoolPlan) -> m.Manifest:
        """The manifest of the plan's order; Broken if the plan is not what the order demands."""
        if plan.order_hash not in self.orders:
            raise Broken(line, "it plans under an order that is not in the file")
        order, manifest = self.orders[plan.order_hash]
        if (
            plan.suite != labels.SUITE_1
            or plan.keyring_id != order.keyring_id
            or plan.manifest_hash != order.manifest_hash
            or plan.threshold != manifest.threshold
            or not 0 < plan.count == _size(order, plan.batch)
        ):
            raise Broken(line, "the plan is not what its order demands")
        return manifest

    def _dealt(self, line: int, plan: m.PoolPlan) -> list[m.PoolDealing]:
        indices = [planned.index for planned in plan.dealings]
        # One of t dealers is honest; of fewer, all may have told each other their terms.
        if indices != sorted(set(indices)) or len(indices) != plan.threshold:
            raise Broken(line, f"the plan's dealers are not {plan.threshold} different ones in order")
        found = []
        for planned in plan.dealings:
            dealing = self.dealings.get(planned.dealing_hash)
            if (
                dealing is None
                or dealing.index != planned.index
                or dealing.order_hash != plan.order_hash
                or dealing.batch != plan.batch
            ):
                raise Broken(
                    line, f"the dealing of custodian {planned.index} that it names is not in the file"
                )
            found.append(dealing)
        return found

    def _keepers(
        self,
        plan_hash: bytes,
        plan: m.PoolPlan,
        manifest: m.Manifest,
        keepers: dict[tuple[bytes, int, int], bytes],
    ) -> list[int]:
        who = set()
        for line, said in self.kept:
            if said.plan_hash != plan_hash:
                continue
            if (
                said.manifest_hash != plan.manifest_hash
                or said.count != plan.count
                or said.index not in manifest.indices
            ):
                raise Broken(line, "it keeps something else than the plan")
            # Two plans with one honest dealer's terms give away the secrets of one to who knows the other's.
            if keepers.setdefault((plan.order_hash, plan.batch, said.index), plan_hash) != plan_hash:
                raise Broken(line, f"custodian {said.index} says of two plans that it keeps no other")
            who.add(said.index)
        return sorted(who)

    def _rows(self, attachments: Attachments) -> list[tuple[bytes, ...]]:
        return [
            tuple(rows(row, 1))
            for _, plan in attachments.pool_plans.values()
            for row in rows(attachments.points[plan.points_hash], plan.threshold)
        ]


def _check_sum(attachments: Attachments, line: int, plan: m.PoolPlan, dealings: list[m.PoolDealing]) -> None:
    try:
        from kms.ceremony.offline.curve import is_weighted_sum
    except ModuleNotFoundError:
        raise ConfigError(
            "points are checked on py_ecc, which is not installed: pip install 'threshold-kms[verify]'"
        ) from None
    size = plan.count * plan.threshold * POINT_SIZE
    total = _points(attachments, plan.points_hash, plan.threshold, size)
    if total is None:
        raise Broken(line, "the plan's points are not in the file")
    terms = []
    for dealing in dealings:
        points = _points(attachments, dealing.points_hash, plan.threshold, size)
        if points is None:
            raise Broken(line, f"the points of custodian {dealing.index}'s dealing are not in the file")
        terms.append(points)
    for position in range(plan.count * plan.threshold):
        place = slice(position * POINT_SIZE, (position + 1) * POINT_SIZE)
        try:
            holds = is_weighted_sum(total[place], [points[place] for points in terms], [1] * len(terms))
        except Invalid as error:
            raise Broken(line, error.message) from None
        if not holds:
            raise Broken(
                line, f"the commitments of key {position // plan.threshold} are not the sum of what was dealt"
            )


def _points(attachments: Attachments, named: bytes, per_key: int, size: int) -> bytes | None:
    data = attachments.points.get(named, b"")
    return data if len(data) == size and H(labels.POINTS, *rows(data, per_key)) == named else None


def _size(order: m.PoolOrder, batch: int) -> int:
    """How many keys that batch of the order has; 0 or less if there is no such batch."""
    return min(BATCH, order.count - batch * BATCH)


def _short(digest: bytes) -> str:
    return digest.hex()[:16]


def _refuse(problem: str) -> Invalid:
    return Invalid(problem, reason="POOL_REFUSED")
