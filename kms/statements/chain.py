"""The chain of a keyring's manifests: how one hands over to the next, and which one is in force.

The rule of succession, for manifest N+1 after N:

- it names N's hash, N's sequence plus one, and the keyring;
- it is signed by the admin quorum of N, the admin quorum of N+1, `agreement` custodians of N and every custodian
  of N+1, and by nobody else;
- an index means one organisation, an organisation has one index, and an identity key one index, for the life of the
  keyring;
- it holds once it has been public for N's `change_delay`. An emergency may take custodians out and change nothing
  else, and holds at once.

Whoever follows the chain keeps the longest one that it has seen: a shorter one is a rollback, another manifest in
a place that was filled is a fork, and both of its sides are kept as evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kms.crypto.hashing import equal
from kms.errors import BadSignature, Fork, Invalid, NotFound, Stale
from kms.statements import quorums
from kms.statements.codec import require
from kms.statements.envelope import open_by_all, open_by_quorums
from kms.statements.ids import KeyringId
from kms.statements.manifest import (
    Keyring,
    Manifest,
    Seen,
    founders,
    genesis_keyring_id,
    keyring_of,
)

MAX_LENGTH = 1000
EXPIRY_WARNING = 30 * 86400
"""Seconds before its end in which a manifest is to be renewed."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Every manifest of a keyring, genesis first, each verified against the one before."""

    links: tuple[Keyring, ...]

    @property
    def keyring_id(self) -> KeyringId:
        return self.links[0].keyring_id

    @property
    def last(self) -> Keyring:
        """The newest manifest, in force or only announced."""
        return self.links[-1]

    @property
    def envelopes(self) -> tuple[bytes, ...]:
        return tuple(link.envelope for link in self.links)

    @property
    def seen(self) -> Seen:
        """What to remember of this chain."""
        return Seen(self.last.manifest.sequence, self.last.manifest_hash)

    def holds_from(self, sequence: int) -> int:
        """Unix seconds from which the manifest of this sequence is in force."""
        since = self.links[0].manifest.created_at
        for before, link in zip(self.links[:sequence], self.links[1:], strict=False):
            delay = 0 if link.manifest.emergency else before.manifest.change_delay
            since = max(since, link.manifest.created_at + delay)
        return since

    def in_force(self, now: int) -> Keyring:
        """The newest manifest whose delay has passed, expired or not."""
        for link in reversed(self.links[1:]):
            if self.holds_from(link.manifest.sequence) <= now:
                return link
        return self.links[0]

    def current(self, now: int) -> Keyring:
        """The manifest in force; Stale if it has expired."""
        link = self.in_force(now)
        if now >= link.manifest.expires_at:
            raise Stale("the manifest has expired: admins must renew it", reason="MANIFEST_EXPIRED")
        return link

    def announced(self, now: int) -> tuple[Keyring, ...]:
        """Manifests that everybody has signed and whose delay has not passed."""
        return self.links[self.in_force(now).manifest.sequence + 1 :]

    def of(self, manifest_hash: bytes) -> Keyring:
        """The manifest of this hash; NotFound if it is none of this chain."""
        for link in self.links:
            if equal(link.manifest_hash, manifest_hash):
                return link
        raise NotFound("a manifest that is not of this chain", reason="UNKNOWN_MANIFEST")

    def expires_soon(self, now: int) -> int | None:
        """Seconds until the manifest in force expires, if that is within 30 days (0: it has); else None."""
        left = self.in_force(now).manifest.expires_at - now
        return max(0, left) if left < EXPIRY_WARNING else None


def open_chain(envelopes: Sequence[bytes], pinned: bytes) -> Chain:
    """The chain from the genesis of the keyring named `pinned`; raises what is wrong with the first bad link.

    Whether its newest manifest is in force or expired is for `current` to say.
    """
    if not 1 <= len(envelopes) <= MAX_LENGTH:
        raise Invalid(f"a chain has 1 to {MAX_LENGTH} manifests", reason="NOT_A_CHAIN")
    chain = Chain((_open_first(envelopes[0], pinned),))
    for envelope in envelopes[1:]:
        chain = extend(chain, envelope)
    return chain


def _open_first(envelope: bytes, pinned: bytes) -> Keyring:
    # There is no trust on first use: without the pinned id a host would found a keyring of its own.
    signed = open_by_all(Manifest, envelope, founders, "manifest")
    manifest = signed.statement
    if manifest.sequence or manifest.previous_hash or manifest.keyring_id or manifest.emergency:
        raise Invalid("the first manifest of a chain must be a genesis", reason="NOT_GENESIS")
    if not equal(genesis_keyring_id(signed.payload), pinned):
        raise NotFound("this manifest is not of the keyring that was pinned", reason="WRONG_KEYRING")
    return keyring_of(KeyringId(pinned), signed)


