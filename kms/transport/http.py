"""An HTTP port in the loop of a node's process, so that its answers take turns with gRPC's at one node."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from kms.errors import ConfigError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

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


async def start(
    app: ASGIApp,
    listen: str,
    what: str,
    certificate: Path | None = None,
    key: Path | None = None,
) -> Callable[[], Awaitable[None]]:
    """Listen on host:port, in clear unless there is a certificate, and return what stops it.

    ConfigError, naming the key `what` of the configuration, if the port is taken.
    """
    server = _Server(
        uvicorn.Config(
            app,
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
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[_listen(listen, what)]))
    up = asyncio.create_task(server.listening.wait())
    await asyncio.wait((task, up), return_when=asyncio.FIRST_COMPLETED)
    up.cancel()
    if task.done():
        task.result()
        raise ConfigError(f"{what}: could not start on {listen}")

    async def stop() -> None:
        server.should_exit = True
        await task

    return stop


def _listen(address: str, what: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, int(port)), family=family)
    except (OSError, ValueError):
        raise ConfigError(f"{what}: cannot listen on {address}: is the port taken?") from None
