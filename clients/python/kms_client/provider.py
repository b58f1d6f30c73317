"""A device's side of an OpenID Connect provider: where to ask, with whose proof, and what a good answer looks like."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kms.crypto.hashing import equal
from kms.crypto.signing import SigningKey
from kms.errors import EvidenceRefused, Invalid, Unavailable
from kms.statements.evidence import credential_nonce
from kms.statements.manifest import Issuer
from kms.transport import web

DPOP: Final = "EdDSA"


class LoginRefused(EvidenceRefused):
    """The provider, or the person at it, said no; or what it gave is no credential for this device."""

    reason = "LOGIN_REFUSED"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What a provider's discovery document says (OpenID Connect Discovery 1.0); empty where it has none."""

    token: str
    authorization: str
    device: str
    names_itself: bool
    """It puts `iss` into its redirects (RFC 9207)."""


@dataclass(frozen=True, slots=True)
class Party:
    """A device as a provider sees it: under which client, with which key, for which keyring."""

    issuer: Issuer
    client_id: str
    keyring_id: bytes
    key: SigningKey

    @property
    def audience(self) -> str:
        """What the credential's `aud` must be."""
        return self.issuer.audience or self.keyring_id.hex()

    @property
    def binding(self) -> dict[str, str]:
        """The parameters of a request for authorization that tie what comes of it to the device's key."""
        if self.issuer.nonce_bound:
            return {"nonce": credential_nonce(self.keyring_id, self.key.thumbprint)}
        asked = {"dpop_jkt": b64(self.key.thumbprint)}
        if (
            ":" in self.audience
        ):  # RFC 8707 knows URIs only; else the client's settings at the provider say it
            asked["resource"] = self.audience
        return asked


async def discover(issuer: Issuer) -> Endpoints:
    """Ask a provider of the manifest where to go. Invalid unless it speaks for exactly this issuer, over https."""
    url = issuer.iss.removesuffix("/") + "/.well-known/openid-configuration"
    async with web.client(issuer.trust_anchors) as client:
        answer = await web.ask(client, url)
    if answer.status != 200:
        raise Unavailable(f"the provider answered {answer.status}", reason="PROVIDER_UNREACHABLE")
    document = read_object(answer.body)
    if document.get("issuer") != issuer.iss:
        raise Invalid("the discovery document is of another issuer", reason="PROVIDER_WRONG_ISSUER")
    found = Endpoints(
        _endpoint(document, "token_endpoint"),
        _endpoint(document, "authorization_endpoint"),
        _endpoint(document, "device_authorization_endpoint"),
        document.get("authorization_response_iss_parameter_supported") is True,
    )
    if not found.token:
        raise Invalid("the provider has no token endpoint", reason="PROVIDER_MALFORMED")
    if not issuer.nonce_bound and DPOP not in document.get("dpop_signing_alg_values_supported", []):
        raise Invalid(
            f"the provider cannot bind tokens to Ed25519 keys (DPoP with {DPOP}): let the manifest say nonce_bound",
            reason="PROVIDER_NO_DPOP",
        )
    return found


def _endpoint(document: Mapping[str, Any], name: str) -> str:
    address = document.get(name, "")
    if address == "":
        return ""
    if not isinstance(address, str) or not address.isascii() or not address.isprintable():
        raise Invalid(f"the provider's {name} is no address", reason="PROVIDER_MALFORMED")
    parts = urlsplit(address)
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc or "#" in address:
        raise Invalid(f"the provider's {name} is not an https address", reason="PROVIDER_MALFORMED")
    return address


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a token endpoint gave. `credential` is the token that custodians get; `refresh` may be empty."""

    credential: str
    refresh: str
    expires: int

    def __repr__(self) -> str:
        return f"<tokens until {self.expires}>"


class Refused(Exception):
    """A token endpoint's own error code (RFC 6749 section 5.2)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


async def ask_for_tokens(party: Party, endpoint: str, form: Mapping[str, str]) -> Tokens:
    """Ask a token endpoint and check that what comes is a credential for this device's key.

    Refused with the provider's code if it says no, LoginRefused if its answer is none.
    """
    nonce = ""
    async with web.client(party.issuer.trust_anchors) as client:
        while True:
            headers = {} if party.issuer.nonce_bound else {"DPoP": proof(party.key, endpoint, nonce)}
            answer = await web.ask(client, endpoint, {"client_id": party.client_id, **form}, headers)
            given = read_object(answer.body)
            code = given.get("error")
            if code == "use_dpop_nonce" and not nonce and answer.headers.get("dpop-nonce"):
                nonce = answer.headers["dpop-nonce"]
                continue
            break
    if answer.status != 200 or code is not None:
        raise Refused(code if isinstance(code, str) and code.isprintable() else f"status {answer.status}")
    kind = "id_token" if party.issuer.nonce_bound else "access_token"
    if kind == "access_token" and str(given.get("token_type", "")).lower() != "dpop":
        raise LoginRefused("the provider gave a token that is not bound to this device's key")
    token, refresh = given.get(kind), given.get("refresh_token", "")
    if not isinstance(token, str) or not isinstance(refresh, str):
        raise LoginRefused(f"the provider gave no {kind}")
    return Tokens(token, refresh, check_credential(token, party))


def check_credential(token: str, party: Party) -> int:
    """When a token expires; LoginRefused if custodians would refuse it. Its signature is theirs to verify."""
    try:
        part = token.split(".")[1]
        claims = read_object(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError, Invalid):
        raise LoginRefused("the provider's tokens are opaque: have it issue JWTs for this client") from None
    if claims.get("iss") != party.issuer.iss:
        raise LoginRefused("the token is of another issuer")
    if claims.get("aud") not in (party.audience, [party.audience]):
        raise LoginRefused(
            f"the token is not for {party.audience!r} alone: its provider's settings say for whom"
        )
    if party.issuer.nonce_bound:
        bound, wanted = claims.get("nonce"), party.binding["nonce"]
    else:
        confirmation = claims.get("cnf")
        bound = confirmation.get("jkt") if isinstance(confirmation, dict) else None
        wanted = b64(party.key.thumbprint)
    if not isinstance(bound, str) or not equal(bound.encode(), wanted.encode()):
        raise LoginRefused("the token is not bound to this device's key", reason="LOGIN_NOT_BOUND")
    expires = claims.get("exp")
    if type(expires) is not int or expires <= time.time():
        raise LoginRefused("the token has expired already: one of the two clocks is wrong")
    return expires


def proof(key: SigningKey, url: str, nonce: str = "") -> str:
    """A DPoP proof (RFC 9449 section 4.2) for a POST to this address.

    The key signs statements too. These begin with "DSSEv1 ", which no JWS does: one never passes for the other.
    """
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public)}
    now, address = int(time.time()), url.partition("?")[0]
    claims = {"jti": secrets.token_urlsafe(16), "htm": "POST", "htu": address, "iat": now}
    if nonce:
        claims["nonce"] = nonce
    parts = [{"typ": "dpop+jwt", "alg": DPOP, "jwk": jwk}, claims]
    signed = ".".join(b64(json.dumps(part).encode()) for part in parts)
    private = Ed25519PrivateKey.from_private_bytes(key.seed.reveal())
    return f"{signed}.{b64(private.sign(signed.encode()))}"


def challenge(verifier: str) -> str:
    """PKCE's S256 (RFC 7636 section 4.2)."""
    return b64(hashlib.sha256(verifier.encode()).digest())


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object; Invalid if it is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Invalid("the provider's answer is not a JSON object", reason="PROVIDER_MALFORMED")
    return value
