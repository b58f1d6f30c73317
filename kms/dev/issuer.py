"""A credential issuer for development clusters, as a process. It believes what it is told."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from kms.crypto.signing import SigningKey
from kms.dev.tokens import SERVICE, issue_credential
from kms.errors import Denied
from kms.storage.keyfile import read_secret
from kms.transport import logs
from kms.transport.process import Port, Server
from kms.transport.server import Call, Endpoint, Method
from kms.transport.tls import TlsFiles
from kms.wire.dev.v1 import issuer_pb2

KID = "1"


@dataclass(frozen=True, slots=True)
class IssuerConfig:
    """Keys of an issuer's TOML file."""

    iss: str
    classes: tuple[str, ...]
    key: Path
    listen: str
    tls: TlsFiles
    log_level: str = "info"


async def serve(config: IssuerConfig) -> Callable[[], Awaitable[None]]:
    """Listen, and return what stops it."""
    logs.configure(config.log_level, node="issuer")
    key = SigningKey(read_secret(config.key))

    async def issue(
        request: issuer_pb2.IssueCredentialRequest, call: Call
    ) -> issuer_pb2.IssueCredentialResponse:
        if request.holder_class not in config.classes:
            raise Denied(f"{config.iss} does not vouch for {request.holder_class!r}", reason="CLASS")
        credential = issue_credential(
            key,
            KID,
            config.iss,
            request.subject,
            request.holder_class,
            request.organisation,
            request.key_thumbprint,
            request.audience,
            int(time.time()),
            request.lifetime_seconds,
        )
        return issuer_pb2.IssueCredentialResponse(credential=credential)

    method = Method("IssueCredential", issuer_pb2.IssueCredentialRequest, issue)
    server = Server([Port(config.listen, config.tls.server(mutual=False), [Endpoint(SERVICE, [method])])])
    await server.start()
    return server.stop
