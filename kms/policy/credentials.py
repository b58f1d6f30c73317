"""Credentials: JWTs of issuers that the manifest pins, bound to the key that signs requests.

Nothing in a token's header is believed: the key comes from the issuer's own by `kid`, and the algorithm from the kind
of that key. That stops `alg` confusion, `none`, and keys brought along in `jwk` or fetched by `jku`. Services whose
issuer is an authority, and nobody else, show there the certificate that it made them (`certified`).

Bound by `cnf` (RFC 7800, as DPoP of RFC 9449 makes it), or, from providers that cannot do that, by an ID token's
`nonce`: whoever asked for the token put the key's name into it, and the provider signed it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeGuard

from kms.crypto.hashing import equal
from kms.errors import EvidenceRefused
from kms.policy.attributes import Credential
from kms.policy.certified import end_key
from kms.policy.issuers import IssuerKeys, b64
from kms.statements.evidence import credential_nonce

MAX_LIFETIME: Final = 12 * 3600
LEEWAY: Final = 60
"""Seconds by which an issuer's clock may be ahead of ours. None after expiry: lateness helps a thief only."""
MAX_SIZE: Final = 8192
MAX_NAME: Final = 256
MAX_WARDS: Final = 16
_HEADERS: Final = frozenset({"alg", "kid", "typ"})
_CERTIFIED_HEADERS: Final = frozenset({"alg", "x5c", "typ"})
_TYPES: Final = ("JWT", "at+jwt")
_ID_TOKEN_TYPES: Final = ("JWT",)
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)

CacheName = tuple[bytes, bytes, str]
"""(SHA-256 of the token, thumbprint, audience)."""


class CredentialCache:
    """Credentials that were verified. An entry counts only while it is valid and its issuer is pinned."""

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._known: OrderedDict[CacheName, tuple[Credential, int, IssuerKeys]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, name: CacheName, issuers: Sequence[IssuerKeys], now: int) -> Credential | None:
        """The credential if it holds at `now` and was verified against one of these very `issuers`."""
        known = self._known.get(name)
        if known is None:
            return None
        credential, not_before, by = known
        if not any(issuer is by for issuer in issuers) or now >= credential.expires:
            del self._known[name]
            return None
        return credential if not_before - LEEWAY <= now else None

    def put(self, name: CacheName, credential: Credential, not_before: int, by: IssuerKeys) -> None:
        self._known[name] = (credential, not_before, by)
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
    """All of them, each by another issuer. EvidenceRefused on the first bad one: none is optional."""
    credentials = []
    for token in tokens:
        _check_form(token)
        name = (hashlib.sha256(token.encode()).digest(), key_thumbprint, audience)
        credential = cache.get(name, issuers, now)
        if credential is None:
            credential, not_before = verify_credential(token, issuers, audience, key_thumbprint, now)
            cache.put(name, credential, not_before, _issuer_of(credential.iss, issuers))
        # Also of one that was verified before: keys that nobody could fetch any more vouch for nobody.
        _issuer_of(credential.iss, issuers).check_usable(now)
        credentials.append(credential)
    if len({c.iss for c in credentials}) != len(credentials):
        raise EvidenceRefused("two credentials of one issuer", reason="CREDENTIAL_REPEATED")
    return tuple(credentials)


def verify_credential(
    token: str, issuers: Sequence[IssuerKeys], audience: str, key_thumbprint: bytes, now: int
) -> tuple[Credential, int]:
    """The credential and the second from which it holds; EvidenceRefused with a stable reason else.

    `audience` is the keyring id in hex (an issuer may have another of its own), `key_thumbprint` 32 bytes, `now` in
    unix seconds.
    """
    _check_form(token)
    header, claims = _segments(token)
    issuer = _issuer_of(claims.get("iss"), issuers)
    # `jwk`, `jku`, `crit` and whatever else a header may bring: none has a meaning here. `x5c` has one where
    # authorities are pinned, and there alone.
    types = _ID_TOKEN_TYPES if issuer.nonce_bound else _TYPES
    known = _CERTIFIED_HEADERS if issuer.authorities else _HEADERS
    if set(header) - known or header.get("typ", "JWT") not in types:
        raise EvidenceRefused("the credential's header is not plain", reason="CREDENTIAL_HEADER")
    issuer.check_usable(now)
    if issuer.authorities:
        _check_certified(token, header, claims, issuer, now)
    else:
        issuer.key_of(header.get("kid"), now).check_signature(token, header.get("alg"))
    not_before = _check_times(claims, now)
    return _read_claims(claims, issuer, audience, key_thumbprint), not_before


def _check_certified(
    token: str, header: Mapping[str, Any], claims: Mapping[str, Any], issuer: IssuerKeys, now: int
) -> None:
    key, names, end = end_key(header.get("x5c"), issuer.authorities, now)
    key.check_signature(token, header.get("alg"))
    subject = claims.get("sub")
    if not isinstance(subject, str) or subject not in names:
        raise EvidenceRefused("the certificate is of another service", reason="CREDENTIAL_CERTIFICATE")
    if _seconds(claims, "exp") > end:
        raise EvidenceRefused("the credential outlives its certificate", reason="CREDENTIAL_LIFETIME")


def _issuer_of(iss: object, issuers: Sequence[IssuerKeys]) -> IssuerKeys:
    for issuer in issuers:
        if issuer.iss == iss:
            return issuer
    raise EvidenceRefused("the manifest knows no such issuer", reason="CREDENTIAL_UNKNOWN_ISSUER")


