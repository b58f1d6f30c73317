"""Services that show an X.509 certificate: the key at its end signs the credential, under an authority that is pinned.

The chain travels in the token's header as `x5c` (RFC 7515 section 4.1.6). It is the one thing that a header may bring,
only to an issuer with `authorities`, and what it brings counts only as far as these vouch for it (RFC 5280 by the rules
of the Web PKI, for clients): their signatures, dates, uses and names. Certificates name machines, so the class is
service and nothing else; whatever a machine opens never counts as a person's act.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError, VerifiedClient

from kms.errors import ConfigError, EvidenceRefused
from kms.policy.issuers import PinnedKey, pin
from kms.statements.manifest import IssuerKey, IssuerKeyType

MAX_CHAIN: Final = 4
"""Certificates, the service's own included."""
_B64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
E = TypeVar("E", bound=x509.ExtensionType)


def end_key(
    chain: object, authorities: Sequence[x509.Certificate], now: int
) -> tuple[PinnedKey, frozenset[str], int]:
    """(key, names, end in unix seconds) of the service at the end of an `x5c` chain.

    EvidenceRefused unless the authorities vouch for it `now`. Names are its URIs (SPIFFE ids, say) and DNS names.
    """
    certificates = _read(chain)
    at = datetime.fromtimestamp(now, UTC).replace(tzinfo=None)
    verifier = (
        PolicyBuilder()
        .store(Store(list(authorities)))
        .time(at)
        .max_chain_depth(MAX_CHAIN)
        .build_client_verifier()
    )
    try:
        verified = verifier.verify(certificates[0], certificates[1:])
    except (VerificationError, ValueError, x509.UnsupportedGeneralNameType):
        raise EvidenceRefused(
            "no pinned authority vouches for the service's certificate now", reason="CREDENTIAL_CERTIFICATE"
        ) from None
    _check_signs(certificates[0])
    # The chain may be good for less long than its end.
    end = min(int(certificate.not_valid_after_utc.timestamp()) for certificate in verified.chain)
    return _key(certificates[0]), _names(verified), end


def _names(verified: VerifiedClient) -> frozenset[str]:
    """Each kind only as its own kind is spelled: else whoever may name hosts under one domain dresses any as a URI."""
    bounded = any(_extension(one, x509.NameConstraints) is not None for one in verified.chain)
    found = set()
    for name in verified.subjects or ():
        match name:
            # Nobody here holds URIs against an authority's bounds, so within bounds they are no names.
            case x509.UniformResourceIdentifier(value=value) if "://" in value and not bounded:
                found.add(value)
            case x509.DNSName(value=value) if _HOST.fullmatch(value):
                found.add(value)
    return frozenset(name for name in found if "*" not in name)


def _check_signs(certificate: x509.Certificate) -> None:
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        raise EvidenceRefused(
            "the service's certificate is not for signatures", reason="CREDENTIAL_CERTIFICATE"
        )


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _read(chain: object) -> list[x509.Certificate]:
    refused = EvidenceRefused("the certificate's chain is malformed", reason="CREDENTIAL_CERTIFICATE")
    if not isinstance(chain, list) or not 0 < len(chain) <= MAX_CHAIN:
        raise refused
    certificates = []
    for text in chain:
        if not isinstance(text, str) or _B64.fullmatch(text) is None:
            raise refused
        try:
            certificates.append(x509.load_der_x509_certificate(base64.b64decode(text, validate=True)))
        except (ValueError, x509.InvalidVersion):
            raise refused from None
    return certificates


def _key(certificate: x509.Certificate) -> PinnedKey:
    try:
        public = certificate.public_key()
        if isinstance(public, Ed25519PublicKey):
            kind, data = IssuerKeyType.ED25519, public.public_bytes_raw()
        elif isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1):
            kind, data = (
                IssuerKeyType.P256,
                public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
            )
        elif isinstance(public, RSAPublicKey):
            kind, data = (
                IssuerKeyType.RSA,
                public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            )
        else:
            raise ValueError("of no kind that counts")
        return pin(IssuerKey("x5c", kind, data))
    except (ValueError, ConfigError):
        raise EvidenceRefused(
            "the service's key is of no kind that counts here", reason="CREDENTIAL_CERTIFICATE"
        ) from None
