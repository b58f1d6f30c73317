"""Credentials that look signed: a thief brings the key, names the algorithm, or borrows a token.

Each forgery is shown to open a verifier that believes what a token says of itself, as real ones have.
"""

from __future__ import annotations

import base64
import hmac
import json
import string
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from kms.errors import EvidenceRefused
from kms.policy.credentials import CredentialCache, verify_credential, verify_credentials
from kms.policy.issuers import issuer_keys
from kms.statements.manifest import HolderClass, Issuer, IssuerKey, IssuerKeyType
from tests.reference.tokens import Ed25519Signer, RsaSigner, b64, compact, mac, seed, unsigned
from tests.unit.policy.world import (
    AUDIENCE,
    CHAMBER,
    CHAMBER_HEADER,
    INSURER,
    INSURER_HEADER,
    INSURER_ISSUER,
    NOW,
    PINNED,
    THUMBPRINT,
    chamber_token,
    claims,
    insurer_token,
)

THIEF = Ed25519Signer(seed("thief"))
THIEFS_THUMBPRINT = seed("the thief's device")
FOUND_AT_URL = {"https://thief.example/keys": THIEF.jwk}


def naive_verify(token: str) -> dict[str, Any]:
    """The claims of a token that is signed in the way, and with the key, that its own header names.

    Checks the signature and nothing else: keys by `jwk`, `jku`, or by `kid` over all issuers together.
    """
    first, second, third = token.split(".")
    header, body = (json.loads(_decoded(part)) for part in (first, second))
    signed, signature = f"{first}.{second}".encode(), _decoded(third)
    by_kid = {"c1": CHAMBER.public, "i1": INSURER.public}
    if header["alg"] == "none":
        return dict(body)
    if "jwk" in header:
        public = _decoded(header["jwk"]["x"])
    elif "jku" in header:
        public = _decoded(FOUND_AT_URL[header["jku"]]["x"])
    else:
        public = by_kid[header["kid"]]
    if header["alg"] == "HS256":
        if not hmac.compare_digest(hmac.digest(public, signed, "sha256"), signature):
            raise InvalidSignature
        return dict(body)
    Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    return dict(body)


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def refusal(token: str, audience: str = AUDIENCE, thumbprint: bytes = THUMBPRINT) -> str:
    with pytest.raises(EvidenceRefused) as caught:
        verify_credential(token, PINNED, audience, thumbprint, NOW)
    return caught.value.reason


