"""Credentials that a service signs itself: with a key that the manifest pins, or that a certificate vouches for.

No provider is asked: what the service has is a key that the manifest's admins know, or a certificate of an authority
that they pinned (its TLS client certificate, a SPIFFE identity). With it, it signs that its request key is its own.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from kms.errors import ConfigError
from kms_client.credentials import EARLY_SECONDS

LIFETIME: Final = 900
"""Seconds. It costs nothing to sign another."""
Key = Ed25519PrivateKey | ec.EllipticCurvePrivateKey | RSAPrivateKey


@dataclass(slots=True)
class ServiceCredentials:
    """A `CredentialSource`. Either `kid` names a pinned key, or `certificates` (the service's own first) vouch for it.

    `subject` is the service's name; under a certificate it is one of that certificate's URIs or DNS names. `audience`
    is the issuer's in the manifest, if it has one.
    """

    iss: str
    subject: str
    key: Key = field(repr=False)
    kid: str = ""
    certificates: Sequence[x509.Certificate] = ()
    audience: str = ""
    _last: tuple[str, float, bytes] = field(default=("", 0.0, b""), repr=False)

    def __post_init__(self) -> None:
        if bool(self.kid) == bool(self.certificates):
            raise ConfigError("a service has either the kid of its pinned key or a certificate")
        if self.certificates and self.subject not in names_of(self.certificates[0]):
            raise ConfigError(f"the service's certificate does not name {self.subject!r}")
        if self.certificates and self.certificates[0].public_key() != self.key.public_key():
            raise ConfigError("the service's certificate is of another key")

    @classmethod
    def load(cls, base: Path, settings: dict[str, Any]) -> ServiceCredentials:
        """From a profile's table; paths are relative to `base`. ConfigError names what is wrong."""
        known = {"iss", "subject", "key", "kid", "certificate", "audience"}
        if unknown := sorted(set(settings) - known):
            raise ConfigError(f"service: unknown key {unknown[0]}; known are {', '.join(sorted(known))}")
        try:
            certificates: list[x509.Certificate] = []
            if "certificate" in settings:
                pem = (base / settings["certificate"]).read_bytes()
                certificates = x509.load_pem_x509_certificates(pem)
            subject = settings.get("subject", "")
            if not subject and certificates:
                (subject,) = names_of(certificates[0])
            key = _read_key(base / settings["key"])
            audience, kid = settings.get("audience", ""), settings.get("kid", "")
            return cls(settings["iss"], subject, key, kid, certificates, audience)
        except KeyError as error:
            raise ConfigError(f"service.{error.args[0]} is missing") from None
        except OSError as error:
            raise ConfigError(f"service: cannot read {error.filename}: {error.strerror}") from None
        except ValueError:
            raise ConfigError(
                "service: its certificate is none, or has several names: say which as subject"
            ) from None

    async def credentials(self, key_thumbprint: bytes, audience: str) -> Sequence[str]:
        token, expires, bound = self._last
        if time.time() >= expires - EARLY_SECONDS or bound != key_thumbprint:
            token, expires = self._sign(key_thumbprint, audience)
            self._last = token, expires, key_thumbprint
        return [token]

    def _sign(self, key_thumbprint: bytes, audience: str) -> tuple[str, float]:
        alg, sign = _algorithm(self.key)
        header: dict[str, Any] = {"alg": alg, "typ": "JWT"}
        now = int(time.time())
        expires = now + LIFETIME
        if self.certificates:
            ders = (certificate.public_bytes(Encoding.DER) for certificate in self.certificates)
            header["x5c"] = [base64.b64encode(der).decode() for der in ders]
            expires = min(expires, int(self.certificates[0].not_valid_after_utc.timestamp()))
        else:
            header["kid"] = self.kid
        claims = {
            "iss": self.iss,
            "sub": self.subject,
            "aud": self.audience or audience,
            "iat": now,
            "exp": expires,
            "cnf": {"jkt": _b64(key_thumbprint)},
        }
        signed = ".".join(_b64(json.dumps(part).encode()) for part in (header, claims))
        return f"{signed}.{_b64(sign(signed.encode()))}", float(expires)


def names_of(certificate: x509.Certificate) -> list[str]:
    """Under which names a service may sign: its URIs, and where it has none its DNS names."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.UniformResourceIdentifier) or names.get_values_for_type(
        x509.DNSName
    )


def _algorithm(key: Key) -> tuple[str, Any]:
    if isinstance(key, Ed25519PrivateKey):
        return "EdDSA", key.sign
    if isinstance(key, RSAPrivateKey):
        return "PS256", lambda data: key.sign(data, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())

    def es256(data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return "ES256", es256


def _read_key(path: Path) -> Key:
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"{path} is open to others: chmod 600 it")
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (TypeError, ValueError):
        raise ConfigError(f"{path} is not an unencrypted PEM key") from None
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    if isinstance(key, (Ed25519PrivateKey, RSAPrivateKey)):
        return key
    raise ConfigError(f"{path} is not an Ed25519, P-256 or RSA key")


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
