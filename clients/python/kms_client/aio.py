"""The asyncio client: keys, records, releases, grants."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from kms.crypto import derivation, records
from kms.crypto.records import Header, RecordError
from kms.errors import Invalid, KmsError
from kms.statements.consent import Account
from kms.statements.destruction import DestroyReason
from kms.statements.ids import KeyId, Thumbprint, Version
from kms.statements.keys import Descriptor, KeySpec, parse_descriptor
from kms.statements.release import HUMAN_LIFETIME, Purpose
from kms.wire.v1 import coordinator_pb2
from kms_client import consent, creating, destroying, drawing, granting, mandates, noticing, recovering
from kms_client import history as histories
from kms_client.blame import Fault
from kms_client.cache import KeyCache, OpenKey
from kms_client.consent import Told
from kms_client.destroying import Destruction
from kms_client.directory import SERVICE
from kms_client.flights import Flights
from kms_client.history import History
from kms_client.keyuse import content_key, header_for, header_to, whole_file
from kms_client.noticing import Heard
from kms_client.profile import Profile
from kms_client.promises import KeptPromises
from kms_client.releasing import Release, Releaser
from kms_client.session import Session


class AsyncClient:
    """One device. Use as `async with AsyncClient(profile) as kms:`; safe for many concurrent tasks.

    `timeout`: seconds for one answer. `hear_out`: the part of all releases, 0 to 1, after which the client goes on
    listening for up to `linger` seconds to the custodians that it no longer needs, so that one of them that lies
    is named too (`faults`, `on_fault`); after the others it hangs up, and custodians not yet asked are spared.
    `promises`: a file, or a folder, in which to keep what custodians promised to have logged, for `kms audit run`.
    """

    def __init__(
        self,
        profile: Profile | str | Path,
        *,
        timeout: float = 20.0,
        linger: float = 1.0,
        hear_out: float = 1 / 16,
        now: Callable[[], float] = time.time,
        on_fault: Callable[[Fault], None] | None = None,
        promises: str | Path | None = None,
    ) -> None:
        self.profile = profile if isinstance(profile, Profile) else Profile.load(profile)
        self.cache = KeyCache(self.profile.cache)
        kept = KeptPromises(Path(promises)) if promises is not None else None
        self._session = Session(self.profile, timeout, now, promises=kept)
        self._releaser = Releaser(self._session, self.cache, linger, hear_out, on_fault)
        self._flights: Flights[OpenKey] = Flights()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Forget every key and hang up."""
        self.cache.clear()
        await self._releaser.close()
        await self._session.close()

    @property
    def session(self) -> Session:
        """What every part of this client shares."""
        return self._session

    @property
    def thumbprint(self) -> Thumbprint:
        """How grants name this device: the RFC 7638 thumbprint of its key."""
        return self._session.thumbprint

    @property
    def faults(self) -> list[Fault]:
        """Custodians (and, with index 0, dealers) that were caught by this client."""
        return self._releaser.faults

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
        """A new key for each context, durable when this returns. `owner`: a thumbprint, else this device.

        Raises NotDurable if too few custodians have them, and Denied if they refuse: then nothing may be
        encrypted with them.
        """
        if not contexts:
            return []
        who = Thumbprint(owner) if owner is not None else self.thumbprint
        keys = await creating.create_keys(self._session, contexts, who, spec)
        for key in keys:
            self.cache.put(key)
        return keys

    async def draw_keys(
        self, contexts: Sequence[Mapping[str, str]], *, owner: bytes | None = None
    ) -> list[KeyId]:
        """A key for each context from the pool that custodians made: nobody has ever known it, this device neither.

        Its name is enough to provision with; whoever is to use it asks for its release. Raises Exhausted
        POOL_EMPTY if there are too few, and as `create_keys`.
        """
        if not contexts:
            return []
        who = Thumbprint(owner) if owner is not None else self.thumbprint
        return await drawing.draw_keys(self._session, contexts, who)

    async def history(self, *, owner: bytes | None = None) -> History:
        """What every custodian's log says of an owner's records: asked for, denied, read; proved, to be saved.

        `owner`: one for whom this device acts, else this device.
        """
        return await histories.ask(self._session, Thumbprint(owner) if owner is not None else None)

    async def describe(self, key_id: bytes) -> Descriptor:
        """A key's public description, by its name; it is checked to hash to that name."""
        answer = await self._session.channel.call(
            SERVICE,
            "LookUpKeys",
            coordinator_pb2.LookUpKeysRequest(keyring_id=self.profile.keyring_id, key_ids=[key_id]),
            coordinator_pb2.LookUpKeysResponse,
            timeout=self._session.timeout,
        )
        for found in answer.keys:
            if derivation.key_id(found.descriptor) == key_id:
                return parse_descriptor(found.descriptor)
        raise Invalid("nobody gave this key's description", reason="NO_DESCRIPTOR")

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
        header, data_key = header_for(key, associated_data, record_id, version)
        return records.encrypt(data_key, header, plaintext)

    def encrypt_to(
        self, plaintext: bytes, inbox: Descriptor, *, associated_data: bytes = b"", record_id: bytes = b""
    ) -> bytes:
        """A record to an inbox key, by its public description alone: the writer cannot read it back."""
        header, data_key = header_to(inbox, associated_data, record_id)
        return records.encrypt(data_key, header, plaintext)

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
        return records.decrypt(content_key(key, header, associated_data), record, header)

    async def decrypt_through(
        self,
        record: bytes,
        version: bytes,
        *,
        purpose: Purpose = Purpose.PATIENT_ACCESS,
        associated_data: bytes = b"",
    ) -> bytes:
        """The plaintext by shares of this version alone, whatever else custodians send and this device holds.

        Shows that what a resharing dealt opens records before the old shares are gone.
        """
        header = records.parse_header(record)
        key = await self._releaser.through(KeyId(header.key_id), Version(version), purpose)
        return records.decrypt(content_key(key, header, associated_data), record, header)

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
        opened = [self._look_at(record) for record in many]
        missing = [f[0].key_id for f in opened if not isinstance(f, RecordError) and f[1] is None]

        release = await self.release(
            missing, purpose=purpose, justification=justification, grants=grants, wait=wait
        )
        return [
            self._decrypt_one(record, found, release, associated_data)
            for record, found in zip(many, opened, strict=True)
        ]

    def _look_at(self, record: bytes) -> tuple[Header, OpenKey | None] | RecordError:
        """A record's header and, if the cache has it for one more use, its key."""
        try:
            header = records.parse_header(record)
        except RecordError as error:
            return error
        return header, self.cache.take(KeyId(header.key_id), len(record))

    def _decrypt_one(
        self,
        record: bytes,
        found: tuple[Header, OpenKey | None] | RecordError,
        release: Release,
        associated_data: bytes,
    ) -> bytes | KmsError:
        if isinstance(found, RecordError):
            return found
        header, key = found
        if key is None:
            key_id = KeyId(header.key_id)
            if key_id not in release.keys:
                return release.failures[key_id]
            key = release.keys[key_id]
            self.cache.take(
                key_id, len(record)
            )  # released for this call, whatever the cache says; but counted
        try:
            return records.decrypt(content_key(key, header, associated_data), record, header)
        except KmsError as error:
            return error

    def encrypt_stream(
        self, source: BinaryIO, sink: BinaryIO, key: OpenKey, *, associated_data: bytes = b""
    ) -> None:
        """Encrypt a file object into another, in constant memory."""
        header, data_key = header_for(key, associated_data)
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
        pieces = records.decrypt_stream(content_key(key, header, associated_data), header, source)
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            sink.write(piece)

    def encrypt_file(
        self, source: str | Path, target: str | Path, key: OpenKey, *, associated_data: bytes = b""
    ) -> None:
        """Encrypt a file into another; the target appears only when it is complete."""
        with Path(source).open("rb") as reader, whole_file(Path(target)) as writer:
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
        with reader, whole_file(Path(target)) as writer:
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
        # Only callers who ask the same share an answer: who brings a better grant is not refused with others.
        asked = (key_id, purpose, justification, tuple(grants), wait)
        key = await self._flights.join(asked, lambda: self._ask_for(*asked))
        self.cache.take(key_id, size)  # this use counts; that the request was made for it is reason enough
        return key

    async def _ask_for(
        self, key_id: KeyId, purpose: Purpose, justification: str, grants: Sequence[bytes], wait: float
    ) -> OpenKey:
        release = await self.release(
            [key_id], purpose=purpose, justification=justification, grants=grants, wait=wait
        )
        if key_id in release.failures:
            raise release.failures[key_id]
        return release.keys[key_id]

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
        return await self._releaser.release(key_ids, purpose, justification, grants, wait)

    async def resume(self, request_hash: bytes, *, wait: float = HUMAN_LIFETIME) -> Release:
        """Wait again for a request of this client that people at custodians had not answered."""
        return await self._releaser.resume(request_hash, wait)

    async def cancel(self, request_hash: bytes) -> list[int]:
        """Withdraw a request that waits for people; the indices of custodians that acknowledged."""
        return await self._releaser.cancel(request_hash)

    async def settle(self) -> None:
        """Wait until late answers of finished requests have been heard, so that `faults` is complete."""
        await self._releaser.settle()

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
        return await granting.sign_grant(
            self._session, grantee, keys, category, purposes, valid_for, max_count
        )

    async def revoke(self, grant: bytes | None = None, *, all_until_now: bool = False) -> Told:
        """Take back a grant (or all given until now), at each custodian directly; who acknowledged it.

        It is `effective` once so many did that no quorum is left which does not know of it.
        """
        return await granting.revoke(self._session, grant, all_until_now)

    async def accounts(
        self, grants: Sequence[bytes] = (), *, owner: bytes | None = None
    ) -> dict[int, Account]:
        """What each custodian that answers holds about this owner: among it how often these grants were used.

        `owner`: a thumbprint for which this device's key acts, else itself.
        """
        ids = [granting.read_grant(grant).grant_id for grant in grants]
        who = Thumbprint(owner) if owner is not None else None
        return (await consent.ask(self._session, ids, who))[0]

    # -- who acts for an owner -------------------------------------------------------------------------------

    async def add_owner_key(self, key: bytes, *, not_after: int = 0) -> tuple[bytes, Told]:
        """Let another key (a thumbprint) act for this owner in everything, until `not_after` (unix seconds; 0: no end).

        The bytes are the mandate, for that key's device to keep.
        """
        return await mandates.add_key(self._session, key, not_after)

    async def add_guardian(
        self,
        key: bytes,
        *,
        not_after: int,
        purposes: Sequence[Purpose] = (Purpose.PATIENT_ACCESS, Purpose.TREATMENT),
        categories: Sequence[str] = (),
        may_grant: bool = False,
    ) -> tuple[bytes, Told]:
        """Let a guardian's key read for this owner, for these purposes and categories (none: all of them)."""
        return await mandates.add_guardian(
            self._session, key, not_after, purposes, categories, may_grant=may_grant
        )

    async def revoke_owner_key(
        self, key: bytes, *, owner: bytes | None = None, mandates_kept: Sequence[bytes] = ()
    ) -> Told:
        """Say that a key acts for an owner no more, for ever: a further key, a guardian's, or a lost owner's key.

        Another device than the owner's own names the `owner`, and shows its mandate.
        """
        who = Thumbprint(owner) if owner is not None else self.thumbprint
        return await mandates.revoke_key(self._session, who, key, mandates_kept)

    async def bind_owner(self) -> Told:
        """Say as whom this owner's issuers know it (its credentials now), for a recovery if its key is lost."""
        return await recovering.bind(self._session)

    async def begin_recovery(self, owner: bytes) -> Told:
        """Ask that this device's key count for an owner whose own is lost (a thumbprint), after the keyring's wait.

        Two independent issuers must vouch for whom that owner bound. It is told at once, and may object.
        """
        return await recovering.begin(self._session, owner)

    # -- the end of keys ------------------------------------------------------------------------------------------

    async def destroy_keys(
        self,
        key_ids: Sequence[bytes],
        *,
        reason: DestroyReason = DestroyReason.OWNER_WISH,
        waiting: int = 0,
        text: str = "",
    ) -> Destruction:
        """Order the end of keys that are this device's own, or an owner's that it acts for: 1 to 1024 at once.

        Each custodian waits `waiting` seconds from when it hears of it, and as long as the keyring says in any case;
        until then it can be called off. Keep `order` of what is returned: everything else is asked with it.
        """
        keyring = await self._session.directory.keyring()
        order = destroying.write_order(self._session, keyring, key_ids, reason, waiting, text)
        return await destroying.hand_in_order(self._session, order)

    async def bring_order(self, order: bytes) -> Destruction:
        """Bring an order again, to custodians that were away: with what the others signed."""
        return await destroying.hand_in_order(self._session, order)

    async def cancel_destruction(self, order: bytes) -> Destruction:
        """Call an order off, before its keys are destroyed."""
        return await destroying.call_off(self._session, order)

    async def destruction(self, order: bytes) -> Destruction:
        """Where an order stands, in the custodians' signed words."""
        return await destroying.status(self._session, order)

    async def find_order(self, order_hash: bytes) -> bytes:
        """An order by its hash, which notices and the history give."""
        return await destroying.find_order(self._session, order_hash)

    async def destruction_certificate(self, order: bytes) -> bytes:
        """What the custodians that carried an order out prove together: `open_destruction_certificate` reads it."""
        return await destroying.certificate(self._session, order)

    # -- notices -----------------------------------------------------------------------------------------------

    async def notices(self, *, owner: bytes | None = None) -> list[Heard]:
        """What happened to this owner's records and keys, as the custodians that answer tell: each thing once."""
        return (await noticing.notices(self._session, Thumbprint(owner or self.thumbprint)))[0]

    def watch_notices(self, *, owner: bytes | None = None) -> AsyncIterator[Heard]:
        """The same, and then each thing as it happens. Never ends by itself."""
        return noticing.follow(self._session, Thumbprint(owner or self.thumbprint))
