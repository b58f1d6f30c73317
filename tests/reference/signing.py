"""DSSE's pre-authentication encoding, and RFC 7638 thumbprints of RFC 8037 keys."""

from __future__ import annotations

import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """DSSE protocol, section "Signature definition": each length in decimal ASCII."""
    kind = payload_type.encode("utf-8")
    return b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload])


def public_key(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def sign(seed: bytes, payload_type: str, payload: bytes) -> bytes:
    """Ed25519 (RFC 8032) over the encoding above."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(pre_authentication_encoding(payload_type, payload))


def thumbprint(public: bytes) -> bytes:
    """RFC 7638 section 3: SHA-256 of the required members only, sorted, without white space."""
    x = base64.urlsafe_b64encode(public).decode().rstrip("=")
    members = {"kty": "OKP", "crv": "Ed25519", "x": x}
    return hashlib.sha256(json.dumps(members, sort_keys=True, separators=(",", ":")).encode()).digest()
