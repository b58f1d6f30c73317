"""The console's port: uvicorn in the loop of the node's process, so that pages and calls take turns at one node."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

import uvicorn

from kms.custodian.console.app import Console
from kms.custodian.console.desk import Service
from kms.custodian.neighbours import Neighbours
from kms.errors import ConfigError
from kms.statements.manifest import Custodian
from kms.transport import tls

if TYPE_CHECKING:
    from kms.custodian.config import CustodianConfig

STOP_SECONDS = 2


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's, not ours."""
        yield


async def start(config: CustodianConfig, service: Service) -> Callable[[], Awaitable[None]]:
    """Listen, and return what stops it. ConfigError if something is missing or the port is taken."""
    settings, party = config.console, config.passkeys
    assert settings is not None
    if party is None:
        raise ConfigError("[console] needs [passkeys]: approvers sign in with nothing else")

    def others() -> list[Custodian]:
        context = service.node.context
        return [c for c in context.keyring.manifest.custodians if c.index != context.me.index]

    neighbours = Neighbours(others, tls.client_credentials(config.tls.authorities))
    console = Console(service, party.origins[0], party.rp_id, neighbours.look)
    server = _Server(
        uvicorn.Config(
            console.app(),
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=256,
            h11_max_incomplete_event_size=16 * 1024,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=STOP_SECONDS,
            ssl_certfile=settings.certificate,
            ssl_keyfile=settings.key,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[_listen(settings.listen)]))
    up = asyncio.create_task(server.listening.wait())
    await asyncio.wait((task, up), return_when=asyncio.FIRST_COMPLETED)
    up.cancel()
    if task.done():
        task.result()
        raise ConfigError(f"the console could not start on {settings.listen}")

    async def stop() -> None:
        server.should_exit = True
        await task

    return stop


def _listen(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, int(port)), family=family)
    except (OSError, ValueError):
        raise ConfigError(f"console.listen: cannot listen on {address}: is the port taken?") from None
