"""A small booking back end, as a process: the operator. It keeps slots, ciphertext and key ids.

With `key_service` set it is the control of the demo instead: the same back end, which encrypts by itself
under keys that it fetches from a separate key process. That was the design of 2021.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database, Migrations

from kms.dev.envelope_control import DataKey, KeyProcess, ServerSideEnvelope
from kms.storage import database
from kms.transport import logs
from kms.transport.client import Channel
from kms.transport.process import Port, Server
from kms.transport.server import Call, Endpoint, Method
from kms.transport.tap import WireTap
from kms.transport.tls import TlsFiles
from kms.wire.dev.v1 import booking_pb2

SERVICE = "kms.dev.v1.BookingService"
KEY_SERVICE = "kms.dev.v1.KeyService"
MIGRATIONS = Migrations("booking")
_TIMEOUT = 10.0


@MIGRATIONS()
def m001_first(db: Database) -> None:
    records = db.table("records")
    records.create(
        {"record_id": str, "account": str, "day": int, "slot": int, "key_id": bytes, "body": bytes},
        pk="record_id",
    )
    records.create_index(["day", "slot"])


@dataclass(frozen=True, slots=True)
class BookingConfig:
    """Keys of the booking back end's TOML file."""

    store: Path
    listen: str
    tls: TlsFiles
    wire_tap: Path | None = None
    key_service: str = ""
    log_level: str = "info"


@dataclass(frozen=True, slots=True)
class KeyServiceConfig:
    """Keys of the control's key process."""

    listen: str
    tls: TlsFiles
    log_level: str = "info"


class BookingService:
    """Stores what it is given; in the server-side design, encrypts it first."""

    def __init__(self, db: Database, keys: Channel | None) -> None:
        self._db, self._keys = db, keys

    def methods(self) -> Sequence[Method]:
        return (
            Method("StoreRecords", booking_pb2.StoreRecordsRequest, self.store, max_bytes=16 << 20),
            Method("FetchRecords", booking_pb2.FetchRecordsRequest, self.fetch),
            Method("ListDay", booking_pb2.ListDayRequest, self.list_day),
        )

    async def store(
        self, request: booking_pb2.StoreRecordsRequest, call: Call
    ) -> booking_pb2.StoreRecordsResponse:
        rows = [
            (r.record_id, r.account, r.day, r.slot, r.key_id, await self._seal(r.record_id, r.body))
            for r in request.records
        ]
        with database.transaction(self._db.conn):
            self._db.conn.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?)", rows)
        return booking_pb2.StoreRecordsResponse(stored=len(rows))

    async def fetch(
        self, request: booking_pb2.FetchRecordsRequest, call: Call
    ) -> booking_pb2.FetchRecordsResponse:
        found = []
        for record_id in request.record_ids:
            for row in self._db.execute("SELECT * FROM records WHERE record_id = ?", [record_id]):
                name, account, day, slot, key_id, body = row
                found.append(
                    booking_pb2.StoredRecord(
                        record_id=name,
                        account=account,
                        day=day,
                        slot=slot,
                        key_id=key_id,
                        body=await self._open(name, body),
                    )
                )
        return booking_pb2.FetchRecordsResponse(records=found)

    async def list_day(self, request: booking_pb2.ListDayRequest, call: Call) -> booking_pb2.ListDayResponse:
        rows = self._db.execute("SELECT record_id FROM records WHERE day = ? ORDER BY slot", [request.day])
        return booking_pb2.ListDayResponse(record_ids=[row[0] for row in rows])

    async def _seal(self, record_id: str, body: bytes) -> bytes:
        if self._keys is None:
            return body
        key = await self._keys.call(
            KEY_SERVICE,
            "GenerateDataKey",
            booking_pb2.GenerateDataKeyRequest(),
            booking_pb2.GenerateDataKeyResponse,
            timeout=_TIMEOUT,
        )
        data_key = DataKey(key.plaintext_key, key.wrapped_key)
        return ServerSideEnvelope.encrypt(body, record_id, data_key).to_bytes()

    async def _open(self, record_id: str, body: bytes) -> bytes:
        if self._keys is None:
            return body
        envelope = ServerSideEnvelope.from_bytes(body)
        key = await self._keys.call(
            KEY_SERVICE,
            "UnwrapDataKey",
            booking_pb2.UnwrapDataKeyRequest(wrapped_key=envelope.wrapped_key),
            booking_pb2.UnwrapDataKeyResponse,
            timeout=_TIMEOUT,
        )
        return envelope.decrypt(record_id, key.plaintext_key)


async def serve(config: BookingConfig) -> Callable[[], Awaitable[None]]:
    """Listen, and return what stops it."""
    logs.configure(config.log_level, node="booking")
    opener = database.open_existing if config.store.exists() else database.create
    connection = opener(config.store, MIGRATIONS)
    tap = WireTap(config.wire_tap) if config.wire_tap else None
    keys = Channel(config.key_service, config.tls.client(), tap=tap) if config.key_service else None
    service = BookingService(Database(connection), keys)
    endpoint = Endpoint(SERVICE, service.methods(), tap=tap)
    server = Server([Port(config.listen, config.tls.server(mutual=False), [endpoint])])
    await server.start()

    async def close() -> None:
        await server.stop()
        if keys:
            await keys.close()
        connection.close()

    return close


async def serve_keys(config: KeyServiceConfig) -> Callable[[], Awaitable[None]]:
    """The control's key process: listen, and return what stops it."""
    logs.configure(config.log_level, node="keys")
    process = KeyProcess()

    async def generate(
        request: booking_pb2.GenerateDataKeyRequest, call: Call
    ) -> booking_pb2.GenerateDataKeyResponse:
        key = await asyncio.to_thread(process.generate_data_key)
        return booking_pb2.GenerateDataKeyResponse(plaintext_key=key.plaintext, wrapped_key=key.wrapped)

    async def unwrap(
        request: booking_pb2.UnwrapDataKeyRequest, call: Call
    ) -> booking_pb2.UnwrapDataKeyResponse:
        return booking_pb2.UnwrapDataKeyResponse(plaintext_key=process.unwrap(request.wrapped_key))

    methods = [
        Method("GenerateDataKey", booking_pb2.GenerateDataKeyRequest, generate),
        Method("UnwrapDataKey", booking_pb2.UnwrapDataKeyRequest, unwrap),
    ]
    server = Server([Port(config.listen, config.tls.server(mutual=False), [Endpoint(KEY_SERVICE, methods)])])
    await server.start()
    return server.stop
