"""A custodian shows another one a thousand of its own signed checkpoints, each of which would be hashed anew."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from kms.custodian.peers import MAX_LOGS, PeerDoor
from kms.transport.client import Channel
from kms.wire.v1 import witness_pb2


class Liar:
    """A connection to a custodian that answers so."""

    def __init__(self, notes: list[bytes]) -> None:
        self._notes = notes

    async def call(self, *arguments: Any, **options: Any) -> witness_pb2.ListWitnessedResponse:
        return witness_pb2.ListWitnessedResponse(
            logs=[witness_pb2.WitnessedLog(note=note, kept=1) for note in self._notes]
        )


def shown_by(notes: list[bytes]) -> list[bytes]:
    door = PeerDoor(2, "nowhere", cast(Any, None))
    door._channel = cast(Channel, Liar(notes))
    return [one.note for one in asyncio.run(door.witnessed())]


def test_one_note_of_each_log_is_looked_at() -> None:
    assert shown_by([b"a\n1\n", b"a\n2\n", b"b\n1\n", b"a\n3\n"]) == [b"a\n1\n", b"b\n1\n"]


def test_and_of_so_many_logs_as_there_may_be() -> None:
    assert len(shown_by([b"%d\n1\n" % n for n in range(2 * MAX_LOGS)])) == MAX_LOGS
