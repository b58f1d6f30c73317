"""The client's view of its keyring: the manifest that it pinned, and custodians' current sealing keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from kms.errors import KmsError, Unavailable
from kms.statements.manifest import Keyring, SealingKey, advance, open_genesis, open_sealing_key
from kms.transport.client import Channel
from kms.wire.v1 import coordinator_pb2
from kms_client.profile import SeenFile

SERVICE = "kms.v1.CoordinatorService"
REFRESH_SECONDS = 600


class Directory:
    """Fetches and verifies; what does not verify is as if it were not there."""

    def __init__(
        self, channel: Channel, keyring_id: bytes, seen: SeenFile, now: Callable[[], float], timeout: float
    ) -> None:
        self._channel, self._keyring_id, self._seen = channel, keyring_id, seen
        self._now, self._timeout = now, timeout
        self._lock = asyncio.Lock()
        self._keyring: Keyring | None = None
        self._sealing_keys: dict[int, SealingKey] = {}
        self._fetched = 0.0

    async def keyring(self) -> Keyring:
        """The verified manifest."""
        await self._fresh()
        if self._keyring is None:
            raise Unavailable("the coordinator gave no manifest", reason="NO_MANIFEST")
        return self._keyring

    async def sealing_keys(self, needed: int) -> Mapping[int, SealingKey]:
        """Valid sealing keys by custodian, of at least `needed` custodians; Unavailable else."""
        keyring = await self.keyring()
        missing = len(self._valid()) < len(keyring.manifest.custodians)
        if missing and self._now() - self._fetched > 1.0:
            await self._fetch()
        valid = self._valid()
        if len(valid) < needed:
            raise Unavailable(
                f"{len(valid)} custodians have a sealing key, {needed} are needed", reason="NO_SEALING_KEYS"
            )
        return valid

    def _valid(self) -> dict[int, SealingKey]:
        now = self._now()
        return {i: k for i, k in self._sealing_keys.items() if k.not_before <= now < k.not_after}

    async def _fresh(self) -> None:
        async with self._lock:
            if self._keyring is None or self._now() - self._fetched > REFRESH_SECONDS:
                await self._fetch()

    async def _fetch(self) -> None:
        answer = await self._channel.call(
            SERVICE,
            "GetKeyring",
            coordinator_pb2.GetKeyringRequest(keyring_id=self._keyring_id),
            coordinator_pb2.GetKeyringResponse,
            timeout=self._timeout,
        )
        now = int(self._now())
        keyring = open_genesis(answer.manifests[-1], self._keyring_id, now)
        self._seen.advance(advance(self._seen.seen, keyring))
        self._keyring, self._fetched = keyring, self._now()
        by_key = {c.identity_key: c.index for c in keyring.manifest.custodians}
        for envelope in answer.sealing_keys:
            index = by_key.get(envelope.signatures[0].keyid if envelope.signatures else b"")
            if index is None:
                continue
            try:
                key = open_sealing_key(envelope, keyring, index, now).statement
            except KmsError:
                continue  # a host may send anything here: only what a custodian signed is sealed to
            known = self._sealing_keys.get(index)
            if known is None or key.period >= known.period:  # never back to an older key
                self._sealing_keys[index] = key
