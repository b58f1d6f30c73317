"""The rule of succession, a second time: which manifest may follow which, and who must have signed it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

from kms.ceremony.offline.messages import Manifest
from kms.crypto import labels
from kms.crypto.hashing import H
from kms.errors import Invalid

MAX_CUSTODIANS: Final = 64
MAX_THRESHOLD: Final = 32
MAX_ADMINS: Final = 32
MAX_DELAY: Final = 90 * 86400


@dataclass(frozen=True, slots=True)
class Link:
    """A manifest that was checked, and its 32-byte hash."""

    manifest: Manifest
    hash: bytes


def _refuse(problem: str) -> Invalid:
    return Invalid(problem, reason="MANIFEST_REFUSED")


def check_shape(manifest: Manifest) -> None:
    """What every manifest holds, whoever signed it."""
    m, n, t = manifest, len(manifest.custodians), manifest.threshold
    if t > MAX_THRESHOLD or not (t >= 2 and 2 * t - 1 <= n <= MAX_CUSTODIANS):
        raise _refuse(f"{t} of {n} custodians is no permitted shape")
    if not t + 1 <= m.durable_quorum <= n:
        raise _refuse(f"{m.durable_quorum} holders of a new key are too few or too many")
    if not 1 <= m.admin_quorum <= len(m.admins) <= MAX_ADMINS:
        raise _refuse(f"{m.admin_quorum} of {len(m.admins)} admins is no quorum")
    if m.created_at >= m.expires_at or max(m.change_delay, m.recovery_delay, m.destruction_delay) > MAX_DELAY:
        raise _refuse("its times contradict each other")
    keys = [c.identity_key for c in m.custodians] + list(m.admins)
    for what, values in (
        ("keys", keys),
        ("indices", list(m.indices)),
        ("organisations", [c.organisation for c in m.custodians]),
        ("issuers", [i.iss for i in m.issuers]),
    ):
        if len(set(values)) != len(values):
            raise _refuse(f"two of its {what} are the same")
    texts = [m.name, m.policy, m.policy_schema]
    texts += [text for c in m.custodians for text in (c.organisation, c.jurisdiction, c.hosting, c.parent)]
    if not all(texts):
        raise _refuse("it leaves a name or the policy empty")
    if not m.issuers or 0 in m.indices:
        raise _refuse("it has no issuers, or a custodian without an index")
    for what in ("jurisdiction", "hosting", "parent"):
        name, size = Counter(getattr(c, what) for c in m.custodians).most_common(1)[0]
        if size >= t:
            raise _refuse(f"{size} custodians share the {what} {name!r}, which is enough to open")


def follow(links: tuple[Link, ...], manifest: Manifest, payload: bytes, signers: frozenset[bytes]) -> Link:
    """The next link of a chain (the first of none); Invalid unless the rule holds."""
    check_shape(manifest)
    new_custodians = {c.identity_key for c in manifest.custodians}
    if not links:
        if manifest.sequence or manifest.previous_hash or manifest.keyring_id or manifest.emergency:
            raise _refuse("the first manifest must be a genesis")
        if signers != new_custodians | set(manifest.admins):
            raise _refuse("a genesis is signed by every admin and every custodian, and by nobody else")
        return Link(manifest, H(labels.MANIFEST, payload))
    before = links[-1].manifest
    if manifest.sequence != before.sequence + 1 or manifest.previous_hash != links[-1].hash:
        raise _refuse("it does not follow the manifest before it")
    if manifest.created_at < before.created_at:
        raise _refuse("it is older than the manifest before it")
    _check_indices(links, manifest)
    if manifest.emergency:
        _check_eviction(before, manifest)
    old_custodians = {c.identity_key for c in before.custodians}
    n, t = len(before.custodians), before.threshold
    for name, have, need in (
        ("admins of the manifest before", len(signers & set(before.admins)), before.admin_quorum),
        ("its own admins", len(signers & set(manifest.admins)), manifest.admin_quorum),
        ("custodians of the manifest before", len(signers & old_custodians), -(-(n + t) // 2)),
        ("its own custodians", len(signers & new_custodians), len(new_custodians)),
    ):
        if have < need:
            raise _refuse(f"{have} of {name} signed it, {need} must have")
    if not signers <= old_custodians | new_custodians | set(before.admins) | set(manifest.admins):
        raise _refuse("somebody signed it who has no part in it")
    return Link(manifest, H(labels.MANIFEST, payload))


def _check_indices(links: tuple[Link, ...], manifest: Manifest) -> None:
    for link in links:
        for old in link.manifest.custodians:
            for new in manifest.custodians:
                if old.index == new.index and old.organisation != new.organisation:
                    raise _refuse(f"index {new.index} was that of {old.organisation!r}")
                if old.identity_key == new.identity_key and old.index != new.index:
                    raise _refuse(f"the key of {new.organisation!r} was that of index {old.index}")
    held = {c.organisation: c.index for link in links for c in link.manifest.custodians}
    for new in manifest.custodians:
        if held.get(new.organisation, new.index) != new.index:
            raise _refuse(f"{new.organisation!r} has another index than before")


def _check_eviction(before: Manifest, manifest: Manifest) -> None:
    stay = tuple(c for c in before.custodians if c.index in manifest.indices)
    allowed = replace(
        before,
        custodians=stay,
        durable_quorum=min(before.durable_quorum, len(stay)),
        sequence=manifest.sequence,
        previous_hash=manifest.previous_hash,
        keyring_id=manifest.keyring_id,
        created_at=manifest.created_at,
        emergency=True,
    )
    if manifest != allowed or len(stay) == len(before.custodians):
        raise _refuse("an emergency takes custodians out and changes nothing else")
