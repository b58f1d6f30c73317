"""Owners' grants, and taking them back."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Iterable, Sequence

from kms.errors import Invalid, KmsError
from kms.statements.envelope import sign
from kms.statements.evidence import Grant, GrantAction, Revocation
from kms.statements.ids import GrantId, KeyId, Thumbprint
from kms.statements.release import Purpose
from kms.transport import tls
from kms.transport.client import Channel
from kms.wire.v1 import coordinator_pb2, custodian_pb2, evidence_pb2, keyring_pb2
from kms_client.directory import SERVICE
from kms_client.session import Session

CUSTODIAN = "kms.v1.CustodianService"


async def sign_grant(
    session: Session,
    grantee: bytes,
    keys: Iterable[bytes],
    category: str,
    purposes: Sequence[Purpose],
    valid_for: int,
    max_count: int,
) -> bytes:
    """The envelope of a grant by this device's key; `valid_for` in seconds."""
    keyring = await session.directory.keyring()
    now = session.now()
    grant = Grant(
        keyring.keyring_id,
        keyring.manifest_hash,
        GrantId(secrets.token_bytes(16)),
        session.thumbprint,
        Thumbprint(grantee),
        tuple(KeyId(key) for key in keys),
        category,
        (GrantAction.RELEASE,),
        tuple(purposes),
        int(now),
        int(now) + valid_for,
        max_count,
        int(now * 1000),
    )
    return sign(grant, session.profile.device_key).envelope


async def revoke(session: Session, grant: bytes | None, all_until_now: bool) -> list[int]:
    """Tell every custodian, directly and through the coordinator; the indices of those that acknowledged."""
    if (grant is None) == (not all_until_now):
        raise Invalid("either a grant or all_until_now", reason="INVALID_FIELD")
    keyring = await session.directory.keyring()
    now = session.now()
    revocation = Revocation(
        keyring.keyring_id,
        keyring.manifest_hash,
        session.thumbprint,
        _grant_id(grant) if grant is not None else b"",
        int(now * 1000) if all_until_now else 0,
        int(now),
    )
    message = sign(revocation, session.profile.device_key).message
    with contextlib.suppress(KmsError):
        await session.channel.call(
            SERVICE,
            "RevokeGrant",
            coordinator_pb2.RevokeGrantRequest(revocation=message),
            coordinator_pb2.RevokeGrantResponse,
            timeout=session.timeout,
        )
    # Only what a custodian itself answered counts: a coordinator's word that it told them does not.
    custodians = keyring.manifest.custodians
    told = await asyncio.gather(*(_tell(session, c.endpoint, message) for c in custodians))
    return sorted(c.index for c, done in zip(custodians, told, strict=True) if done)


async def _tell(session: Session, endpoint: str, message: keyring_pb2.Envelope) -> bool:
    direct = Channel(endpoint, tls.client_credentials(session.profile.authorities))
    try:
        await direct.call(
            CUSTODIAN,
            "RevokeGrant",
            custodian_pb2.CustodianServiceRevokeGrantRequest(revocation=message),
            custodian_pb2.CustodianServiceRevokeGrantResponse,
            timeout=session.timeout,
        )
        return True
    except KmsError:
        return False
    finally:
        await direct.close()


def _grant_id(grant: bytes) -> bytes:
    envelope = keyring_pb2.Envelope.FromString(grant)
    return evidence_pb2.Grant.FromString(envelope.payload).grant_id
