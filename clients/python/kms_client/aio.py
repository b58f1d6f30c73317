"""The asyncio client: keys, records, releases, grants."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from kms.crypto import derivation, records
from kms.crypto.hashing import equal
from kms.crypto.records import Header, RecordError
from kms.crypto.secret import DataKey
from kms.errors import DeadlineExceeded, Invalid, KmsError, Unavailable
from kms.statements.envelope import Signed, sign
from kms.statements.evidence import Grant, GrantAction, Revocation
from kms.statements.ids import GrantId, KeyId, RequestHash, Thumbprint
from kms.statements.keys import Deposit, Descriptor, KeySpec, open_receipt, parse_descriptor
from kms.statements.manifest import Keyring
from kms.statements.release import HUMAN_LIFETIME, RULE_LIFETIME, Cancellation, Purpose
from kms.transport import tls
from kms.transport.client import Channel
from kms.wire.v1 import coordinator_pb2, custodian_pb2, evidence_pb2, keyring_pb2
from kms_client.cache import KeyCache, OpenKey
from kms_client.collecting import Collector, Fault
from kms_client.dealing import Dealt, build_deposit, deal_keys, join_dealt
from kms_client.directory import SERVICE, Directory
from kms_client.errors import NotDurable
from kms_client.profile import Profile, SeenFile
from kms_client.requesting import Prepared, prepare_request

DEPOSIT_BATCH = 500
RELEASE_BATCH = 256
DEAL_ASIDE = 64
RETRIES = 4


@dataclass(frozen=True, slots=True)
class Release:
    """What became of a release: open keys, and for each other key the error that says why not."""

    keys: Mapping[KeyId, OpenKey]
    failures: Mapping[KeyId, KmsError]
    request_hash: RequestHash | None = None


@dataclass(slots=True)
class _Waiting:
    prepared: Prepared
    collector: Collector = field(repr=False)


class AsyncClient:
    """One device. Use as `async with AsyncClient(profile) as kms:`; safe for any number of concurrent tasks."""

    def __init__(
        self,
        profile: Profile | str | Path,
        *,
        timeout: float = 20.0,
        linger: float = 1.0,
        now: Callable[[], float] = time.time,
        on_fault: Callable[[Fault], None] | None = None,
    ) -> None:
        self.profile = profile if isinstance(profile, Profile) else Profile.load(profile)
        self.faults: list[Fault] = []
        self.cache = KeyCache(self.profile.cache)
        self._timeout, self._linger, self._now, self._on_fault = timeout, linger, now, on_fault
        self._channel: Channel | None = None
        self._directory: Directory | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._flights: dict[KeyId, asyncio.Future[OpenKey]] = {}
        self._waiting: dict[RequestHash, _Waiting] = {}

    async def __aenter__(self) -> Self:
        self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Forget every key and hang up."""
        self.cache.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._channel is not None:
            await self._channel.close()
            self._channel = self._directory = None

    def _open(self) -> tuple[Channel, Directory]:
        if self._channel is None or self._directory is None:
            credentials = tls.client_credentials(self.profile.authorities)
            self._channel = Channel(self.profile.coordinator, credentials)
            seen = SeenFile(self.profile.state)
            self._directory = Directory(
                self._channel, self.profile.keyring_id, seen, self._now, self._timeout
            )
        return self._channel, self._directory

    @property
    def thumbprint(self) -> Thumbprint:
        """How grants name this device: the RFC 7638 thumbprint of its key."""
        return Thumbprint(self.profile.device_key.thumbprint)

    async def _credentials(self) -> Sequence[str]:
        key, audience = self.profile.device_key.thumbprint, self.profile.keyring_id.hex()
        return await self.profile.credentials.credentials(key, audience)

    # -- keys ----------------------------------------------------------------------------------------------

    async def create_key(
        self, context: Mapping[str, str], *, owner: bytes | None = None, spec: KeySpec = KeySpec.DATA
    ) -> OpenKey:
        """One new key; see `create_keys`."""
        return (await self.create_keys([context], owner=owner, spec=spec))[0]

    async def create_keys(
        self,
        contexts: Sequence[Mapping[str, str]],
        *,
        owner: bytes | None = None,
        spec: KeySpec = KeySpec.DATA,
    ) -> list[OpenKey]:
        """A new key for each context, durable when this returns. `owner` is a thumbprint, by default this device.

        Raises NotDurable if too few custodians have them: then nothing may be encrypted with them.
        """
        if not contexts:
            return []
        _, directory = self._open()
        keyring = await directory.keyring()
        who = Thumbprint(owner) if owner is not None else self.thumbprint
        keys: list[OpenKey] = []
        deposits: list[asyncio.Task[None]] = []
        try:
            for start in range(0, len(contexts), DEPOSIT_BATCH):
                part = contexts[start : start + DEPOSIT_BATCH]
                dealt = await self._deal(keyring, part, who, spec)
                keys += dealt.keys
                # The next part is dealt while custodians check this one.
                deposits.append(asyncio.create_task(self._deposit(dealt)))
                if len(deposits) > 2:
                    await deposits[-3]
            await asyncio.gather(*deposits)
        except BaseException:
            for task in deposits:
                task.cancel()
            raise
        for key in keys:
            self.cache.put(key)
        return keys

    async def _deal(
        self, keyring: Keyring, contexts: Sequence[Mapping[str, str]], owner: Thumbprint, spec: KeySpec
    ) -> Dealt:
        """Deal on two threads where there is enough to do: the group's arithmetic releases the lock."""
        half = len(contexts) // 2 if len(contexts) >= DEAL_ASIDE else 0
        parts = [part for part in (contexts[:half], contexts[half:]) if part]
        dealt = await asyncio.gather(
            *(
                asyncio.to_thread(deal_keys, keyring, part, owner, self.thumbprint, spec, int(self._now()))
                for part in parts
            )
        )
        return join_dealt(dealt)

    async def _deposit(self, dealt: Dealt) -> None:
        channel, directory = self._open()
        keyring = await directory.keyring()
        sealing_keys = await directory.sealing_keys(keyring.manifest.durable_quorum)
        credentials = await self._credentials()
        now = int(self._now())
        signed, blobs = await asyncio.to_thread(
            build_deposit, keyring, dealt, sealing_keys, credentials, self.profile.device_key, now
        )
        request = coordinator_pb2.CreateKeysRequest(deposit=signed.message, blobs=blobs)
        error: KmsError | None = None
        for wait in _backoff(self._timeout):
            await asyncio.sleep(wait)
            try:
                return await self._deposit_once(channel, request, signed)
            except (Unavailable, DeadlineExceeded) as failure:
                error = failure  # the same signed bytes again: whoever has them answers the same
        assert error is not None
        raise error

    async def _deposit_once(
        self, channel: Channel, request: coordinator_pb2.CreateKeysRequest, signed: Signed[Deposit]
    ) -> None:
        _, directory = self._open()
        keyring = await directory.keyring()
        quorum = keyring.manifest.durable_quorum
        by_key = {c.identity_key: c.index for c in keyring.manifest.custodians}
        held: dict[int, frozenset[int]] = {}
        failures: dict[int, str] = {}
        count = len(signed.statement.descriptors)
        events = channel.stream(
            SERVICE, "CreateKeys", request, coordinator_pb2.CreateKeysResponse, timeout=self._timeout * 3
        )
        async with contextlib.aclosing(events):
            async for event in events:
                if event.WhichOneof("event") == "failure":
                    failures[event.failure.index] = event.failure.reason
                    continue
                index = by_key.get(event.receipt.signatures[0].keyid if event.receipt.signatures else b"")
                if index is None:
                    continue
                try:
                    receipt = open_receipt(event.receipt, keyring, index, signed).statement
                except KmsError as error:
                    failures[index] = error.reason
                    continue
                held[index] = frozenset(range(count)) - frozenset(receipt.refused)
                if receipt.refused:
                    failures[index] = next(iter(receipt.refused.values()))
                if _durable(held.values(), count, quorum) == quorum:
                    return
        raise NotDurable(_durable(held.values(), count, quorum), quorum, failures)

    async def describe(self, key_id: bytes) -> Descriptor:
        """A key's public description, by its name; it is checked to hash to that name."""
        found = await self._look_up([KeyId(key_id)])
        if not found:
            raise Invalid("nobody gave this key's description", reason="NO_DESCRIPTOR")
        return parse_descriptor(found[0])

    async def _look_up(self, key_ids: Sequence[KeyId]) -> list[bytes]:
        channel, _ = self._open()
        answer = await channel.call(
            SERVICE,
            "LookUpKeys",
            coordinator_pb2.LookUpKeysRequest(keyring_id=self.profile.keyring_id, key_ids=key_ids),
            coordinator_pb2.LookUpKeysResponse,
            timeout=self._timeout,
        )
        wanted = set(key_ids)
        return [found.descriptor for found in answer.keys if derivation.key_id(found.descriptor) in wanted]

    # -- records -------------------------------------------------------------------------------------------

    def encrypt(
        self,
        plaintext: bytes | bytearray | memoryview,
        key: OpenKey,
        *,
        associated_data: bytes = b"",
        record_id: bytes = b"",
        version: int = 0,
    ) -> bytes:
        """A record. `associated_data` is bound, not stored: whoever decrypts must give the same."""
        header, data_key = _new_header(key, associated_data, record_id, version)
        return records.encrypt(data_key, header, plaintext)

    def encrypt_to(
        self, plaintext: bytes, inbox: Descriptor, *, associated_data: bytes = b"", record_id: bytes = b""
    ) -> bytes:
        """A record to an inbox key, by its public description alone: the writer cannot read it back."""
        if inbox.core.spec is not KeySpec.INBOX:
            raise Invalid("only an inbox key can be written to by its description", reason="NOT_AN_INBOX")
        digest = records.context_hash(inbox.core.context_commitment, associated_data)
        header = records.new_header(inbox.key_id, digest, record_id)
        header, content_key = records.seal_content_key(header, inbox.public_key)
        return records.encrypt(content_key, header, plaintext)

    async def decrypt(
        self,
        record: bytes | bytearray | memoryview,
        *,
        purpose: Purpose = Purpose.PATIENT_ACCESS,
        associated_data: bytes = b"",
        justification: str = "",
        grants: Sequence[bytes] = (),
        wait: float = 0.0,
    ) -> bytes:
        """The plaintext; asks custodians for the key unless this device holds it."""
        header = records.parse_header(record)
        key = await self._key_for(header, len(record), purpose, justification, grants, wait)
        return records.decrypt(_content_key(key, header, associated_data), record, header)

    async def decrypt_many(
        self,
        many: Sequence[bytes],
        *,
        purpose: Purpose = Purpose.PATIENT_ACCESS,
        justification: str = "",
        grants: Sequence[bytes] = (),
        wait: float = 0.0,
        associated_data: bytes = b"",
    ) -> list[bytes | KmsError]:
        """Each record's plaintext, or the error that kept it shut; keys are asked for in one batch."""
        headers = [records.parse_header(record) for record in many]
        ids = list(dict.fromkeys(KeyId(header.key_id) for header in headers))
        missing = [key_id for key_id in ids if self.cache.take(key_id) is None]
        release = await self.release(
            missing, purpose=purpose, justification=justification, grants=grants, wait=wait
        )
        result: list[bytes | KmsError] = []
        for record, header in zip(many, headers, strict=True):
            key_id = KeyId(header.key_id)
            key = release.keys.get(key_id) or self.cache.take(key_id, len(record))
            if key is None:
                result.append(release.failures.get(key_id) or Unavailable("the key was used up meanwhile"))
                continue
            try:
                result.append(records.decrypt(_content_key(key, header, associated_data), record, header))
            except KmsError as error:
                result.append(error)
        return result

    def encrypt_stream(
        self, source: BinaryIO, sink: BinaryIO, key: OpenKey, *, associated_data: bytes = b""
    ) -> None:
        """Encrypt a file object into another, in constant memory."""
        header, data_key = _new_header(key, associated_data, b"", 0)
        for piece in records.encrypt_stream(data_key, header, source):
            sink.write(piece)

    async def decrypt_stream(
        self,
        source: BinaryIO,
        sink: BinaryIO,
        *,
        purpose: Purpose = Purpose.PATIENT_ACCESS,
        associated_data: bytes = b"",
        justification: str = "",
        grants: Sequence[bytes] = (),
        wait: float = 0.0,
    ) -> None:
        """Decrypt a file object into another, in constant memory.

        What was written is the record only if this returns: a missing tail raises RecordError at the end.
        """
        header = records.read_header(source)
        key = await self._key_for(header, 0, purpose, justification, grants, wait)
        pieces = records.decrypt_stream(_content_key(key, header, associated_data), header, source)
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            sink.write(piece)

    def encrypt_file(
        self, source: str | Path, target: str | Path, key: OpenKey, *, associated_data: bytes = b""
    ) -> None:
        """Encrypt a file into another; the target appears only when it is complete."""
        with Path(source).open("rb") as reader, _whole_file(Path(target)) as writer:
            self.encrypt_stream(reader, writer, key, associated_data=associated_data)

    async def decrypt_file(
        self,
        source: str | Path,
        target: str | Path,
        *,
        purpose: Purpose = Purpose.PATIENT_ACCESS,
        associated_data: bytes = b"",
        justification: str = "",
        grants: Sequence[bytes] = (),
        wait: float = 0.0,
    ) -> None:
        """Decrypt a file into another; the target appears only when the whole record was authentic."""
        reader = await asyncio.to_thread(open, source, "rb")
        with reader, _whole_file(Path(target)) as writer:
            await self.decrypt_stream(
                reader,
                writer,
                purpose=purpose,
                associated_data=associated_data,
                justification=justification,
                grants=grants,
                wait=wait,
            )

    async def _key_for(
        self,
        header: Header,
        size: int,
        purpose: Purpose,
        justification: str,
        grants: Sequence[bytes],
        wait: float,
    ) -> OpenKey:
        key_id = KeyId(header.key_id)
        key = self.cache.take(key_id, size)
        if key is not None:
            return key
        flight = self._flights.get(key_id)
        if flight is None:
            flight = asyncio.get_running_loop().create_future()
            self._flights[key_id] = flight
            try:
                release = await self.release(
                    [key_id], purpose=purpose, justification=justification, grants=grants, wait=wait
                )
                if key_id in release.failures:
                    raise release.failures[key_id]
                flight.set_result(release.keys[key_id])
            except BaseException as error:
                flight.set_exception(
                    error if isinstance(error, KmsError) else Unavailable("the first asker gave up")
                )
                flight.exception()  # seen, even if nobody else waits
                raise
            finally:
                del self._flights[key_id]
        return await flight

    # -- releases ------------------------------------------------------------------------------------------

    async def release(
        self,
        key_ids: Sequence[bytes],
        *,
        purpose: Purpose = Purpose.PATIENT_ACCESS,
        justification: str = "",
        grants: Sequence[bytes] = (),
        wait: float = 0.0,
    ) -> Release:
        """Ask a quorum for keys. A failure of one key stays with that key.

        `grants` are owners' signed grants; with `wait` (seconds, up to 72 hours) people at the custodians are
        waited for, else their keys fail with ApprovalPending, and `resume` waits later.
        """
        ids = [KeyId(key_id) for key_id in dict.fromkeys(key_ids)]
        parts = [ids[start : start + RELEASE_BATCH] for start in range(0, len(ids), RELEASE_BATCH)]
        done = await asyncio.gather(
            *(self._release_part(part, purpose, justification, grants, wait) for part in parts)
        )
        keys = {k: v for release in done for k, v in release.keys.items()}
        failures = {k: v for release in done for k, v in release.failures.items()}
        return Release(keys, failures, done[0].request_hash if len(done) == 1 else None)

    async def _release_part(
        self,
        ids: Sequence[KeyId],
        purpose: Purpose,
        justification: str,
        grants: Sequence[bytes],
        wait: float,
    ) -> Release:
        _, directory = self._open()
        keyring = await directory.keyring()
        sealing_keys = await directory.sealing_keys(keyring.threshold)
        # Humans may be asked whether or not this caller waits: it can come back within their time.
        lifetime = HUMAN_LIFETIME if wait > RULE_LIFETIME else max(RULE_LIFETIME, int(wait))
        prepared = prepare_request(
            keyring,
            ids,
            purpose,
            justification,
            await self._credentials(),
            grants,
            sealing_keys,
            self.profile.device_key,
            int(self._now()),
            lifetime,
            omit_descriptors=False,
        )
        return await self._finish(
            _Waiting(prepared, Collector(keyring, prepared.opened, prepared.recipient)), wait
        )

    async def resume(self, request_hash: bytes, *, wait: float = HUMAN_LIFETIME) -> Release:
        """Wait again for a request of this client that people at custodians had not answered."""
        waiting = self._waiting.get(RequestHash(request_hash))
        if waiting is None:
            raise Invalid("this client has no such request open", reason="UNKNOWN_REQUEST")
        return await self._finish(waiting, wait)

    async def _finish(self, waiting: _Waiting, wait: float) -> Release:
        collector = waiting.collector
        await self._follow(waiting.prepared, collector, wait)
        for key in collector.opened.values():
            self.cache.put(key)
        ids = waiting.prepared.opened.request.key_ids
        failures = {
            key_id: collector.failure(p) for p, key_id in enumerate(ids) if key_id not in collector.opened
        }
        if any(isinstance(error, Unavailable) for error in failures.values()):
            self._waiting[waiting.prepared.opened.hash] = waiting
        else:
            self._waiting.pop(waiting.prepared.opened.hash, None)
        return Release(dict(collector.opened), failures, waiting.prepared.opened.hash)

    async def _follow(self, prepared: Prepared, collector: Collector, wait: float) -> None:
        channel, _ = self._open()
        deadline = time.monotonic() + max(wait, self._timeout)
        for pause in _backoff(max(wait, self._timeout)):
            await asyncio.sleep(pause)
            left = deadline - time.monotonic()
            if left <= 0:
                break
            events = channel.stream(
                SERVICE, "ReleaseKeys", prepared.message, coordinator_pb2.ReleaseKeysResponse, timeout=left
            )
            try:
                async for response in events:
                    for event in response.events:
                        collector.add(event)
                    if collector.done():
                        self._spawn(self._listen_on(events, collector))
                        return
                    if not wait and collector.waits_for_humans():
                        await events.aclose()
                        return
            except DeadlineExceeded:
                break
            except Unavailable:
                continue  # the same signed bytes again: custodians answer them as before
            break
        self._report(collector)

    async def _listen_on(
        self, events: AsyncGenerator[coordinator_pb2.ReleaseKeysResponse, None], collector: Collector
    ) -> None:
        """Hear out the late custodians for a moment: one that lied after the quorum is to be named too."""
        with contextlib.suppress(KmsError, TimeoutError):
            async with asyncio.timeout(self._linger):
                async for response in events:
                    for event in response.events:
                        collector.add(event)
        self._report(collector)

    def _report(self, collector: Collector) -> None:
        new, collector.faults = collector.faults, []
        for fault in new:
            self.faults.append(fault)
            if self._on_fault is not None:
                self._on_fault(fault)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Wait until late answers of finished requests have been heard, so that `faults` is complete."""
        await asyncio.gather(*list(self._tasks), return_exceptions=True)

    async def cancel(self, request_hash: bytes) -> list[int]:
        """Withdraw a request that waits for people; the indices of custodians that acknowledged."""
        channel, directory = self._open()
        keyring = await directory.keyring()
        cancellation = Cancellation(
            keyring.keyring_id,
            keyring.manifest_hash,
            RequestHash(request_hash),
            self.thumbprint,
            int(self._now()),
        )
        answer = await channel.call(
            SERVICE,
            "CancelRelease",
            coordinator_pb2.CancelReleaseRequest(
                cancellation=sign(cancellation, self.profile.device_key).message
            ),
            coordinator_pb2.CancelReleaseResponse,
            timeout=self._timeout,
        )
        self._waiting.pop(RequestHash(request_hash), None)
        return list(answer.acknowledged)

    # -- grants --------------------------------------------------------------------------------------------

    async def grant(
        self,
        grantee: bytes,
        *,
        keys: Iterable[bytes] = (),
        category: str = "",
        purposes: Sequence[Purpose] = (Purpose.TREATMENT,),
        valid_for: int = 86400,
        max_count: int = 1000,
    ) -> bytes:
        """A signed grant for `grantee` (a thumbprint): these keys, or one category of this owner's keys.

        Hand it to the grantee, who passes it along with requests. `valid_for` in seconds, up to 90 days.
        """
        _, directory = self._open()
        keyring = await directory.keyring()
        now = int(self._now())
        grant = Grant(
            keyring.keyring_id,
            keyring.manifest_hash,
            GrantId(secrets.token_bytes(16)),
            self.thumbprint,
            Thumbprint(grantee),
            tuple(KeyId(key) for key in keys),
            category,
            (GrantAction.RELEASE,),
            tuple(purposes),
            now,
            now + valid_for,
            max_count,
            int(self._now() * 1000),
        )
        return sign(grant, self.profile.device_key).envelope

    async def revoke(self, grant: bytes | None = None, *, all_until_now: bool = False) -> list[int]:
        """Take back a grant (or all given until now); the indices of custodians that acknowledged.

        Told to each custodian directly as well as through the coordinator, which might not pass it on.
        """
        if (grant is None) == (not all_until_now):
            raise Invalid("either a grant or all_until_now", reason="INVALID_FIELD")
        channel, directory = self._open()
        keyring = await directory.keyring()
        revocation = Revocation(
            keyring.keyring_id,
            keyring.manifest_hash,
            self.thumbprint,
            _grant_id(grant) if grant is not None else b"",
            int(self._now() * 1000) if all_until_now else 0,
            int(self._now()),
        )
        message = sign(revocation, self.profile.device_key).message
        done: set[int] = set()
        with contextlib.suppress(KmsError):
            await channel.call(
                SERVICE,
                "RevokeGrant",
                coordinator_pb2.RevokeGrantRequest(revocation=message),
                coordinator_pb2.RevokeGrantResponse,
                timeout=self._timeout,
            )

        async def tell(index: int, endpoint: str) -> None:
            direct = Channel(endpoint, tls.client_credentials(self.profile.authorities))
            try:
                with contextlib.suppress(KmsError):
                    await direct.call(
                        "kms.v1.CustodianService",
                        "RevokeGrant",
                        custodian_pb2.CustodianServiceRevokeGrantRequest(revocation=message),
                        custodian_pb2.CustodianServiceRevokeGrantResponse,
                        timeout=self._timeout,
                    )
                    done.add(index)
            finally:
                await direct.close()

        # Only what a custodian itself answered counts: a coordinator's word that it told them does not.
        await asyncio.gather(*(tell(c.index, c.endpoint) for c in keyring.manifest.custodians))
        return sorted(done)


def _new_header(
    key: OpenKey, associated_data: bytes, record_id: bytes, version: int
) -> tuple[Header, DataKey]:
    descriptor = key.descriptor
    digest = records.context_hash(descriptor.core.context_commitment, associated_data)
    header = records.new_header(key.key_id, digest, record_id, version)
    if descriptor.core.spec is KeySpec.INBOX:
        return records.seal_content_key(header, descriptor.public_key)
    return header, DataKey(key.secret.reveal())


def _content_key(key: OpenKey, header: Header, associated_data: bytes) -> DataKey:
    expected = records.context_hash(key.descriptor.core.context_commitment, associated_data)
    if not equal(expected, header.context_hash):
        raise RecordError("the record belongs to another context, or other associated data was given")
    if bool(header.sealed_key) != (key.descriptor.core.spec is KeySpec.INBOX):
        raise RecordError("the record is not of its key's kind")
    if header.sealed_key:
        return records.open_content_key(header, key.secret)
    return DataKey(key.secret.reveal())


def _durable(held: Iterable[frozenset[int]], count: int, quorum: int) -> int:
    """By how many custodians the least kept key of the batch is kept, at most `quorum`."""
    sets = list(held)
    return min((min(quorum, sum(p in s for s in sets)) for p in range(count)), default=0)


def _grant_id(grant: bytes) -> bytes:
    envelope = keyring_pb2.Envelope.FromString(grant)
    return evidence_pb2.Grant.FromString(envelope.payload).grant_id


def _backoff(total: float) -> Iterable[float]:
    """Pauses before each try (seconds): none at first, then growing with jitter."""
    yield 0.0
    pause = 0.1
    for _ in range(RETRIES if total < 60 else 1000):
        yield pause * (0.5 + secrets.randbelow(1000) / 1000)
        pause = min(pause * 2, 10.0)


@contextlib.contextmanager
def _whole_file(target: Path) -> Iterator[BinaryIO]:
    part = target.with_name(target.name + ".part")
    try:
        with part.open("wb") as writer:
            yield writer
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