def key_nonce(audience: str, key_thumbprint: bytes) -> str:
    """What a nonce-bound ID token's `nonce` must be, for the keyring of this id (hex) and a key's thumbprint."""
    return credential_nonce(bytes.fromhex(audience), key_thumbprint)


def _check_times(claims: Mapping[str, Any], now: int) -> int:
    issued, expires = _seconds(claims, "iat"), _seconds(claims, "exp")
    not_before = max(issued, _seconds(claims, "nbf")) if "nbf" in claims else issued
    if not 0 < expires - issued <= MAX_LIFETIME:
        raise EvidenceRefused("the credential lives too long", reason="CREDENTIAL_LIFETIME")
    if now < not_before - LEEWAY:
        raise EvidenceRefused("the credential is not valid yet", reason="CREDENTIAL_NOT_YET_VALID")
    if now >= expires:
        raise EvidenceRefused("the credential has expired", reason="CREDENTIAL_EXPIRED")
    return not_before


def _read_claims(
    claims: Mapping[str, Any], issuer: IssuerKeys, audience: str, key_thumbprint: bytes
) -> Credential:
    # Exactly one audience: a token that serves elsewhere too can be taken from there.
    wanted = issuer.audience or audience
    if claims.get("aud") not in (wanted, [wanted]):
        raise EvidenceRefused("the credential is for another audience", reason="CREDENTIAL_AUDIENCE")
    _check_binding(claims, issuer, audience, key_thumbprint)
    subject, klass = claims.get("sub"), claims.get("holder_class")
    if klass is None and len(issuer.classes) == 1:
        (klass,) = issuer.classes
    organisation = claims.get("organisation", "")
    if not _is_name(subject) or not (organisation == "" or _is_name(organisation)):
        raise EvidenceRefused("the credential names nobody", reason="CREDENTIAL_MALFORMED")
    if not isinstance(klass, str) or klass not in issuer.classes:
        raise EvidenceRefused("its issuer may not vouch for that class", reason="CREDENTIAL_CLASS")
    return Credential(
        issuer.iss,
        issuer.controlled_by,
        subject,
        klass,
        organisation,
        key_thumbprint,
        _seconds(claims, "exp"),
        _email(claims),
        _wards(claims),
    )


def _check_binding(
    claims: Mapping[str, Any], issuer: IssuerKeys, keyring_id: str, key_thumbprint: bytes
) -> None:
    # Without this a stolen token would open records for whoever holds it.
    if issuer.nonce_bound:
        bound, wanted = claims.get("nonce"), key_nonce(keyring_id, key_thumbprint)
    else:
        confirmation = claims.get("cnf")
        bound = confirmation.get("jkt") if isinstance(confirmation, dict) else None
        wanted = b64(key_thumbprint)
    if not isinstance(bound, str) or not equal(_utf8(bound), wanted.encode()):
        raise EvidenceRefused("the credential is bound to another key", reason="CREDENTIAL_WRONG_KEY")


def _email(claims: Mapping[str, Any]) -> str:
    """The address that the issuer verified; empty if it did not, for an address that anybody may write is no name."""
    if claims.get("email_verified") is not True or "email" not in claims:
        return ""
    email = claims["email"]
    if not _is_name(email) or email.count("@") != 1:
        raise EvidenceRefused("the credential's address is none", reason="CREDENTIAL_MALFORMED")
    return email.casefold()


def _wards(claims: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    """Whose guardian the issuer calls the holder: `guardian_of`, a list of `{"sub": ..., "until": unix seconds}`."""
    wards = claims.get("guardian_of", [])
    if not isinstance(wards, list) or len(wards) > MAX_WARDS:
        raise EvidenceRefused("the credential's guardian_of is no short list", reason="CREDENTIAL_MALFORMED")
    found = []
    for ward in wards:
        if not isinstance(ward, dict) or not _is_name(ward.get("sub")):
            raise EvidenceRefused("the credential's guardian_of names nobody", reason="CREDENTIAL_MALFORMED")
        found.append((ward["sub"], _seconds(ward, "until")))
    return tuple(found)


def _is_name(value: object) -> TypeGuard[str]:
    # Names are shown to approvers: nothing that moves a cursor or fills a screen.
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME and value.isprintable()


def _seconds(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    if type(value) is not int:
        raise EvidenceRefused(f"the credential's {name} is missing", reason="CREDENTIAL_MALFORMED")
    return value


def _check_form(token: str) -> None:
    if len(token) > MAX_SIZE:
        raise EvidenceRefused("the credential is too large", reason="CREDENTIAL_TOO_LARGE")
    if _COMPACT.fullmatch(token) is None:
        raise EvidenceRefused("the credential is not a signed JWT", reason="CREDENTIAL_MALFORMED")


def _segments(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, not yet verified: they only say which pinned key to hold the token against."""
    try:
        first, second, _ = map(_unb64, token.split("."))
        header, claims = (json.loads(part, object_pairs_hook=_unique) for part in (first, second))
    except (ValueError, RecursionError):
        raise EvidenceRefused("the credential is not a signed JWT", reason="CREDENTIAL_MALFORMED") from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise EvidenceRefused("the credential is not a signed JWT", reason="CREDENTIAL_MALFORMED")
    return header, claims


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of two equal names one parser takes the first and another the last: both readers would be right.
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice")
    return members


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _unb64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
