"""A real mail server in this process, which takes nothing without STARTTLS, and the letters that came."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

from kms.custodian.notifying import MailConfig
from kms.dev.certificates import Authority
from kms.dev.founding import free_ports


class Mailbox:
    """An aiosmtpd handler that refuses the first `refuse` messages."""

    def __init__(self) -> None:
        self.refuse, self.got = 0, list[Any]()
        self.came = threading.Event()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuse:
            self.refuse -= 1
            return "451 try later"
        self.got.append(envelope)
        self.came.set()
        return "250 kept"


@contextmanager
def mail_server(folder: Path) -> Iterator[tuple[Mailbox, MailConfig]]:
    """A server on this machine, and how a node reaches it; `folder` gets its certificate if it has none."""
    if not (folder / "tls.pem").exists():
        Authority.create(folder).issue(folder, "mail")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.pem", folder / "tls.key")
    kept = Mailbox()
    (port,) = free_ports(1)
    server = Controller(kept, hostname="127.0.0.1", port=port, tls_context=context, require_starttls=True)
    server.start()
    yield kept, MailConfig("localhost", "kms@clinic.example", port, authorities=folder / "ca.pem")
    server.stop()
