"""A web server over TLS with certificates of one's own, which answers whatever it is told to."""

from __future__ import annotations

import json
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.unit.policy.certificates import Made, authority, leaf


@dataclass(frozen=True, slots=True)
class Answer:
    """`drip`: send the headers, then nothing until the server closes."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    drip: bool = False


@dataclass(frozen=True, slots=True)
class Posted:
    """A form, and the headers that came with it (lower-case names)."""

    form: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(slots=True)
class Site:
    """What lies where (path -> answer, or what makes one of a form), who vouches for it, what was asked for."""

    address: str
    anchor: Made
    answers: dict[str, Answer] = field(default_factory=dict)
    forms: dict[str, Callable[[Posted], Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def answer(self, path: str, value: object, status: int = 200) -> None:
        """Answer forms that are posted there with this JSON."""
        self.forms[path] = lambda posted: as_json(value, status)

    def describe(self, keys: bytes, **changes: Any) -> None:
        """Be a provider with this key set."""
        document = {"issuer": self.address, "jwks_uri": f"{self.address}/keys"} | changes
        self.answers["/.well-known/openid-configuration"] = Answer(json.dumps(document).encode())
        self.answers["/keys"] = Answer(keys)


def as_json(value: object, status: int = 200, **headers: str) -> Answer:
    return Answer(json.dumps(value).encode(), status, {"Content-Type": "application/json"} | headers)


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            self._send(site.answers.get(self.path, Answer(status=404)))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            posted = Posted(dict(parse_qsl(body, keep_blank_values=True)), headers)
            self._send(site.forms[self.path](posted) if self.path in site.forms else Answer(status=404))

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body) + answer.drip))
            self.end_headers()
            self.wfile.write(answer.body)
            if answer.drip:
                self.wfile.flush()
                site.closing.wait()

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that does not believe the certificate hangs up


@contextmanager
def serving(name: str = "provider", *, dns: str = "localhost") -> Iterator[Site]:
    """A site at https://localhost, by default with a certificate for that name."""
    now = int(time.time())
    anchor = authority(f"authority of {name}", now=now)
    server_auth = (ExtendedKeyUsageOID.SERVER_AUTH,)
    made = leaf(f"server {name}", anchor, now=now, names=[x509.DNSName(dns)], usage=server_auth)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder) / "server.pem"
        key = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pem.write_bytes(key + made.certificate.public_bytes(Encoding.PEM))
        context.load_cert_chain(pem)
    server = _Server(("127.0.0.1", 0), BaseHTTPRequestHandler)
    site = Site(f"https://localhost:{server.server_address[1]}", anchor)
    server.RequestHandlerClass = _handler(site)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
