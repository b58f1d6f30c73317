"""The gRPC face of schedules of retention: messages in, node steps, messages out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kms.custodian.node import CustodianNode
from kms.custodian.outlook import Row
from kms.custodian.turns import Run
from kms.transport.server import Call, Method
from kms.wire.v1 import retention_pb2 as pb

SERVICE: Final = "kms.v1.RetentionService"
MAX_BYTES: Final = 512 << 10


class RetentionService:
    """On the public port alone: who asks is told by the question, and the host need not bring it."""

    def __init__(self, node: Callable[[], CustodianNode], run: Run) -> None:
        self._node, self._run = node, run

    def methods(self) -> tuple[Method, ...]:
        return (Method("GetRetention", pb.GetRetentionRequest, self.get, public=True, max_bytes=MAX_BYTES),)

    async def get(self, request: pb.GetRetentionRequest, call: Call) -> pb.GetRetentionResponse:
        page = await self._run(
            self._node().outlook,
            request.question,
            tuple(request.credentials),
            request.after,
            request.due_only,
        )
        return pb.GetRetentionResponse(
            rows=[_row(row) for row in page.rows], due_keys=page.due, next=page.following
        )


def _row(row: Row) -> pb.RetentionRow:
    month, quarter, year = row.within
    return pb.RetentionRow(
        category=row.category,
        seconds=row.span.seconds or 0,
        rules=row.span.rules or (row.span.reason,),
        due=row.due,
        within_month=month,
        within_quarter=quarter,
        within_year=year,
        later=row.later,
        kept=row.kept,
        ordered=row.ordered,
        held=row.held,
        next_due_at=row.next_due_at,
    )
