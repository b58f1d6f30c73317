"""What every request passes before a page sees it, and what every answer carries.

The host must be ours (DNS rebinding, poisoned links), whoever changes something must come from our own pages
(CSRF, beside the token in each form), and bodies are small and quick.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY: Final = 64 * 1024
BODY_SECONDS: Final = 10.0
SAFE: Final = frozenset({"GET", "HEAD"})

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), "
    "geolocation=(), microphone=(), payment=(), usb=()",
    # Nothing leaves to others. With no-referrer browsers would say "Origin: null" of our own forms too.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
Refuse = Callable[[Headers, int], Response]
"""Makes the error page of a status, in a language that the headers ask for."""


class Doors:
    """ASGI middleware around the whole console. `origin` is where approvers reach it (scheme://host[:port])."""

    def __init__(self, app: ASGIApp, origin: str, refuse: Refuse) -> None:
        self._app, self._origin, self._refuse = app, origin, refuse
        parts = urlsplit(origin)
        self._host = parts.netloc
        self._headers = dict(HEADERS)
        if parts.scheme == "https":
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # nothing here speaks anything else

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        headers = Headers(scope=scope)
        status = self._refused(scope["method"], headers)
        body = b""
        if not status and scope["method"] not in SAFE:
            status, body = await _read(headers, receive)
        if status:
            await self._refuse(headers, status)(scope, receive, dressed)
            return
        await self._app(scope, _replay(body, receive), dressed)

    def _refused(self, method: str, headers: Headers) -> int:
        """The status with which to refuse, or 0."""
        if headers.getlist("host") != [self._host]:
            return 421
        if method in SAFE:
            return 0
        # Browsers send both; one that contradicts is enough to refuse, and so is the absence of both.
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is None and site is None:
            return 403
        ours = origin in (None, self._origin) and site in (None, "same-origin")
        return 0 if ours else 403


async def _read(headers: Headers, receive: Receive) -> tuple[int, bytes]:
    """(0, the whole body), or the status with which to refuse it."""
    if headers.get("content-type", "").split(";")[0].strip() != "application/x-www-form-urlencoded":
        return 415, b""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return 400, b""
                body += message.get("body", b"")
                if len(body) > MAX_BODY:
                    return 413, b""
                if not message.get("more_body", False):
                    return 0, bytes(body)
    except TimeoutError:
        return 408, b""


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body once, then whatever comes (the client's going)."""
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
