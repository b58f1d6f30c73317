"""Who acts for an owner at this custodian now.

An owner is a key. It may let further keys act for it, and guardians read for it; keys that were revoked never come
back. Nothing is handed on: who was let in lets in no other (a chain of depth 1).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from kms.custodian.context import NodeContext
from kms.policy.attributes import Credential, controllers
from kms.statements.ids import Thumbprint
from kms.statements.kills import person_name
from kms.statements.mandates import Guardian, open_guardian, open_owner_key
from kms.statements.release import Purpose

FURTHER: Final = "further key"
GUARDIAN: Final = "guardian"
NAMED_PURPOSES: Final = (Purpose.PATIENT_ACCESS, Purpose.TREATMENT)
"""What a guardian reads for whom issuers named; whom the owner named reads for what the owner said."""
RECOVERED: Final = "recovered"
"""Its sequence is the second from which the key counts."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One owner's side: keys that act in everything, guardians whose dates hold, all keys that ever were its own."""

    owner: Thumbprint
    keys: frozenset[Thumbprint]
    guardians: tuple[Guardian, ...] = ()
    family: frozenset[Thumbprint] = frozenset()
    """Keys revoked or ended count here: what was read by their grants was read by the owner's."""
    named: frozenset[Thumbprint] = frozenset()
    """Whom two independent issuers, and not the owner, call a guardian."""

    def acts(self, key: Thumbprint) -> bool:
        return key in self.keys

    def guards(self, key: Thumbprint, category: str, purpose: Purpose) -> bool:
        """Whether the owner named this key a guardian's, for this category and purpose."""
        return any(g.key_thumbprint == key and g.covers(category, purpose) for g in self.guardians)

    def granters(self, category: str, purpose: Purpose) -> frozenset[Thumbprint]:
        """Whose grants count for this category and purpose."""
        return self.keys.union(
            g.key_thumbprint for g in self.guardians if g.may_grant and g.covers(category, purpose)
        )


def standings(node: NodeContext, owners: Collection[Thumbprint], now: int) -> Mapping[Thumbprint, Standing]:
    """Of each of these owners."""
    store = node.store.consent
    revoked = store.revoked_keys(owners)
    keys = {owner: {owner} for owner in owners}
    family = {owner: {owner} for owner in owners}
    guardians: dict[Thumbprint, list[Guardian]] = {owner: [] for owner in owners}
    for mandate in store.mandates(owners):
        if mandate.kind == FURTHER:
            family[mandate.owner].add(mandate.key)
            if open_owner_key(mandate.envelope, node.keyring).statement.holds(now):
                keys[mandate.owner].add(mandate.key)
        elif mandate.kind == RECOVERED:
            # While it waits it is nobody's: what it signs now must not count later either. And what the admins
            # have switched off since, no wait brings about.
            if node.keyring.manifest.recovery_delay and now >= mandate.sequence:
                family[mandate.owner].add(mandate.key)
                keys[mandate.owner].add(mandate.key)
        elif mandate.kind == GUARDIAN and (mandate.owner, mandate.key) not in revoked:
            guardian = open_guardian(mandate.envelope, node.keyring).statement
            if guardian.holds(now):
                guardians[mandate.owner].append(guardian)
    return {
        owner: Standing(
            owner,
            frozenset(key for key in keys[owner] if (owner, key) not in revoked),
            tuple(guardians[owner]),
            frozenset(family[owner]),
        )
        for owner in owners
    }


def with_named(
    node: NodeContext,
    sides: Mapping[Thumbprint, Standing],
    credentials: Sequence[Credential],
    key: Thumbprint,
    now: int,
) -> Mapping[Thumbprint, Standing]:
    """The standings, with this key among the guardians of every owner whose guardian two issuers call its holder.

    They name the ward as each of them knows it, and the owner's key has bound those very names. Issuers of one owner
    are one voice, and a key that the owner dismissed stays dismissed.
    """
    if not any(credential.guardian_of for credential in credentials):
        return sides
    revoked = node.store.consent.revoked_keys(sides.keys())
    found = dict(sides)
    for owner, side in sides.items():
        bound = node.store.consent.binding(owner)
        people = {bound[1][at : at + 32] for at in range(0, len(bound[1]), 32)} if bound else set()
        vouching = [
            credential
            for credential in credentials
            for ward, until in credential.guardian_of
            if now < until and person_name(node.keyring.keyring_id, credential.iss, ward) in people
        ]
        if len(controllers(vouching)) >= 2 and (owner, key) not in revoked:
            found[owner] = replace(side, named=frozenset({key}))
    return found


def standing(node: NodeContext, owner: Thumbprint, now: int) -> Standing:
    """Of one owner."""
    return standings(node, (owner,), now)[owner]
