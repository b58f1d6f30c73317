"""Credentials as OpenID Connect providers make them: RSA keys, ID tokens bound by a nonce, claims of their own."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kms.errors import ConfigError, EvidenceRefused, Invalid
from kms.policy.credentials import CredentialCache, key_nonce, verify_credential, verify_credentials
from kms.policy.issuers import IssuerKeys, issuer_keys, pin
from kms.statements.manifest import HolderClass, Issuer, IssuerKey, IssuerKeyType
from tests.reference.tokens import RsaSigner, b64, compact, rsa_key
from tests.unit.policy.world import AUDIENCE, CHAMBER_ISSUER, NOW, THUMBPRINT, claims

RSA = RsaSigner("provider")
PSS = RsaSigner("provider", pss=True)
ISS = "https://login.example"
KEY = IssuerKey("r1", IssuerKeyType.RSA, RSA.public)
PROVIDER = Issuer(ISS, "Login AG", (HolderClass.PROFESSIONAL,), (KEY,), audience="records")
BY_CNF = issuer_keys(PROVIDER)
BY_NONCE = replace(BY_CNF, nonce_bound=True)


def token(signer: RsaSigner = RSA, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
    usual: dict[str, Any] = {"iss": ISS, "aud": "records", "holder_class": None}
    alg = "PS256" if signer.pss else "RS256"
    return compact({"alg": alg, "kid": "r1", **(header or {})}, claims(**(usual | changes)), signer)


def nonce(thumbprint: bytes = THUMBPRINT, keyring: str = AUDIENCE) -> str:
    """As docs/protocol.md has it, written down again."""
    parts = [bytes.fromhex(keyring), thumbprint]
    hashed = hashlib.sha256(b"TKMS1" + bytes([5]) + b"nonce")
    for part in parts:
        hashed.update(len(part).to_bytes(8, "big") + part)
    return b64(hashed.digest())


def outcome(text: str, issuer: IssuerKeys = BY_CNF, now: int = NOW) -> str:
    try:
        return verify_credential(text, [issuer], AUDIENCE, THUMBPRINT, now)[0].subject
    except EvidenceRefused as error:
        return error.reason


@pytest.mark.parametrize("signer", [RSA, PSS], ids=["RS256", "PS256"])
def test_both_algorithms_of_an_rsa_key_are_believed(signer: RsaSigner) -> None:
    assert outcome(token(signer)) == "doctor-17"


@pytest.mark.parametrize(
    "alg", ["RS384", "RS512", "PS384", "PS512", "RS1", "RSA1_5", "HS256", "none", "EdDSA", "ES256"]
)
def test_no_other_algorithm_is(alg: str) -> None:
    assert outcome(token(header={"alg": alg})) == "CREDENTIAL_ALGORITHM"


def test_an_algorithm_is_not_exchanged_for_the_keys_other_one() -> None:
    assert outcome(token(RSA, header={"alg": "PS256"})) == "CREDENTIAL_SIGNATURE"
    assert outcome(token(PSS, header={"alg": "RS256"})) == "CREDENTIAL_SIGNATURE"


@pytest.mark.parametrize(("bits", "exponent"), [(1024, 65537), (2040, 65537), (2048, 3), (4104, 65537)])
def test_weak_and_odd_rsa_keys_are_not_pinned(bits: int, exponent: int) -> None:
    public = rsa_key("weak", bits, exponent).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises((ConfigError, Invalid), match=r"RSA|exponent|bytes"):
        pin(IssuerKey("w", IssuerKeyType.RSA, der))


def test_an_issuers_own_audience_takes_the_place_of_the_keyrings() -> None:
    assert outcome(token(aud=["records"])) == "doctor-17"
    assert outcome(token(aud=AUDIENCE)) == "CREDENTIAL_AUDIENCE"
    assert outcome(token(aud=["records", AUDIENCE])) == "CREDENTIAL_AUDIENCE"


def test_the_only_class_of_an_issuer_need_not_be_said() -> None:
    assert outcome(token()) == "doctor-17"
    assert outcome(token(holder_class="device")) == "CREDENTIAL_CLASS"
    several = replace(BY_CNF, classes=frozenset({"professional", "device"}))
    assert outcome(token(), several) == "CREDENTIAL_CLASS"


def test_an_id_token_is_bound_by_a_nonce_that_hashes_the_key() -> None:
    assert key_nonce(AUDIENCE, THUMBPRINT) == nonce()
    assert outcome(token(cnf=None, nonce=nonce()), BY_NONCE) == "doctor-17"


@pytest.mark.parametrize(
    "wrong",
    [None, "", nonce(bytes(32)), nonce(keyring="cd" * 32), nonce() + "=", b64(THUMBPRINT), [nonce()], 7],
)
def test_an_id_token_with_another_nonce_is_refused(wrong: object) -> None:
    assert outcome(token(cnf=None, nonce=wrong), BY_NONCE) == "CREDENTIAL_WRONG_KEY"


def test_one_binding_does_not_stand_for_the_other() -> None:
    # Whoever may write a nonce (anybody who starts a login) must not thereby pass for somebody's cnf, nor the reverse.
    assert outcome(token(cnf=None, nonce=nonce())) == "CREDENTIAL_WRONG_KEY"
    assert outcome(token(), BY_NONCE) == "CREDENTIAL_WRONG_KEY"


def test_an_access_token_is_no_id_token() -> None:
    text = token(header={"typ": "at+jwt"}, cnf=None, nonce=nonce())
    assert outcome(text, BY_NONCE) == "CREDENTIAL_HEADER"
    assert outcome(token(header={"typ": "at+jwt"})) == "doctor-17"


@pytest.mark.parametrize(
    ("said", "email"),
    [
        ({}, ""),
        ({"email": "Dr@Clinic.example", "email_verified": True}, "dr@clinic.example"),
        ({"email": "dr@clinic.example"}, ""),
        ({"email": "dr@clinic.example", "email_verified": False}, ""),
        ({"email": "dr@clinic.example", "email_verified": "true"}, ""),
        ({"email": "dr@clinic.example", "email_verified": 1}, ""),
        ({"email_verified": True}, ""),
    ],
    ids=str,
)
def test_only_an_address_that_the_issuer_verified_counts(said: dict[str, Any], email: str) -> None:
    credential, _ = verify_credential(token(**said), [BY_CNF], AUDIENCE, THUMBPRINT, NOW)
    assert credential.email == email


@pytest.mark.parametrize("email", ["", 7, "nobody", "a@b@c", "a@\u202eb", "a@b\n", ["a@b"]])
def test_a_verified_address_that_is_none_is_refused(email: object) -> None:
    assert outcome(token(email=email, email_verified=True)) == "CREDENTIAL_MALFORMED"


def test_keys_that_are_to_be_fetched_count_for_nothing_before() -> None:
    anchored = replace(PROVIDER, trust_anchors=(b"x",), key_delay=60, max_key_age=60)
    assert outcome(token(), issuer_keys(anchored)) == "ISSUER_KEYS_STALE"


def test_fetched_keys_count_for_a_while_and_no_longer() -> None:
    fresh = replace(BY_CNF, fresh_until=NOW + 100)
    text, cache = token(), CredentialCache()
    for now, expected in ((NOW, "doctor-17"), (NOW + 99, "doctor-17"), (NOW + 100, "ISSUER_KEYS_STALE")):
        assert outcome(text, fresh, now) == expected
    verify_credentials([text], [fresh], AUDIENCE, THUMBPRINT, NOW, cache)
    with pytest.raises(EvidenceRefused) as caught:  # a credential that was verified in time is no way around
        verify_credentials([text], [fresh], AUDIENCE, THUMBPRINT, NOW + 100, cache)
    assert caught.value.reason == "ISSUER_KEYS_STALE"


def test_a_key_counts_from_and_until_its_seconds() -> None:
    for since, until, expected in (
        (NOW + 1, None, "CREDENTIAL_UNKNOWN_KEY"),
        (NOW, None, "doctor-17"),
        (0, NOW, "CREDENTIAL_UNKNOWN_KEY"),
        (0, NOW + 1, "doctor-17"),
    ):
        assert outcome(token(), replace(BY_CNF, keys={"r1": pin(KEY, since, until)})) == expected


def test_a_young_key_is_refused_with_a_reason_of_its_own() -> None:
    assert outcome(token(), replace(BY_CNF, keys={}, young=frozenset({"r1"}))) == "CREDENTIAL_KEY_TOO_NEW"


def test_a_switched_provider_is_believed_in_nothing() -> None:
    assert outcome(token(), replace(BY_CNF, refused="ISSUER_SWITCHED")) == "ISSUER_SWITCHED"
    assert CHAMBER_ISSUER.is_provider is False
