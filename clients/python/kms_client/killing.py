"""Ending a key, a person's credentials, or one credential, at the custodians themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kms.errors import KmsError
from kms.statements import quorums
from kms.statements.envelope import sign
from kms.statements.kills import KeyKill, open_kill, open_killed
from kms.statements.manifest import Custodian, Keyring
from kms.transport import tls
from kms.transport.client import Channel
from kms.wire.v1 import keyring_pb2, kill_pb2
from kms_client.session import Session

SERVICE = "kms.v1.KillService"


@dataclass(frozen=True, slots=True)
class Effect:
    """Which custodians gave their signed word, and why the others did not (a reason by index)."""

    acknowledged: tuple[int, ...]
    failures: Mapping[int, str]
    needed: int
    """So many words make it effective. Of a kill: fewer than the threshold are left who could still answer. Of a legal
    hold: as many as the threshold keep the keys."""

    @property
    def effective(self) -> bool:
        return len(self.acknowledged) >= self.needed

    def facts(self) -> dict[str, Any]:
        return {
            "effective": self.effective,
            "needed": self.needed,
            "acknowledged": list(self.acknowledged),
            "failures": {str(index): reason for index, reason in sorted(self.failures.items())},
        }


async def kill_own_key(session: Session) -> Effect:
    """End this device's key at every custodian, for good."""
    keyring = await session.directory.keyring()
    said = KeyKill(keyring.keyring_id, keyring.manifest_hash, session.thumbprint, int(session.now()))
    return await hand_in(session, sign(said, session.profile.device_key).envelope)


async def hand_in(session: Session, statement: bytes) -> Effect:
    """Hand a statement to every custodian of the manifest, directly. Invalid or BadSignature if none would take it."""
    keyring = await session.directory.keyring()
    chain = await session.directory.chain()
    named = open_kill(statement, chain, keyring, int(session.now())).statement_hash
    message = keyring_pb2.Envelope.FromString(statement)
    custodians = keyring.manifest.custodians
    said = await asyncio.gather(*(_tell(session, keyring, c, message, named) for c in custodians))
    reasons = {c.index: reason for c, reason in zip(custodians, said, strict=True)}
    return Effect(
        tuple(index for index, reason in reasons.items() if not reason),
        {index: reason for index, reason in reasons.items() if reason},
        quorums.erased(len(custodians), keyring.threshold),
    )


async def _tell(
    session: Session, keyring: Keyring, to: Custodian, message: keyring_pb2.Envelope, named: bytes
) -> str:
    """Why this custodian did not give its word; empty if it did."""
    direct = Channel(to.endpoint, tls.client_credentials(session.profile.authorities))
    try:
        answer = await direct.call(
            SERVICE,
            "Kill",
            kill_pb2.KillRequest(statement=message),
            kill_pb2.KillResponse,
            timeout=session.timeout,
        )
        # Only its own signature counts: whoever else answers at that address ends nothing.
        open_killed(answer.killed, keyring, to.index, named)
        return ""
    except KmsError as error:
        return error.reason
    finally:
        await direct.close()
