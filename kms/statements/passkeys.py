"""Statements that are signed with a passkey (WebAuthn level 2): the challenge is the statement.

An authenticator signs over a challenge. Here it is H("approval", pre-authentication encoding of type and payload), so
that the assertion is a signature over those very bytes and fits nothing else. Who serves the page, the node's own
administrator included, can make no assertion: the key lies in the approver's authenticator, behind a gesture and a
PIN or a finger (user verification), bound to the console's name.

Needs the extra [web]; without it a node takes keys only.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final
from urllib.parse import urlsplit

from kms.crypto import labels, signing
from kms.crypto.hashing import H, equal
from kms.errors import BadSignature, ConfigError, Invalid, Unavailable
from kms.statements.codec import parse_strict
from kms.statements.ids import Thumbprint
from kms.wire.v1 import approver_pb2

PasskeyEnvelope = approver_pb2.PasskeyEnvelope
PasskeyRegistration = approver_pb2.PasskeyRegistration

ALGORITHMS: Final = (-7, -8)
"""COSE: ES256 on P-256, EdDSA on Ed25519. No RSA, no SHA-1, nothing that this project uses nowhere else."""
ATTESTATIONS: Final = ("none", "packed")
_USER_VERIFIED: Final = 1 << 2
_NEVER_COUNTED: Final = -1


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Whose passkeys count: the console's host name, and the origins from which its pages may come."""

    rp_id: str
    origins: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.origins:
            raise ConfigError("passkeys.origins must name the console's address")
        for origin in self.origins:
            parts = urlsplit(origin)
            host = parts.hostname or ""
            plain = not (parts.path or parts.query or parts.fragment or parts.username)
            if (
                not plain
                or (parts.scheme, host) == ("http", "")
                or (host != self.rp_id and not host.endswith("." + self.rp_id))
            ):
                raise ConfigError(f"passkeys.origins: {origin} is no origin of {self.rp_id}")
            if parts.scheme != "https" and not (parts.scheme == "http" and host == "localhost"):
                raise ConfigError(f"passkeys.origins: {origin} must be https")


@dataclass(frozen=True, slots=True)
class Passkey:
    """A registered credential: its id, its public key (COSE), and the count that its authenticator showed last."""

    credential_id: bytes
    public_key: bytes
    sign_count: int = 0

    @property
    def thumbprint(self) -> Thumbprint:
        return cose_thumbprint(self.public_key)


def challenge(payload_type: str, payload: bytes) -> bytes:
    """H("approval", PAE(type, payload)); 32 bytes."""
    return H(labels.APPROVAL, signing.pae(payload_type, payload))


def read_assertion(payload_type: str, payload: bytes, text: str) -> PasskeyEnvelope:
    """What a browser's `PublicKeyCredential.toJSON()` says of an assertion, with what it is meant to sign.

    Nothing in it is verified. Invalid if it has another form.
    """
    parts = _response(text, ("authenticatorData", "clientDataJSON", "signature"))
    envelope = PasskeyEnvelope(
        payload_type=payload_type,
        payload=payload,
        credential_id=parts["rawId"],
        authenticator_data=parts["authenticatorData"],
        client_data_json=parts["clientDataJSON"],
        signature=parts["signature"],
    )
    return parse_strict(PasskeyEnvelope, envelope.SerializeToString(deterministic=True), "assertion")


def read_registration(text: str) -> PasskeyRegistration:
    """The same of a new passkey."""
    parts = _response(text, ("attestationObject", "clientDataJSON"))
    registration = PasskeyRegistration(
        attestation_object=parts["attestationObject"], client_data_json=parts["clientDataJSON"]
    )
    return parse_strict(PasskeyRegistration, registration.SerializeToString(), "registration")


def check_assertion(
    envelope: PasskeyEnvelope,
    passkey: Passkey,
    party: RelyingParty,
    *,
    expected: bytes = b"",
    counted: bool = True,
) -> int:
    """The authenticator's new count, if this passkey signed this payload, or the challenge `expected`, here.

    BadSignature with a stable reason else. Not `counted`: an assertion of the past is looked at again, whatever was
    signed since.
    """
    webauthn = _library()
    if not equal(envelope.credential_id, passkey.credential_id):
        raise BadSignature("an assertion of another passkey", reason="WRONG_SIGNER")
    _check_client_data(envelope.client_data_json)
    flags, count = envelope.authenticator_data[32], int.from_bytes(envelope.authenticator_data[33:37], "big")
    # A stolen, unlocked device answers a touch; only user verification says that its owner did.
    if not flags & _USER_VERIFIED:
        raise BadSignature("the authenticator did not verify its user", reason="NOT_VERIFIED")
    if counted and (count or passkey.sign_count) and count <= passkey.sign_count:
        raise BadSignature(
            "the authenticator's count went back: it may be a copy", reason="COUNTER_WENT_BACK"
        )
    _algorithm(passkey.public_key)
    structs = webauthn.helpers.structs
    credential = structs.AuthenticationCredential(
        id=_b64(passkey.credential_id),
        raw_id=passkey.credential_id,
        response=structs.AuthenticatorAssertionResponse(
            client_data_json=envelope.client_data_json,
            authenticator_data=envelope.authenticator_data,
            signature=envelope.signature,
        ),
    )
    try:
        verified = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=expected or challenge(envelope.payload_type, envelope.payload),
            expected_rp_id=party.rp_id,
            expected_origin=list(party.origins),
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count if counted else _NEVER_COUNTED,
            require_user_verification=True,
        )
    except (webauthn.helpers.exceptions.WebAuthnException, ValueError, TypeError, KeyError) as error:
        raise BadSignature(
            f"the passkey's signature was refused: {_why(error)}", reason="BAD_PASSKEY"
        ) from None
    return int(verified.new_sign_count)