def extend(chain: Chain, envelope: bytes) -> Chain:
    """The chain with one more manifest; raises unless the rule of succession holds."""

    def check(manifest: Manifest, signers: frozenset[bytes]) -> None:
        check_proposal(chain, manifest)
        missing = missing_signatures(chain, manifest, signers)
        if missing:
            raise BadSignature("signatures are missing: " + "; ".join(missing), reason="SIGNATURES_MISSING")
        if not signers <= entitled(chain, manifest):
            raise BadSignature("somebody signed who has no part in this", reason="WRONG_SIGNER")

    signed = open_by_quorums(Manifest, envelope, check, "manifest")
    earlier = frozenset(link.manifest_hash for link in chain.links)
    return Chain((*chain.links, keyring_of(chain.keyring_id, signed, earlier)))


def check_proposal(chain: Chain, manifest: Manifest) -> None:
    """Invalid unless this may follow the chain's last manifest, once all have signed."""
    before = chain.last.manifest
    require(manifest.sequence == before.sequence + 1, "manifest.sequence", f"must be {before.sequence + 1}")
    if not equal(manifest.previous_hash, chain.last.manifest_hash):
        raise Invalid("the manifest follows another one than the last", reason="WRONG_PREVIOUS")
    require(equal(manifest.keyring_id, chain.keyring_id), "manifest.keyring_id", "is another keyring's")
    require(manifest.created_at >= before.created_at, "manifest.created_at", "is before the manifest before")
    _check_indices(chain, manifest)
    if manifest.emergency:
        _check_eviction(before, manifest)


def _check_indices(chain: Chain, manifest: Manifest) -> None:
    # A share belongs to an index: who took over another organisation's would hold its shares' meaning too, and
    # one organisation under two indices would count twice.
    for link in chain.links:
        for old in link.manifest.custodians:
            for new in manifest.custodians:
                require(
                    (old.index == new.index) <= (old.organisation == new.organisation),
                    "manifest.custodians.index",
                    f"{new.index} was that of {old.organisation!r} and is never given to another",
                )
                require(
                    (old.identity_key == new.identity_key) <= (old.index == new.index),
                    "manifest.custodians.identity_key",
                    f"of {new.organisation!r} was that of custodian {old.index}",
                )
    # Whoever left and came back under another index could have its old version repaired there: two shares of one.
    kept = {c.organisation: c.index for link in chain.links for c in link.manifest.custodians}
    for new in manifest.custodians:
        require(
            kept.get(new.organisation, new.index) == new.index,
            "manifest.custodians.index",
            f"of {new.organisation!r} must stay {kept.get(new.organisation)}",
        )


def _check_eviction(before: Manifest, manifest: Manifest) -> None:
    stay = tuple(c for c in before.custodians if c.index in manifest.indices)
    quorum = min(before.durable_quorum, len(stay))
    same = replace(
        manifest,
        custodians=before.custodians,
        durable_quorum=before.durable_quorum,
        sequence=before.sequence,
        previous_hash=before.previous_hash,
        keyring_id=before.keyring_id,
        created_at=before.created_at,
        emergency=before.emergency,
    )
    # Whatever else changed would escape the delay in which people can object to it.
    evicts = manifest.custodians == stay and len(stay) < len(before.custodians)
    if not evicts or same != before or manifest.durable_quorum != quorum:
        raise Invalid(
            "an emergency takes custodians out and changes nothing else", reason="EMERGENCY_TOO_WIDE"
        )


def entitled(chain: Chain, manifest: Manifest) -> frozenset[bytes]:
    """Whose signatures under this next manifest mean something."""
    return frozenset(founders(manifest) | founders(chain.last.manifest))


def missing_signatures(chain: Chain | None, manifest: Manifest, signers: frozenset[bytes]) -> list[str]:
    """What is missing in words, one line for each quorum; empty if the manifest is complete.

    Without a chain it is a genesis, which every admin and every custodian signs.
    """
    lines: list[str] = []
    if chain is None:
        absent = sum(key not in signers for key in manifest.admins)
        if absent:
            lines.append(f"{absent} of {len(manifest.admins)} admins")
    else:
        before = chain.last.manifest
        n, t = len(before.custodians), before.threshold
        for which, old in (("the manifest before", before), ("this manifest", manifest)):
            have = sum(key in signers for key in old.admins)
            if have < old.admin_quorum:
                lines.append(f"{old.admin_quorum - have} more admins of {which}")
        have = sum(c.identity_key in signers for c in before.custodians)
        if have < quorums.agreement(n, t):
            lines.append(f"{quorums.agreement(n, t) - have} more custodians of the manifest before")
    lines += [
        f"custodian {c.index} ({c.organisation})"
        for c in manifest.custodians
        if c.identity_key not in signers
    ]
    return lines


def follow(known: Chain | None, offered: Chain) -> Chain:
    """The longer of two chains of one keyring. Stale if the offered one is behind, Fork if they part."""
    if known is None:
        return offered
    for ours, theirs in zip(known.links, offered.links, strict=False):
        if not equal(ours.manifest_hash, theirs.manifest_hash):
            raise Fork(
                f"two manifests of sequence {ours.manifest.sequence}: {ours.manifest_hash.hex()} and "
                f"{theirs.manifest_hash.hex()}",
                evidence=(ours.envelope, theirs.envelope),
            )
    if len(offered.links) < len(known.links):
        raise Stale(
            f"manifest {offered.last.manifest.sequence} is offered, {known.last.manifest.sequence} was seen: "
            "somebody rolls back",
            reason="MANIFEST_ROLLBACK",
        )
    return offered
