"""What must hold after every step, whatever the adversary did.

- *Durable*: every key has a version of which at least its threshold of honest custodians hold shares that fit.
- *Secret*: no key's secret follows from what the adversary saw (`views`).
- *Erased*: no honest custodian that acted on a certificate has an older share of those keys, then or later.
- *Same*: every share at an honest custodian fits commitments that start with the key's own C_0, and any quorum of them
  gives the secret that the key was dealt with.
- *Fair*: no honest custodian names another honest one as a cheat.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kms.crypto.sharing import decode_share, interpolate, verify
from kms.custodian.sqlite import SqliteCustodianStore
from kms.custodian.store import StoredKey
from kms.errors import CryptoError, KmsError
from kms.statements.ids import KeyId, Version
from kms_client.blame import check_of
from kms_client.cache import OpenKey
from tests.siege.views import Adversary
from tests.siege.world import Site


class Violation(AssertionError):
    """Something that must never happen; the message says which promise broke, and where."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One share on a disk that fits its commitments: of which order (0 if dealt), t, and f(i)."""

    sequence: int
    threshold: int
    value: int


@dataclass(slots=True)
class Law:
    """`faulty` custodians are not held to anything: the corrupted, and those whose disk was lost."""

    site: Site
    adversary: Adversary
    keys: Mapping[KeyId, OpenKey]
    faulty: set[int]
    held: dict[int, dict[KeyId, dict[Version, Holding]]] = field(default_factory=dict)
    floors: dict[tuple[int, KeyId], int] = field(default_factory=dict)
    """Sequence of the latest certificate that a custodian acted on, by key."""
    checks: int = 0
    _looked: dict[int, list[tuple[object, ...]]] = field(default_factory=dict)
    """Rows of a disk as they were last: while they are the same, so is what they hold."""
    _opened: dict[tuple[object, ...], bytes] = field(default_factory=dict)
    _fits: set[tuple[bytes, ...]] = field(default_factory=set)
    _whole: set[tuple[KeyId, Version]] = field(default_factory=set)

    # -- what is told as it happens --------------------------------------------------------------------------

    def erased(
        self, index: int, key_ids: Sequence[KeyId], version: Version, sequence: int, members: Sequence[int]
    ) -> None:
        """A custodian said that it erased what is older; it is held to that where it has the new share.

        Or where it is no member of the manifest that the shares were made for: then nothing is left to it.
        """
        if index in self.faulty:
            return
        self.look(index)
        for key in key_ids:
            if index not in members or version in self.held[index].get(key, {}):
                self.floors[index, key] = max(sequence, self.floors.get((index, key), 0))
        self._check_floors(index)

    def accused(self, accuser: int, dealer: int) -> None:
        if accuser not in self.faulty and dealer not in self.faulty:
            raise Violation(f"Fair: honest custodian {accuser} complains of honest dealer {dealer}")

    def blamed(self, accuser: int, error: KmsError) -> None:
        named = error.details.get("helper", "")
        if named.isdigit():
            self.accused(accuser, int(named))

    # -- what is seen on the disks ---------------------------------------------------------------------------

    def check(self) -> None:
        """All of it, after a step."""
        self.checks += 1
        for index in list(self.site.disks):
            if self.site.powers[index].written or index not in self.held:
                self.look(index)
        for key in self.keys:
            self._check_durable(key)
        determined = self.adversary.determined()
        if determined:
            raise Violation(f"Secret: the adversary's view determines {len(determined)} keys")

    def look(self, index: int) -> None:
        """Read a disk again."""
        self.site.powers[index].written = False
        rows = _rows(self.site.disks[index])
        if rows != self._looked.get(index):
            store = SqliteCustodianStore(self.site.disks[index])
            found = store.keys(list(self.keys))
            self.held[index] = {
                key: self._holdings(index, key, stored, store) for key, stored in found.items()
            }
            self._looked[index] = rows
        self._check_floors(index)

    def _holdings(
        self, index: int, key: KeyId, stored: StoredKey, store: SqliteCustodianStore
    ) -> dict[Version, Holding]:
        commitments = self.keys[key].descriptor.core.commitments
        vault, opened = self.site.vault(index), self._opened
        found = {}
        if stored.descriptor.core.commitments[0] != commitments[0]:
            raise Violation(f"Same: custodian {index} has another C_0")
        if stored.dealt:
            sealed: tuple[object, ...] = (index, key, *stored.row)
            share = opened.get(sealed) or opened.setdefault(sealed, vault.open_share(key, stored.row))
            self._check_fits(index, share, commitments)
            found[stored.version] = Holding(0, len(commitments), decode_share(share)[0])
        for reshared in stored.reshared:
            plan = store.versions.version(reshared.version)
            if plan is None:
                raise Violation(f"Same: custodian {index} has a share of a version that it does not know")
            sealed = (index, key, reshared.version, reshared.wrapped_key, reshared.share)
            share = opened.get(sealed) or opened.setdefault(
                sealed, vault.open_reshared(key, reshared.version, reshared.wrapped_key, reshared.share)
            )
            self._check_fits(index, share, (commitments[0], *plan.points_of(key)))
            found[reshared.version] = Holding(reshared.sequence, reshared.threshold, decode_share(share)[0])
        return found

    def _check_fits(self, index: int, share: bytes, commitments: Sequence[bytes]) -> None:
        looked = (bytes([index]), share, *commitments)
        if looked in self._fits:
            return
        try:
            verify(index, share, commitments, len(commitments))
        except CryptoError:
            if index not in self.faulty:
                raise Violation(f"Same: a share of custodian {index} does not fit C_0") from None
        self._fits.add(looked)

    def _check_floors(self, index: int) -> None:
        for (whose, key), floor in self.floors.items():
            if whose == index and index not in self.faulty:
                old = [h.sequence for h in self.held[index].get(key, {}).values() if h.sequence < floor]
                if old:
                    raise Violation(
                        f"Erased: custodian {index} has a share of order {old[0]}, and acted on a certificate"
                        f" of order {floor}"
                    )

    def holds(self, index: int, key_ids: Sequence[KeyId], version: Version) -> bool:
        """Whether a custodian has a share of one of these keys in this version."""
        return any(version in self.held.get(index, {}).get(key, {}) for key in key_ids)

    def can_come_back(self, version: Version, threshold: int, key_ids: Sequence[KeyId]) -> bool:
        """Whether somebody who acted on a certificate has this version no more, and enough others have."""
        erased = {i for i, key in self.floors if key in key_ids and not self.holds(i, key_ids, version)}
        return bool(erased) and sum(self.holds(i, key_ids, version) for i in self.held) >= threshold

    def holders(self, key: KeyId) -> dict[Version, dict[int, Holding]]:
        """Honest custodians' shares of a key, by version."""
        found: dict[Version, dict[int, Holding]] = {}
        for index, keys in self.held.items():
            if index not in self.faulty:
                for version, holding in keys.get(key, {}).items():
                    found.setdefault(version, {})[index] = holding
        return found

    def _check_durable(self, key: KeyId) -> None:
        lasting = False
        for version, holdings in self.holders(key).items():
            threshold = next(iter(holdings.values())).threshold
            if len(holdings) >= threshold:
                lasting = True
                self._check_whole(key, version, holdings, threshold)
        if not lasting:
            spread = {h.sequence: len(s) for s in self.holders(key).values() for h in s.values()}
            raise Violation(f"Durable: no version of a key has enough honest holders (by order: {spread})")

    def _check_whole(
        self, key: KeyId, version: Version, holdings: Mapping[int, Holding], threshold: int
    ) -> None:
        if (key, version) in self._whole:
            return
        base = tuple(sorted(holdings))[:threshold]
        value = interpolate(base, [holdings[i].value for i in base])
        matches = check_of(self.keys[key].descriptor, [])
        if matches is None or not matches(value.to_bytes(32, "big")):
            raise Violation("Same: a quorum's shares give another secret")
        self._whole.add((key, version))


def _rows(disk: sqlite3.Connection) -> list[tuple[object, ...]]:
    """Every row that has to do with a share."""
    return [
        row
        for table in ("keys", "frames", "reshared", "versions")
        for row in disk.execute(f"SELECT * FROM {table}").fetchall()
    ]
