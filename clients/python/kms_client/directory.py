"""The client's view of its keyring: the manifest that it pinned, and custodians' current sealing keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from kms.crypto.hashing import equal
from kms.errors import KmsError, Stale, Unavailable
from kms.statements.ceremony import Status
from kms.statements.chain import Chain, open_chain
from kms.statements.envelope import Signed, open_signed
from kms.statements.manifest import Keyring, SealingKey, open_sealing_key
from kms.transport.client import Channel
from kms.wire.v1 import coordinator_pb2, keyring_pb2
from kms_client.profile import SeenFile

SERVICE = "kms.v1.CoordinatorService"
REFRESH_SECONDS = 600
STATUS_SECONDS = 600


class Directory:
    """Fetches and verifies; what does not verify is as if it were not there."""

    def __init__(
        self,
        channel: Channel,
        keyring_id: bytes,
        seen: SeenFile,
        now: Callable[[], float],
        timeout: float,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._channel, self._keyring_id, self._seen = channel, keyring_id, seen
        self._now, self._timeout, self._warn = now, timeout, warn
        self._lock = asyncio.Lock()
        self._keyring: Keyring | None = None
        self._sealing_keys: dict[int, SealingKey] = {}
        self._fetched = 0.0
        self.words: Mapping[int, Signed[Status]] = {}
        """By custodian: its signed word of where it stands, as it came with the last answer."""

    async def keyring(self) -> Keyring:
        """The verified manifest."""
        await self._fresh()
        if self._keyring is None:
            raise Unavailable("the coordinator gave no manifest", reason="NO_MANIFEST")
        return self._keyring

    async def chain(self) -> Chain:
        """The verified chain of manifests."""
        await self._fresh()
        if self._seen.chain is None:
            raise Unavailable("the coordinator gave no manifest", reason="NO_MANIFEST")
        return self._seen.chain

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

    async def renew(self) -> None:
        """Fetch the chain and the sealing keys again, because somebody lives by other ones."""
        async with self._lock:
            await self._fetch()

    def _tell(self, chain: Chain, now: int) -> None:
        left = chain.expires_soon(now)
        if left is not None:
            self._warn(f"the keyring's manifest expires in {left // 86400} days: its admins must renew it")
        for link in chain.announced(now):
            since = chain.holds_from(link.manifest.sequence)
            self._warn(
                f"manifest {link.manifest.sequence} is announced and holds from {since} (unix seconds)"
            )

    def _hear(self, chain: Chain, statuses: Iterable[keyring_pb2.Envelope]) -> dict[int, Signed[Status]]:
        """What custodians of the newest manifest say of where they stand; what they did not sign is not there."""
        words: dict[int, Signed[Status]] = {}
        by_key = {c.identity_key: c.index for c in chain.last.manifest.custodians}
        for envelope in statuses:
            index = by_key.get(envelope.signatures[0].keyid if envelope.signatures else b"")
            if index is None:
                continue
            try:
                signed = open_signed(Status, envelope, chain.last.custodian(index).identity_key, "status")
            except KmsError:
                continue
            if signed.statement.index == index and equal(signed.statement.keyring_id, self._keyring_id):
                words[index] = signed
        return words

    def _check_not_frozen(self, chain: Chain, now: int) -> None:
        """Stale MANIFEST_FROZEN if custodians live by a manifest that the coordinator does not show.

        One of them may lie, and would stop every client; of t, one is honest.
        """
        manifest = chain.last.manifest
        ahead = {
            index: signed.envelope
            for index, signed in self.words.items()
            if abs(now - signed.statement.at) <= STATUS_SECONDS
            and signed.statement.sequence > manifest.sequence
        }
        if len(ahead) >= manifest.threshold:
            self._seen.keep_evidence("frozen", ahead.values())
            raise Stale(
                f"custodians {', '.join(map(str, sorted(ahead)))} live by a newer manifest than the coordinator "
                "shows: it withholds it",
                reason="MANIFEST_FROZEN",
            )

    async def _fetch(self) -> None:
        answer = await self._channel.call(
            SERVICE,
            "GetKeyring",
            coordinator_pb2.GetKeyringRequest(keyring_id=self._keyring_id),
            coordinator_pb2.GetKeyringResponse,
            timeout=self._timeout,
        )
        now = int(self._now())
        envelopes = [m.SerializeToString(deterministic=True) for m in answer.manifests]
        chain = self._seen.advance(open_chain(envelopes, self._keyring_id))
        self.words = self._hear(chain, answer.statuses)
        self._check_not_frozen(chain, now)
        keyring = chain.current(now)
        self._tell(chain, now)
        if self._keyring is None or keyring.manifest_hash != self._keyring.manifest_hash:
            self._sealing_keys.clear()  # each names the manifest that it is for
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
