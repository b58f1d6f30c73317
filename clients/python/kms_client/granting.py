"""Owners' grants, and taking them back."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Mapping, Sequence

from kms.errors import Invalid, KmsError
from kms.statements.envelope import open_named, sign
from kms.statements.evidence import Grant, GrantAction, Revocation
from kms.statements.ids import GrantId, KeyId, Thumbprint
from kms.statements.release import Purpose
from kms.wire.v1 import coordinator_pb2, keyring_pb2
from kms_client.consent import Told, tell
from kms_client.directory import SERVICE
from kms_client.session import Session


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


async def sign_revocation(session: Session, grant_id: bytes | None) -> bytes:
    """The envelope that takes back one grant, or with None all that this key has given until now."""
    keyring = await session.directory.keyring()
    now = session.now()
    revocation = Revocation(
        keyring.keyring_id,
        keyring.manifest_hash,
        session.thumbprint,
        grant_id or b"",
        0 if grant_id else int(now * 1000),
        int(now),
    )
    return sign(revocation, session.profile.device_key).envelope


async def revoke(session: Session, grant: bytes | None, all_until_now: bool) -> Told:
    """Sign and tell."""
    if (grant is None) == (not all_until_now):
        raise Invalid("either a grant or all_until_now", reason="INVALID_FIELD")
    return await tell_revocation(
        session, await sign_revocation(session, read_grant(grant).grant_id if grant else None)
    )


async def tell_revocation(
    session: Session, revocation: bytes, known: Mapping[int, bytes] | None = None
) -> Told:
    """Tell every custodian that is not in `known`, directly; through the coordinator too, for those out of reach.

    Only what a custodian itself signed counts: a coordinator's word that it told them does not.
    """
    told = await tell(session, revocation, known)
    if told.failures:
        with contextlib.suppress(KmsError):
            await session.channel.call(
                SERVICE,
                "RevokeGrant",
                coordinator_pb2.RevokeGrantRequest(revocation=keyring_pb2.Envelope.FromString(revocation)),
                coordinator_pb2.RevokeGrantResponse,
                timeout=session.timeout,
            )
    return told


def read_grant(envelope: bytes) -> Grant:
    """What a grant says, if it is signed by the owner that it names. Whether it holds, only custodians know."""
    return open_named(Grant, envelope, lambda grant: grant.owner_thumbprint, "grant").statement
