"""Keys fetched over real TLS: whom a custodian believes on the way, and what it does not follow, wait for or read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from kms.custodian import fetching
from kms.custodian.fetching import fetch_keys
from kms.errors import KmsError
from kms.statements.manifest import HolderClass, Issuer
from kms.transport.web import MAX_DOCUMENT
from tests.protocol.providers import key_set, other
from tests.reference.https import Answer, Site, serving

KEYS = key_set(other("one"), other("two"))
DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture(scope="module")
def running() -> Iterator[Site]:
    with serving() as made:
        yield made


@pytest.fixture
def site(running: Site) -> Site:
    running.answers.clear()
    running.asked.clear()
    running.describe(KEYS)
    return running


def issuer(site: Site, *, iss: str = "", anchors: tuple[bytes, ...] = ()) -> Issuer:
    return Issuer(
        iss or site.address,
        "Login AG",
        (HolderClass.DEVICE,),
        (),
        trust_anchors=anchors or (site.anchor.der,),
        key_delay=60,
        max_key_age=60,
    )


async def refusal(of: Issuer) -> str:
    with pytest.raises(KmsError) as caught:
        await fetch_keys(of)
    return caught.value.reason


async def test_keys_come_from_where_discovery_says(site: Site) -> None:
    assert [key.kid for key in await fetch_keys(issuer(site))] == ["one", "two"]
    assert site.asked == [DISCOVERY, "/keys"]


async def test_only_the_manifests_authorities_vouch_for_a_provider(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with serving("another") as another:
        stranger = another.anchor
    # Nor does what the environment, or the system, believes.
    believed = tmp_path / "believed.pem"
    believed.write_bytes(site.anchor.certificate.public_bytes(Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(believed))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert await refusal(issuer(site, anchors=(stranger.der,))) == "PROVIDER_NOT_TRUSTED"
    assert site.asked == []
    assert await fetch_keys(issuer(site, anchors=(stranger.der, site.anchor.der)))


async def test_a_certificate_of_another_name_is_refused() -> None:
    with serving("elsewhere", dns="elsewhere.example") as site:
        site.describe(KEYS)
        assert await refusal(issuer(site)) == "PROVIDER_NOT_TRUSTED"


async def test_no_proxy_of_the_environment_is_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert await fetch_keys(issuer(site))


@pytest.mark.parametrize("path", [DISCOVERY, "/keys"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(site: Site, path: str, status: int) -> None:
    site.answers["/moved"] = site.answers[path]
    site.answers[path] = Answer(status=status, headers={"Location": f"{site.address}/moved"})
    assert await refusal(issuer(site)) == "PROVIDER_UNREACHABLE"
    assert "/moved" not in site.asked


@pytest.mark.parametrize("path", [DISCOVERY, "/keys"])
@pytest.mark.parametrize("status", [204, 404, 500])
async def test_what_is_no_answer_is_no_key_set(site: Site, path: str, status: int) -> None:
    site.answers[path] = Answer(site.answers[path].body, status)
    assert await refusal(issuer(site)) == "PROVIDER_UNREACHABLE"


async def test_a_document_that_is_too_large_is_not_read_to_its_end(site: Site) -> None:
    site.answers["/keys"] = Answer(KEYS + b" " * MAX_DOCUMENT)
    assert await refusal(issuer(site)) == "PROVIDER_MALFORMED"
    site.answers["/keys"] = Answer(KEYS + b" " * (MAX_DOCUMENT - len(KEYS)))
    assert await fetch_keys(issuer(site))


async def test_nothing_is_unpacked(site: Site) -> None:
    site.answers["/keys"] = Answer(gzip.compress(KEYS), headers={"Content-Encoding": "gzip"})
    assert await refusal(issuer(site)) == "PROVIDER_MALFORMED"


async def test_a_provider_that_does_not_come_to_an_end_is_left(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.answers["/keys"] = Answer(KEYS, drip=True)
    monkeypatch.setattr(fetching, "SECONDS", 0.5)
    assert await refusal(issuer(site)) == "PROVIDER_SLOW"


async def test_a_provider_that_is_away_is_unreachable() -> None:
    with serving("gone") as site:
        pass
    assert await refusal(issuer(site)) == "PROVIDER_UNREACHABLE"


async def test_keys_at_another_host_are_not_asked_for(site: Site) -> None:
    with serving("another") as another:
        another.describe(KEYS)
        site.describe(KEYS, jwks_uri=f"{another.address}/keys")
        anchors = (site.anchor.der, another.anchor.der)
        assert await refusal(issuer(site, anchors=anchors)) == "PROVIDER_KEYS_ELSEWHERE"
        assert another.asked == []


async def test_a_provider_that_speaks_of_another_issuer_is_refused(site: Site) -> None:
    site.describe(KEYS, issuer=site.address + "/")
    assert await refusal(issuer(site)) == "PROVIDER_WRONG_ISSUER"
    assert site.asked == [DISCOVERY]


async def test_a_key_set_with_a_private_part_is_refused(site: Site) -> None:
    shown = json.loads(KEYS)
    shown["keys"][0]["d"] = "AAAA"
    site.describe(json.dumps(shown).encode())
    assert await refusal(issuer(site)) == "PROVIDER_KEYS_REFUSED"
