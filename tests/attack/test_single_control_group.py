"""One owner, many brands: an insurer that runs two identity providers vouches twice for its own device.

Whoever counts credentials sees two of them, or a certificate and a grant of a patient that the same insurer
invented, and opens the record. Evidence counts by who controls it.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations
from typing import Any

import pytest

from kms.policy.attributes import Credential, controllers, principal_class
from kms.policy.credentials import CredentialCache, verify_credentials
from kms.policy.engine import PolicyEngine, default_policy, default_schema
from kms.policy.issuers import issuer_keys
from kms.policy.lint import lint
from kms.statements.manifest import HolderClass, Issuer, IssuerKey, IssuerKeyType
from kms.statements.release import Purpose
from tests.reference.tokens import Ed25519Signer, compact, seed
from tests.unit.policy.world import AUDIENCE, ISSUERS, NOW, OTHER, THUMBPRINT, claims, reading

BRANDS = tuple(
    Issuer(
        f"https://{name}.example",
        "Mutual Insurance",
        tuple(HolderClass),
        (IssuerKey("k", IssuerKeyType.ED25519, Ed25519Signer(seed(name)).public),),
    )
    for name in ("card", "app")
)
ENGINE = PolicyEngine(default_policy(), default_schema())


def brand_credentials(klass: str = "professional") -> tuple[Credential, ...]:
    """What the insurer issues to a device of its own, verified as a node does."""
    tokens = [
        compact(
            {"alg": "EdDSA", "kid": "k"},
            claims(iss=f"https://{name}.example", holder_class=klass),
            Ed25519Signer(seed(name)),
        )
        for name in ("card", "app")
    ]
    pinned = [issuer_keys(issuer) for issuer in BRANDS]
    return verify_credentials(tokens, pinned, AUDIENCE, THUMBPRINT, NOW, CredentialCache())


def naive_allows(credentials: tuple[Credential, ...]) -> bool:
    """Two valid credentials of two issuers: two opinions."""
    return len({credential.iss for credential in credentials}) >= 2


def test_the_attack_works_on_whoever_counts_credentials() -> None:
    assert naive_allows(brand_credentials())


@pytest.mark.parametrize("purpose", [purpose.name.lower() for purpose in Purpose])
@pytest.mark.parametrize("category", ["laboratory", "booking"])
def test_two_brands_of_one_owner_open_nothing_by_rule(purpose: str, category: str) -> None:
    for klass in ("device", "professional", "service", "operator"):
        credentials = brand_credentials(klass)
        outcome = ENGINE.decide_release(
            reading(
                *controllers(credentials),
                principal_class=principal_class(credentials),
                purpose=purpose,
                category=category,
                clinical=category != "booking",
            )
        )
        assert outcome.verdict != "allow"


def test_no_evidence_of_one_group_opens_anything() -> None:
    alone: list[tuple[tuple[str, ...], str, dict[str, Any]]] = (
        [((), "unknown", {})]
        + [((OTHER,), klass, {}) for klass in ("device", "professional", "service", "operator")]
        + [(("human",), "unknown", {"approvals": n}) for n in (1, 2, 99)]
        + [
            (("owner",), "unknown", owned)
            for owned in (
                {"is_owner": True},
                {"granted": True},
                {"is_owner": True, "granted": True},
            )
        ]
    )
    for (shown, klass, more), purpose, clinical in (
        (evidence, purpose.name.lower(), clinical)
        for evidence in alone
        for purpose in Purpose
        for clinical in (True, False)
    ):
        category = "laboratory" if clinical else "booking"
        attributes = reading(
            *shown, principal_class=klass, purpose=purpose, clinical=clinical, category=category
        )
        outcome = ENGINE.decide_release(replace(attributes, **more))
        assert outcome.verdict != "allow", (shown, klass, purpose, category)


def test_a_second_independent_group_is_what_opens() -> None:
    one, other = "issuer:Medical Chamber", OTHER
    for shown in chain.from_iterable(combinations((one, other), n) for n in range(3)):
        assert (ENGINE.decide_release(reading(*shown)).verdict == "allow") is (len(shown) == 2)


CARELESS = {
    "the insurer alone": 'context.controllers.contains("issuer:Mutual Insurance")',
    "any professional": 'principal.class == "professional"',
    "emergency": 'context.purpose == "emergency" && context.independent >= 1',
    "owner's key alone": "context.isOwner",
    "grant alone": "context.granted",
    "a human alone": "context.approvals >= 1",
    "only small": "context.batchCount == 1 || context.independent >= 2",
    "a hidden password": 'context.category == "xyzzy"',
}


@pytest.mark.parametrize("condition", CARELESS.values(), ids=CARELESS)
def test_lint_refuses_a_policy_that_one_group_alone_could_open(condition: str) -> None:
    careless = (
        f'{default_policy()}\n@id("careless") '
        f'permit (principal, action == Action::"release", resource) when {{ {condition} }};'
    )
    findings = lint(careless, default_schema(), ISSUERS)
    assert [(finding.code, finding.rule) for finding in findings] == [("SINGLE_CONTROL_GROUP", "careless")]


@pytest.mark.parametrize("spelling", ["mutual insurance", "Mutual-Insurance", "Mutual  Insurance"])
def test_lint_refuses_an_owner_that_a_second_spelling_would_make_two(spelling: str) -> None:
    split = (BRANDS[0], replace(BRANDS[1], controlled_by=spelling))
    codes = {finding.code for finding in lint(default_policy(), default_schema(), split)}
    assert codes == {"CONTROLLED_BY_CONFUSABLE"}


def test_lint_refuses_one_signing_key_under_two_owners() -> None:
    shared = replace(BRANDS[0], iss="https://other.example", controlled_by="Somebody Else")
    codes = {finding.code for finding in lint(default_policy(), default_schema(), (BRANDS[0], shared))}
    assert codes == {"ISSUER_KEY_SHARED"}
