"""One batch of a resharing on its way: which dealings add up to a plan, who installed it, who is to blame.

No sockets and no clock. The coordinator that runs it is trusted with nothing: a wrong plan is refused by every
custodian, a forked one makes two versions that stand beside each other, and a withheld one leaves the old shares.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kms.crypto import derivation
from kms.crypto.hashing import equal
from kms.crypto.resharing import combine_points
from kms.crypto.sealing import blob_hash
from kms.errors import CryptoError, Invalid, KmsError, Unavailable
from kms.statements import quorums
from kms.statements.ceremony import (
    Complaint,
    Dealing,
    Installed,
    Plan,
    PlannedDealing,
    ReshareOrder,
    encode_plan,
    open_from,
    order_hash,
    pack_points,
    plan_version,
    points_hash,
    unpack_points,
)
from kms.statements.chain import Chain
from kms.statements.envelope import Envelope, Signed
from kms.statements.ids import KeyId, Version
from kms.statements.manifest import Keyring

MAX_CHOICES = 5000
"""Sets of dealers that are weighed against complaints: all of them up to 15 custodians."""


@dataclass(frozen=True, slots=True)
class HeldDealing:
    """A dealing that was checked, with its points and its sealed blobs by receiver."""

    signed: Signed[Dealing]
    packed_points: bytes
    rows: Sequence[tuple[bytes, ...]]
    blobs: Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class MadePlan:
    """A plan as it is handed out: exact bytes, its version, C' of all keys, its dealings by dealer."""

    payload: bytes
    version: Version
    points: bytes
    dealings: Mapping[int, HeldDealing]

    @property
    def dealers(self) -> tuple[int, ...]:
        return tuple(self.dealings)


