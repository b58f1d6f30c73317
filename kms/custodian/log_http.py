"""The log over HTTP, for programs that read C2SP's: checkpoint, tiles and bundles, and a witness for known logs.

All of it is signed or proved, so it may go in clear; put TLS in front of it for who wants that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kms.crypto.merkle import TILE_WIDTH
from kms.custodian.audit_service import newest
from kms.custodian.node import CustodianNode
from kms.custodian.watch import Watch
from kms.custodian.witness import MAX_REQUEST, HttpAnswer, answer
from kms.errors import Exhausted, KmsError, NotFound
from kms.statements.tiles import read_path
from kms.transport import http, logs

R = TypeVar("R")
TEXT: Final = "text/plain; charset=utf-8"
FOR_EVER: Final = "public, max-age=31536000, immutable"
"""A tile never changes."""


class Served(Protocol):
    """The service as this sees it."""

    @property
    def node(self) -> CustodianNode: ...
    @property
    def watch(self) -> Watch: ...
    async def run(self, step: Callable[..., R], *arguments: object) -> R: ...
    async def read(self, step: Callable[..., R], *arguments: object) -> R: ...
    def heard(self) -> None: ...


class LogPages:
    """Requests in, node steps, bytes out."""

    def __init__(self, service: Served) -> None:
        self._service = service

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/checkpoint", self.checkpoint),
                Route("/tile/{path:path}", self.tile),
                Route("/add-checkpoint", self.add_checkpoint, methods=["POST"]),
            ]
        )

    async def checkpoint(self, request: Request) -> Response:
        return await self._answer(self._checkpoint)

    async def _checkpoint(self) -> Response:
        watch = self._service.watch
        # Readers of C2SP's logs may ask for witnesses: better the last one that they have cosigned than one without.
        note = await self._service.read(lambda: watch.cosigned() or newest(lambda: self._service.node, watch))
        return Response(note.to_bytes(), media_type=TEXT, headers={"cache-control": "no-store"})

    async def tile(self, request: Request) -> Response:
        return await self._answer(lambda: self._tile(f"tile/{request.path_params['path']}"))

    async def _tile(self, path: str) -> Response:
        try:
            whole = read_path(path).width == TILE_WIDTH
        except KmsError:
            raise NotFound("no path of a tile", reason="NO_SUCH_TILE") from None
        (tile,) = await self._service.read(self._service.watch.log.tiles, [path])
        headers = {"cache-control": FOR_EVER if whole else "no-store"}
        return Response(tile, media_type="application/octet-stream", headers=headers)

    async def add_checkpoint(self, request: Request) -> Response:
        return await self._answer(lambda: self._add(request))

    async def _add(self, request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_REQUEST:
                raise Exhausted(f"a request of at most {MAX_REQUEST} bytes", reason="TOO_LARGE")
        lines = await self._service.run(self._service.node.witness.add_checkpoint, bytes(body))
        self._service.heard()
        return Response(lines, media_type=TEXT)

    async def _answer(self, work: Callable[[], Awaitable[Response]]) -> Response:
        try:
            return await work()
        except KmsError as error:
            said = answer(error)
        except Exception as error:  # the values in a traceback may be anybody's
            logs.logger().error("unexpected", error=type(error).__name__)
            said = HttpAnswer(500, TEXT, b"an internal error\n")
        # As a header of our own: of a media type for text the framework makes another, with a charset.
        return Response(said.body, said.status, headers={"content-type": said.media_type})


async def start(listen: str, service: Served) -> Callable[[], Awaitable[None]]:
    """Listen, and return what stops it."""
    return await http.start(LogPages(service).app(), listen, "log.listen")
