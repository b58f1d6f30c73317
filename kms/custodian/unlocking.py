"""The officers' door of a node: both ends of it, on the local socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from kms.crypto.secret import Secret
from kms.custodian.lock import Lock
from kms.errors import Stale
from kms.transport import logs
from kms.transport.client import Channel
from kms.transport.server import Call, Method
from kms.wire.v1 import custodian_pb2

SERVICE: Final = "kms.v1.LockService"
FORGET_SECONDS: Final = 5.0
_TIMEOUT: Final = 120.0
"""The last list waits until the store is open and checked."""


class LockService:
    """`lock` is None where officers are not asked; `opened` gets the storage root, once."""

    def __init__(self, lock: Lock | None, opened: Callable[[Secret], Awaitable[None]]) -> None:
        self._lock = lock
        self._opened = opened
        self._turn = asyncio.Lock()

    def methods(self) -> tuple[Method, ...]:
        return (
            Method("GetLock", custodian_pb2.GetLockRequest, self.get_lock),
            Method("Unlock", custodian_pb2.UnlockRequest, self.unlock, max_bytes=2048),
        )

    async def get_lock(
        self, request: custodian_pb2.GetLockRequest, call: Call
    ) -> custodian_pb2.GetLockResponse:
        return custodian_pb2.GetLockResponse(lock=self._state())

    async def unlock(self, request: custodian_pb2.UnlockRequest, call: Call) -> custodian_pb2.UnlockResponse:
        # An officer who hangs up must not leave a store half open.
        await asyncio.shield(asyncio.ensure_future(self._add(request.words)))
        return custodian_pb2.UnlockResponse(lock=self._state())

    async def _add(self, words: str) -> None:
        async with self._turn:
            if self._lock is None:
                raise Stale("this node is not locked", reason="NOT_LOCKED")
            root = self._lock.add(words)
            progress = self._lock.progress()
            logs.logger().info("officer", have=progress.have or progress.needed, needed=progress.needed)
            if root is not None:
                await self._opened(root)
                self._lock = None

    def _state(self) -> custodian_pb2.LockState:
        if self._lock is None:
            return custodian_pb2.LockState(locked=False)
        progress = self._lock.progress()
        return custodian_pb2.LockState(
            locked=True, have=progress.have, needed=progress.needed, of=progress.of
        )

    async def forget(self) -> None:
        """Forget old pieces while the node is locked."""
        while self._lock is not None:
            self._lock.forget_old()
            await asyncio.sleep(FORGET_SECONDS)


async def get_lock(socket: Path) -> custodian_pb2.LockState:
    """How far the node behind this socket is from being open."""
    channel = Channel(f"unix:{socket}", None)
    try:
        answer = await channel.call(
            SERVICE,
            "GetLock",
            custodian_pb2.GetLockRequest(),
            custodian_pb2.GetLockResponse,
            timeout=_TIMEOUT,
        )
        return answer.lock
    finally:
        await channel.close()


async def send_words(socket: Path, words: str) -> custodian_pb2.LockState:
    """Hand one list in; how far the node is then. Invalid or Denied if the list is wrong."""
    channel = Channel(f"unix:{socket}", None)
    try:
        answer = await channel.call(
            SERVICE,
            "Unlock",
            custodian_pb2.UnlockRequest(words=words),
            custodian_pb2.UnlockResponse,
            timeout=_TIMEOUT,
        )
        return answer.lock
    finally:
        await channel.close()
