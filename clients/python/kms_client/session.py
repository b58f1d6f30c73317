"""What every part of a client shares: the profile, one channel to the coordinator, the verified directory."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from kms.errors import ConfigError, KmsError
from kms.statements.ids import Thumbprint
from kms.transport import tls
from kms.transport.client import Channel
from kms_client.directory import Directory
from kms_client.profile import Profile, SeenFile
from kms_client.promises import KeptPromises

RETRIES = 5
CHANGE_PAUSES = (0.1, 0.3, 1.0, 3.0)
"""Seconds before another attempt under a manifest that has just changed: nodes follow it within moments."""
STALE_REASONS = frozenset({"STALE_MANIFEST", "NO_SEALING_KEYS"})
R = TypeVar("R")


@dataclass(slots=True)
class Session:
    """One device's connection. `timeout` in seconds; `now` gives unix seconds."""

    profile: Profile
    timeout: float = 20.0
    now: Callable[[], float] = time.time
    on_warning: Callable[[str], None] | None = None
    promises: KeptPromises | None = None
    warnings: list[str] = field(default_factory=list)
    _channel: Channel | None = field(default=None, repr=False)
    _directory: Directory | None = field(default=None, repr=False)

    @property
    def channel(self) -> Channel:
        """To the coordinator; made at the first use, in the loop that uses it."""
        if self._channel is None:
            self._channel = Channel(
                self.profile.coordinator, tls.client_credentials(self.profile.authorities)
            )
        return self._channel

    @property
    def directory(self) -> Directory:
        """The keyring as this device pinned it."""
        if self._directory is None:
            seen = SeenFile(self.profile.state, self.profile.keyring_id)
            self._directory = Directory(
                self.channel, self.profile.keyring_id, seen, self.now, self.timeout, self.warn
            )
        return self._directory

    @property
    def thumbprint(self) -> Thumbprint:
        """RFC 7638 thumbprint of this device's key."""
        return Thumbprint(self.profile.device_key.thumbprint)

    def warn(self, text: str) -> None:
        """Tell the application, once of each thing."""
        if text not in self.warnings:
            self.warnings.append(text)
            if self.on_warning is not None:
                self.on_warning(text)

    def keep(self, promises: Sequence[bytes]) -> None:
        """Keep what custodians promised, if this device does; a full disk keeps nobody from reading a record."""
        if self.promises is not None:
            try:
                self.promises.keep(promises, self.now())
            except ConfigError as error:
                self.warn(error.message)

    async def credentials(self) -> Sequence[str]:
        """Fresh credentials of this device, for this keyring."""
        key, audience = self.profile.device_key.thumbprint, self.profile.keyring_id.hex()
        return await self.profile.credentials.credentials(key, audience)

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()
        self._channel = self._directory = None


async def through_changes(
    session: Session, attempt: Callable[[], Awaitable[R]], stale: Callable[[R], bool]
) -> R:
    """What `attempt` gives; again, with the chain fetched anew, while a manifest is being changed under it."""
    pauses_left = list(CHANGE_PAUSES)
    while True:
        try:
            result = await attempt()
            if not pauses_left or not stale(result):
                return result
        except KmsError as error:
            reasons = {error.reason, *getattr(error, "failures", {}).values()}
            if not reasons & STALE_REASONS or not pauses_left:
                raise
        await asyncio.sleep(pauses_left.pop(0))
        await session.directory.renew()


def pauses(total: float) -> Iterable[float]:
    """Seconds to wait before each try: none at first, then growing with jitter; few unless there is time."""
    yield 0.0
    pause = 0.1
    for _ in range(RETRIES if total < 60 else 1000):
        yield pause * (0.5 + secrets.randbelow(1000) / 1000)
        pause = min(pause * 2, 10.0)