def check_registration(registration: PasskeyRegistration, expected: bytes, party: RelyingParty) -> Passkey:
    """The new passkey, if it was made here for the challenge `expected` by a verified user; BadSignature else."""
    webauthn = _library()
    _check_client_data(registration.client_data_json)
    structs = webauthn.helpers.structs
    try:
        parsed = webauthn.helpers.parse_attestation_object(registration.attestation_object)
        made = parsed.auth_data.attested_credential_data
        if parsed.fmt not in ATTESTATIONS or made is None:
            raise BadSignature("the passkey's attestation is of no kind that is taken", reason="BAD_PASSKEY")
        if not parsed.auth_data.flags.uv:
            raise BadSignature("the authenticator did not verify its user", reason="NOT_VERIFIED")
        verified = webauthn.verify_registration_response(
            credential=structs.RegistrationCredential(
                id=_b64(made.credential_id),
                raw_id=made.credential_id,
                response=structs.AuthenticatorAttestationResponse(
                    client_data_json=registration.client_data_json,
                    attestation_object=registration.attestation_object,
                ),
            ),
            expected_challenge=expected,
            expected_rp_id=party.rp_id,
            expected_origin=list(party.origins),
            require_user_presence=True,
            require_user_verification=True,
            supported_pub_key_algs=[webauthn.helpers.cose.COSEAlgorithmIdentifier(a) for a in ALGORITHMS],
        )
    except (webauthn.helpers.exceptions.WebAuthnException, ValueError, TypeError, KeyError) as error:
        raise BadSignature(f"the new passkey was refused: {_why(error)}", reason="BAD_PASSKEY") from None
    passkey = Passkey(verified.credential_id, verified.credential_public_key, verified.sign_count)
    cose_thumbprint(passkey.public_key)
    return passkey


def cose_thumbprint(public_key: bytes) -> Thumbprint:
    """RFC 7638 thumbprint of a COSE key, as of the JWK that it is: one key has one name, wherever it is registered."""
    decoded = _algorithm(public_key)
    if decoded.alg == ALGORITHMS[1]:
        return Thumbprint(signing.thumbprint(bytes(decoded.x)))
    x, y = _b64(bytes(decoded.x)), _b64(bytes(decoded.y))
    return Thumbprint(hashlib.sha256(f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'.encode()).digest())


def _algorithm(public_key: bytes) -> Any:
    """The decoded key, if it is of an algorithm that is taken and of its curve and sizes; BadSignature else."""
    webauthn = _library()
    try:
        decoded = webauthn.helpers.decode_credential_public_key(public_key)
        curve = {ALGORITHMS[0]: (2, 1), ALGORITHMS[1]: (1, 6)}.get(decoded.alg)
        if curve != (decoded.kty, decoded.crv) or any(
            len(part) != 32 for part in (decoded.x, getattr(decoded, "y", decoded.x))
        ):
            raise ValueError
    except (
        webauthn.helpers.exceptions.WebAuthnException,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        IndexError,
    ):
        raise BadSignature(
            "the passkey's key is of no algorithm that is taken", reason="BAD_PASSKEY"
        ) from None
    return decoded


def _check_client_data(data: bytes) -> None:
    """Refuse what another site's frame asked for: its user saw that site, and not what is signed."""
    try:
        parsed = json.loads(data)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise BadSignature("the passkey's client data is not JSON", reason="BAD_PASSKEY")
    if parsed.get("crossOrigin", False) is not False or "topOrigin" in parsed:
        raise BadSignature("the passkey was used inside another site's page", reason="BAD_PASSKEY")


def _response(text: str, names: tuple[str, ...]) -> dict[str, bytes]:
    try:
        parsed = json.loads(text)
        if parsed["type"] != "public-key":
            raise ValueError
        found = {name: parsed["response"][name] for name in names} | {"rawId": parsed["rawId"]}
        return {name: _unb64(value) for name, value in found.items()}
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Invalid("the browser's answer is no credential", reason="MALFORMED") from None


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _why(error: Exception) -> str:
    """The library's own words, without values: they may be the caller's."""
    return str(error).split('"')[0].split(". See")[0].strip()[:80] or type(error).__name__


def _library() -> ModuleType:
    try:
        import webauthn
        import webauthn.helpers.exceptions
    except ImportError:
        raise Unavailable(
            "this node takes no passkeys: it was installed without the extra [web]", reason="NO_PASSKEYS_HERE"
        ) from None
    return webauthn
