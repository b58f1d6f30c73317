"""Keyrings that change hands: manifests after a genesis, signed by whoever a test says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kms.crypto.signing import SigningKey
from kms.statements.ceremony import Status
from kms.statements.chain import Chain, extend
from kms.statements.codec import encode
from kms.statements.envelope import sign
from kms.statements.manifest import Custodian, Keyring, Manifest, manifest_hash
from tests.protocol.world import START, custodian_of, found_keyring, signing_key

DAY = 86400
DELAY = 7 * DAY
"""Seconds for which a change is public before it holds."""


@dataclass(slots=True)
class House:
    """A keyring with three admins, two of whom decide, and everybody's keys by name."""

    genesis: Keyring
    chain: Chain
    keys: dict[bytes, SigningKey] = field(default_factory=dict)

    @classmethod
    def found(
        cls,
        identities: Mapping[int, SigningKey] | None = None,
        issuers: Mapping[str, SigningKey] | None = None,
        threshold: int = 3,
        now: int = START,
        **changes: Any,
    ) -> House:
        """n custodians (5) and a genesis that gives a week's notice of changes."""
        identities = identities or {i: signing_key(f"custodian {i}") for i in range(1, 6)}
        issuers = issuers or {name: signing_key(f"issuer {name}") for name in ("a", "b")}
        admins = [signing_key("admin"), signing_key("admin 2"), signing_key("admin 3")]
        given = {
            "admins": tuple(key.public for key in admins),
            "admin_quorum": 2,
            "change_delay": DELAY,
            **changes,
        }
        genesis = found_keyring("test", identities, issuers, threshold, now, founders=admins, **given)
        house = cls(genesis, Chain((genesis,)))
        house.meet(*identities.values(), *admins)
        return house

    def meet(self, *keys: SigningKey) -> None:
        """From now on these can sign."""
        self.keys.update({key.public: key for key in keys})

    def next(self, chain: Chain | None = None, **changes: Any) -> Manifest:
        """The manifest that would follow, a day later; `changes` to its fields."""
        last = (chain or self.chain).last
        follows: dict[str, Any] = {
            "sequence": last.manifest.sequence + 1,
            "previous_hash": last.manifest_hash,
            "keyring_id": last.keyring_id,
            "created_at": last.manifest.created_at + DAY,
            "emergency": False,
        }
        return replace(last.manifest, **{**follows, **changes})

    def newcomer(self, index: int, identity: str = "", **changes: Any) -> Custodian:
        """An organisation that is in no manifest yet."""
        key = signing_key(identity or f"custodian {index}")
        self.meet(key)
        return replace(custodian_of(index, key), **changes)

    def signed(
        self, manifest: Manifest, without: Iterable[bytes] = (), also: Iterable[SigningKey] = ()
    ) -> bytes:
        """The envelope with the signatures of all who are entitled, but `without` these, and `also` those."""
        absent = set(without)
        parties: dict[bytes, None] = {}
        for each in (self.chain.last.manifest, manifest):
            parties.update(dict.fromkeys([*each.admins, *(c.identity_key for c in each.custodians)]))
        return sign(manifest, *(self.keys[key] for key in parties if key not in absent), *also).envelope

    def grow(self, **changes: Any) -> Keyring:
        """One more manifest, signed by all."""
        self.chain = extend(self.chain, self.signed(self.next(**changes)))
        return self.chain.last

    def status(self, index: int, at: int, keyring: Keyring | None = None, **changes: Any) -> bytes:
        """Custodian `index`'s word that it stands at `keyring`, the last one if not given."""
        where = keyring or self.chain.last
        said = Status(where.keyring_id, where.manifest_hash, index, where.manifest.sequence, at, 0, (), 0)
        signer = self.keys[self.chain.last.custodian(index).identity_key]
        return sign(replace(said, **changes), signer).envelope


def hash_of(manifest: Manifest) -> bytes:
    """The hash by which a manifest would go."""
    return manifest_hash(encode(manifest))
