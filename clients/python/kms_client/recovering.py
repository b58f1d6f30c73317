"""When an owner's key is lost: binding its holder's names beforehand, and asking for a new key to count."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from kms.errors import ConfigError
from kms.statements.envelope import sign
from kms.statements.ids import Thumbprint
from kms.statements.kills import person_name
from kms.statements.recovery import OwnerBinding, RecoveryRequest
from kms_client.consent import Told, tell, tell_each
from kms_client.session import Session


async def bind(session: Session) -> Told:
    """Say at every custodian as whom issuers know this owner: who its credentials name now."""
    keyring = await session.directory.keyring()
    people = [_person(token) for token in await session.credentials()]
    statement = OwnerBinding(
        keyring.keyring_id,
        keyring.manifest_hash,
        session.thumbprint,
        tuple(person_name(keyring.keyring_id, iss, subject) for iss, subject in people),
        int(session.now() * 1000),
    )
    return await tell(session, sign(statement, session.profile.device_key).envelope)


async def begin(session: Session, owner: bytes) -> Told:
    """Ask every custodian to let this device's key count for an owner, after the keyring's wait."""
    keyring = await session.directory.keyring()
    credentials: Sequence[str] = await session.credentials()

    def at(index: int) -> bytes:
        statement = RecoveryRequest(
            keyring.keyring_id,
            keyring.manifest_hash,
            index,
            Thumbprint(owner),
            session.thumbprint,
            tuple(credentials),
            int(session.now()),
        )
        return sign(statement, session.profile.device_key).envelope

    return await tell_each(session, at)


def _person(token: str) -> tuple[str, str]:
    """(iss, sub) as a credential says; custodians verify it when it matters."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return str(claims["iss"]), str(claims["sub"])
    except (IndexError, KeyError, TypeError, ValueError):
        raise ConfigError("a credential of this device names nobody") from None
