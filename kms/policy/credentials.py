"""Credentials: JWTs of issuers that the manifest pins, bound to the key that signs requests (RFC 7800).

Nothing in a token's header is believed: the key comes from the manifest by issuer and `kid`, and the algorithm
from the kind of that key. That stops `alg` confusion, `none`, and keys brought along in `jwk` or fetched by
`jku`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from kms.crypto.hashing import equal
from kms.errors import EvidenceRefused
from kms.policy.attributes import Credential, class_name
from kms.statements.manifest import Issuer, IssuerKey, IssuerKeyType

MAX_LIFETIME: Final = 12 * 3600
LEEWAY: Final = 60
MAX_SIZE: Final = 8192
_HEADERS: Final = frozenset({"alg", "kid", "typ"})
_TYPES: Final = frozenset({"JWT", "at+jwt"})


@dataclass(frozen=True, slots=True)
class PinnedKey:
    """One key of an issuer and the one algorithm that goes with it."""

    alg: str
    key: OKPKey | ECKey


@dataclass(frozen=True, slots=True)
class IssuerKeys:
    """An issuer of the manifest, its keys by `kid`, the classes that it may vouch for."""

    iss: str
    controlled_by: str
    classes: frozenset[str]
    keys: dict[str, PinnedKey]


def issuer_keys(issuer: Issuer) -> IssuerKeys:
    """Ready to verify with."""
    return IssuerKeys(
        issuer.iss,
        issuer.controlled_by,
        frozenset(class_name(klass) for klass in issuer.classes),
        {key.kid: _pin(key) for key in issuer.keys},
    )


def _pin(key: IssuerKey) -> PinnedKey:
    if key.type is IssuerKeyType.ED25519:
        return PinnedKey(
            "EdDSA", OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": _b64(key.public_key)})
        )
    point = key.public_key
    jwk = {"kty": "EC", "crv": "P-256", "x": _b64(point[1:33]), "y": _b64(point[33:])}
    return PinnedKey("ES256", ECKey.import_key(jwk))


class CredentialCache:
    """Credentials that were verified, by hash of token, key and audience; none outlives its expiry."""

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._known: OrderedDict[bytes, tuple[Credential, int]] = OrderedDict()

    def get(self, name: bytes, now: int) -> Credential | None:
        known = self._known.get(name)
        if known is None or not known[1] - LEEWAY <= now < known[0].expires:
            return None
        return known[0]

    def put(self, name: bytes, credential: Credential, not_before: int) -> None:
        self._known[name] = (credential, not_before)
        while len(self._known) > self._limit:
            self._known.popitem(last=False)


def verify_credentials(
    tokens: Sequence[str],
    issuers: Sequence[IssuerKeys],
    audience: str,
    key_thumbprint: bytes,
    now: int,
    cache: CredentialCache,
) -> tuple[Credential, ...]:
    """All of them, each by another issuer; EvidenceRefused on the first that is bad: no credential is optional."""
    credentials = []
    for token in tokens:
        name = hashlib.sha256(
            b"\0".join((hashlib.sha256(token.encode()).digest(), key_thumbprint, audience.encode()))
        ).digest()
        credential = cache.get(name, now)
        if credential is None:
            credential, not_before = verify_credential(token, issuers, audience, key_thumbprint, now)
            cache.put(name, credential, not_before)
        credentials.append(credential)
    if len({c.iss for c in credentials}) != len(credentials):
        raise EvidenceRefused("two credentials of one issuer", reason="CREDENTIAL_REPEATED")
    return tuple(credentials)


def verify_credential(
    token: str, issuers: Sequence[IssuerKeys], audience: str, key_thumbprint: bytes, now: int
) -> tuple[Credential, int]:
    """The credential and the second from which it holds; EvidenceRefused with a stable reason else."""
    if len(token) > MAX_SIZE:
        raise EvidenceRefused("the credential is too large", reason="CREDENTIAL_MALFORMED")
    header, claims = _segments(token)
    issuer = next((i for i in issuers if i.iss == claims.get("iss")), None)
    if issuer is None:
        raise EvidenceRefused("the manifest knows no such issuer", reason="CREDENTIAL_UNKNOWN_ISSUER")
    # `jwk`, `jku`, `x5c`, `crit` and whatever else a header may bring: none has a meaning here.
    if set(header) - _HEADERS or header.get("typ", "JWT") not in _TYPES:
        raise EvidenceRefused("the credential's header is not plain", reason="CREDENTIAL_HEADER")
    kid = header.get("kid")
    pinned = issuer.keys.get(kid) if isinstance(kid, str) else None
    if pinned is None:
        raise EvidenceRefused("the credential's key is not pinned", reason="CREDENTIAL_UNKNOWN_KEY")
    if header.get("alg") != pinned.alg:
        raise EvidenceRefused("the credential's algorithm is not its key's", reason="CREDENTIAL_ALGORITHM")
    try:
        jws.deserialize_compact(token, pinned.key, algorithms=[pinned.alg])
    except (JoseError, ValueError):
        raise EvidenceRefused("the credential's signature is wrong", reason="CREDENTIAL_SIGNATURE") from None
    return _check_claims(claims, issuer, audience, key_thumbprint, now)


def _check_claims(
    claims: dict[str, Any], issuer: IssuerKeys, audience: str, key_thumbprint: bytes, now: int
) -> tuple[Credential, int]:
    issued, expires = _seconds(claims, "iat"), _seconds(claims, "exp")
    not_before = _seconds(claims, "nbf") if "nbf" in claims else issued
    if claims.get("aud") not in (audience, [audience]):
        raise EvidenceRefused("the credential is for another audience", reason="CREDENTIAL_AUDIENCE")
    if not max(issued, not_before) - LEEWAY <= now < expires or not 0 < expires - issued <= MAX_LIFETIME:
        raise EvidenceRefused("the credential is not valid now", reason="CREDENTIAL_EXPIRED")
    confirmation = claims.get("cnf")
    jkt = confirmation.get("jkt") if isinstance(confirmation, dict) else None
    # Without this a stolen token would open records for whoever holds it.
    if not isinstance(jkt, str) or not equal(jkt.encode(), _b64(key_thumbprint).encode()):
        raise EvidenceRefused("the credential is bound to another key", reason="CREDENTIAL_WRONG_KEY")
    subject, klass = claims.get("sub"), claims.get("holder_class")
    organisation = claims.get("organisation", "")
    if not isinstance(subject, str) or not subject or not isinstance(organisation, str):
        raise EvidenceRefused("the credential names nobody", reason="CREDENTIAL_MALFORMED")
    if not isinstance(klass, str) or klass not in issuer.classes:
        raise EvidenceRefused("its issuer may not vouch for that class", reason="CREDENTIAL_CLASS")
    credential = Credential(
        issuer.iss, issuer.controlled_by, subject, klass, organisation, key_thumbprint, expires
    )
    return credential, max(issued, not_before)


def _seconds(claims: dict[str, Any], name: str) -> int:
    value = claims.get(name)
    if type(value) is not int:
        raise EvidenceRefused(f"the credential's {name} is missing", reason="CREDENTIAL_MALFORMED")
    return value


def _segments(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, not yet verified: they only say which pinned key to hold the token against."""
    try:
        first, second, _ = token.split(".")
        header, claims = (json.loads(_unb64(part)) for part in (first, second))
    except (ValueError, binascii.Error, RecursionError):
        raise EvidenceRefused("the credential is not a signed JWT", reason="CREDENTIAL_MALFORMED") from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise EvidenceRefused("the credential is not a signed JWT", reason="CREDENTIAL_MALFORMED")
    return header, claims


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
