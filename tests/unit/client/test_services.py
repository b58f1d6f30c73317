"""What a service's client signs for itself, and which settings it refuses."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from kms.errors import ConfigError
from kms.policy.credentials import verify_credential
from kms.policy.issuers import issuer_keys
from kms.statements.manifest import HolderClass, Issuer, IssuerKey, IssuerKeyType
from kms_client.profile import Profile, write_device_key
from kms_client.services import LIFETIME, Key, ServiceCredentials
from tests.reference.tokens import rsa_key
from tests.unit.policy.certificates import authority, key_of, leaf
from tests.unit.policy.world import AUDIENCE, THUMBPRINT

ISS = "https://lab.example"


def public_of(key: Key) -> tuple[IssuerKeyType, bytes]:
    if isinstance(key, Ed25519PrivateKey):
        return IssuerKeyType.ED25519, key.public_key().public_bytes_raw()
    if isinstance(key, rsa.RSAPrivateKey):
        der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return IssuerKeyType.RSA, der
    return IssuerKeyType.P256, key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@pytest.mark.parametrize(
    "key",
    [Ed25519PrivateKey.from_private_bytes(bytes(range(32))), key_of("lab"), rsa_key("lab")],
    ids=["Ed25519", "P-256", "RSA"],
)
def test_custodians_believe_what_a_service_signs_with_its_pinned_key(key: Key) -> None:
    issuer = Issuer(ISS, "Laboratory", (HolderClass.SERVICE,), (IssuerKey("s1", *public_of(key)),))
    source = ServiceCredentials(ISS, "importer", key, kid="s1")
    (token,) = asyncio.run(source.credentials(THUMBPRINT, AUDIENCE))
    now = int(time.time())
    credential, _ = verify_credential(token, [issuer_keys(issuer)], AUDIENCE, THUMBPRINT, now)
    assert (credential.subject, credential.holder_class) == ("importer", "service")
    assert credential.expires - now <= LIFETIME
    assert asyncio.run(source.credentials(THUMBPRINT, AUDIENCE)) == [token]
    assert asyncio.run(source.credentials(bytes(32), AUDIENCE)) != [token]


def folder(tmp_path: Path, service: dict[str, Any], key: Key | None = None) -> Path:
    """A profile with this table, a key and a certificate for it."""
    write_device_key(tmp_path / "device.pem")
    (tmp_path / "service.pem").touch(mode=0o600)
    pem = (key or key_of("lab")).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "service.pem").write_bytes(pem)
    names = [x509.UniformResourceIdentifier("spiffe://x/lab"), x509.DNSName("lab.example")]
    now = int(time.time())
    made = leaf("lab", authority("services", now=now), now=now, names=names)
    (tmp_path / "chain.pem").write_bytes(made.certificate.public_bytes(Encoding.PEM))
    table = "\n".join(f"{name} = {json.dumps(value)}" for name, value in service.items())
    head = (
        f'coordinator = "c:1"\nauthorities = "ca.pem"\nkeyring_id = "{AUDIENCE}"\ndevice_key = "device.pem"\n'
    )
    (tmp_path / "profile.toml").write_text(f"{head}\n[service]\n{table}\n")
    return tmp_path


CERTIFIED = {"iss": ISS, "key": "service.pem", "certificate": "chain.pem"}


def test_a_profile_names_a_services_certificate(tmp_path: Path) -> None:
    profile = Profile.load(folder(tmp_path, CERTIFIED))
    (token,) = asyncio.run(profile.credentials.credentials(profile.device_key.thumbprint, AUDIENCE))
    root = authority("services", now=int(time.time()))
    issuer = Issuer(ISS, "Laboratory", (HolderClass.SERVICE,), (), authorities=(root.der,))
    thumbprint = profile.device_key.thumbprint
    credential, _ = verify_credential(token, [issuer_keys(issuer)], AUDIENCE, thumbprint, int(time.time()))
    assert credential.subject == "spiffe://x/lab"
    secret = (tmp_path / "service.pem").read_text().splitlines()[1]
    assert secret not in repr(profile)


@pytest.mark.parametrize(
    ("service", "says"),
    [
        ({"iss": ISS, "key": "service.pem", "subject": "x"}, "either the kid"),
        (CERTIFIED | {"kid": "s1"}, "either the kid"),
        (CERTIFIED | {"subject": "spiffe://x/other"}, "does not name"),
        ({"key": "service.pem", "kid": "s1"}, "service.iss is missing"),
        ({"iss": ISS, "kid": "s1"}, "service.key is missing"),
        (CERTIFIED | {"keys": "x"}, "unknown key keys"),
        (CERTIFIED | {"key": "none.pem"}, "cannot read"),
        (CERTIFIED | {"key": "chain.pem"}, "chmod 600"),
        (CERTIFIED | {"certificate": "service.pem"}, "certificate is none"),
    ],
    ids=str,
)
def test_settings_that_cannot_be_right_are_refused(
    tmp_path: Path, service: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        Profile.load(folder(tmp_path, service))


def test_keys_of_another_kind_and_of_another_certificate_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="P-256"):
        Profile.load(folder(tmp_path, CERTIFIED, ec.generate_private_key(ec.SECP384R1())))
    (tmp_path / "device.pem").unlink()
    with pytest.raises(ConfigError, match="another key"):
        Profile.load(folder(tmp_path, CERTIFIED, key_of("other")))
