"""The life of a process around logs: it looks before it is a node, and goes on looking while it is one.

Whoever puts a custodian's disk back has it sign and open again what it must not. Its own log does not tell, it was put
back too; the others know. So they are asked before the store is opened as a node's, and again in every round.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from kms.custodian.clock import SteadyClock
from kms.custodian.config import CustodianConfig, open_vault
from kms.custodian.following import membership, stored_chain
from kms.custodian.ledger import Ledger
from kms.custodian.node import LOG_CHECKED_AT_START, CustodianNode
from kms.custodian.outside_witness import HttpWitness
from kms.custodian.peers import Door, PeerDoor
from kms.custodian.recovery import Recovered, Tell, recover
from kms.custodian.sqlite import SqliteCustodianStore
from kms.custodian.store import CustodianStore
from kms.custodian.watch import Shown, Watch
from kms.custodian.witnessing import Round, Witnessing
from kms.errors import KmsError, Unavailable
from kms.statements.chain import Chain
from kms.statements.chain_file import read_chain
from kms.statements.checkpoint import CheckpointNote
from kms.statements.manifest import Keyring
from kms.storage import database
from kms.transport import logs, metrics, tls

RECOVERY: Final = "RECOVERY"
"""Health says SERVING of this name while the node stands still, and NOT_SERVING of all else."""
WAIT_SECONDS: Final = 1.0
RECOVER_SECONDS: Final = 20.0
"""Given to the others to answer a node that is down."""
R = TypeVar("R")
Answers = Mapping[Door, Sequence[Shown]]


class Served(Protocol):
    """The service as this sees it."""

    @property
    def node(self) -> CustodianNode: ...
    async def run(self, step: Callable[..., R], *arguments: object) -> R: ...
    @property
    def cosigned(self) -> asyncio.Event: ...
    def stand_still(self, watch: Watch | None = None) -> None: ...
    def read_by(self, watch: Watch | None) -> None: ...


class Doors:
    """Connections to the other custodians of a manifest, kept as long as they stand there."""

    def __init__(self, config: CustodianConfig, index: int) -> None:
        self._credentials = tls.client_credentials(config.tls.authorities)
        self._index = index
        self._open: dict[tuple[int, str], Door] = {}

    def of(self, keyring: Keyring) -> list[Door]:
        return [
            self._open.setdefault(
                (one.index, one.endpoint), PeerDoor(one.index, one.endpoint, self._credentials)
            )
            for one in keyring.manifest.custodians
            if one.index != self._index and one.endpoint
        ]

    async def close(self) -> None:
        for door in self._open.values():
            await door.close()


async def ask(doors: Sequence[Door], seconds: float) -> Answers:
    """What those who answer in time have seen."""

    async def one(door: Door) -> Sequence[Shown] | None:
        try:
            async with asyncio.timeout(seconds):
                return await door.witnessed()
        except (KmsError, TimeoutError):
            return None

    answers = await asyncio.gather(*map(one, doors))
    return {door: shown for door, shown in zip(doors, answers, strict=True) if shown is not None}


class LogKeeper:
    """`stopped` is called once if the node is to stand still."""

    def __init__(
        self, config: CustodianConfig, service: Served, stopped: Callable[[], Awaitable[None]]
    ) -> None:
        self._config, self._settings, self._service = config, config.log, service
        self._stopped = stopped
        self._doors: Doors | None = None
        self._answers: Answers = {}
        self._reading: CustodianStore | None = None
        self._outside = [HttpWitness(one) for one in self._settings.witnesses]
        self._told: dict[str, int] = {}

    async def admit(self) -> bool:
        """Whether the store may be opened as a node's; if not, its log can be read, and nothing else.

        Waits until as many others have answered as the configuration says.
        """
        config = self._config
        store = SqliteCustodianStore.open(config.place)
        keep = False
        try:
            with database.explained(config.place):
                ahead = await self._look(store)
            keep = ahead is not None
            return not keep
        finally:
            if not keep:
                self._service.read_by(None)
                store.close()

    async def _look(self, store: CustodianStore) -> CheckpointNote | None:
        """Our own checkpoint that this store's log does not have, as the others show; then the node stands still."""
        chain = stored_chain(store, read_chain(self._config.manifest, self._config.keyring_id))
        watch = Watch(store, lambda: chain)
        self._service.read_by(watch)
        index, restored = store.identity()[1], store.restored_at() != 0
        self._answers = await self._await_answers(index, chain, restored=restored)
        ahead = watch.hold_against(
            [one.note for shown in self._answers.values() for one in shown] + _kept(store)
        )
        if ahead is not None:
            watch.enter_recovery(ahead)
            self._service.stand_still(watch)
            self._reading = store
            self._tell_of(ahead)
        elif restored:
            store.confirm_restored()
        return ahead

    def must_wait(self) -> bool:
        """Whether the node may not serve before others have answered, however long that takes."""
        if self._settings.start_peers > 0:
            return True
        store = SqliteCustodianStore.open(self._config.place)
        try:
            return store.restored_at() != 0
        finally:
            store.close()

    async def _await_answers(self, index: int, chain: Chain, *, restored: bool) -> Answers:
        self._doors = Doors(self._config, index)
        keyring = membership(chain.last, index, chain)
        doors = self._doors.of(keyring)
        needed = max(self._settings.start_peers, _witnesses(keyring) if restored else 0)
        while True:
            answers = await ask(doors, self._settings.start_seconds)
            if len(answers) >= min(needed, len(doors)):
                break
            logs.logger().warning("log_waits", answered=len(answers), needed=needed)
            await asyncio.sleep(WAIT_SECONDS)
        if doors and not answers:
            # Nobody could say whether this log is what it was: the first round that is answered will.
            logs.logger().warning("log_alone", asked=len(doors))
        return answers

    async def learn(self, node: CustodianNode) -> None:
        """Before the node answers anybody: what the others saw of third logs."""

        async def now(step: Callable[..., R], *arguments: object) -> R:
            return step(*arguments)

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.start_seconds):
                await Witnessing(lambda: node, now, lambda: ()).learn(self._answers)

    async def rounds(self) -> None:
        """Ask again and again, and copy what was cosigned as soon as it was, for as long as the node runs."""
        witnessing = Witnessing(
            lambda: self._service.node,
            self._service.run,
            self._others,
            outside=self._outside,
            mirror=self._settings.mirror_peers,
        )
        copies = asyncio.create_task(self._copies(witnessing))
        try:
            await self._rounds(witnessing)
        finally:
            copies.cancel()

    async def _copies(self, witnessing: Witnessing) -> None:
        # A custodian that loses its disk before anybody has what it signed could never be whole again.
        while True:
            await self._service.cosigned.wait()
            self._service.cosigned.clear()
            with contextlib.suppress(KmsError):
                await witnessing.copy()

    async def _rounds(self, witnessing: Witnessing) -> None:
        while True:
            try:
                done = await witnessing.round()
                if done.ahead is not None:
                    await self._stop(done.ahead)
                    return
                await self._tell(done)
            except KmsError as error:
                logs.logger().warning("log_round", reason=error.reason)
            except Exception as error:  # whatever it is, the next round must come
                logs.logger().error("log_round", error=type(error).__name__)
            await asyncio.sleep(self._settings.witness_seconds)

    def _others(self) -> list[Door]:
        context = self._service.node.context
        if self._doors is None:
            self._doors = Doors(self._config, context.me.index)
        return self._doors.of(context.keyring)

    async def _stop(self, ahead: CheckpointNote) -> None:
        watch = self._service.node.watch
        # At once, and not only when this has its turn: what waits for its own must not be done any more.
        self._service.stand_still()
        await self._service.run(watch.enter_recovery, ahead)
        self._tell_of(ahead)
        await self._stopped()

    def _tell_of(self, ahead: CheckpointNote) -> None:
        metrics.LOG_RECOVERY.set(1)
        logs.logger().error("log_recovery", signed=ahead.checkpoint.size, root=ahead.checkpoint.root.hex())

    async def _tell(self, done: Round) -> None:
        """What a round brought, where operators look: each thing once, until it changes."""
        metrics.LOG_PEERS.set(len(done.answered))
        for witness in self._told.keys() - {""}:
            metrics.LOG_COSIGNED.labels(witness).set(witness in done.cosigned)
        for witness in done.cosigned:
            metrics.LOG_COSIGNED.labels(witness).set(1)
            self._told.setdefault(witness, 0)
        for whose, reason in done.problems:
            logs.logger().info("log_problem", whose=whose, reason=reason)
        evidence = await self._service.run(self._service.node.watch.misbehaviour)
        metrics.LOG_MISBEHAVIOUR.set(len(evidence))
        for one in evidence[self._told.get("", 0) :]:
            small, large = one.checkpoints
            logs.logger().error(
                "log_misbehaviour", log=small.origin, kind=one.kind.name, sizes=[small.size, large.size]
            )
        self._told[""] = len(evidence)

    async def close(self) -> None:
        if self._doors is not None:
            await self._doors.close()
        for witness in self._outside:
            await witness.close()
        if self._reading is not None:
            self._reading.close()


