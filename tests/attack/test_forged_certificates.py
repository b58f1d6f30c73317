"""Services that show certificates: made by others, for others, for something else, too late, or where none belong."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from kms.errors import EvidenceRefused
from kms.policy.credentials import verify_credential
from kms.policy.issuers import IssuerKeys, issuer_keys
from kms.statements.manifest import HolderClass, Issuer, IssuerKey, IssuerKeyType
from kms_client.services import ServiceCredentials
from tests.protocol.adversary import ruling
from tests.protocol.world import (
    BOOKING,
    LAB,
    START,
    Clock,
    Device,
    World,
    found_keyring,
    parties,
    signing_key,
)
from tests.reference.tokens import Ed25519Signer, P256Signer, b64, compact, mac, seed
from tests.unit.policy.certificates import Made, authority, key_of, leaf
from tests.unit.policy.world import AUDIENCE, NOW, THUMBPRINT, claims

ISS = "https://services.example"
NAME = "spiffe://clinic.example/importer"
URI = [x509.UniformResourceIdentifier(NAME)]
ROOT = authority("root")
IMPORTER = leaf("importer", ROOT, now=NOW, names=URI)
ISSUER = Issuer(ISS, "Clinic IT", (HolderClass.SERVICE,), (), authorities=(ROOT.der,))
CERTIFIED = issuer_keys(ISSUER)


def signer(name: str) -> P256Signer:
    return P256Signer((int.from_bytes(seed(name), "big") >> 1).to_bytes(32, "big"))


def x5c(*chain: Made) -> list[str]:
    return [base64.b64encode(made.der).decode() for made in chain]


def token(*chain: Made, by: str = "importer", header: dict[str, Any] | None = None, **changes: Any) -> str:
    said = claims(**({"iss": ISS, "sub": NAME, "holder_class": None, "organisation": None} | changes))
    return compact({"alg": "ES256", "x5c": x5c(*(chain or (IMPORTER,)))} | (header or {}), said, signer(by))


def outcome(text: str, issuers: Sequence[IssuerKeys] = (CERTIFIED,), now: int = NOW) -> str:
    try:
        credential, _ = verify_credential(text, issuers, AUDIENCE, THUMBPRINT, now)
        return f"{credential.holder_class} {credential.subject}"
    except EvidenceRefused as error:
        return error.reason


def test_a_service_under_the_pinned_authority_is_believed_as_a_service() -> None:
    assert outcome(token()) == f"service {NAME}"
    between = authority("between", by=ROOT)
    under = leaf("importer", between, now=NOW, names=URI)
    assert outcome(token(under, between)) == f"service {NAME}"
    named = leaf("importer", ROOT, now=NOW, names=[x509.DNSName("importer.clinic.example")])
    assert outcome(token(named, sub="importer.clinic.example")) == "service importer.clinic.example"


STRANGER = authority("stranger")
FORGED: dict[str, Made] = {
    "another authority": leaf("importer", STRANGER, now=NOW, names=URI),
    "its own authority": authority("importer"),
    "an authority of the same name": leaf(
        "importer", replace(ROOT, key=key_of("stranger")), now=NOW, names=URI
    ),
    "made by a service": leaf("importer", IMPORTER, now=NOW, names=URI),
    "past": leaf("importer", ROOT, now=NOW - 40 * 86400, names=URI),
    "to come": leaf("importer", ROOT, now=NOW + 3600, names=URI),
    "for servers": leaf("importer", ROOT, now=NOW, names=URI, usage=[ExtendedKeyUsageOID.SERVER_AUTH]),
    "to encrypt to": leaf("importer", ROOT, now=NOW, names=URI, signs=False),
    "for mail": leaf("importer", ROOT, now=NOW, names=URI, usage=[ExtendedKeyUsageOID.EMAIL_PROTECTION]),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_certificate_that_the_authority_does_not_vouch_for_is_refused(name: str) -> None:
    assert outcome(token(FORGED[name])) == "CREDENTIAL_CERTIFICATE"
    assert outcome(token(FORGED[name], ROOT)) == "CREDENTIAL_CERTIFICATE"
    assert outcome(token(FORGED[name], STRANGER)) == "CREDENTIAL_CERTIFICATE"


def test_a_service_is_nobody_but_itself() -> None:
    for subject in ("spiffe://clinic.example/exporter", NAME + "/", NAME.upper(), "importer", "*"):
        assert outcome(token(sub=subject)) == "CREDENTIAL_CERTIFICATE"
    wild = leaf("importer", ROOT, now=NOW, names=[x509.DNSName("*.clinic.example")])
    for subject in ("*.clinic.example", "exporter.clinic.example"):
        assert outcome(token(wild, sub=subject)) == "CREDENTIAL_CERTIFICATE"
    assert outcome(token(holder_class="professional")) == "CREDENTIAL_CLASS"
    nobody: list[Any] = [None, [NAME], {}, True]
    for odd in nobody:
        assert outcome(token(sub=odd)) == "CREDENTIAL_CERTIFICATE"


def test_an_authority_within_bounds_names_nobody_beyond_them() -> None:
    laboratory = x509.NameConstraints([x509.DNSName("lab.example")], None)
    bounded = authority("laboratory", by=ROOT, bounds=laboratory)
    inside, outside = "importer.lab.example", "payroll.clinic.example"

    def said(name: x509.GeneralName, by: Made = bounded) -> str:
        return outcome(token(leaf("importer", by, now=NOW, names=[name]), by, sub=name.value))

    assert said(x509.DNSName(inside)) == f"service {inside}"
    assert said(x509.DNSName(outside)) == "CREDENTIAL_CERTIFICATE"
    # No bounds on hosts hold for URIs: neither for real ones, nor for a host in a URI's place.
    assert said(URI[0]) == said(x509.UniformResourceIdentifier(outside)) == "CREDENTIAL_CERTIFICATE"


def test_a_name_of_one_kind_is_none_of_another() -> None:
    for name in (x509.DNSName(NAME), x509.UniformResourceIdentifier("importer.clinic.example")):
        made = leaf("importer", ROOT, now=NOW, names=[name])
        assert outcome(token(made, sub=name.value)) == "CREDENTIAL_CERTIFICATE"


def test_a_certificate_that_anybody_can_read_signs_nothing_without_its_key() -> None:
    assert outcome(token(by="thief")) == "CREDENTIAL_SIGNATURE"
    public = signer("importer").public
    for alg, sign in (
        ("HS256", mac(public)),
        ("none", lambda data: b"x"),
        ("EdDSA", Ed25519Signer(seed("thief"))),
    ):
        forged = compact(
            {"alg": alg, "x5c": x5c(IMPORTER)}, claims(iss=ISS, sub=NAME, holder_class=None), sign
        )
        assert outcome(forged) == "CREDENTIAL_ALGORITHM"
    assert outcome(token(cnf={"jkt": b64(seed("thief"))})) == "CREDENTIAL_WRONG_KEY"


def test_a_credential_ends_with_its_certificate() -> None:
    short = leaf("importer", ROOT, now=NOW, names=URI, days=0)  # it ends five minutes ago
    assert outcome(token(short)) == "CREDENTIAL_CERTIFICATE"
    day = leaf("importer", ROOT, now=NOW - 86400 + 900, names=URI, days=1)  # ten minutes are left
    assert outcome(token(day, exp=NOW + 600)) == f"service {NAME}"
    assert outcome(token(day, exp=NOW + 601)) == "CREDENTIAL_LIFETIME"
    dying = authority("dying", by=ROOT, now=NOW - 86400 + 900, days=1)
    under = leaf("importer", dying, now=NOW, names=URI)
    assert outcome(token(under, dying, exp=NOW + 601)) == "CREDENTIAL_LIFETIME"


@pytest.mark.parametrize(
    "chain",
    [None, "", [], {}, [7], ["!"], ["AAAA"], x5c(IMPORTER)[0], x5c(IMPORTER) * 5, [x5c(IMPORTER)[0] + "\n"]],
    ids=[
        "none",
        "empty text",
        "empty list",
        "a record",
        "a number",
        "no base64",
        "no certificate",
        "text",
        "too many",
        "a line's end",
    ],
)
def test_what_is_no_chain_is_refused(chain: object) -> None:
    assert outcome(token(header={"x5c": chain})) in ("CREDENTIAL_CERTIFICATE", "CREDENTIAL_TOO_LARGE")


def test_what_no_library_reads_is_refused_and_not_an_error() -> None:
    version = bytes.fromhex("a0030201")
    at = IMPORTER.der.index(version) + len(version)
    odd = IMPORTER.der[:at] + b"\x03" + IMPORTER.der[at + 1 :]
    assert outcome(token(header={"x5c": [base64.b64encode(odd).decode()]})) == "CREDENTIAL_CERTIFICATE"
    # A general name of a kind that is hardly ever used (x400Address), in the place of the URI.
    names = next(e for e in IMPORTER.certificate.extensions if e.oid == ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    encoded = names.value.public_bytes()
    odd = IMPORTER.der.replace(encoded, encoded[:2] + b"\xa3" + encoded[3:])
    assert odd != IMPORTER.der
    assert outcome(token(header={"x5c": [base64.b64encode(odd).decode()]})) == "CREDENTIAL_CERTIFICATE"


@pytest.mark.parametrize("extra", [{"kid": "x"}, {"x5u": "https://thief.example"}, {"jwk": {}}, {"crit": []}])
def test_beside_the_chain_nothing_is_believed(extra: dict[str, Any]) -> None:
    assert outcome(token(header=extra)) == "CREDENTIAL_HEADER"


def test_certificates_count_for_no_other_issuer() -> None:
    chamber = Ed25519Signer(seed("chamber"))
    pinned = issuer_keys(
        Issuer(
            "https://chamber.example",
            "Chamber",
            (HolderClass.PROFESSIONAL,),
            (IssuerKey("c1", IssuerKeyType.ED25519, chamber.public),),
        )
    )
    both = [CERTIFIED, pinned]
    assert outcome(token(iss="https://chamber.example"), both) == "CREDENTIAL_HEADER"
    signed = compact({"alg": "EdDSA", "kid": "c1"}, claims(iss=ISS, sub=NAME), chamber)
    assert outcome(signed, both) == "CREDENTIAL_HEADER"
    assert (
        outcome(compact({"alg": "EdDSA"}, claims(iss=ISS, sub=NAME), chamber), both)
        == "CREDENTIAL_CERTIFICATE"
    )


# -- through a whole keyring -----------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two of three custodians who know a service by its certificate and another by its pinned key."""
    identities, approvers, issuer_keys_ = parties(3)
    known = found_keyring("services", identities, issuer_keys_, 2, START).manifest.issuers
    key = signing_key("pinned service")
    services = (
        Issuer(ISS, "Clinic IT", (HolderClass.SERVICE,), (), authorities=(authority("root", now=START).der,)),
        Issuer(
            "https://lab.example",
            "Laboratory",
            (HolderClass.SERVICE,),
            (IssuerKey("s1", IssuerKeyType.ED25519, key.public),),
        ),
    )
    keyring = found_keyring("services", identities, issuer_keys_, 2, START, issuers=(*known, *services))
    made = World(tmp_path / "world", Clock(), keyring, identities, approvers, issuer_keys_)
    for index in identities:
        made.start(index)
    yield made
    made.close()


