"""A software authenticator (WebAuthn level 2), for tests: it does what it is told, bad flags and counts included.

Written from the specification, with nothing of the library that verifies: section 6.1 (authenticator data), 5.8.1
(client data), 6.5.1 and RFC 9053 (COSE keys), and the little of CBOR (RFC 8949) that these need.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
ES256, EDDSA = -7, -8


@dataclass(slots=True)
class Authenticator:
    """One credential at one relying party. `step` is how far its count goes at each use; 0: it never counts."""

    rp_id: str
    algorithm: int = ES256
    step: int = 1
    count: int = 0
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: Any = None

    def __post_init__(self) -> None:
        if self.key is None:
            es256 = self.algorithm == ES256
            self.key = (
                ec.generate_private_key(ec.SECP256R1()) if es256 else ed25519.Ed25519PrivateKey.generate()
            )

    @property
    def cose(self) -> bytes:
        """The public key."""
        public = self.key.public_key()
        if self.algorithm == EDDSA:
            return cbor({1: 1, 3: EDDSA, -1: 6, -2: public.public_bytes_raw()})
        numbers = public.public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        return cbor({1: 2, 3: ES256, -1: 1, -2: x, -3: y})

    def register(
        self, challenge: bytes, origin: str, *, flags: int = PRESENT | VERIFIED, **client: Any
    ) -> str:
        """What `navigator.credentials.create()` gives, as JSON, attested by nobody."""
        length = len(self.credential_id).to_bytes(2, "big")
        attested = bytes(16) + length + self.credential_id + self.cose
        data = self._data(flags | ATTESTED) + attested
        attestation = cbor({"fmt": "none", "attStmt": {}, "authData": data})
        return self._json(
            attestationObject=attestation, clientDataJSON=client_data("create", challenge, origin, **client)
        )

    def sign(self, challenge: bytes, origin: str, *, flags: int = PRESENT | VERIFIED, **client: Any) -> str:
        """What `navigator.credentials.get()` gives, as JSON."""
        self.count += self.step
        data, said = self._data(flags), client_data("get", challenge, origin, **client)
        message = data + hashlib.sha256(said).digest()
        if self.algorithm == EDDSA:
            signature = self.key.sign(message)
        else:
            signature = self.key.sign(message, ec.ECDSA(hashes.SHA256()))
        return self._json(authenticatorData=data, clientDataJSON=said, signature=signature)

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _json(self, **response: bytes) -> str:
        name = b64(self.credential_id)
        parts = {key: b64(value) for key, value in response.items()}
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": parts})


def client_data(kind: str, challenge: bytes, origin: str, **more: Any) -> bytes:
    """The browser's part; `more` is put in as it is."""
    said = {"type": f"webauthn.{kind}", "challenge": b64(challenge), "origin": origin, "crossOrigin": False}
    return json.dumps(said | more).encode()


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def cbor(value: Any) -> bytes:
    """RFC 8949, for integers, bytes, text and maps."""
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    return _head(5, len(value)) + b"".join(cbor(part) for pair in value.items() for part in pair)


def _head(major: int, n: int) -> bytes:
    if n < 24:
        return bytes([major << 5 | n])
    if n < 256:
        return bytes([major << 5 | 24, n])
    return bytes([major << 5 | 25]) + n.to_bytes(2, "big")
