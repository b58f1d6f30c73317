"""Certificates that a manifest pins: what they must be, and how people read them."""

from __future__ import annotations

import hashlib

from cryptography import x509

from kms.errors import ConfigError


def read_anchor(der: bytes) -> x509.Certificate:
    """A pinned authority; ConfigError if the bytes are no certificate of an authority."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, x509.ExtensionNotFound):
        raise ConfigError("a pinned authority is not an X.509 certificate of an authority") from None
    if not constraints.ca:
        raise ConfigError("a pinned authority's certificate says that it is none")
    return certificate


def name_anchor(der: bytes) -> str:
    """Its name, end and SHA-256 fingerprint, for people to compare."""
    fingerprint = hashlib.sha256(der).hexdigest()
    try:
        certificate = read_anchor(der)
    except ConfigError:
        return f"no authority's certificate, SHA-256 {fingerprint}"
    until = certificate.not_valid_after_utc.strftime("%Y-%m-%d")
    return f"{certificate.subject.rfc4514_string()}, until {until}, SHA-256 {fingerprint}"
