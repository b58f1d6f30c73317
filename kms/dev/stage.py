"""The players' side of the demonstration: devices, the booking back end as they call it, and the clock.

The booking back end gets opaque names: what it would learn from a FHIR id is not its to know.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kms.dev.samples import Record
from kms.transport import tls
from kms.transport.client import Channel
from kms.wire.dev.v1 import booking_pb2
from kms_client.cache import OpenKey

BOOKING = "kms.dev.v1.BookingService"
TIMEOUT = 30.0
SLOTS = 24
FIRST_DAY = 70_001
"""Day numbers that occur in no record."""


@dataclass(slots=True)
class Entry:
    """One resource at the booking back end: its opaque name, its slot, and (once written) its key."""

    record: Record
    name: str
    account: str
    day: int
    slot: int
    key: OpenKey | None = field(default=None, repr=False)


def book(records: Sequence[Record]) -> dict[str, list[Entry]]:
    """Give every resource an opaque name and a slot; by patient."""
    entries: dict[str, list[Entry]] = {}
    accounts: dict[str, str] = {}
    for record in records:
        account = accounts.setdefault(record.patient_id, "account-" + secrets.token_hex(8))
        mine = entries.setdefault(record.patient_id, [])
        number = len(accounts) - 1
        mine.append(
            Entry(record, secrets.token_hex(12), account, FIRST_DAY + number // SLOTS, number % SLOTS)
        )
    return entries


class BookingDesk:
    """What a device says to the booking back end."""

    def __init__(self, endpoint: str, authorities: Path) -> None:
        self._channel = Channel(endpoint, tls.client_credentials(authorities))

    async def store(self, entries: Iterable[Entry], bodies: Iterable[bytes]) -> None:
        """Hand bodies over under the entries' names."""
        rows = [
            booking_pb2.StoredRecord(
                record_id=entry.name,
                account=entry.account,
                day=entry.day,
                slot=entry.slot,
                key_id=entry.key.key_id if entry.key else b"",
                body=body,
            )
            for entry, body in zip(entries, bodies, strict=True)
        ]
        await self._channel.call(
            BOOKING,
            "StoreRecords",
            booking_pb2.StoreRecordsRequest(records=rows),
            booking_pb2.StoreRecordsResponse,
            timeout=TIMEOUT,
        )

    async def fetch(self, names: Sequence[str]) -> dict[str, bytes]:
        """Bodies by name."""
        answer = await self._channel.call(
            BOOKING,
            "FetchRecords",
            booking_pb2.FetchRecordsRequest(record_ids=names),
            booking_pb2.FetchRecordsResponse,
            timeout=TIMEOUT,
        )
        return {row.record_id: row.body for row in answer.records}

    async def day(self, day: int) -> list[str]:
        """Names of a day's records, in the order of its slots."""
        answer = await self._channel.call(
            BOOKING,
            "ListDay",
            booking_pb2.ListDayRequest(day=day),
            booking_pb2.ListDayResponse,
            timeout=TIMEOUT,
        )
        return list(answer.record_ids)

    async def close(self) -> None:
        await self._channel.close()
