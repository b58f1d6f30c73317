"""Witnesses that are no custodians, as C2SP tlog-witness has them over HTTP."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

import httpx2

from kms.custodian.log_config import OutsideWitness
from kms.custodian.witness import SIZE_TYPE
from kms.errors import Denied, Invalid, Stale, Unavailable
from kms.transport.web import Answer

TIMEOUT: Final = 10.0
MAX_LINES: Final = 16 << 10


class HttpWitness:
    """One of them. Nothing that it answers is believed but a cosignature under its key."""

    def __init__(self, settings: OutsideWitness) -> None:
        self.name, self.public_key = settings.name, settings.public_key
        self._url = settings.url.rstrip("/") + "/add-checkpoint"
        context = ssl.create_default_context(
            cafile=str(settings.authorities) if settings.authorities else None
        )
        self._web = httpx2.AsyncClient(
            verify=context, trust_env=False, follow_redirects=False, timeout=TIMEOUT
        )

    async def add_checkpoint(self, body: bytes) -> bytes:
        """Lines of signatures; Stale with reason OLD_SIZE and what it has, Denied if it refuses."""
        answer = await self._post(body)
        if answer.status == 200:
            return answer.body
        if answer.status == 409 and answer.headers.get("content-type", "").split(";")[0] == SIZE_TYPE:
            raise Stale(
                "the witness has seen another size",
                reason="OLD_SIZE",
                details={"size": answer.body[:24].decode("ascii", "replace").rstrip("\n")},
            )
        if answer.status >= 500 or answer.status == 429:
            raise Unavailable(
                f"the witness {self.name} answers {answer.status}", reason="WITNESS_UNAVAILABLE"
            )
        raise Denied(f"the witness {self.name} answers {answer.status}", reason=f"WITNESS_{answer.status}")

    async def _post(self, body: bytes) -> Answer:
        try:
            async with (
                asyncio.timeout(TIMEOUT),
                self._web.stream("POST", self._url, content=body) as response,
            ):
                said = bytearray()
                async for chunk in response.aiter_raw():
                    said += chunk
                    if len(said) > MAX_LINES:
                        raise Invalid(f"the witness {self.name} says too much", reason="WITNESS_MALFORMED")
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, headers, bytes(said))
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError):
            raise Unavailable(
                f"the witness {self.name} cannot be reached", reason="WITNESS_UNAVAILABLE"
            ) from None

    async def close(self) -> None:
        await self._web.aclose()
