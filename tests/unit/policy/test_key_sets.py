"""What a provider's discovery document and key set must be before anything in them counts."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms.errors import EvidenceRefused, Invalid
from kms.policy.issuers import pin
from kms.policy.key_sets import MAX_KEYS, MAX_SHOWN, discovery_url, read_discovery, read_key_set
from kms.statements.manifest import IssuerKey, IssuerKeyType
from tests.reference.tokens import Ed25519Signer, P256Signer, RsaSigner, b64, compact, rsa_key, seed

ISS = "https://login.example/realms/clinic"
ED = Ed25519Signer(seed("ed")).jwk | {"kid": "e", "use": "sig", "alg": "EdDSA"}
EC = P256Signer(seed("ec")).jwk | {"kid": "p"}
RSA = RsaSigner("provider").jwk | {"kid": "r", "alg": "RS256"}
JWKS = "https://login.example/realms/clinic/keys"


def key_set(*keys: object) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


def kids(*keys: object) -> list[str]:
    return [key.kid for key in read_key_set(key_set(*keys))]


def refusal(body: bytes) -> str:
    with pytest.raises(Invalid) as caught:
        read_key_set(body)
    return caught.value.reason


def test_the_kinds_of_keys_that_count_are_read() -> None:
    ed, ec, rsa = read_key_set(key_set(ED, EC, RSA))
    assert (ed.type, ed.public_key, ed.alg) == (IssuerKeyType.ED25519, Ed25519Signer(seed("ed")).public, "")
    assert (ec.type, ec.public_key) == (IssuerKeyType.P256, P256Signer(seed("ec")).public)
    assert (rsa.type, rsa.public_key, rsa.alg) == (IssuerKeyType.RSA, RsaSigner("provider").public, "RS256")


@pytest.mark.parametrize(
    "other",
    [
        ED | {"kid": "x", "use": "enc"},
        ED | {"kid": "x", "key_ops": ["sign"]},
        ED | {"kid": "x", "key_ops": "verify"},
        {name: value for name, value in ED.items() if name != "kid"},
        ED | {"kid": ""},
        ED | {"kid": 7},
        ED | {"kid": "x" * 256},
        ED | {"kid": "x\n"},
        ED | {"kid": "x", "alg": "ES256"},
        ED | {"kid": "x", "alg": ["EdDSA"]},
        ED | {"kid": "x", "crv": "X25519"},
        ED | {"kid": "x", "x": "AAAA"},
        ED | {"kid": "x", "x": None},
        EC | {"kid": "x", "crv": "P-384"},
        EC | {"kid": "x", "y": EC["x"]},
        RSA | {"kid": "x", "alg": "RSA-OAEP"},
        RSA | {"kid": "x", "alg": "RS512"},
        RSA | {"kid": "x", "e": b64(b"\3")},
        RSA | {"kid": "x", "n": "!"},
        RSA | {"kid": "x", "crv": "P-256"},
        RsaSigner("weak", 1024).jwk | {"kid": "x"},
        {"kty": "AKP", "kid": "x", "pub": "AAAA"},
    ],
)
def test_keys_that_are_not_for_this_are_left_out(other: dict[str, Any]) -> None:
    assert kids(ED, other) == ["e"]
    assert refusal(key_set(other)) == "PROVIDER_KEYS_REFUSED"


@pytest.mark.parametrize("part", ["d", "p", "q", "dp", "dq", "qi", "oth"])
def test_a_set_that_shows_a_private_part_is_refused_whole(part: str) -> None:
    assert refusal(key_set(ED, RSA | {part: "AAAA"})) == "PROVIDER_KEYS_REFUSED"


def test_a_set_with_a_shared_secret_is_refused_whole() -> None:
    assert refusal(key_set(ED, {"kty": "oct", "kid": "s", "k": "AAAA"})) == "PROVIDER_KEYS_REFUSED"


def test_a_kid_names_one_key() -> None:
    assert refusal(key_set(ED, EC | {"kid": "e"})) == "PROVIDER_KEYS_REFUSED"
    assert kids(ED, EC | {"kid": "e", "use": "enc"}) == ["e"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "PROVIDER_MALFORMED"),
        (b"[]", "PROVIDER_MALFORMED"),
        (b"\xff", "PROVIDER_MALFORMED"),
        (b"[" * 100_000, "PROVIDER_MALFORMED"),
        (key_set(ED)[:-1], "PROVIDER_MALFORMED"),
        (b'{"keys": [], "keys": []}', "PROVIDER_MALFORMED"),
        (b"{}", "PROVIDER_KEYS_REFUSED"),
        (b'{"keys": {}}', "PROVIDER_KEYS_REFUSED"),
        (key_set("key"), "PROVIDER_KEYS_REFUSED"),
        (key_set(), "PROVIDER_KEYS_REFUSED"),
        (key_set(*[{"kty": "?"}] * (MAX_SHOWN + 1)), "PROVIDER_KEYS_REFUSED"),
        (key_set(*[ED | {"kid": str(n)} for n in range(MAX_KEYS + 1)]), "PROVIDER_KEYS_REFUSED"),
    ],
    ids=lambda value: str(value[:40]),
)
def test_what_is_no_honest_set_is_refused(body: bytes, reason: str) -> None:
    assert refusal(body) == reason


MEMBERS = ["keys", "kty", "crv", "kid", "x", "y", "n", "e", "use", "alg", "key_ops"]
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=6)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=6),
)


@given(ANYTHING)
def test_whatever_a_provider_shows_it_is_keys_or_a_refusal(value: object) -> None:
    for body in (json.dumps(value).encode(), key_set(value), key_set(ED, value)):
        with contextlib.suppress(Invalid):
            assert all(key.kid for key in read_key_set(body))


def test_a_key_that_was_made_for_one_algorithm_verifies_no_other() -> None:
    pss = RsaSigner("provider", pss=True)
    text = compact({"alg": "PS256", "kid": "r"}, {}, pss)
    pin(IssuerKey("r", IssuerKeyType.RSA, pss.public)).check_signature(text, "PS256")
    with pytest.raises(EvidenceRefused) as caught:
        pin(IssuerKey("r", IssuerKeyType.RSA, pss.public), alg="RS256").check_signature(text, "PS256")
    assert caught.value.reason == "CREDENTIAL_ALGORITHM"


def test_a_key_of_more_bits_is_read_too() -> None:
    assert rsa_key("large", 4096).key_size == 4096
    assert kids(RsaSigner("large", 4096).jwk | {"kid": "l"}) == ["l"]


@pytest.mark.parametrize("iss", ["https://login.example", "https://login.example/"])
def test_a_provider_describes_itself_below_its_own_name(iss: str) -> None:
    assert discovery_url(iss) == "https://login.example/.well-known/openid-configuration"


def described(**changes: object) -> bytes:
    return json.dumps({"issuer": ISS, "jwks_uri": JWKS} | changes).encode()


@pytest.mark.parametrize("uri", [JWKS, "https://LOGIN.example:443/k?p=1", "https://login.example"])
def test_keys_lie_at_the_providers_own_host(uri: str) -> None:
    assert read_discovery(described(jwks_uri=uri), ISS) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "http://login.example/keys",
        "https://login.example:8443/keys",
        "https://login.example.thief.example/keys",
        "https://thief.example/login.example",
        "https://login.example@thief.example/keys",
        "https://thief.example\\@login.example/keys",
        "https://me:secret@login.example/keys",
        "https://login.example/keys#part",
        "https://login.example:port/keys",
        "https://[login.example/keys",
        "//login.example/keys",
        "/keys",
        "file:///etc/passwd",
        "",
        None,
        7,
        [JWKS],
    ],
)
def test_keys_at_any_other_place_are_refused(uri: object) -> None:
    with pytest.raises(Invalid) as caught:
        read_discovery(described(jwks_uri=uri), ISS)
    assert caught.value.reason == "PROVIDER_KEYS_ELSEWHERE"


@pytest.mark.parametrize("issuer", [ISS + "/", ISS.upper(), "https://login.example", "", None, [ISS]])
def test_a_document_of_another_issuer_is_refused(issuer: object) -> None:
    with pytest.raises(Invalid) as caught:
        read_discovery(described(issuer=issuer), ISS)
    assert caught.value.reason == "PROVIDER_WRONG_ISSUER"
