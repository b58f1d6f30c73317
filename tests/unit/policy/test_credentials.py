"""What a credential must be, one claim at a time. Forgeries stand in tests/attack/test_credential_confusion.py."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms.errors import ConfigError, EvidenceRefused
from kms.policy.attributes import Credential
from kms.policy.credentials import (
    LEEWAY,
    MAX_LIFETIME,
    MAX_SIZE,
    CredentialCache,
    verify_credential,
    verify_credentials,
)
from kms.policy.issuers import issuer_keys
from kms.statements.manifest import HolderClass, Issuer, IssuerKey, IssuerKeyType
from tests.reference.tokens import Ed25519Signer, b64, compact, seed
from tests.unit.policy.world import (
    AUDIENCE,
    CHAMBER,
    CHAMBER_HEADER,
    CHAMBER_ISSUER,
    NOW,
    PINNED,
    THUMBPRINT,
    chamber_token,
    claims,
    insurer_token,
)


def verified(token: str, now: int = NOW) -> Credential:
    return verify_credential(token, PINNED, AUDIENCE, THUMBPRINT, now)[0]


def refusal(token: str, now: int = NOW) -> str:
    with pytest.raises(EvidenceRefused) as caught:
        verify_credential(token, PINNED, AUDIENCE, THUMBPRINT, now)
    return caught.value.reason


def outcome(token: str) -> str:
    """The reason of a refusal, or "verified"; anything else that is raised is a fault."""
    try:
        verified(token)
    except EvidenceRefused as error:
        return error.reason
    return "verified"


def test_a_good_credential_says_who_holds_the_key_and_who_vouches() -> None:
    assert verified(chamber_token()) == Credential(
        iss="https://chamber.example",
        controlled_by="Medical Chamber",
        subject="doctor-17",
        holder_class="professional",
        organisation="Practice am Ring",
        key_thumbprint=THUMBPRINT,
        expires=NOW + 3600,
    )


def test_a_p256_issuer_is_verified_too() -> None:
    assert verified(insurer_token()).controlled_by == "Mutual Insurance"


@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519"])
def test_both_names_of_ed25519_are_believed_and_neither_warns(alg: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert verified(compact({"alg": alg, "kid": "c1"}, claims(), CHAMBER)).subject == "doctor-17"


@pytest.mark.parametrize("typ", ["JWT", "at+jwt"])
def test_usual_types_pass(typ: str) -> None:
    assert verified(compact(CHAMBER_HEADER | {"typ": typ}, claims(), CHAMBER)).subject == "doctor-17"


def test_an_audience_may_be_a_list_of_exactly_one() -> None:
    assert verified(chamber_token(aud=[AUDIENCE])).subject == "doctor-17"
    assert refusal(chamber_token(aud=[AUDIENCE, "another"])) == "CREDENTIAL_AUDIENCE"


def test_an_issuer_may_call_the_holder_a_guardian() -> None:
    wards = [{"sub": "child-1", "until": NOW + 9}, {"sub": "child-2", "until": NOW + 7}]
    assert verified(chamber_token(guardian_of=wards)).guardian_of == (
        ("child-1", NOW + 9),
        ("child-2", NOW + 7),
    )
    assert verified(chamber_token()).guardian_of == ()


def test_an_organisation_may_be_left_out() -> None:
    assert verified(chamber_token(organisation=None)).organisation == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": None}, "CREDENTIAL_UNKNOWN_ISSUER"),
        ({"iss": ["https://chamber.example"]}, "CREDENTIAL_UNKNOWN_ISSUER"),
        ({"iss": "https://chamber.example/"}, "CREDENTIAL_UNKNOWN_ISSUER"),
        ({"aud": None}, "CREDENTIAL_AUDIENCE"),
        ({"aud": []}, "CREDENTIAL_AUDIENCE"),
        ({"aud": AUDIENCE.upper()}, "CREDENTIAL_AUDIENCE"),
        ({"iat": None}, "CREDENTIAL_MALFORMED"),
        ({"exp": None}, "CREDENTIAL_MALFORMED"),
        ({"exp": True}, "CREDENTIAL_MALFORMED"),
        ({"exp": str(NOW + 60)}, "CREDENTIAL_MALFORMED"),
        ({"exp": NOW + 60.5}, "CREDENTIAL_MALFORMED"),
        ({"nbf": "soon"}, "CREDENTIAL_MALFORMED"),
        ({"guardian_of": "child-1"}, "CREDENTIAL_MALFORMED"),
        ({"guardian_of": ["child-1"]}, "CREDENTIAL_MALFORMED"),
        ({"guardian_of": [{"sub": "child-1"}]}, "CREDENTIAL_MALFORMED"),
        ({"guardian_of": [{"sub": "", "until": NOW}]}, "CREDENTIAL_MALFORMED"),
        ({"guardian_of": [{"sub": "child-1", "until": "2030"}]}, "CREDENTIAL_MALFORMED"),
        ({"guardian_of": [{"sub": "child-1", "until": NOW}] * 17}, "CREDENTIAL_MALFORMED"),
        ({"exp": NOW}, "CREDENTIAL_LIFETIME"),
        ({"exp": NOW + MAX_LIFETIME + 1}, "CREDENTIAL_LIFETIME"),
        ({"iat": NOW - 7200, "exp": NOW - 1}, "CREDENTIAL_EXPIRED"),
        ({"iat": NOW + LEEWAY + 1}, "CREDENTIAL_NOT_YET_VALID"),
        ({"nbf": NOW + LEEWAY + 1}, "CREDENTIAL_NOT_YET_VALID"),
        ({"cnf": None}, "CREDENTIAL_WRONG_KEY"),
        ({"cnf": b64(THUMBPRINT)}, "CREDENTIAL_WRONG_KEY"),
        ({"cnf": {}}, "CREDENTIAL_WRONG_KEY"),
        ({"cnf": {"jkt": b64(seed("a thief's device"))}}, "CREDENTIAL_WRONG_KEY"),
        ({"cnf": {"jkt": b64(THUMBPRINT)[:-1]}}, "CREDENTIAL_WRONG_KEY"),
        ({"cnf": {"jkt": "\ud800"}}, "CREDENTIAL_WRONG_KEY"),
        ({"sub": None}, "CREDENTIAL_MALFORMED"),
        ({"sub": ""}, "CREDENTIAL_MALFORMED"),
        ({"sub": 17}, "CREDENTIAL_MALFORMED"),
        ({"sub": "doctor\nApproved by everybody"}, "CREDENTIAL_MALFORMED"),
        ({"sub": "d" * 257}, "CREDENTIAL_MALFORMED"),
        ({"organisation": "a\u202eb"}, "CREDENTIAL_MALFORMED"),
        ({"organisation": ["a"]}, "CREDENTIAL_MALFORMED"),
        ({"holder_class": None}, "CREDENTIAL_CLASS"),
        ({"holder_class": "administrator"}, "CREDENTIAL_CLASS"),
        ({"holder_class": "operator"}, "CREDENTIAL_CLASS"),
        ({"holder_class": ["professional"]}, "CREDENTIAL_CLASS"),
    ],
)
def test_a_signed_claim_that_is_wrong_is_refused_by_its_reason(changes: dict[str, Any], reason: str) -> None:
    usual = claims()
    changed = {name: value for name, value in (usual | changes).items() if value is not None}
    assert refusal(compact(CHAMBER_HEADER, changed, CHAMBER)) == reason


def test_it_holds_from_its_first_second_and_not_in_its_last() -> None:
    token = chamber_token(iat=NOW, exp=NOW + 100)
    assert refusal(token, NOW - LEEWAY - 1) == "CREDENTIAL_NOT_YET_VALID"
    assert verified(token, NOW - LEEWAY).expires == NOW + 100
    assert verified(token, NOW + 99).expires == NOW + 100
    assert refusal(token, NOW + 100) == "CREDENTIAL_EXPIRED"


def test_the_longest_permitted_life_passes() -> None:
    assert verified(chamber_token(exp=NOW + MAX_LIFETIME)).expires == NOW + MAX_LIFETIME


def test_an_oversized_token_is_refused_before_anything_is_parsed() -> None:
    assert refusal("a" * (MAX_SIZE + 1)) == "CREDENTIAL_TOO_LARGE"
    assert refusal(chamber_token(padding="x" * MAX_SIZE)) == "CREDENTIAL_TOO_LARGE"


def test_a_name_that_occurs_twice_is_refused() -> None:
    twice = json.dumps(claims())[:-1] + ', "sub": "somebody else"}'
    assert refusal(compact(CHAMBER_HEADER, twice, CHAMBER)) == "CREDENTIAL_MALFORMED"
    nested = json.dumps(claims()).replace('"jkt"', '"jkt": "other", "jkt"')
    assert refusal(compact(CHAMBER_HEADER, nested, CHAMBER)) == "CREDENTIAL_MALFORMED"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: t + "=",
        lambda t: t + "\n",
        lambda t: " " + t,
        lambda t: t.replace(".", "..", 1),
        lambda t: t.rsplit(".", 1)[0],
        lambda t: t.rsplit(".", 1)[0] + ".",
        lambda t: t + ".x.y",
        lambda t: "",
        lambda t: "..",
        lambda t: "\ud800" + t,
        lambda t: "ⓐ" + t,
        lambda t: b64(b"[]") + t[t.index(".") :],
        lambda t: b64(b"[" * 4000) + t[t.index(".") :],
        lambda t: b64(b"\xff\xfe") + t[t.index(".") :],
    ],
)
def test_what_is_not_three_plain_segments_is_refused(spoil: Callable[[str], str]) -> None:
    assert refusal(spoil(chamber_token())) == "CREDENTIAL_MALFORMED"


@given(st.text(max_size=200))
def test_no_text_makes_it_raise_anything_else(text: str) -> None:
    assert refusal(text).startswith("CREDENTIAL_")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(claims())), JSON)
def test_no_signed_value_of_a_claim_makes_it_raise_anything_else(name: str, value: object) -> None:
    token = compact(CHAMBER_HEADER, claims() | {name: value}, CHAMBER)
    assert outcome(token).startswith(("CREDENTIAL_", "verified"))


@given(st.sampled_from(["alg", "kid", "typ"]), JSON)
def test_no_value_in_a_header_makes_it_raise_anything_else(name: str, value: object) -> None:
    token = compact(CHAMBER_HEADER | {name: value}, claims(), CHAMBER)
    assert outcome(token).startswith(("CREDENTIAL_", "verified"))


def test_a_refusal_names_nobody() -> None:
    with pytest.raises(EvidenceRefused) as caught:
        verified(chamber_token(aud="elsewhere"))
    assert "doctor-17" not in str(caught.value)
    assert AUDIENCE not in str(caught.value)


INSURERS = insurer_token()  # ECDSA is randomised: one token, not one text of claims


def both(cache: CredentialCache, now: int = NOW, **changes: Any) -> tuple[Credential, ...]:
    tokens = (chamber_token(**changes), INSURERS)
    return verify_credentials(tokens, PINNED, AUDIENCE, THUMBPRINT, now, cache)


def test_several_credentials_come_back_in_order() -> None:
    assert [c.iss for c in both(CredentialCache())] == ["https://chamber.example", "https://insurer.example"]


def test_one_bad_credential_refuses_them_all() -> None:
    with pytest.raises(EvidenceRefused, match="expired"):
        both(CredentialCache(), iat=NOW - 100, exp=NOW - 1)


def test_two_credentials_of_one_issuer_are_refused() -> None:
    tokens = (chamber_token(), chamber_token(sub="doctor-18"))
    with pytest.raises(EvidenceRefused) as caught:
        verify_credentials(tokens, PINNED, AUDIENCE, THUMBPRINT, NOW, CredentialCache())
    assert caught.value.reason == "CREDENTIAL_REPEATED"


def test_a_cached_credential_is_the_same_and_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(token: str, *rest: Any) -> tuple[Credential, int]:
        calls.append(token)
        return verify_credential(token, *rest)

    monkeypatch.setattr("kms.policy.credentials.verify_credential", counted)
    cache = CredentialCache()
    assert both(cache) == both(cache, NOW + 1)
    assert len(calls) == 2


def test_a_cached_credential_never_outlives_its_expiry() -> None:
    cache = CredentialCache()
    both(cache)
    with pytest.raises(EvidenceRefused, match="expired"):
        both(cache, NOW + 3600)


def test_a_cached_credential_does_not_hold_before_it_begins() -> None:
    cache = CredentialCache()
    both(cache)
    with pytest.raises(EvidenceRefused, match="not valid yet"):
        both(cache, NOW - LEEWAY - 1)


def test_a_cached_credential_does_not_serve_another_key_or_audience() -> None:
    cache, tokens = CredentialCache(), [chamber_token()]
    verify_credentials(tokens, PINNED, AUDIENCE, THUMBPRINT, NOW, cache)
    for audience, thumbprint in ((AUDIENCE, seed("thief")), ("cd" * 32, THUMBPRINT)):
        with pytest.raises(EvidenceRefused):
            verify_credentials(tokens, PINNED, audience, thumbprint, NOW, cache)


def test_a_cached_credential_dies_with_its_issuers_pin() -> None:
    cache, tokens = CredentialCache(), [chamber_token()]
    verify_credentials(tokens, PINNED, AUDIENCE, THUMBPRINT, NOW, cache)
    rotated = replace(
        CHAMBER_ISSUER, keys=(IssuerKey("c1", IssuerKeyType.ED25519, Ed25519Signer(seed("new")).public),)
    )
    with pytest.raises(EvidenceRefused) as caught:
        verify_credentials(tokens, (issuer_keys(rotated),), AUDIENCE, THUMBPRINT, NOW, cache)
    assert caught.value.reason == "CREDENTIAL_SIGNATURE"


def test_the_cache_is_bounded() -> None:
    cache = CredentialCache(limit=3)
    for number in range(10):
        verify_credentials([chamber_token(sub=f"doctor-{number}")], PINNED, AUDIENCE, THUMBPRINT, NOW, cache)
    assert len(cache) == 3


@pytest.mark.parametrize(
    "key",
    [
        IssuerKey("k", IssuerKeyType.P256, b"\x04" + bytes(64)),
        IssuerKey("k", IssuerKeyType.P256, b"\x02" + bytes(64)),
    ],
)
def test_a_key_that_is_no_point_of_its_curve_is_refused_at_the_start(key: IssuerKey) -> None:
    with pytest.raises(ConfigError):
        issuer_keys(Issuer("https://x.example", "X", (HolderClass.DEVICE,), (key,)))


def test_two_keys_of_one_kid_are_refused_at_the_start() -> None:
    keys = tuple(IssuerKey("k", IssuerKeyType.ED25519, Ed25519Signer(seed(n)).public) for n in "ab")
    with pytest.raises(ConfigError, match="kid"):
        issuer_keys(Issuer("https://x.example", "X", (HolderClass.DEVICE,), keys))
