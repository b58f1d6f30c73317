"""What must hold after every step, whoever lies and whatever the relay does."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from kms.crypto.sharing import decode_share, interpolate, verify
from kms.custodian.resharing import commitments_of, open_version
from kms.custodian.store import StoredKey
from kms.errors import CryptoError
from kms.statements.ids import KeyId, Version
from kms_client.cache import OpenKey
from tests.simulation.keyrings import MortalWorld
from tests.simulation.views import Views


class Broken(AssertionError):
    """An invariant does not hold."""


@dataclass(slots=True)
class Inventory:
    """What honest custodians have: (key, version) -> custodian -> share, and each version's threshold."""

    shares: dict[tuple[KeyId, Version], dict[int, bytes]] = field(default_factory=lambda: defaultdict(dict))
    thresholds: dict[Version, int] = field(default_factory=dict)


@dataclass(slots=True)
class Invariants:
    """Checks a world's disks. `erased` is the highest sequence whose certificate a custodian acted on, by key."""

    world: MortalWorld
    keys: tuple[OpenKey, ...]
    secrets: dict[KeyId, bytes]
    """f(0) of each key."""
    faulty: set[int]
    erased: dict[tuple[int, KeyId], int] = field(default_factory=dict)
    _verified: set[tuple[int, KeyId, Version, bytes]] = field(default_factory=set)

    def check(self) -> Inventory:
        """All but secrecy; Broken if one does not hold."""
        inventory = self._take_stock()
        for key in self.keys:
            self._check_common_version(inventory, key.key_id)
            self._check_one_secret(inventory, key.key_id)
        return inventory

    def _take_stock(self) -> Inventory:
        inventory = Inventory()
        for index, node in self.world.nodes.items():
            if index in self.faulty:
                continue
            stored = node.context.store.keys([key.key_id for key in self.keys])
            for key_id, key in stored.items():
                for version, threshold, sequence in _versions(key):
                    floor = self.erased.get((index, key_id), 0)
                    if sequence < floor:
                        raise Broken(
                            f"custodian {index} has a share of order {sequence} after the certificate of order {floor}"
                        )
                    share = open_version(node.context, key, version)
                    self._check_share(index, key, version, share)
                    inventory.shares[key_id, version][index] = share
                    inventory.thresholds[version] = threshold
        return inventory

    def _check_share(self, index: int, key: StoredKey, version: Version, share: bytes) -> None:
        name = (index, key.key_id, version, share)
        if name in self._verified:
            return
        commitments = commitments_of(self.world.nodes[index].context, key, version)
        original = next(k for k in self.keys if k.key_id == key.key_id).descriptor.core.commitments[0]
        if commitments[0] != original:
            raise Broken(f"C_0 of a key changed at custodian {index}")
        try:
            verify(index, share, commitments, len(commitments))
        except CryptoError as error:
            raise Broken(f"custodian {index} keeps a share that does not fit: {error.reason}") from None
        self._verified.add(name)

    def _check_common_version(self, inventory: Inventory, key_id: KeyId) -> None:
        """At least t honest custodians hold one common version of every key."""
        for (held, version), shares in inventory.shares.items():
            if held == key_id and len(shares) >= inventory.thresholds[version]:
                return
        raise Broken(f"no version of key {key_id.hex()[:8]} is held by as many honest custodians as open it")

    def _check_one_secret(self, inventory: Inventory, key_id: KeyId) -> None:
        """Whatever version is held by enough, it opens to the secret that was dealt."""
        for (held, version), shares in inventory.shares.items():
            threshold = inventory.thresholds[version]
            if held != key_id or len(shares) < threshold:
                continue
            base = tuple(sorted(shares))[:threshold]
            value = interpolate(base, [decode_share(shares[i])[0] for i in base])
            if value.to_bytes(32, "big") != self.secrets[key_id]:
                raise Broken(f"a version of key {key_id.hex()[:8]} opens to another secret")


def check_secrecy(views: dict[KeyId, Views]) -> None:
    """What the adversary knows does not determine the secret, as long as it never held t custodians at once."""
    for key_id, view in views.items():
        if view.known.knows(view.secret):
            raise Broken(f"the adversary knows key {key_id.hex()[:8]}")


def _versions(key: StoredKey) -> list[tuple[Version, int, int]]:
    """(version, threshold, sequence of its order) of every share of a key; 0 for the dealt one."""
    dealt = [(key.version, key.threshold, 0)] if key.dealt else []
    return [*dealt, *((share.version, share.threshold, share.sequence) for share in key.reshared)]
