"""Start, health, reflection, graceful stop: the life of a node's process."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from kms.errors import ConfigError
from kms.transport import logs
from kms.transport.server import Endpoint
from kms.transport.tls import CHANNEL_OPTIONS

GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Port:
    """Where to listen (host:port, or unix:PATH), how, and which endpoints."""

    listen: str
    credentials: grpc.ServerCredentials | None
    endpoints: Sequence[Endpoint]


@dataclass(slots=True)
class Server:
    """gRPC servers of one process, one per port, with standard health and, if told so, reflection."""

    ports: Sequence[Port]
    reflection: bool = False
    max_concurrent: int = 256
    _servers: list[grpc.aio.Server] = field(default_factory=list)
    _health: Any = None

    async def start(self, not_serving: frozenset[str] = frozenset()) -> None:
        """Bind every port; ConfigError if one is taken. Health says NOT_SERVING of these names for now."""
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]
        names = sorted({e.service for port in self.ports for e in port.endpoints})
        for port in self.ports:
            server = grpc.aio.server(options=CHANNEL_OPTIONS, maximum_concurrent_rpcs=self.max_concurrent)
            server.add_generic_rpc_handlers(tuple(e.handler() for e in port.endpoints))
            health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
            if self.reflection:
                from grpc_reflection.v1alpha import reflection

                reflection.enable_server_reflection([*names, health.SERVICE_NAME], server)
            try:
                _bind(server, port)
            except RuntimeError:
                raise ConfigError(f"cannot listen on {port.listen}: is the port taken?") from None
            await server.start()
            self._servers.append(server)
        await self.set_serving(not_serving, serving=False)
        await self.set_serving({"", *names} - not_serving)

    async def set_serving(self, names: Iterable[str], *, serving: bool = True) -> None:
        """Let health say SERVING of these services, or NOT_SERVING; the empty name is the process."""
        said = health_pb2.HealthCheckResponse
        for name in names:
            await self._health.set(name, said.SERVING if serving else said.NOT_SERVING)

    async def stop(self, grace: float = GRACE_SECONDS) -> None:
        """Say NOT_SERVING, let running calls finish, close."""
        if self._health:
            await self._health.enter_graceful_shutdown()
        await asyncio.gather(*(server.stop(grace) for server in self._servers))


def _bind(server: grpc.aio.Server, port: Port) -> None:
    if port.credentials is not None:
        server.add_secure_port(port.listen, port.credentials)
        return
    if not port.listen.startswith("unix:"):
        raise ConfigError("only a local socket may go without TLS")
    path = Path(port.listen.removeprefix("unix:"))
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    old = os.umask(0o177)  # the socket's mode is the only lock on this door
    try:
        server.add_insecure_port(port.listen)
    finally:
        os.umask(old)


def run(start: Callable[[], Awaitable[Callable[[], Awaitable[None]]]]) -> None:
    """Run `start` under uvloop; on SIGTERM or SIGINT call what it returned, then end."""
    import uvloop

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        close = await start()
        # What the start made stays: the collector need not walk through it again and again.
        gc.collect()
        gc.freeze()
        logs.logger().info("ready")
        await stop.wait()
        logs.logger().info("stopping")
        await close()

    uvloop.run(main())
