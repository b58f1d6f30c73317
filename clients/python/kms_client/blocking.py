"""The same client for code without asyncio: a loop on a thread of its own does the talking."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar

from kms.errors import KmsError
from kms.statements.consent import Account
from kms.statements.ids import KeyId, Thumbprint
from kms.statements.keys import Descriptor, KeySpec
from kms.statements.release import HUMAN_LIFETIME
from kms_client.aio import AsyncClient
from kms_client.blame import Fault
from kms_client.cache import OpenKey
from kms_client.consent import Told
from kms_client.destroying import Destruction
from kms_client.history import History
from kms_client.noticing import Heard
from kms_client.profile import Profile
from kms_client.releasing import Release

R = TypeVar("R")


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # not on every platform, and not needed
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _end_all() -> None:
    """Cancel whatever else runs in this loop; who waits for it is told."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Client:
    """One device. Use as `with Client(profile) as kms:`; may be shared by threads. See `AsyncClient`."""

    def __init__(self, profile: Profile | str | Path, **options: Any) -> None:
        self._loop = _new_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kms_client", daemon=True)
        self._thread.start()
        self._aio = AsyncClient(profile, **options)

    def _wait(self, work: Coroutine[Any, Any, R]) -> R:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forget every key and hang up."""
        if self._loop.is_closed():
            return
        self._wait(self._aio.close())
        self._wait(_end_all())  # else a thread that still waits for an answer would wait for ever
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def forget(self) -> None:
        """Drop every cached key: the next record asks custodians again."""
        self._aio.cache.clear()

    @property
    def thumbprint(self) -> Thumbprint:
        return self._aio.thumbprint

    @property
    def faults(self) -> list[Fault]:
        return self._aio.faults

    def create_key(
        self, context: Mapping[str, str], *, owner: bytes | None = None, spec: KeySpec = KeySpec.DATA
    ) -> OpenKey:
        return self._wait(self._aio.create_key(context, owner=owner, spec=spec))

    def create_keys(
        self,
        contexts: Sequence[Mapping[str, str]],
        *,
        owner: bytes | None = None,
        spec: KeySpec = KeySpec.DATA,
    ) -> list[OpenKey]:
        return self._wait(self._aio.create_keys(contexts, owner=owner, spec=spec))

    def draw_keys(self, contexts: Sequence[Mapping[str, str]], *, owner: bytes | None = None) -> list[KeyId]:
        return self._wait(self._aio.draw_keys(contexts, owner=owner))

    def describe(self, key_id: bytes) -> Descriptor:
        return self._wait(self._aio.describe(key_id))

    def history(self, *, owner: bytes | None = None) -> History:
        return self._wait(self._aio.history(owner=owner))

    def encrypt(self, plaintext: bytes | bytearray | memoryview, key: OpenKey, **options: Any) -> bytes:
        return self._aio.encrypt(plaintext, key, **options)

    def encrypt_to(self, plaintext: bytes, inbox: Descriptor, **options: Any) -> bytes:
        return self._aio.encrypt_to(plaintext, inbox, **options)

    def decrypt(self, record: bytes | bytearray | memoryview, **options: Any) -> bytes:
        return self._wait(self._aio.decrypt(record, **options))

    def decrypt_many(self, many: Sequence[bytes], **options: Any) -> list[bytes | KmsError]:
        return self._wait(self._aio.decrypt_many(many, **options))

    def encrypt_stream(self, source: BinaryIO, sink: BinaryIO, key: OpenKey, **options: Any) -> None:
        self._aio.encrypt_stream(source, sink, key, **options)

    def decrypt_stream(self, source: BinaryIO, sink: BinaryIO, **options: Any) -> None:
        self._wait(self._aio.decrypt_stream(source, sink, **options))

    def encrypt_file(self, source: str | Path, target: str | Path, key: OpenKey, **options: Any) -> None:
        self._aio.encrypt_file(source, target, key, **options)

    def decrypt_file(self, source: str | Path, target: str | Path, **options: Any) -> None:
        self._wait(self._aio.decrypt_file(source, target, **options))

    def release(self, key_ids: Sequence[bytes], **options: Any) -> Release:
        return self._wait(self._aio.release(key_ids, **options))

    def resume(self, request_hash: bytes, *, wait: float = HUMAN_LIFETIME) -> Release:
        return self._wait(self._aio.resume(request_hash, wait=wait))

    def cancel(self, request_hash: bytes) -> list[int]:
        return self._wait(self._aio.cancel(request_hash))

    def settle(self) -> None:
        self._wait(self._aio.settle())

    def grant(self, grantee: bytes, *, keys: Iterable[bytes] = (), **options: Any) -> bytes:
        return self._wait(self._aio.grant(grantee, keys=keys, **options))

    def revoke(self, grant: bytes | None = None, *, all_until_now: bool = False) -> Told:
        return self._wait(self._aio.revoke(grant, all_until_now=all_until_now))

    def accounts(self, grants: Sequence[bytes] = (), **options: Any) -> dict[int, Account]:
        return self._wait(self._aio.accounts(grants, **options))

    def add_owner_key(self, key: bytes, **options: Any) -> tuple[bytes, Told]:
        return self._wait(self._aio.add_owner_key(key, **options))

    def add_guardian(self, key: bytes, **options: Any) -> tuple[bytes, Told]:
        return self._wait(self._aio.add_guardian(key, **options))

    def bind_owner(self) -> Told:
        return self._wait(self._aio.bind_owner())

    def begin_recovery(self, owner: bytes) -> Told:
        return self._wait(self._aio.begin_recovery(owner))

    def destroy_keys(self, key_ids: Sequence[bytes], **options: Any) -> Destruction:
        return self._wait(self._aio.destroy_keys(key_ids, **options))

    def bring_order(self, order: bytes) -> Destruction:
        return self._wait(self._aio.bring_order(order))

    def cancel_destruction(self, order: bytes) -> Destruction:
        return self._wait(self._aio.cancel_destruction(order))

    def destruction(self, order: bytes) -> Destruction:
        return self._wait(self._aio.destruction(order))

    def find_order(self, order_hash: bytes) -> bytes:
        return self._wait(self._aio.find_order(order_hash))

    def destruction_certificate(self, order: bytes) -> bytes:
        return self._wait(self._aio.destruction_certificate(order))

    def notices(self, **options: Any) -> list[Heard]:
        return self._wait(self._aio.notices(**options))

    def revoke_owner_key(self, key: bytes, **options: Any) -> Told:
        return self._wait(self._aio.revoke_owner_key(key, **options))