def as_service(world: World, monkeypatch: pytest.MonkeyPatch, source: ServiceCredentials) -> None:
    """Let devices show what the service's own client makes, and nothing else."""
    monkeypatch.setattr(time, "time", lambda: float(world.clock()))
    audience = world.keyring.keyring_id.hex()

    def made(self: World, who: Device, *, lifetime: int = 3600) -> list[str]:
        return list(asyncio.run(source.credentials(who.key.thumbprint, audience)))

    monkeypatch.setattr(World, "credentials", made)


@pytest.mark.parametrize("kind", ["certified", "pinned"])
def test_a_service_deposits_and_never_reads_what_is_clinical(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    start = world.clock()
    root = authority("root", now=start)
    if kind == "certified":
        certificate = leaf("importer", root, now=start, names=URI).certificate
        source = ServiceCredentials(ISS, NAME, key_of("importer"), certificates=[certificate])
    else:
        key = Ed25519PrivateKey.from_private_bytes(signing_key("pinned service").seed.reveal())
        source = ServiceCredentials("https://lab.example", "importer", key, kid="s1")
    importer = world.device("importer", "service")
    as_service(world, monkeypatch, source)
    (lab,) = world.create(importer, [LAB])
    (booking,) = world.create(importer, [BOOKING])
    assert ruling(world.decide_at(1, world.prepare(importer, [lab]))) == ("DENY", "NO_CLINICAL_FOR_SERVICES")
    assert ruling(world.decide_at(1, world.prepare(importer, [booking])))[0] == "ALLOW"
