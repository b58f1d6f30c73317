"""Who acts for an owner: further keys and guardians, named and revoked at the custodians.

A device that acts for another owner keeps the statement that says so (its mandate), and shows it to each custodian
before it says anything itself: one that was away when the owner said it would refuse otherwise.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kms.errors import ConfigError, KmsError
from kms.statements.codec import payload_type
from kms.statements.consent import Account
from kms.statements.envelope import open_named, sign
from kms.statements.ids import Thumbprint
from kms.statements.mandates import Guardian, OwnerKey, OwnerKeyRevocation
from kms.statements.release import Purpose
from kms.wire.v1 import keyring_pb2
from kms_client.consent import Told, tell
from kms_client.profile import Profile
from kms_client.session import Session

NAME = "mandates.json"
Mandate = OwnerKey | Guardian


async def add_key(session: Session, key: bytes, not_after: int = 0) -> tuple[bytes, Told]:
    """Let another key act for this device's in everything; the mandate for that device, and who took it."""
    keyring = await session.directory.keyring()
    statement = OwnerKey(
        keyring.keyring_id,
        keyring.manifest_hash,
        session.thumbprint,
        Thumbprint(key),
        not_after,
        int(session.now() * 1000),
    )
    envelope = sign(statement, session.profile.device_key).envelope
    return envelope, await tell(session, envelope)


async def add_guardian(
    session: Session,
    key: bytes,
    not_after: int,
    purposes: Sequence[Purpose],
    categories: Sequence[str] = (),
    *,
    may_grant: bool = False,
) -> tuple[bytes, Told]:
    """Let a guardian read for this owner within bounds; the mandate for the guardian's device, and who took it."""
    keyring = await session.directory.keyring()
    now = session.now()
    statement = Guardian(
        keyring.keyring_id,
        keyring.manifest_hash,
        session.thumbprint,
        Thumbprint(key),
        tuple(categories),
        tuple(purposes),
        may_grant,
        int(now),
        not_after,
        int(now * 1000),
    )
    envelope = sign(statement, session.profile.device_key).envelope
    return envelope, await tell(session, envelope)


async def revoke_key(session: Session, owner: Thumbprint, key: bytes, kept: Iterable[bytes]) -> Told:
    """Say that a key acts for the owner no more. `kept`: this device's mandates, if it is not the owner's own."""
    keyring = await session.directory.keyring()
    statement = OwnerKeyRevocation(
        keyring.keyring_id,
        keyring.manifest_hash,
        owner,
        session.thumbprint,
        Thumbprint(key),
        int(session.now()),
    )
    await show(session, kept)
    return await tell(session, sign(statement, session.profile.device_key).envelope)


async def show(session: Session, kept: Iterable[bytes]) -> None:
    """Show mandates to every custodian, for those that were away when they were given."""
    for mandate in kept:
        await tell(session, mandate)


def read_mandate(envelope: bytes) -> Mandate:
    """What a mandate says, if it is signed by the owner that it names."""
    kind = keyring_pb2.Envelope.FromString(envelope).payload_type
    if kind == payload_type(Guardian):
        return open_named(Guardian, envelope, lambda g: g.owner_thumbprint, "mandate").statement
    return open_named(OwnerKey, envelope, lambda k: k.owner_thumbprint, "mandate").statement


class Mandates:
    """The mandates of a device, in a file beside its state."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.envelopes: list[bytes] = []
        if not path.exists():
            return
        try:
            self.envelopes = [base64.b64decode(e, validate=True) for e in json.loads(path.read_text())]
        except (OSError, TypeError, ValueError):
            raise ConfigError(f"{path} is damaged: delete it, and accept the mandates again") from None

    @classmethod
    def of(cls, profile: Profile) -> Mandates:
        """Those of this device."""
        if profile.state is None:
            raise ConfigError("the profile names no file for its state, so mandates cannot be kept beside it")
        return cls(profile.state.with_name(NAME))

    def accept(self, envelope: bytes, device: bytes) -> Mandate:
        """Keep a mandate that was given to this device; ConfigError if it is another's."""
        mandate = read_mandate(envelope)
        if mandate.key_thumbprint != device:
            raise ConfigError("the mandate was given to another key")
        if envelope not in self.envelopes:
            self.envelopes.append(envelope)
            self._path.write_text(json.dumps([base64.b64encode(e).decode() for e in self.envelopes]))
        return mandate

    def for_owner(self, owner: Thumbprint) -> list[bytes]:
        return [e for e in self.envelopes if read_mandate(e).owner_thumbprint == owner]

    def sole_owner(self) -> Thumbprint | None:
        """For whom this device acts in everything, if that is one alone."""
        mandates = map(read_mandate, self.envelopes)
        owners = {m.owner_thumbprint for m in mandates if isinstance(m, OwnerKey)}
        return owners.pop() if len(owners) == 1 else None


@dataclass(frozen=True, slots=True)
class Actor:
    """A key that acts for an owner: how, and at which custodians it is known and revoked."""

    key: bytes
    mandate: Mandate | None
    known: tuple[int, ...] = ()
    revoked: tuple[int, ...] = ()

    def facts(self) -> dict[str, object]:
        """For JSON."""
        facts: dict[str, object] = {
            "key": self.key.hex(),
            "kind": _kind(self.mandate),
            "known": list(self.known),
            "revoked": list(self.revoked),
        }
        if self.mandate is not None:
            facts["not_after"] = self.mandate.not_after
        if isinstance(self.mandate, Guardian):
            facts |= {
                "categories": list(self.mandate.categories),
                "purposes": [purpose.name.lower() for purpose in self.mandate.purposes],
                "may_grant": self.mandate.may_grant,
            }
        return facts


def actors(accounts: Mapping[int, Account], owner: Thumbprint) -> list[Actor]:
    """Everybody who acts or acted for an owner, as the custodians that answered say: the owner's own key first."""
    found: dict[bytes, Actor] = {owner: Actor(owner, None, tuple(sorted(accounts)))}
    for index, account in sorted(accounts.items()):
        for envelope in account.mandates:
            try:
                mandate = read_mandate(envelope.SerializeToString(deterministic=True))
            except KmsError:
                continue  # what the owner did not sign, a custodian made up
            if mandate.owner_thumbprint == owner:
                before = found.get(mandate.key_thumbprint, Actor(mandate.key_thumbprint, mandate))
                found[mandate.key_thumbprint] = replace(before, known=(*before.known, index))
        for key in account.revoked_keys:
            before = found.get(key, Actor(key, None))
            found[key] = replace(before, revoked=(*before.revoked, index))
    return list(found.values())


def _kind(mandate: Mandate | None) -> str:
    if mandate is None:
        return "owner"
    return "guardian" if isinstance(mandate, Guardian) else "further key"