FORGERIES: dict[str, tuple[Callable[[], str], str]] = {
    "no algorithm": (
        lambda: compact({"alg": "none", "kid": "c1"}, claims(), lambda _: b"x"),
        "CREDENTIAL_ALGORITHM",
    ),
    "public key as a secret": (
        lambda: compact({"alg": "HS256", "kid": "c1"}, claims(), mac(CHAMBER.public)),
        "CREDENTIAL_ALGORITHM",
    ),
    "key in the header": (
        lambda: compact(CHAMBER_HEADER | {"jwk": THIEF.jwk}, claims(), THIEF),
        "CREDENTIAL_HEADER",
    ),
    "key at a URL": (
        lambda: compact(CHAMBER_HEADER | {"jku": "https://thief.example/keys"}, claims(), THIEF),
        "CREDENTIAL_HEADER",
    ),
    "another issuer's kid": (
        # The chamber is honest about itself and lies in the insurer's name.
        lambda: compact(CHAMBER_HEADER, claims(iss=INSURER_ISSUER.iss), CHAMBER),
        "CREDENTIAL_UNKNOWN_KEY",
    ),
    "another key": (
        lambda: chamber_token(cnf={"jkt": b64(THIEFS_THUMBPRINT)}),
        "CREDENTIAL_WRONG_KEY",
    ),
    "no key at all": (lambda: chamber_token(cnf=None), "CREDENTIAL_WRONG_KEY"),
    "another audience": (lambda: chamber_token(aud="a shop"), "CREDENTIAL_AUDIENCE"),
    "an audience among others": (lambda: chamber_token(aud=[AUDIENCE, "a shop"]), "CREDENTIAL_AUDIENCE"),
    "expired": (lambda: chamber_token(iat=NOW - 3601, exp=NOW - 1), "CREDENTIAL_EXPIRED"),
    "of the future": (lambda: chamber_token(iat=NOW + 600), "CREDENTIAL_NOT_YET_VALID"),
    "for years": (lambda: chamber_token(exp=NOW + 10 * 365 * 86400), "CREDENTIAL_LIFETIME"),
    "a class beyond its issuer": (lambda: chamber_token(holder_class="operator"), "CREDENTIAL_CLASS"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_the_attack_works_on_a_verifier_that_believes_the_token(name: str) -> None:
    forge, _ = FORGERIES[name]
    assert naive_verify(forge())["sub"] == "doctor-17"


@pytest.mark.parametrize("name", FORGERIES)
def test_the_same_token_is_refused_here(name: str) -> None:
    forge, reason = FORGERIES[name]
    assert refusal(forge()) == reason


def test_a_token_without_a_signature_is_refused() -> None:
    assert naive_verify(compact({"alg": "none"}, claims(), unsigned))["sub"] == "doctor-17"
    assert refusal(compact({"alg": "none", "kid": "c1"}, claims(), unsigned)) == "CREDENTIAL_MALFORMED"


@pytest.mark.parametrize("alg", ["ES256", "RS256", "HS512", "Ed448", "ES256K", "eddsa", "", None, ["EdDSA"]])
def test_no_algorithm_but_the_pinned_keys_own_is_tried(alg: object) -> None:
    assert refusal(compact(CHAMBER_HEADER | {"alg": alg}, claims(), CHAMBER)) == "CREDENTIAL_ALGORITHM"
    swapped = compact(INSURER_HEADER | {"alg": "EdDSA"}, claims(iss=INSURER_ISSUER.iss), INSURER)
    assert refusal(swapped) == "CREDENTIAL_ALGORITHM"


@pytest.mark.parametrize("secret", [b64(CHAMBER.public).encode(), json.dumps(CHAMBER.jwk).encode(), b""])
def test_no_spelling_of_the_public_key_is_a_secret(secret: bytes) -> None:
    forged = compact({"alg": "HS256", "kid": "c1"}, claims(), mac(secret))
    assert refusal(forged) == "CREDENTIAL_ALGORITHM"


@pytest.mark.parametrize(
    "extra",
    [
        {"x5u": "https://thief.example"},
        {"x5c": ["MII="]},
        {"x5t": "x"},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"cty": "JWT"},
        {"zip": "DEF"},
        {"typ": "dpop+jwt"},
        {"typ": "jwt"},
        {"typ": None},
    ],
    ids=json.dumps,
)
def test_a_header_with_anything_but_alg_kid_and_typ_is_refused(extra: dict[str, Any]) -> None:
    assert refusal(compact(CHAMBER_HEADER | extra, claims(), CHAMBER)) == "CREDENTIAL_HEADER"


def test_a_pinned_kid_does_not_make_another_key_pinned() -> None:
    assert refusal(compact(CHAMBER_HEADER, claims(), THIEF)) == "CREDENTIAL_SIGNATURE"


@pytest.mark.parametrize("kid", ["c2", "", None, 1, ["c1"], "C1", "../c1"])
def test_a_kid_that_is_not_pinned_is_refused(kid: object) -> None:
    header = {"alg": "EdDSA"} if kid is None else CHAMBER_HEADER | {"kid": kid}
    assert refusal(compact(header, claims(), CHAMBER)) == "CREDENTIAL_UNKNOWN_KEY"


def test_an_issuer_that_is_not_pinned_is_refused() -> None:
    assert refusal(chamber_token(iss="https://thief.example")) == "CREDENTIAL_UNKNOWN_ISSUER"


def test_a_borrowed_token_is_refused_for_the_thiefs_own_key_cached_or_not() -> None:
    token, cache = chamber_token(), CredentialCache()
    assert naive_verify(token)["sub"] == "doctor-17"
    verify_credentials([token], PINNED, AUDIENCE, THUMBPRINT, NOW, cache)
    with pytest.raises(EvidenceRefused) as caught:
        verify_credentials([token], PINNED, AUDIENCE, THIEFS_THUMBPRINT, NOW, cache)
    assert caught.value.reason == "CREDENTIAL_WRONG_KEY"


def test_a_token_of_one_keyring_is_refused_by_another() -> None:
    assert refusal(chamber_token(), audience="cd" * 32) == "CREDENTIAL_AUDIENCE"


@pytest.mark.parametrize("make", [chamber_token, insurer_token])
def test_no_changed_character_survives(make: Callable[[], str]) -> None:
    token = make()
    assert verify_credential(token, PINNED, AUDIENCE, THUMBPRINT, NOW)[0].subject == "doctor-17"
    for position in {*range(0, len(token), 7), len(token) - 1}:
        # The last character holds spare bits: some of its neighbours decode to the same signature.
        others = string.ascii_letters + string.digits if position == len(token) - 1 else "ABw_"
        for other in set(others) - {token[position]}:
            changed = token[:position] + other + token[position + 1 :]
            assert refusal(changed).startswith("CREDENTIAL_")


PROVIDER = RsaSigner("a provider")
PROVIDER_DER = PROVIDER.public
PROVIDER_PEM = load_der_public_key(PROVIDER_DER).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
BY_RSA = issuer_keys(
    Issuer(
        "https://provider.example",
        "Provider AG",
        (HolderClass.PROFESSIONAL,),
        (IssuerKey("r1", IssuerKeyType.RSA, PROVIDER_DER),),
    )
)


def rsa_refusal(header: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    token = compact(header, claims(iss="https://provider.example"), sign)
    with pytest.raises(EvidenceRefused) as caught:
        verify_credential(token, [BY_RSA], AUDIENCE, THUMBPRINT, NOW)
    return caught.value.reason


def test_a_providers_own_signature_is_believed() -> None:
    token = compact({"alg": "RS256", "kid": "r1"}, claims(iss="https://provider.example"), PROVIDER)
    assert verify_credential(token, [BY_RSA], AUDIENCE, THUMBPRINT, NOW)[0].subject == "doctor-17"


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize(
    "secret", [PROVIDER_PEM, PROVIDER_PEM.strip(), PROVIDER_DER, json.dumps(PROVIDER.jwk).encode()]
)
def test_an_rsa_public_key_is_no_secret_however_it_is_spelt(alg: str, secret: bytes) -> None:
    # The confusion that made this attack known: a library asks the token which algorithm its RSA key is for.
    header = {"alg": alg, "kid": "r1"}
    forged = compact(header, claims(iss="https://provider.example"), mac(secret))
    first, second, third = forged.split(".")
    assert hmac.compare_digest(hmac.digest(secret, f"{first}.{second}".encode(), "sha256"), _decoded(third))
    assert rsa_refusal(header, mac(secret)) == "CREDENTIAL_ALGORITHM"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"alg": "none", "kid": "r1"}, "CREDENTIAL_ALGORITHM"),
        ({"alg": "RS256", "kid": "r1", "jku": "https://thief.example/keys"}, "CREDENTIAL_HEADER"),
        ({"alg": "RS256", "kid": "r1", "x5c": ["MII="]}, "CREDENTIAL_HEADER"),
        ({"alg": "RS256", "kid": "r1", "jwk": RsaSigner("thief").jwk}, "CREDENTIAL_HEADER"),
        ({"alg": "RS256", "kid": "r1"}, "CREDENTIAL_SIGNATURE"),
        ({"alg": "RS256", "kid": "c1"}, "CREDENTIAL_UNKNOWN_KEY"),
        ({"alg": "RS1", "kid": "r1"}, "CREDENTIAL_ALGORITHM"),
    ],
    ids=["none", "jku", "x5c", "jwk", "its own", "another kid", "RS1"],
)
def test_a_thief_with_an_rsa_key_gets_nowhere(header: dict[str, Any], reason: str) -> None:
    assert rsa_refusal(header, RsaSigner("thief")) == reason


def test_claims_of_one_token_under_the_signature_of_another_are_refused() -> None:
    first, _, third = chamber_token().split(".")
    operator = b64(json.dumps(claims(sub="somebody else")).encode())
    assert refusal(f"{first}.{operator}.{third}") == "CREDENTIAL_SIGNATURE"


def test_two_names_of_one_claim_cannot_show_two_readers_two_people() -> None:
    twice = json.dumps(claims())[:-1] + ', "sub": "doctor-18"}'
    token = compact(CHAMBER_HEADER, twice, CHAMBER)
    assert naive_verify(token)["sub"] == "doctor-18"  # the last one; other parsers take the first
    assert refusal(token) == "CREDENTIAL_MALFORMED"