@dataclass(slots=True)
class ReshareCase:
    """A batch of keys of one version, dealt on to the committee of `keyring` under one order."""

    chain: Chain
    keyring: Keyring
    order: Signed[ReshareOrder]
    from_version: Version
    from_threshold: int
    key_ids: tuple[KeyId, ...]
    dealings: dict[int, HeldDealing] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    """Dealers that are left out, and why."""
    installed: dict[int, Signed[Installed]] = field(default_factory=dict)
    complaints: dict[int, dict[int, Signed[Complaint]]] = field(default_factory=dict)
    """Dealer -> who complains of it."""
    accusers: dict[int, set[int]] = field(default_factory=dict)
    """The same over all batches that share this dict: who complained of a dealer once is heard in the next one."""
    unable: set[int] = field(default_factory=set)
    """Members that did not install a plan, and complained of nobody."""
    made: MadePlan | None = None

    def __post_init__(self) -> None:
        # A custodian said it, which may lie: of no dealer there is nothing to add up, for ever.
        if self.from_threshold < 2:
            raise Invalid("shares of which fewer than two open a key", reason="INVALID_THRESHOLD")

    def holders(self) -> tuple[int, ...]:
        """Whoever may hold the old version: all custodians that the keyring ever had, the present ones first."""
        present = self.keyring.manifest.indices
        ever = {i for link in self.chain.links for i in link.manifest.indices}
        return (*present, *sorted(ever - set(present)))

    def choose_dealers(self, able: Sequence[int]) -> tuple[int, ...]:
        """As many of these as the old threshold, of whom as few members as possible complain; fewer if there are fewer.

        Of who complains and who is complained of, one lies, and nobody can tell which. But honest members never
        complain of honest dealers: where `durable` members have no complaint of a choice, nothing is known against it.
        The first ones are taken if nobody complains of anybody.
        """
        cheats = self.proven_cheats()
        left = sorted(
            (i for i in able if i not in self.refused and i not in cheats),
            key=lambda i: len(self.accusers.get(i, ())),
        )
        best: tuple[int, ...] = tuple(left[: self.from_threshold])
        if len(left) <= self.from_threshold:
            return tuple(sorted(best))
        spare = len(self.keyring.manifest.custodians) - quorums.durable(self.keyring.threshold)
        fewest = len(self._complaining(best))
        for chosen in itertools.islice(itertools.combinations(left, self.from_threshold), MAX_CHOICES):
            if fewest <= spare:
                break
            if (count := len(self._complaining(chosen))) < fewest:
                best, fewest = chosen, count
        return tuple(sorted(best))

    def _complaining(self, dealers: Iterable[int]) -> set[int]:
        return {i for dealer in dealers for i in self.accusers.get(dealer, ())} | self.unable

    def heard(self) -> int:
        """How much is known against anybody: where nothing is new, another attempt ends like the one before."""
        return sum(map(len, self.accusers.values())) + len(self.unable)

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
            self.dealings[index] = self._checked(index, envelope, points, blobs, receivers)
        except KmsError as error:
            self.refused[index] = error.reason
            raise

    def _checked(
        self,
        index: int,
        envelope: Envelope,
        packed: bytes,
        blobs: Mapping[int, bytes],
        receivers: Iterable[int],
    ) -> HeldDealing:
        signed = open_from(Dealing, envelope, self._holder(index), index, self.keyring, "dealing")
        dealing = signed.statement
        if (
            not equal(dealing.order_hash, order_hash(self.order.payload))
            or not equal(dealing.from_version, self.from_version)
            or not equal(dealing.batch_root, derivation.batch_root(list(self.key_ids)))
            or dealing.count != len(self.key_ids)
        ):
            raise Invalid("a dealing of another batch", reason="WRONG_DEALING")
        rows = unpack_points(packed, len(self.key_ids), self.keyring.threshold - 1)
        if not equal(points_hash(rows), dealing.points_hash):
            raise Invalid("the points are not those of the dealing", reason="WRONG_POINTS")
        # Whom it leaves out, or sends another blob than it signed for, could neither install nor complain.
        if not set(receivers) <= {target.index for target in dealing.targets}:
            raise Invalid("a dealing that leaves a member out", reason="WRONG_DEALING")
        for target in dealing.targets:
            if not equal(blob_hash(blobs.get(target.index, b"")), target.blob_hash):
                raise Invalid("the sealed sub-shares are not those of the dealing", reason="WRONG_BLOB")
        return HeldDealing(signed, packed, rows, blobs)

    def _holder(self, index: int) -> Keyring:
        for link in reversed(self.chain.links):
            if index in link.manifest.indices:
                return link
        raise Invalid(f"no manifest has a custodian {index}", reason="UNKNOWN_CUSTODIAN")

    def plan(self) -> MadePlan:
        """Add up as many dealings as the old threshold; Unavailable if there are fewer.

        A dealer whose points are none is left out, and the next one takes its place.
        """
        while len(dealers := self.choose_dealers(sorted(self.dealings))) == self.from_threshold:
            chosen = {i: self.dealings[i] for i in dealers}
            try:
                rows = [
                    combine_points({i: d.rows[k] for i, d in chosen.items()}, self.keyring.threshold)
                    for k in range(len(self.key_ids))
                ]
            except CryptoError:
                self._leave_out_bad_points(chosen)
                continue
            self.made = self._make(chosen, rows)
            self.installed.clear()
            return self.made
        missing = self.from_threshold - len(dealers)
        raise Unavailable(f"{missing} more dealers are needed", reason="NOT_ENOUGH_DEALERS")

    def _leave_out_bad_points(self, chosen: Mapping[int, HeldDealing]) -> None:
        bad = [i for i, dealing in chosen.items() if not _all_points(dealing)]
        # Sound points can still sum to infinity if dealers made them so: nobody can be named, all deal anew.
        for index in bad or chosen:
            del self.dealings[index]
            self.refused[index] = "INVALID_POINT"

    def _make(self, chosen: Mapping[int, HeldDealing], rows: Sequence[tuple[bytes, ...]]) -> MadePlan:
        plan = Plan(
            self.keyring.keyring_id,
            order_hash(self.order.payload),
            self.order.statement.sequence,
            self.from_version,
            self.keyring.manifest_hash,
            self.keyring.threshold,
            tuple(PlannedDealing(i, d.signed.hash) for i, d in chosen.items()),
            derivation.batch_root(list(self.key_ids)),
            len(self.key_ids),
            points_hash(rows),
        )
        payload = encode_plan(plan)
        return MadePlan(payload, plan_version(payload), pack_points(rows), chosen)

    def add_installed(self, index: int, envelope: Envelope) -> None:
        """A custodian's word that the plan is on its disk; raises if it is not."""
        signed = open_from(Installed, envelope, self.keyring, index, self.keyring, "installed")
        if self.made is None or not equal(signed.statement.version, self.made.version):
            raise Invalid("an INSTALLED statement of another version", reason="WRONG_VERSION")
        if signed.statement.count != len(self.key_ids):
            raise Invalid("an INSTALLED statement that is not about all keys", reason="WRONG_VERSION")
        self.installed[index] = signed

    def add_complaint(self, index: int, envelope: Envelope) -> int:
        """A receiver's complaint; the dealer that it is about."""
        signed = open_from(Complaint, envelope, self.keyring, index, self.keyring, "complaint")
        dealer = signed.statement.dealer
        held = self.dealings.get(dealer)
        if held is None or not equal(signed.statement.dealing_hash, held.signed.hash):
            raise Invalid("a complaint about another dealing", reason="WRONG_COMPLAINT")
        self.complaints.setdefault(dealer, {})[index] = signed
        self.accusers.setdefault(dealer, set()).add(index)
        return dealer

    def proven_cheats(self) -> list[int]:
        """Dealers of whom at least t receivers complain: one of those is honest."""
        return sorted(i for i, by in self.accusers.items() if len(by) >= self.keyring.threshold)

    def durable(self) -> bool:
        """Whether so many installed the plan that old shares may go."""
        return len(self.installed) >= quorums.durable(self.keyring.threshold)

    def certificate(self) -> list[Envelope]:
        """INSTALLED statements of `durable(t')` members."""
        chosen = sorted(self.installed)[: quorums.durable(self.keyring.threshold)]
        return [self.installed[index].message for index in chosen]


Held = tuple[Version, int, KeyId]
"""A version of a key that a custodian holds a share of, and how many shares open it."""


def held_in_common(holdings: Mapping[int, Sequence[Held]]) -> list[tuple[Version, int, tuple[KeyId, ...]]]:
    """Versions of which enough custodians say that they hold shares, with their keys.

    A relay that forks can leave each custodian with a newest version that hardly another one has, while the version
    before is still at all of them: what each lists as its newest says nothing about what they have in common.
    """
    holders: dict[Held, int] = defaultdict(int)
    for held in holdings.values():
        for one in set(held):
            holders[one] += 1
    found: dict[tuple[Version, int], list[KeyId]] = defaultdict(list)
    for (version, threshold, key_id), count in holders.items():
        if count >= threshold:
            found[version, threshold].append(key_id)
    return [(version, threshold, tuple(keys)) for (version, threshold), keys in found.items()]


def _all_points(dealing: HeldDealing) -> bool:
    try:
        for row in dealing.rows:
            for point in row:
                combine_points({1: (point,), 2: (point,)}, 2)
    except CryptoError:
        return False
    return True
