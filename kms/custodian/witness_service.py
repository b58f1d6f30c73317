"""The door for other logs and for whoever watches logs: public, since what passes is signed by the logs themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from kms.custodian.node import CustodianNode
from kms.custodian.turns import Run
from kms.custodian.watch import Watch
from kms.custodian.witness import MAX_REQUEST
from kms.statements.codec import parse_strict
from kms.transport.server import Call, Method
from kms.wire.v1 import witness_pb2

SERVICE: Final = "kms.v1.WitnessService"


class WitnessService:
    """`watch` answers in RECOVERY too; `node` does not, and so nothing is cosigned then.

    `read` runs steps that anybody may ask for: they hold up no cosigning.
    """

    def __init__(
        self, node: Callable[[], CustodianNode], watch: Callable[[], Watch], run: Run, read: Run
    ) -> None:
        self._node, self._watch, self._run, self._read = node, watch, run, read
        self.cosigned = asyncio.Event()
        """A log has grown: what is new in it should be copied while it is there."""

    def methods(self) -> tuple[Method, ...]:
        return (
            Method(
                "AddCheckpoint",
                witness_pb2.AddCheckpointRequest,
                self.add_checkpoint,
                public=True,
                max_bytes=MAX_REQUEST + 16,
            ),
            Method("ListWitnessed", witness_pb2.ListWitnessedRequest, self.list_witnessed, public=True),
            Method("GetEntries", witness_pb2.GetEntriesRequest, self.get_entries, public=True),
            Method("GetBeginning", witness_pb2.GetBeginningRequest, self.get_beginning, public=True),
            Method(
                "ListMisbehaviour", witness_pb2.ListMisbehaviourRequest, self.list_misbehaviour, public=True
            ),
        )

    def heard(self) -> None:
        """Another log was cosigned, here or by another door."""
        self.cosigned.set()

    async def add_checkpoint(
        self, request: witness_pb2.AddCheckpointRequest, call: Call
    ) -> witness_pb2.AddCheckpointResponse:
        lines = await self._run(self._node().witness.add_checkpoint, request.body)
        self.heard()
        return witness_pb2.AddCheckpointResponse(cosignatures=lines)

    async def list_witnessed(
        self, request: witness_pb2.ListWitnessedRequest, call: Call
    ) -> witness_pb2.ListWitnessedResponse:
        shown = await self._read(self._watch().witnessed)
        return witness_pb2.ListWitnessedResponse(
            logs=[witness_pb2.WitnessedLog(note=one.note, kept=one.kept) for one in shown]
        )

    async def get_entries(
        self, request: witness_pb2.GetEntriesRequest, call: Call
    ) -> witness_pb2.GetEntriesResponse:
        entries = await self._read(self._watch().entries, request.origin, request.start)
        return witness_pb2.GetEntriesResponse(entries=entries)

    async def get_beginning(
        self, request: witness_pb2.GetBeginningRequest, call: Call
    ) -> witness_pb2.GetBeginningResponse:
        root, proof = await self._read(self._watch().beginning, request.origin, request.size, request.of)
        return witness_pb2.GetBeginningResponse(root=root, proof=proof)

    async def list_misbehaviour(
        self, request: witness_pb2.ListMisbehaviourRequest, call: Call
    ) -> witness_pb2.ListMisbehaviourResponse:
        found = await self._read(self._watch().misbehaviour)
        return witness_pb2.ListMisbehaviourResponse(
            misbehaviour=[parse_strict(witness_pb2.Misbehaviour, one.to_bytes(), "evidence") for one in found]
        )
