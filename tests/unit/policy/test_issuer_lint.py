"""Issuers that would be one where two are counted, or anybody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kms.errors import Invalid
from kms.policy.engine import default_policy, default_schema
from kms.policy.lint import lint
from kms.statements.manifest import HolderClass, Issuer, IssuerKey, IssuerKeyType
from tests.unit.policy.certificates import authority, leaf
from tests.unit.policy.world import NOW

ONE, OTHER = authority("authority one"), authority("authority two")


def provider(name: str = "one", **changes: Any) -> Issuer:
    usual = Issuer(
        f"https://{name}.example",
        f"Owner {name}",
        (HolderClass.PROFESSIONAL,),
        (),
        trust_anchors=(ONE.der,),
        key_delay=86400,
        max_key_age=86400,
    )
    return replace(usual, **changes)


def codes(*issuers: Issuer) -> set[str]:
    return {finding.code for finding in lint(default_policy(), default_schema(), issuers)}


def test_two_providers_under_authorities_of_their_own_pass() -> None:
    assert codes(provider(), provider("two", trust_anchors=(OTHER.der,))) == set()


def test_two_owners_under_one_authority_are_one() -> None:
    assert codes(provider(), provider("two")) == {"ISSUER_ANCHOR_SHARED"}
    assert codes(provider(), provider("two", controlled_by="Owner one")) == set()


def test_another_certificate_of_the_same_authority_hides_nothing() -> None:
    renewed = authority("authority one", days=100)
    assert renewed.der != ONE.der
    assert codes(provider(), provider("two", trust_anchors=(renewed.der,))) == {"ISSUER_ANCHOR_SHARED"}


@pytest.mark.parametrize(
    "iss",
    [
        "http://one.example",
        "one.example",
        "https://",
        "https://user@one.example",
        "https://one.example?a=b",
        "https://one.example?",
        "https://one.example#a",
        "https://one.example:0",
        "https://one.example:port",
        "ftp://one.example",
    ],
)
def test_a_provider_is_found_at_a_plain_https_address_only(iss: str) -> None:
    assert "ISSUER_NOT_HTTPS" in codes(provider(iss=iss))


@pytest.mark.parametrize("anchor", [b"x", leaf("a.example", ONE, now=NOW).der], ids=["junk", "a leaf"])
def test_an_anchor_is_an_authoritys_certificate(anchor: bytes) -> None:
    assert codes(provider(trust_anchors=(anchor,))) == {"ISSUER_UNREADABLE"}


def test_id_tokens_need_the_client_that_they_are_for() -> None:
    assert codes(provider(nonce_bound=True)) == {"ISSUER_NO_AUDIENCE"}
    assert codes(provider(nonce_bound=True, audience="records")) == set()


def test_certificates_vouch_for_services_only() -> None:
    certified = provider(trust_anchors=(), key_delay=0, max_key_age=0, authorities=(ONE.der,))
    assert codes(certified) == {"ISSUER_CERTIFIES_PEOPLE"}
    assert codes(replace(certified, classes=(HolderClass.SERVICE,))) == set()
    both = (HolderClass.SERVICE, HolderClass.DEVICE)
    assert codes(replace(certified, classes=both)) == {"ISSUER_CERTIFIES_PEOPLE"}


@pytest.mark.parametrize(
    "changes",
    [
        {"trust_anchors": ()},
        {"trust_anchors": (), "key_delay": 0, "max_key_age": 0},
        {"max_key_age": 0},
        {"key_delay": 0},
        {"authorities": (OTHER.der,)},
        {
            "trust_anchors": (),
            "key_delay": 0,
            "max_key_age": 0,
            "authorities": (ONE.der,),
            "nonce_bound": True,
        },
    ],
    ids="+".join,
)
def test_an_issuer_whose_keys_come_from_nowhere_or_from_two_places_is_no_value(
    changes: dict[str, Any],
) -> None:
    with pytest.raises(Invalid, match="issuers"):
        provider(**changes)


def test_a_key_that_is_not_what_it_says_is_found_before_a_node_meets_it() -> None:
    broken = (IssuerKey("1", IssuerKeyType.P256, bytes(65)),)
    assert codes(provider(keys=broken)) == {"ISSUER_UNREADABLE"}
    assert codes(provider(keys=(IssuerKey("1", IssuerKeyType.RSA, bytes(300)),))) == {"ISSUER_UNREADABLE"}
