"""The address on this machine to which a browser comes back from a provider (RFC 8252 section 7.3).

It answers one page, always the same: nothing that came in the address stands in it, and it leads nowhere. A page
that anybody can make say something, or lead somewhere, is a gift to who fishes for passwords.
"""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Final
from urllib.parse import parse_qsl

from kms.crypto.hashing import equal

PATH: Final = "/callback"
_SECONDS: Final = 5.0
_LIMIT: Final = 16 << 10
_HEADERS: Final = (
    "Content-Type: text/html; charset=utf-8\r\n"
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
    "Cache-Control: no-store\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Connection: close\r\n"
)
DONE: Final = (
    "<!doctype html><title>Threshold KMS</title><p>You can close this window and go back to the terminal."
)
NOT_FOUND: Final = "<!doctype html><title>Threshold KMS</title><p>There is nothing here."


class Redirect:
    """Listens on a free port of 127.0.0.1 for the one redirect that bears this `state`."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._came: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        self._server: asyncio.Server | None = None
        self.uri = ""

    async def __aenter__(self) -> Redirect:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0, limit=_LIMIT)
        self.uri = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{PATH}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def wait(self) -> dict[str, str]:
        """What the provider gave the browser to bring here."""
        return await self._came

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                taken = self._take(head)
                status, page = ("200 OK", DONE) if taken else ("404 Not Found", NOT_FOUND)
                length = f"Content-Length: {len(page.encode())}\r\n"
                writer.write(f"HTTP/1.1 {status}\r\n{_HEADERS}{length}\r\n{page}".encode())
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _take(self, head: bytes) -> bool:
        """Whether this is the redirect that is waited for. Whatever else a page makes a browser ask for is not."""
        try:
            request, *headers = head.decode("ascii").split("\r\n")
            method, target, _ = request.split(" ")
            path, _, query = target.partition("?")
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=20, strict_parsing=True)
        except ValueError:
            return False
        # By another name, a page of that name could read the answer.
        hosts = [
            value.strip() for name, _, value in (h.partition(":") for h in headers) if name.lower() == "host"
        ]
        parameters = dict(pairs)
        if (
            method != "GET"
            or path != PATH
            or hosts != [self.uri.split("/")[2]]
            or len(parameters) != len(pairs)
        ):
            return False
        if not equal(parameters.get("state", "").encode(), self._state.encode()):
            return False
        if not self._came.done():
            self._came.set_result(parameters)
        return True
