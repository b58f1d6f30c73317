"""Issuers of the manifest, ready to verify with: their keys, and what their credentials must look like."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from kms.errors import ConfigError, EvidenceRefused
from kms.policy.anchors import read_anchor
from kms.policy.attributes import class_name
from kms.statements.manifest import Issuer, IssuerKey, IssuerKeyType

# RFC 9864 renames EdDSA over Ed25519 to Ed25519. Issuers use either; both mean this one algorithm here.
ALGORITHMS: Final = {
    IssuerKeyType.ED25519: frozenset({"EdDSA", "Ed25519"}),
    IssuerKeyType.P256: frozenset({"ES256"}),
    IssuerKeyType.RSA: frozenset({"RS256", "PS256"}),
}
"""A key's type alone says which algorithms go with it."""
RSA_BITS: Final = range(2048, 4097)
RSA_EXPONENTS: Final = range(65537, 2**32)


class _Registry(jws.JWSRegistry):
    """Only the algorithms that go with one kind of key; without joserfc's warning about the name EdDSA."""

    max_header_length = 8192
    """Bytes; a chain of certificates may stand in it. The whole token is held against a limit before."""

    def __init__(self, algorithms: frozenset[str]) -> None:
        super().__init__(algorithms=algorithms)
        self._models = {name: jws.JWSRegistry.algorithms[name] for name in algorithms}

    def get_alg(self, name: str) -> Any:
        if name not in self._models:
            raise ValueError("not an algorithm of this key")
        return self._models[name]


_REGISTRIES: Final = {type_: _Registry(names) for type_, names in ALGORITHMS.items()}


@dataclass(frozen=True, slots=True)
class PinnedKey:
    """One key that counts, from a second on and until another (None: it still does)."""

    type: IssuerKeyType
    key: OKPKey | ECKey | RSAKey
    since: int = 0
    until: int | None = None
    alg: str = ""
    """The one algorithm that its owner made it for; empty: any of its type's."""

    def check_signature(self, token: str, alg: object) -> None:
        """EvidenceRefused unless this key signed the token, by an algorithm of its own."""
        named = isinstance(alg, str) and (not self.alg or alg == self.alg)
        if not named or alg not in ALGORITHMS[self.type]:
            raise EvidenceRefused(
                "the credential's algorithm is not its key's", reason="CREDENTIAL_ALGORITHM"
            )
        try:
            jws.deserialize_compact(token, self.key, registry=_REGISTRIES[self.type])
        except (JoseError, ValueError):
            raise EvidenceRefused(
                "the credential's signature is wrong", reason="CREDENTIAL_SIGNATURE"
            ) from None


@dataclass(frozen=True, slots=True)
class IssuerKeys:
    """An issuer of the manifest, its keys by `kid`, the classes that it may vouch for.

    Of a provider whose keys were fetched: `fresh_until` (unix seconds; None: pinned keys do not age), kids that are
    too `young` to count, and why nothing of it counts (`refused`, a reason; empty: it does).
    """

    iss: str
    controlled_by: str
    classes: frozenset[str]
    keys: Mapping[str, PinnedKey]
    audience: str = ""
    nonce_bound: bool = False
    fresh_until: int | None = None
    young: frozenset[str] = frozenset()
    refused: str = ""
    authorities: tuple[x509.Certificate, ...] = ()
    """Whose certificates vouch for services; then there are no keys here."""

    def check_usable(self, now: int) -> None:
        """EvidenceRefused if nothing that this issuer signed counts now, whatever it says."""
        if self.refused:
            raise EvidenceRefused(
                "the provider's keys were all exchanged at once, and nobody here has accepted that",
                reason=self.refused,
            )
        if self.fresh_until is not None and now >= self.fresh_until:
            raise EvidenceRefused(
                "the provider's keys could not be fetched for too long", reason="ISSUER_KEYS_STALE"
            )

    def key_of(self, kid: object, now: int) -> PinnedKey:
        """The key of this issuer that counts under `kid`; EvidenceRefused if none does."""
        if isinstance(kid, str) and kid in self.young:
            raise EvidenceRefused(
                "the provider's key is too new to count here", reason="CREDENTIAL_KEY_TOO_NEW"
            )
        # Under exactly this issuer: else one pinned issuer could sign in another's name.
        pinned = self.keys.get(kid) if isinstance(kid, str) else None
        if pinned is None or now < pinned.since or (pinned.until is not None and now >= pinned.until):
            raise EvidenceRefused(
                "the credential's key is not pinned",
                reason="CREDENTIAL_UNKNOWN_KEY",
                details={"issuer": self.iss},
            )
        return pinned


def issuer_keys(issuer: Issuer) -> IssuerKeys:
    """With the keys that the manifest pins; those of a provider do not count before they were fetched.

    ConfigError if a key is not what its type says, or two have one `kid`.
    """
    keys = pin_all(issuer.keys)
    if len(keys) != len(issuer.keys):
        raise ConfigError(f"issuer {issuer.iss} has two keys of one kid: give each its own")
    return IssuerKeys(
        issuer.iss,
        issuer.controlled_by,
        frozenset(class_name(klass) for klass in issuer.classes),
        {} if issuer.is_provider else keys,
        issuer.audience,
        issuer.nonce_bound,
        fresh_until=0 if issuer.is_provider else None,
        authorities=tuple(read_anchor(authority) for authority in issuer.authorities),
    )


def pin_all(keys: Iterable[IssuerKey]) -> dict[str, PinnedKey]:
    return {key.kid: pin(key) for key in keys}


def pin(key: IssuerKey, since: int = 0, until: int | None = None, alg: str = "") -> PinnedKey:
    """Ready to verify with; ConfigError if the bytes are not a key of that type."""
    try:
        return PinnedKey(key.type, _import(key), since, until, alg)
    except (JoseError, ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"the issuer key {key.kid!r} is not a {key.type.name} key: {error}") from None


def thumbprint(key: IssuerKey) -> str:
    """RFC 7638, as base64url: how a provider's own people name the key."""
    return pin(key).key.thumbprint()


def _import(key: IssuerKey) -> OKPKey | ECKey | RSAKey:
    if key.type is IssuerKeyType.ED25519:
        return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key)})
    if key.type is IssuerKeyType.P256:
        point = key.public_key
        if point[0] != 4:
            raise ValueError("not an uncompressed point")
        return ECKey.import_key({"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])})
    rsa = load_der_public_key(key.public_key)
    if not isinstance(rsa, RSAPublicKey) or rsa.key_size not in RSA_BITS:
        raise ValueError("not an RSA key of 2048 to 4096 bits")
    numbers = rsa.public_numbers()
    if numbers.e not in RSA_EXPONENTS or numbers.e % 2 == 0:
        raise ValueError("its exponent is not 65537 or another odd one above")
    return RSAKey.import_key({"kty": "RSA", "n": b64(_unsigned(numbers.n)), "e": b64(_unsigned(numbers.e))})


def _unsigned(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
