"""How the console asks the node: one step at a time, on the same turn as the calls of the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from kms.custodian.node import CustodianNode
from kms.errors import Unavailable
from kms.statements.ids import RequestHash

R = TypeVar("R")


class Service(Protocol):
    """What the console needs of the custodian's service."""

    @property
    def node(self) -> CustodianNode:
        """Unavailable if the node is locked."""
        ...

    async def run(self, step: Callable[..., R], *arguments: object) -> R:
        """Do one step of the node on its turn."""
        ...

    def answered(self, request: RequestHash) -> None:
        """Tell whoever waits for this request."""
        ...


class Desk:
    """Asks the node, whichever is open now."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def ask(self, step: Callable[[CustodianNode], R]) -> R:
        """Do `step` with the node."""
        return await self._service.run(lambda: step(self._service.node))

    def answered(self, request: RequestHash) -> None:
        self._service.answered(request)

    def organisation(self) -> str:
        """The organisation's name in the manifest; empty while the node is locked."""
        try:
            return self._service.node.context.me.organisation
        except Unavailable:
            return ""
