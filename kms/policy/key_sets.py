"""What a provider's documents must be: OpenID Connect Discovery 1.0 and JSON Web Key Sets (RFC 7517).

A provider shows more than signing keys, and kinds of keys that nobody here verifies with: those are left out, and
what was signed with them is refused as unknown. What no honest provider shows, a private part or two keys of
one name, makes the whole set worth nothing.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kms.errors import ConfigError, Invalid
from kms.policy.issuers import ALGORITHMS, pin
from kms.statements.manifest import IssuerKey, IssuerKeyType
from kms.statements.providers import ProviderKey

MAX_SHOWN: Final = 64
MAX_KEYS: Final = 32
"""Of those that one may sign credentials with."""
_MAX_KID: Final = 255
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_B64: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def discovery_url(iss: str) -> str:
    """Where a provider describes itself (section 4.1)."""
    return iss.removesuffix("/") + "/.well-known/openid-configuration"


def read_discovery(body: bytes, iss: str) -> str:
    """The address of the provider's keys. Invalid unless the document is of exactly this issuer, and so is the address.

    The keys must lie under the issuer's own scheme, host and port. OpenID Connect would let them lie anywhere; but the
    manifest's authorities may vouch for other people's hosts as well, and only this one was agreed on.
    """
    document = _object(body, "discovery document")
    if document.get("issuer") != iss:
        raise Invalid("the discovery document is of another issuer", reason="PROVIDER_WRONG_ISSUER")
    uri = document.get("jwks_uri")
    if not isinstance(uri, str) or not _same_place(uri, iss):
        raise Invalid(
            "the provider's keys lie at another host than the provider: pin them in the manifest instead",
            reason="PROVIDER_KEYS_ELSEWHERE",
        )
    return uri


def _same_place(uri: str, iss: str) -> bool:
    try:
        one, other = urlsplit(uri), urlsplit(iss)
        there = one.scheme == "https" and _origin(one) == _origin(other)
    except ValueError:
        return False
    plain = (
        uri.isascii() and uri.isprintable() and "\\" not in uri and "#" not in uri and "@" not in one.netloc
    )
    return there and plain


def _origin(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, 443 if parts.port is None else parts.port


def read_key_set(body: bytes) -> tuple[ProviderKey, ...]:
    """The keys that credentials may be signed with; Invalid if there is none, or the set is not an honest one."""
    shown = _object(body, "key set").get("keys")
    if not isinstance(shown, list) or len(shown) > MAX_SHOWN or not all(isinstance(k, dict) for k in shown):
        raise _refused("is not a list of keys")
    if any(_PRIVATE & set(key) for key in shown):
        raise _refused("shows a secret: whoever looks at it can sign as the provider")
    keys = [key for key in map(_read_key, shown) if key is not None]
    if len({key.kid for key in keys}) != len(keys):
        raise _refused("gives two keys one kid")
    if not 0 < len(keys) <= MAX_KEYS:
        raise _refused(f"has {len(keys)} keys to verify credentials with")
    return tuple(keys)


def _read_key(jwk: dict[str, Any]) -> ProviderKey | None:
    """None if it is not for signatures, of no kind that counts here, weak, or without a name."""
    kid, alg = jwk.get("kid"), jwk.get("alg", "")
    if jwk.get("use", "sig") != "sig" or not _for_verifying(jwk.get("key_ops", ["verify"])):
        return None
    if not isinstance(kid, str) or not 0 < len(kid) <= _MAX_KID or not kid.isprintable():
        return None
    try:
        type_, public = _material(jwk)
        pin(IssuerKey(kid, type_, public))
    except (ConfigError, Invalid, ValueError):
        return None
    if not isinstance(alg, str) or (alg and alg not in ALGORITHMS[type_]):
        return None
    # Only RSA keys have a choice; of EdDSA and Ed25519 both are names of the one algorithm.
    return ProviderKey(kid, type_, public, alg if type_ is IssuerKeyType.RSA else "")


def _for_verifying(operations: object) -> bool:
    return isinstance(operations, list) and "verify" in operations


def _material(jwk: dict[str, Any]) -> tuple[IssuerKeyType, bytes]:
    """ValueError if it is of no kind that counts here."""
    match jwk.get("kty"), jwk.get("crv"):
        case "OKP", "Ed25519":
            return IssuerKeyType.ED25519, _bytes(jwk.get("x"), 32)
        case "EC", "P-256":
            return IssuerKeyType.P256, b"\4" + _bytes(jwk.get("x"), 32) + _bytes(jwk.get("y"), 32)
        case "RSA", None:
            e, n = (int.from_bytes(_bytes(jwk.get(name))) for name in ("e", "n"))
            key = RSAPublicNumbers(e, n).public_key()
            return IssuerKeyType.RSA, key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    raise ValueError("not a kind of key that counts")


def _bytes(text: object, length: int | None = None) -> bytes:
    if not isinstance(text, str) or len(text) > 1024 or _B64.fullmatch(text) is None:
        raise ValueError("not base64url")
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if length is not None and len(data) != length:
        raise ValueError("of the wrong length")
    return data


def _object(body: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(body, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Invalid(f"the provider's {what} is not a JSON object", reason="PROVIDER_MALFORMED")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of two equal names one parser takes the first and another the last: two custodians would see two sets.
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice")
    return members


def _refused(why: str) -> Invalid:
    return Invalid(f"the provider's key set {why}", reason="PROVIDER_KEYS_REFUSED")
