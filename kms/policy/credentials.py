"""Credentials: JWTs of issuers that the manifest pins, bound to the key that signs requests (RFC 7800).

Nothing in a token's header is believed: the key comes from the manifest by issuer and `kid`, and the
algorithm from the kind of that key. That stops `alg` confusion, `none`, and keys brought along in `jwk` or
fetched by `jku`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from kms.crypto.hashing import equal
from kms.errors import ConfigError, EvidenceRefused
from kms.policy.attributes import Credential, class_name
from kms.statements.manifest import Issuer, IssuerKey, IssuerKeyType

MAX_LIFETIME: Final = 12 * 3600
LEEWAY: Final = 60
"""Seconds by which an issuer's clock may be ahead of ours. None after expiry: lateness helps a thief only."""
MAX_SIZE: Final = 8192
MAX_NAME: Final = 256
_HEADERS: Final = frozenset({"alg", "kid", "typ"})
_TYPES: Final = ("JWT", "at+jwt")
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
# RFC 9864 renames EdDSA over Ed25519 to Ed25519. Issuers use either; both mean this one algorithm here.
_ALGORITHMS: Final = {
    IssuerKeyType.ED25519: frozenset({"EdDSA", "Ed25519"}),
    IssuerKeyType.P256: frozenset({"ES256"}),
}


class _Registry(jws.JWSRegistry):
    """Only the algorithms that go with the pinned key; without joserfc's warning about the name EdDSA."""

    def __init__(self, algorithms: frozenset[str]) -> None:
        super().__init__(algorithms=algorithms)
        self._models = {name: jws.JWSRegistry.algorithms[name] for name in algorithms}

    def get_alg(self, name: str) -> Any:
        if name not in self._models:
            raise ValueError("not an algorithm of this key")
        return self._models[name]


_REGISTRIES: Final = {type_: _Registry(names) for type_, names in _ALGORITHMS.items()}


@dataclass(frozen=True, slots=True)
class PinnedKey:
    """One key of an issuer; its type alone says which algorithms go with it."""

    type: IssuerKeyType
    key: OKPKey | ECKey


@dataclass(frozen=True, slots=True)
class IssuerKeys:
    """An issuer of the manifest, its keys by `kid`, the classes that it may vouch for."""

    iss: str
    controlled_by: str
    classes: frozenset[str]
    keys: Mapping[str, PinnedKey]


def issuer_keys(issuer: Issuer) -> IssuerKeys:
    """Ready to verify with. ConfigError if a key is not what its type says, or two have one `kid`."""
    keys = {key.kid: _pin(key) for key in issuer.keys}
    if len(keys) != len(issuer.keys):
        raise ConfigError(f"issuer {issuer.iss} has two keys of one kid: give each its own")
    classes = frozenset(class_name(klass) for klass in issuer.classes)
    return IssuerKeys(issuer.iss, issuer.controlled_by, classes, keys)


def _pin(key: IssuerKey) -> PinnedKey:
    try:
        if key.type is IssuerKeyType.ED25519:
            x = _b64(key.public_key)
            return PinnedKey(key.type, OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": x}))
        point = key.public_key
        if point[0] != 4:
            raise ValueError("not an uncompressed point")
        return PinnedKey(
            key.type,
            ECKey.import_key(
                {"kty": "EC", "crv": "P-256", "x": _b64(point[1:33]), "y": _b64(point[33:])},
            ),
        )
    except (JoseError, ValueError) as error:
        raise ConfigError(f"the issuer key {key.kid!r} is not a {key.type.name} key: {error}") from None


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
            by = next(issuer for issuer in issuers if issuer.iss == credential.iss)
            cache.put(name, credential, not_before, by)
        credentials.append(credential)
    if len({c.iss for c in credentials}) != len(credentials):
        raise EvidenceRefused("two credentials of one issuer", reason="CREDENTIAL_REPEATED")
    return tuple(credentials)


def verify_credential(
    token: str, issuers: Sequence[IssuerKeys], audience: str, key_thumbprint: bytes, now: int
) -> tuple[Credential, int]:
    """The credential and the second from which it holds; EvidenceRefused with a stable reason else.

    `audience` is the keyring id in hex, `key_thumbprint` 32 bytes, `now` in unix seconds.
    """
    _check_form(token)
    header, claims = _segments(token)
    issuer = next((i for i in issuers if i.iss == claims.get("iss")), None)
    if issuer is None:
        raise EvidenceRefused("the manifest knows no such issuer", reason="CREDENTIAL_UNKNOWN_ISSUER")
    # `jwk`, `jku`, `x5c`, `crit` and whatever else a header may bring: none has a meaning here.
    if set(header) - _HEADERS or header.get("typ", "JWT") not in _TYPES:
        raise EvidenceRefused("the credential's header is not plain", reason="CREDENTIAL_HEADER")
    kid = header.get("kid")
    # Under exactly this issuer: else one pinned issuer could sign in another's name.
    pinned = issuer.keys.get(kid) if isinstance(kid, str) else None
    if pinned is None:
        raise EvidenceRefused("the credential's key is not pinned", reason="CREDENTIAL_UNKNOWN_KEY")
    alg = header.get("alg")
    if not isinstance(alg, str) or alg not in _ALGORITHMS[pinned.type]:
        raise EvidenceRefused("the credential's algorithm is not its key's", reason="CREDENTIAL_ALGORITHM")
    try:
        jws.deserialize_compact(token, pinned.key, registry=_REGISTRIES[pinned.type])
    except (JoseError, ValueError):
        raise EvidenceRefused("the credential's signature is wrong", reason="CREDENTIAL_SIGNATURE") from None
    not_before = _check_times(claims, now)
    return _read_claims(claims, issuer, audience, key_thumbprint), not_before


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
    if claims.get("aud") not in (audience, [audience]):
        raise EvidenceRefused("the credential is for another audience", reason="CREDENTIAL_AUDIENCE")
    confirmation = claims.get("cnf")
    jkt = confirmation.get("jkt") if isinstance(confirmation, dict) else None
    # Without this a stolen token would open records for whoever holds it.
    if not isinstance(jkt, str) or not equal(_utf8(jkt), _b64(key_thumbprint).encode()):
        raise EvidenceRefused("the credential is bound to another key", reason="CREDENTIAL_WRONG_KEY")
    subject, klass = claims.get("sub"), claims.get("holder_class")
    organisation = claims.get("organisation", "")
    if not _is_name(subject) or not (organisation == "" or _is_name(organisation)):
        raise EvidenceRefused("the credential names nobody", reason="CREDENTIAL_MALFORMED")
    if not isinstance(klass, str) or klass not in issuer.classes:
        raise EvidenceRefused("its issuer may not vouch for that class", reason="CREDENTIAL_CLASS")
    expires = _seconds(claims, "exp")
    return Credential(issuer.iss, issuer.controlled_by, subject, klass, organisation, key_thumbprint, expires)


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


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
