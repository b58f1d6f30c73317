"""Real OpenID providers (oidc-provider on Node) over TLS with authorities of their own, and a person at a browser."""

from __future__ import annotations

import html
import json
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from joserfc.jwk import ECKey, OKPKey, RSAKey

from kms.dev.founding import free_ports
from kms.statements.manifest import HolderClass, Issuer
from tests.unit.policy.certificates import Made, authority, leaf

ROOT = Path(__file__).parents[2]
MODULE = ROOT / ".cache" / "node" / "node_modules" / "oidc-provider" / "lib" / "index.js"
SCRIPT = Path(__file__).with_name("provider.mjs")
CLIENT = "kms"


def missing() -> str:
    """Why no provider can be run here; empty if one can."""
    if shutil.which("node") is None:
        return "there is no Node on this machine"
    return "" if MODULE.exists() else "scripts/test has not fetched oidc-provider"


def make_key(kid: str, alg: str) -> dict[str, Any]:
    """A private JWK."""
    options: Any = {"kid": kid, "alg": alg, "use": "sig"}
    key: RSAKey | ECKey | OKPKey
    if alg == "ES256":
        key = ECKey.generate_key("P-256", options)
    elif alg == "EdDSA":
        key = OKPKey.generate_key("Ed25519", options)
    else:
        key = RSAKey.generate_key(2048, options)
    return dict(key.as_dict(private=True))


@dataclass(slots=True)
class RealProvider:
    """One provider: its first key signs. Start it again to let it show others."""

    name: str
    folder: Path
    alg: str
    lifetime: int = 3600
    keys: list[dict[str, Any]] = field(default_factory=list)
    port: int = field(default_factory=lambda: free_ports(1)[0])
    anchor: Made = field(init=False)
    _process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        now = int(time.time())
        self.anchor = authority(f"authority of {self.name}", now=now)
        usage = (ExtendedKeyUsageOID.SERVER_AUTH,)
        made = leaf(
            f"server {self.name}", self.anchor, now=now, names=[x509.DNSName("localhost")], usage=usage
        )
        self.folder.mkdir(parents=True)
        pem = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / "tls.key").write_bytes(pem)
        (self.folder / "tls.pem").write_bytes(made.certificate.public_bytes(Encoding.PEM))
        self.keys = self.keys or [make_key(f"{self.name}-1", self.alg)]

    @property
    def iss(self) -> str:
        return f"https://localhost:{self.port}"

    def issuer(self, **changes: Any) -> Issuer:
        """Its entry in a manifest."""
        usual: dict[str, Any] = {
            "trust_anchors": (self.anchor.der,),
            "key_delay": 120,
            "max_key_age": 900,
            "audience": CLIENT,
            "nonce_bound": True,
        }
        return Issuer(self.iss, f"owner of {self.name}", (HolderClass.PROFESSIONAL,), (), **(usual | changes))

    def start(self, keys: Sequence[dict[str, Any]] | None = None) -> None:
        """Until it answers."""
        self.keys = list(keys or self.keys)
        settings = {
            "issuer": self.iss,
            "port": self.port,
            "alg": self.alg,
            "keys": self.keys,
            "lifetime": self.lifetime,
            "certificate": str(self.folder / "tls.pem"),
            "key": str(self.folder / "tls.key"),
        }
        (self.folder / "settings.json").write_text(json.dumps(settings))
        with (self.folder / "provider.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "node",
                    str(Path(__file__).with_name("provider.mjs")),
                    str(self.folder / "settings.json"),
                    str(MODULE),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n", (self.folder / "provider.log").read_text()

    def start_again(self, keys: Sequence[dict[str, Any]] | None = None) -> None:
        """As a restart does it: whoever was signed in is not any more."""
        self.stop()
        self.start(keys)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def browser(self) -> httpx2.Client:
        """Somebody's browser that believes this provider's certificate."""
        context = ssl.create_default_context(cadata=self.anchor.der)
        return httpx2.Client(verify=context, trust_env=False, follow_redirects=False, timeout=20)


def sign_in(provider: RealProvider, address: str, person: str) -> httpx2.Response:
    """Open an address, sign in, consent; the last page, of the provider's or of who it sent the browser to."""
    with provider.browser() as browser:
        page = follow(browser, browser.get(address))
        while "prompt" in fields(page):
            data = fields(page) | {"login": person, "password": "any"}
            page = follow(browser, browser.post(action(page), data=data))
        return page


def enter_code(provider: RealProvider, address: str, code: str, person: str) -> httpx2.Response:
    """What a person does on another device, who was told a code."""
    with provider.browser() as browser:
        page = follow(browser, browser.get(address))
        page = follow(browser, browser.post(action(page), data=fields(page) | {"user_code": code}))
        while "device_flow_end" not in str(page.url):
            if "prompt" in fields(page):
                data = fields(page) | {"login": person, "password": "any"}
            elif "xsrf" in fields(page):
                data = fields(page) | {"confirm": "yes"}
            else:
                return page
            page = follow(browser, browser.post(action(page), data=data))
        return page


def follow(browser: httpx2.Client, page: httpx2.Response) -> httpx2.Response:
    while page.is_redirect:
        page = (
            browser.get(page.headers["location"])
            if page.next_request is None
            else browser.send(page.next_request)
        )
    return page


def action(page: httpx2.Response) -> str:
    found = re.search(r'<form[^>]*\baction="([^"]+)"', page.text)
    assert found, page.text
    return str(page.url.join(html.unescape(found[1])))


def fields(page: httpx2.Response) -> dict[str, str]:
    """The hidden fields of a page's form."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", page.text):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if attributes.get("type") == "hidden":
            found[attributes["name"]] = html.unescape(attributes.get("value", ""))
    return found
