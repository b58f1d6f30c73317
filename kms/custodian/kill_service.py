"""The kill list's door: public, since whoever lost a device must reach custodians without asking anybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kms.custodian.node import CustodianNode
from kms.custodian.turns import Run
from kms.statements.ids import RequestHash
from kms.transport.server import Call, Method
from kms.wire.v1 import keyring_pb2, kill_pb2

SERVICE: Final = "kms.v1.KillService"


class KillService:
    """`wake` tells those who watch a request that it was decided."""

    def __init__(
        self, node: Callable[[], CustodianNode], run: Run, wake: Callable[[RequestHash], object]
    ) -> None:
        self._node, self._run, self._wake = node, run, wake

    def methods(self) -> tuple[Method, ...]:
        return (Method("Kill", kill_pb2.KillRequest, self.kill, public=True, max_bytes=64 << 10),)

    async def kill(self, request: kill_pb2.KillRequest, call: Call) -> kill_pb2.KillResponse:
        word, closed = await self._run(self._node().kill, request.statement)
        for name in closed:
            self._wake(name)
        return kill_pb2.KillResponse(killed=keyring_pb2.Envelope.FromString(word))
