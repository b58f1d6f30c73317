"""One batch of a pool on its way: whose terms add up to its keys, who keeps it, who is to blame.

No sockets and no clock. The coordinator that runs it is trusted with nothing: custodians keep one plan of a batch, and
check their shares of it themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kms.crypto.group import SECP256K1
from kms.crypto.hashing import equal
from kms.crypto.joint import add_commitments
from kms.crypto.sealing import blob_hash
from kms.errors import CryptoError, Invalid, KmsError, Unavailable
from kms.statements import quorums
from kms.statements.ceremony import (
    Complaint,
    PlannedDealing,
    open_from,
    pack_points,
    points_hash,
    unpack_points,
)
from kms.statements.envelope import Envelope, Signed
from kms.statements.manifest import Keyring
from kms.statements.pool import (
    Generated,
    OpenedPlan,
    PoolDealing,
    PoolOrder,
    PoolPlan,
    encode_pool_plan,
    open_pool_plan,
    pool_order_hash,
)


@dataclass(frozen=True, slots=True)
class HeldTerms:
    """A dealing that was checked, with its points and its sealed blobs by receiver."""

    signed: Signed[PoolDealing]
    packed_points: bytes
    rows: Sequence[tuple[bytes, ...]]
    blobs: Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class MadePool:
    """A plan as it is handed out: what it says, its points for the wire, its dealings by dealer."""

    opened: OpenedPlan
    points: bytes
    dealings: Mapping[int, HeldTerms]


@dataclass(slots=True)
class PoolCase:
    """Batch number `batch` of an order."""

    keyring: Keyring
    order: Signed[PoolOrder]
    batch: int
    dealings: dict[int, HeldTerms] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    """Dealers that are left out, and why."""
    kept: dict[int, Signed[Generated]] = field(default_factory=dict)
    complaints: dict[int, dict[int, Signed[Complaint]]] = field(default_factory=dict)
    """Dealer -> who complains of it."""
    made: MadePool | None = None

    @property
    def size(self) -> int:
        return self.order.statement.size(self.batch)

    @property
    def quorum(self) -> int:
        """So many must keep a batch that its keys can be drawn."""
        manifest = self.keyring.manifest
        return quorums.exclusive(len(manifest.custodians), self.keyring.threshold, manifest.durable_quorum)

    def missing_dealers(self) -> int:
        """How many more dealings a plan needs."""
        return max(0, self.keyring.threshold - len(self.dealings))

    def untried(self, able: Iterable[int]) -> list[int]:
        """Those that have neither dealt nor been left out."""
        return [i for i in able if i not in self.dealings and i not in self.refused]

    def add_dealing(
        self,
        index: int,
        envelope: Envelope,
        points: bytes,
        blobs: Mapping[int, bytes],
        receivers: Iterable[int] = (),
    ) -> None:
        """A custodian's dealing; raises, and leaves it out from then on, if it is none for this batch and receivers."""
        try:
            signed = open_from(PoolDealing, envelope, self.keyring, index, self.keyring, "dealing")
            dealing = signed.statement
            if (
                not equal(dealing.order_hash, pool_order_hash(self.order.payload))
                or dealing.batch != self.batch
                or dealing.count != self.size
            ):
                raise Invalid("a dealing of another batch", reason="WRONG_DEALING")
            rows = unpack_points(points, self.size, self.keyring.threshold)
            if not equal(points_hash(rows), dealing.points_hash):
                raise Invalid("the points are not those of the dealing", reason="WRONG_POINTS")
            # Whom it leaves out, or sends another blob than it signed for, could neither keep a plan nor complain.
            if not set(receivers) <= {target.index for target in dealing.targets}:
                raise Invalid("a dealing that leaves a member out", reason="WRONG_DEALING")
            for target in dealing.targets:
                if not equal(blob_hash(blobs.get(target.index, b"")), target.blob_hash):
                    raise Invalid("the sealed shares are not those of the dealing", reason="WRONG_BLOB")
            self.dealings[index] = HeldTerms(signed, points, rows, blobs)
        except KmsError as error:
            self.refused[index] = error.reason
            raise

    def plan(self) -> MadePool:
        """Add up the terms of t dealers; Unavailable if there are fewer, or if these do not add up and are left out."""
        if self.missing_dealers():
            raise Unavailable(
                f"{self.missing_dealers()} more dealers are needed", reason="NOT_ENOUGH_DEALERS"
            )
        chosen = dict(sorted(self.dealings.items())[: self.keyring.threshold])
        try:
            rows = [
                add_commitments({i: d.rows[k] for i, d in chosen.items()}, self.keyring.threshold)
                for k in range(self.size)
            ]
        except CryptoError:
            # Points that were made to cancel out name nobody: then all of these deal no more.
            for index in [i for i, held in chosen.items() if not _all_points(held)] or chosen:
                self.leave_out(index, "INVALID_POINT")
            raise Unavailable("the dealings do not add up", reason="NOT_ENOUGH_DEALERS") from None
        payload = encode_pool_plan(
            PoolPlan(
                self.keyring.keyring_id,
                self.keyring.manifest_hash,
                pool_order_hash(self.order.payload),
                self.batch,
                self.keyring.threshold,
                tuple(PlannedDealing(i, d.signed.hash) for i, d in chosen.items()),
                self.size,
                points_hash(rows),
            )
        )
        points = pack_points(rows)
        return self.adopt(MadePool(open_pool_plan(payload, points), points, chosen))

    def adopt(self, made: MadePool) -> MadePool:
        """Let this be the plan, whoever made it."""
        self.made = made
        self.kept.clear()
        return made

    def heard_of(self, made: MadePool) -> list[Signed[Any]]:
        """What was said of a plan: complaints of its dealers, and who keeps it."""
        accused = [signed for i in made.dealings for signed in self.complaints.get(i, {}).values()]
        return [*accused, *(self.kept[index] for index in sorted(self.kept))]

    def add_kept(self, index: int, envelope: Envelope) -> None:
        """A custodian's word that it keeps the plan; raises if it is not."""
        signed = open_from(Generated, envelope, self.keyring, index, self.keyring, "generated")
        if self.made is None or not equal(signed.statement.plan_hash, self.made.opened.hash):
            raise Invalid("a GENERATED statement of another plan", reason="WRONG_PLAN")
        self.kept[index] = signed

    def add_complaint(self, index: int, envelope: Envelope) -> int:
        """A receiver's complaint; the dealer that it is about."""
        signed = open_from(Complaint, envelope, self.keyring, index, self.keyring, "complaint")
        dealer = signed.statement.dealer
        held = self.dealings.get(dealer)
        if held is None or not equal(signed.statement.dealing_hash, held.signed.hash):
            raise Invalid("a complaint about another dealing", reason="WRONG_COMPLAINT")
        self.complaints.setdefault(dealer, {})[index] = signed
        return dealer

    def leave_out_accused(self) -> list[int]:
        """Dealers that somebody complains of, left out where others can take their place."""
        spare = len(self.keyring.manifest.custodians) - len(self.refused) - self.keyring.threshold
        accused = sorted(
            (i for i in self.complaints if i in self.dealings), key=lambda i: (-len(self.complaints[i]), i)
        )[: max(0, spare)]
        for index in accused:
            self.leave_out(index, "ACCUSED")
        return accused

    def leave_out(self, index: int, reason: str) -> None:
        del self.dealings[index]
        self.refused[index] = reason

    def proven_cheats(self) -> list[int]:
        """Dealers of whom at least t receivers complain: one of those is honest."""
        return sorted(i for i, by in self.complaints.items() if len(by) >= self.keyring.threshold)

    def complete(self) -> bool:
        return len(self.kept) >= self.quorum


def _all_points(held: HeldTerms) -> bool:
    try:
        for row in held.rows:
            for point in row:
                SECP256K1.combine([(point,)], 1, [1])
    except CryptoError:
        return False
    return True
