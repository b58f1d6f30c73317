"""JSON Web Tokens made by hand (RFC 7515 section 7.1): any header, any claims, any key, however wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Json = Mapping[str, Any]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def compact(header: Json | str, claims: Json | str, sign: Callable[[bytes], bytes]) -> str:
    """Header, claims and signature; a string is taken as the JSON text itself."""
    parts = [part if isinstance(part, str) else json.dumps(part) for part in (header, claims)]
    signed = ".".join(b64(part.encode()) for part in parts)
    return f"{signed}.{b64(sign(signed.encode()))}"


def unsigned(_: bytes) -> bytes:
    """What `alg: none` asks for."""
    return b""


def mac(secret: bytes) -> Callable[[bytes], bytes]:
    """HS256 under `secret`."""
    return lambda data: hmac.digest(secret, data, "sha256")


@dataclass(frozen=True, slots=True)
class Ed25519Signer:
    """Signs as `EdDSA` from a 32-byte seed."""

    seed: bytes

    @property
    def public(self) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()

    @property
    def jwk(self) -> dict[str, str]:
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(self.public)}

    def __call__(self, data: bytes) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(data)


@dataclass(frozen=True, slots=True)
class P256Signer:
    """Signs as `ES256` (RFC 7518 section 3.4) with the scalar `seed`."""

    seed: bytes

    @property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int.from_bytes(self.seed, "big"), ec.SECP256R1())

    @property
    def public(self) -> bytes:
        return self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def jwk(self) -> dict[str, str]:
        point = self.public
        return {"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}

    def __call__(self, data: bytes) -> bytes:
        r, s = decode_dss_signature(self._key.sign(data, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@lru_cache
def rsa_key(name: str, bits: int = 2048, exponent: int = 65537) -> rsa.RSAPrivateKey:
    """A new key for each name and size, kept for the run: making one takes a while."""
    return rsa.generate_private_key(exponent, bits)


@dataclass(frozen=True, slots=True)
class RsaSigner:
    """Signs as `RS256`, or as `PS256` (RFC 7518 sections 3.3 and 3.5)."""

    name: str
    bits: int = 2048
    pss: bool = False

    @property
    def public(self) -> bytes:
        public = rsa_key(self.name, self.bits).public_key()
        return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def jwk(self) -> dict[str, str]:
        numbers = rsa_key(self.name, self.bits).public_key().public_numbers()
        return {"kty": "RSA", "n": b64(numbers.n.to_bytes(self.bits // 8, "big")), "e": b64(b"\1\0\1")}

    def __call__(self, data: bytes) -> bytes:
        pad = padding.PSS(padding.MGF1(SHA256()), 32) if self.pss else padding.PKCS1v15()
        return rsa_key(self.name, self.bits).sign(data, pad, SHA256())


def seed(name: str) -> bytes:
    """A key that a test can name."""
    return hashlib.sha256(b"test key " + name.encode()).digest()
