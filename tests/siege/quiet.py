"""When the adversary is quiet: the product's own ceremonies, carried out over the nodes in this process.

The coordinator's coroutines run as they stand, and its messages pass through the custodians' service and the wire's
types; only the sockets are missing.
"""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

import structlog
from google.protobuf.message import Message

from kms.coordinator import repairs
from kms.coordinator.ceremonies import Ceremonies
from kms.coordinator.courtesy import Courtesy
from kms.coordinator.progress import Progress
from kms.coordinator.relay import Relay
from kms.coordinator.transcripts import Transcript
from kms.custodian.ceremony_service import CeremonyService
from kms.custodian.node import CustodianNode
from kms.errors import Unavailable
from kms.statements.ceremony import ReshareOrder
from kms.statements.envelope import Signed
from kms.statements.ids import KeyId
from kms.statements.manifest import Keyring
from kms.transport.server import Method
from kms.wire.v1 import ceremony_service_pb2 as pb
from kms.wire.v1 import keyring_pb2
from tests.siege.records import Records
from tests.siege.world import Site

R = TypeVar("R")
M = TypeVar("M", bound=Message)


def _ids(values: Iterable[bytes]) -> tuple[KeyId, ...]:
    return tuple(KeyId(value) for value in values)


async def _at_once(step: Callable[..., R], *arguments: object) -> R:
    return step(*arguments)


class LocalRelay(Relay):
    """Every custodian that is up is an endpoint; the others do not answer."""

    def __init__(self, site: Site, keyring: Keyring, records: Records) -> None:
        self._site, self._records, self.keyring, self.courtesy = site, records, keyring, Courtesy()
        self._faces: dict[int, tuple[CustodianNode, dict[str, Method]]] = {}

    @property
    def indices(self) -> tuple[int, ...]:
        return tuple(i for i in self.keyring.manifest.indices if i in self._site.disks)

    @property
    def reachable(self) -> tuple[int, ...]:
        return (*self.indices, *(i for i in sorted(self._site.disks) if i not in self.indices))

    def _node(self, index: int) -> CustodianNode:
        node = self._site.nodes.get(index)
        if node is None or self._site.powers[index].off:
            raise Unavailable(f"custodian {index} is down")
        return node

    async def ceremony(
        self, index: int, method: str, request: Message, response: type[M], *, reader: bool = False
    ) -> M:
        node = self._node(index)
        if isinstance(request, pb.InstallRequest):
            self._records.plan(request.plan, _ids(request.key_ids), request.dealings)
        if self._faces.get(index, (None, {}))[0] is not node:
            service = CeremonyService(lambda: node, _at_once)
            self._faces[index] = (node, {m.name: m for m in service.methods()})
        answer: Any = await self._faces[index][1][method].answer(request, None)  # type: ignore[arg-type]
        if isinstance(request, pb.DealRequest):
            self._records.dealing(index, _ids(request.key_ids), answer.dealing, answer.points)
        return response.FromString(answer.SerializeToString())

    async def sealing_key(self, index: int) -> keyring_pb2.Envelope:
        return keyring_pb2.Envelope.FromString(self._node(index).sealing_key().envelope)

    async def look_up(self, index: int, key_ids: list[bytes]) -> list[bytes]:
        return self._node(index).descriptors([KeyId(key) for key in key_ids])


class _Unwritten(Transcript):
    """No file: what transcripts say is tested elsewhere."""

    def __init__(self, name: str) -> None:
        self._file = None

    def start(self, *_: object) -> None:
        return


class _Inline(ThreadPoolExecutor):
    """What goes to another thread runs here: two threads would have two orders."""

    def submit(self, step: Callable[..., R], /, *arguments: Any, **named: Any) -> Future[R]:
        done: Future[R] = Future()
        try:
            done.set_result(step(*arguments, **named))
        except Exception as error:
            done.set_exception(error)
        return done


@cache
def _runner() -> asyncio.Runner:
    """One for all: to close a loop takes a thread."""
    runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
    loop = runner.get_loop()
    loop.set_default_executor(_Inline(1))
    atexit.register(loop.close)
    return runner


def _run(work: Coroutine[Any, Any, R]) -> R:
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[])
    try:
        return _runner().run(work)
    finally:
        structlog.configure(**before)


def _ceremonies(site: Site, records: Records) -> tuple[Ceremonies, LocalRelay]:
    relay = LocalRelay(site, site.chain.in_force(site.clock()), records)

    async def adopt(keyring: Keyring) -> None:
        relay.keyring = keyring

    async def renew() -> None:
        """Sealing keys are asked for anew at each step here."""

    return Ceremonies(site.chain, relay, adopt, _Unwritten, renew, site.clock), relay


async def _last(said: AsyncIterator[Progress]) -> Progress:
    return [progress async for progress in said][-1]


def reshare(
    site: Site, order: Signed[ReshareOrder], records: Records, canary: KeyId | None = None
) -> Progress:
    """All keys dealt on under this order by an honest coordinator, or the `canary` alone."""
    ceremonies, _ = _ceremonies(site, records)

    return _run(_last(ceremonies.reshare(order.message, canary)))


def repair(site: Site, index: int, records: Records) -> Progress:
    """Whatever custodian `index` lacks and others can give it."""
    ceremonies, relay = _ceremonies(site, records)

    return _run(_last(repairs.repair(relay, ceremonies, index)))
