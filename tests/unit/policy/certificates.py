"""Authorities and certificates with made-up names, as providers and services bring them."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.reference.tokens import seed


@dataclass(frozen=True, slots=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


def key_of(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(seed(name), "big") >> 1, ec.SECP256R1())


@lru_cache
def authority(
    name: str,
    *,
    by: Made | None = None,
    now: int = 1_900_000_000,
    days: int = 3650,
    bounds: x509.NameConstraints | None = None,
) -> Made:
    """An authority of its own, or one under another, for all names or those within bounds."""
    return _make(name, by, now, days, ca=True, bounds=bounds)


def leaf(
    name: str,
    by: Made,
    *,
    now: int,
    names: Sequence[x509.GeneralName] | None = None,
    days: int = 30,
    usage: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.CLIENT_AUTH,),
    signs: bool = True,
) -> Made:
    """A service's certificate, by default in its DNS name and for signatures (else to encrypt to)."""
    names = names or [x509.DNSName(name)]
    return _make(name, by, now, days, ca=False, names=names, usage=usage, signs=signs)


def _make(
    name: str,
    by: Made | None,
    now: int,
    days: int,
    *,
    ca: bool,
    names: Sequence[x509.GeneralName] = (),
    usage: Sequence[x509.ObjectIdentifier] = (),
    signs: bool = True,
    bounds: x509.NameConstraints | None = None,
) -> Made:
    key = key_of(name)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = by.key if by else key
    begins = datetime.datetime.fromtimestamp(now, datetime.UTC) - datetime.timedelta(minutes=5)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .add_extension(
            x509.KeyUsage(not ca and signs, False, not signs, False, False, ca, ca, False, False),
            critical=True,
        )
    )
    if bounds:
        builder = builder.add_extension(bounds, critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    return Made(builder.sign(signer, hashes.SHA256()), key)
