"""Where a device's credentials come from: files, commands, or your own function."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from kms.errors import ConfigError, Unavailable

EARLY_SECONDS = 60


class CredentialSource(Protocol):
    """Gives JWTs whose `cnf` is `key_thumbprint` and whose `aud` is `audience` (the keyring id in hex)."""

    async def credentials(self, key_thumbprint: bytes, audience: str) -> Sequence[str]: ...


class FileCredentials:
    """Tokens that something else keeps fresh in files, one token each."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)

    async def credentials(self, key_thumbprint: bytes, audience: str) -> Sequence[str]:
        try:
            return [path.read_text().strip() for path in self._paths]
        except OSError as error:
            raise ConfigError(f"cannot read a credential: {error}") from None


class CommandCredentials:
    """A command that prints one token; run again when the last one is about to expire.

    It is called with `--key-thumbprint HEX --audience HEX` behind its own arguments.
    """

    def __init__(self, command: Sequence[str], timeout: float = 30.0) -> None:
        self._command, self._timeout = tuple(command), timeout
        self._token, self._expires = "", 0.0
        self._lock = asyncio.Lock()

    async def credentials(self, key_thumbprint: bytes, audience: str) -> Sequence[str]:
        async with self._lock:
            if time.time() >= self._expires - EARLY_SECONDS:
                self._token = await self._run(key_thumbprint, audience)
                self._expires = expiry(self._token)
            return [self._token]

    async def _run(self, key_thumbprint: bytes, audience: str) -> str:
        arguments = (*self._command, "--key-thumbprint", key_thumbprint.hex(), "--audience", audience)
        process = await asyncio.create_subprocess_exec(
            *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), self._timeout)
        except TimeoutError:
            process.kill()
            raise Unavailable(f"{self._command[0]} gave no credential in time") from None
        if process.returncode:
            last = err.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
            raise Unavailable(f"{self._command[0]} gave no credential: {last[0]}")
        return out.decode().strip()


class AllCredentials:
    """Several sources together: custodians want evidence under independent control."""

    def __init__(self, sources: Sequence[CredentialSource]) -> None:
        self._sources = tuple(sources)

    async def credentials(self, key_thumbprint: bytes, audience: str) -> Sequence[str]:
        given = await asyncio.gather(*(s.credentials(key_thumbprint, audience) for s in self._sources))
        return [token for tokens in given for token in tokens]


def expiry(token: str) -> float:
    """When a token says that it expires (unix seconds); 0 if it does not say."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError):
        return 0.0