async def recover_log(config: CustodianConfig, tell: Tell) -> tuple[Recovered | None, int]:
    """Bring back what the log of a node that is down has lost; and how many others were heard.

    Unavailable if nobody answers: then nobody can say whether anything is missing.
    """
    store = SqliteCustodianStore.open(config.place)
    index = store.identity()[1]
    doors = Doors(config, index)
    try:
        with database.explained(config.place):
            return await _recover(config, store, doors, tell)
    finally:
        await doors.close()
        store.close()


async def _recover(
    config: CustodianConfig, store: CustodianStore, doors: Doors, tell: Tell
) -> tuple[Recovered | None, int]:
    index = store.identity()[1]
    chain = stored_chain(store, read_chain(config.manifest, config.keyring_id))
    watch, ledger = Watch(store, lambda: chain), Ledger(store, open_vault(config))
    ledger.check(LOG_CHECKED_AT_START)
    keyring = membership(chain.last, index, chain)
    others = doors.of(keyring)
    answers = await ask(others, RECOVER_SECONDS)
    if not answers:
        raise Unavailable("no other custodian answers: try again when some do", reason="NOBODY_ANSWERS")
    notes = [one.note for shown in answers.values() for one in shown]
    now = SteadyClock().now()
    recovered = await recover(store, ledger, watch, list(answers), notes, now, tell)
    if len(answers) >= min(_witnesses(keyring), len(others)):
        store.confirm_restored()
    elif store.restored_at():
        raise Unavailable(
            f"only {len(answers)} others answer, and this store was made of a copy: {_witnesses(keyring)} must say what"
            " they saw of its log, since fewer may all be wrong",
            reason="TOO_FEW_ANSWER",
        )
    return recovered, len(answers)


def _witnesses(keyring: Keyring) -> int:
    """Of so many others one at least is honest: fewer could all hide what they saw of a log."""
    return keyring.threshold


def _kept(store: CustodianStore) -> list[bytes]:
    """What was found missing before, and has not come back."""
    note = store.mirrors.ahead()
    return [note] if note else []
