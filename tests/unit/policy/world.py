"""Two registries of different owners, a doctor's key, and credentials as their issuers would sign them."""

from __future__ import annotations

from typing import Any, Final

from kms.policy.attributes import OWNER, ReleaseAttributes
from kms.policy.issuers import IssuerKeys, issuer_keys
from kms.statements.manifest import HolderClass, Issuer, IssuerKey, IssuerKeyType
from tests.reference.tokens import Ed25519Signer, P256Signer, b64, compact, seed

NOW: Final = 1_900_000_000
AUDIENCE: Final = "ab" * 32
THUMBPRINT: Final = seed("the doctor's device")

CHAMBER: Final = Ed25519Signer(seed("chamber"))
INSURER: Final = P256Signer(seed("insurer"))

CHAMBER_ISSUER: Final = Issuer(
    "https://chamber.example",
    "Medical Chamber",
    (HolderClass.DEVICE, HolderClass.PROFESSIONAL),
    (IssuerKey("c1", IssuerKeyType.ED25519, CHAMBER.public),),
)
INSURER_ISSUER: Final = Issuer(
    "https://insurer.example",
    "Mutual Insurance",
    tuple(HolderClass),
    (IssuerKey("i1", IssuerKeyType.P256, INSURER.public),),
)
ISSUERS: Final = (CHAMBER_ISSUER, INSURER_ISSUER)
PINNED: Final[tuple[IssuerKeys, ...]] = tuple(issuer_keys(issuer) for issuer in ISSUERS)

CHAMBER_HEADER: Final = {"alg": "EdDSA", "kid": "c1", "typ": "JWT"}
INSURER_HEADER: Final = {"alg": "ES256", "kid": "i1", "typ": "JWT"}


def claims(**changes: Any) -> dict[str, Any]:
    """What the chamber says of the doctor; a change to None leaves the claim out."""
    usual = {
        "iss": CHAMBER_ISSUER.iss,
        "sub": "doctor-17",
        "aud": AUDIENCE,
        "iat": NOW,
        "exp": NOW + 3600,
        "cnf": {"jkt": b64(THUMBPRINT)},
        "holder_class": "professional",
        "organisation": "Practice am Ring",
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def chamber_token(**changes: Any) -> str:
    return compact(CHAMBER_HEADER, claims(**changes), CHAMBER)


def insurer_token(**changes: Any) -> str:
    return compact(INSURER_HEADER, claims(iss=INSURER_ISSUER.iss, **changes), INSURER)


def reading(*controllers: str, **changes: Any) -> ReleaseAttributes:
    """A professional who reads one laboratory result for treatment, vouched for by `controllers`."""
    usual: dict[str, Any] = {
        "principal_class": "professional",
        "is_owner": False,
        "granted": False,
        "approvals": 0,
        "category": "laboratory",
        "clinical": True,
        "purpose": "treatment",
        "batch_count": 1,
        "released_last_hour_principal": 0,
        "released_last_hour_owner": 0,
        "released_last_day_principal": 0,
    }
    return ReleaseAttributes(controllers=frozenset(controllers), **(usual | changes))


ONE, OTHER = "issuer:Medical Chamber", "issuer:Mutual Insurance"
BY_OWNER = (OWNER, ONE)
