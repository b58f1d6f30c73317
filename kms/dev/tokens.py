"""Credentials for development: signed like an identity provider's, for whoever asks."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import OKPKey

from kms.crypto.signing import SigningKey
from kms.transport import tls
from kms.transport.client import Channel
from kms.wire.dev.v1 import issuer_pb2
from kms_client.credentials import EARLY_SECONDS, expiry

SERVICE = "kms.dev.v1.IssuerService"
LIFETIME = 3600
_TIMEOUT = 10.0


def issue_credential(
    key: SigningKey,
    kid: str,
    iss: str,
    subject: str,
    holder_class: str,
    organisation: str,
    key_thumbprint: bytes,
    audience: str,
    now: int,
    lifetime: int = LIFETIME,
    email: str = "",
    guardian_of: Sequence[tuple[str, int]] = (),
) -> str:
    """A JWT signed with the issuer's Ed25519 key, bound to the 32-byte `key_thumbprint`; seconds."""
    seed, public = _b64(key.seed.reveal()), _b64(key.public)
    private = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "d": seed, "x": public})
    claims = {
        "iss": iss,
        "sub": subject,
        "aud": audience,
        "iat": now,
        "exp": now + lifetime,
        "jti": secrets.token_hex(8),
        "cnf": {"jkt": _b64(key_thumbprint)},
        "holder_class": holder_class,
        "organisation": organisation,
    } | ({"email": email, "email_verified": True} if email else {})
    if guardian_of:
        claims["guardian_of"] = [{"sub": ward, "until": until} for ward, until in guardian_of]
    return jwt.encode({"alg": "Ed25519", "kid": kid, "typ": "JWT"}, claims, private, algorithms=["Ed25519"])


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class IssuerAt:
    """A running development issuer: host:port and the authority of its certificate."""

    endpoint: str
    authorities: Path

    async def issue(
        self,
        subject: str,
        holder_class: str,
        key_thumbprint: bytes,
        audience: str,
        organisation: str = "",
        lifetime: int = LIFETIME,
    ) -> str:
        """A credential from it, as a JWT."""
        channel = Channel(self.endpoint, tls.client_credentials(self.authorities))
        try:
            answer = await channel.call(
                SERVICE,
                "IssueCredential",
                issuer_pb2.IssueCredentialRequest(
                    subject=subject,
                    holder_class=holder_class,
                    organisation=organisation,
                    key_thumbprint=key_thumbprint,
                    audience=audience,
                    lifetime_seconds=lifetime,
                ),
                issuer_pb2.IssueCredentialResponse,
                timeout=_TIMEOUT,
            )
        finally:
            await channel.close()
        return answer.credential


@dataclass(slots=True)
class DevCredentials:
    """A `kms_client.CredentialSource` that asks development issuers, again when the last answer is about to expire."""

    issuers: Sequence[IssuerAt]
    subject: str
    holder_class: str
    organisation: str = ""
    _tokens: dict[tuple[bytes, str], tuple[Sequence[str], float]] = field(default_factory=dict, repr=False)

    async def credentials(self, key_thumbprint: bytes, audience: str) -> Sequence[str]:
        known, expires = self._tokens.get((key_thumbprint, audience), ((), 0.0))
        if time.time() < expires - EARLY_SECONDS:
            return known
        tokens = [
            await issuer.issue(self.subject, self.holder_class, key_thumbprint, audience, self.organisation)
            for issuer in self.issuers
        ]
        self._tokens[key_thumbprint, audience] = (tokens, min(map(expiry, tokens), default=0.0))
        return tokens
