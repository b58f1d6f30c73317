"""The gRPC face of a custodian: messages in, node steps on one thread, messages out. No rule lives here."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import grpc

from kms.crypto.hashing import equal
from kms.crypto.secret import Secret
from kms.custodian import (
    approver_service,
    audit_service,
    ceremony_service,
    consent_service,
    destruction_service,
    history_service,
    issuer_service,
    kill_service,
    policy_service,
    retention_service,
    unlocking,
    upkeep_service,
    witness_service,
)
from kms.custodian.approvals import WaitingView
from kms.custodian.clock import SteadyClock
from kms.custodian.config import CustodianConfig, open_node
from kms.custodian.console import start as start_console
from kms.custodian.decisions import Decided
from kms.custodian.forbids import Forbids
from kms.custodian.lock import Lock
from kms.custodian.log_keeping import RECOVERY, LogKeeper
from kms.custodian.node import CustodianNode
from kms.custodian.notifying import SPIKE, Notifier
from kms.custodian.spreading import Spreader
from kms.custodian.watch import Watch
from kms.errors import ConfigError, KmsError, NotFound, Unavailable
from kms.statements.approver import LANGUAGES
from kms.statements.chain_file import read_chain
from kms.statements.ids import KeyId, RequestHash
from kms.statements.registry import Approver
from kms.statements.release import HUMAN_LIFETIME
from kms.transport import logs, metrics
from kms.transport.process import Port, Server
from kms.transport.server import Call, Endpoint, Method
from kms.transport.tls import client_credentials
from kms.wire.v1 import coordinator_pb2, custodian_pb2, keyring_pb2

SERVICE = "kms.v1.CustodianService"
APPROVALS = "kms.v1.ApprovalService"
LOCKED = "LOCKED"
"""Health says SERVING of this name while the node waits for its officers, and NOT_SERVING of all that they open."""
R = TypeVar("R")


class CustodianService:
    """Steps of the node run one at a time, so no step sees another half done.

    Short ones run where the call is answered: handing them to a thread costs more than they do. Deposits, and
    requests for many keys, go to a thread, so that health and small requests are still answered.

    Without a node it is locked: there is nothing that could answer, whichever method is called.
    """

    def __init__(self, node: CustodianNode | None = None) -> None:
        self._opened = node
        self._still = False
        self._reading: Watch | None = None
        self.notifier: Notifier | None = None
        self._open = asyncio.Event()
        if node is not None:
            self._open.set()
        self._turn = asyncio.Lock()
        self._reading_turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="node")
        self._changed: dict[bytes, set[asyncio.Event]] = defaultdict(set)
        self._owners = consent_service.ConsentService(lambda: self._node, self._run)
        self._issuers = issuer_service.IssuerService(lambda: self._node, self._run)
        self._audits = audit_service.AuditService(
            lambda: self._node, lambda: self.watch, self.read, self._read_aside
        )
        self._histories = history_service.HistoryService(lambda: self._node, self.read)
        self._upkeep = upkeep_service.UpkeepService(lambda: self._node, self._run_aside)
        self._endings = destruction_service.DestructionService(
            lambda: self._node, self._run_aside, self._owners.wake
        )
        self._retention = retention_service.RetentionService(lambda: self._node, self._read_aside)
        self._kills = kill_service.KillService(lambda: self._node, self._run, self._wake)
        self._witnesses = witness_service.WitnessService(
            lambda: self._node, lambda: self.watch, self._run, self.read
        )

    @property
    def _node(self) -> CustodianNode:
        if self._still:
            raise Unavailable(
                "this node's log lacks entries that it has signed: `kms custodian recover` brings them back",
                reason=RECOVERY,
            )
        if self._opened is None and self._reading is not None:
            raise Unavailable("this node is asking the others about its log first", reason="STARTING")
        if self._opened is None:
            raise Unavailable("this node is locked: its officers must open it", reason="LOCKED")
        return self._opened

    @property
    def node(self) -> CustodianNode:
        """The node, for steps that `run` does; Unavailable while it is locked."""
        return self._node

    @property
    def watch(self) -> Watch:
        """What is kept of logs, which is to be read though the node stands still; Unavailable while it is locked."""
        if self._opened is not None:
            return self._opened.watch
        return self._reading or self._node.watch

    @property
    def cosigned(self) -> asyncio.Event:
        """Set when another's log was cosigned."""
        return self._witnesses.cosigned

    def heard(self) -> None:
        """Another's log was cosigned by another door than ours."""
        self._witnesses.heard()

    def read_by(self, watch: Watch | None) -> None:
        """Answer what is asked about logs from here while there is no node."""
        self._reading = watch

    def stand_still(self, watch: Watch | None = None) -> None:
        """Do nothing more: no step of the node is taken from now on, whoever asks for it."""
        self._reading, self._still = watch, True

    def take(self, node: CustodianNode) -> None:
        """Serve this node from now on."""
        self._opened = node
        self._open.set()

    def _check_turn(self, step: Callable[..., object]) -> None:
        """What was asked for before the node came to stand still, and waited for its turn, is not done either."""
        if not self._still or self._opened is None:
            return
        if getattr(step, "__self__", None) in (self._opened, self._opened.witness):
            _ = self._node  # says why not

    async def _run(self, step: Callable[..., R], *arguments: object) -> R:
        async with self._turn:
            self._check_turn(step)
            return step(*arguments)

    async def _run_aside(self, step: Callable[..., R], *arguments: object) -> R:
        async with self._turn:
            self._check_turn(step)
            work = asyncio.get_running_loop().run_in_executor(self._thread, step, *arguments)
            # A caller who hangs up must not free the turn while the step still runs, however often it is
            # cancelled (a deadline cancels twice: ours and gRPC's): another step would end its transaction.
            cancelled = False
            while not work.done():
                try:
                    await asyncio.wait([work])
                except asyncio.CancelledError:
                    cancelled = True
            if cancelled:
                work.exception()  # seen, though nobody is left to be told
                raise asyncio.CancelledError
            return work.result()

    async def run(self, step: Callable[..., R], *arguments: object) -> R:
        """One step of the node on the service's turn, for a face of the node that stands beside this one."""
        return await self._run(step, *arguments)

    async def read(self, step: Callable[..., R], *arguments: object) -> R:
        """The same for what anybody may read. However many ask, one of them at most stands before any other step."""
        async with self._reading_turn:
            return await self._run(step, *arguments)

    async def _read_aside(self, step: Callable[..., R], *arguments: object) -> R:
        async with self._reading_turn:
            return await self._run_aside(step, *arguments)

    async def approvers(self) -> list[Approver]:
        """Who may approve here now; nobody while the node is locked."""
        return await self._run(self._opened.approvers) if self._opened is not None else []

    def answered(self, request: RequestHash) -> None:
        """Wake those who watch a request that people have answered."""
        self._wake(request)

    def relay_methods(self) -> tuple[Method, ...]:
        """Methods of the network port."""
        return (
            Method("GetSealingKey", custodian_pb2.GetSealingKeyRequest, self.get_sealing_key),
            Method("Deposit", custodian_pb2.DepositRequest, self.deposit, max_bytes=12 << 20),
            Method("Decide", custodian_pb2.DecideRequest, self.decide, max_bytes=2 << 20),
            Method(
                "WatchDecision",
                custodian_pb2.WatchDecisionRequest,
                self.watch_decision,
                streams=True,
                max_seconds=HUMAN_LIFETIME,
            ),
            Method(
                "ReleaseShares", custodian_pb2.ReleaseSharesRequest, self.release_shares, max_bytes=2 << 20
            ),
            Method("CancelRelease", custodian_pb2.CustodianServiceCancelReleaseRequest, self.cancel),
            Method(
                "RevokeGrant",
                custodian_pb2.CustodianServiceRevokeGrantRequest,
                self.revoke_grant,
                public=True,
            ),
            Method("LookUpKeys", custodian_pb2.CustodianServiceLookUpKeysRequest, self.look_up),
        )

    def ceremony_methods(self) -> tuple[Method, ...]:
        """Methods of the network port that take part in ceremonies."""
        return ceremony_service.CeremonyService(lambda: self._node, self._run_aside).methods()

    def consent_methods(self) -> tuple[Method, ...]:
        """Methods of the public port, for owners."""
        return self._owners.methods()

    def policy_methods(self) -> tuple[Method, ...]:
        """Methods of the local socket that say why."""
        return policy_service.PolicyService(lambda digits: self._run(self._node.explain, digits)).methods()

    def approval_methods(self) -> tuple[Method, ...]:
        """Methods of the local socket."""
        return (
            Method("ListWaiting", custodian_pb2.ListWaitingRequest, self.list_waiting),
            Method("ShowWaiting", custodian_pb2.ShowWaitingRequest, self.show_waiting),
            Method("Answer", custodian_pb2.AnswerRequest, self.answer),
        )

    def kill_methods(self) -> tuple[Method, ...]:
        """Methods of the public port."""
        return self._kills.methods()

    def audit_methods(self) -> tuple[Method, ...]:
        """Methods of the public port that read the log."""
        return self._audits.methods()

    def history_methods(self) -> tuple[Method, ...]:
        """Methods of the public port that tell owners of their records."""
        return self._histories.methods()

    def witness_methods(self) -> tuple[Method, ...]:
        """Methods of the public port about logs."""
        return self._witnesses.methods()

    def destruction_methods(self) -> tuple[Method, ...]:
        """Methods of the public port and the relay's."""
        return self._endings.methods()

    def retention_methods(self) -> tuple[Method, ...]:
        """Methods of the public port, for those who see to what is due."""
        return self._retention.methods()

    async def keep_spread(self, credentials: grpc.ChannelCredentials, seconds: float) -> None:
        """Ask the others for orders to destroy that this node has missed, for as long as it runs and is open."""
        await Spreader(lambda: self._node, self._run_aside, credentials).keep(self._open, seconds)

    def issuer_methods(self) -> tuple[Method, ...]:
        """Methods of the local socket."""
        return self._issuers.methods()

    def upkeep_methods(self) -> tuple[Method, ...]:
        """Methods of the local socket, for who runs the node."""
        return self._upkeep.methods()

    def approver_methods(self) -> tuple[Method, ...]:
        """Methods of the local socket by which approvers see to their own list."""
        return approver_service.ApproverService(lambda: self._node, self._run).methods()

    async def get_sealing_key(
        self, request: custodian_pb2.GetSealingKeyRequest, call: Call
    ) -> custodian_pb2.GetSealingKeyResponse:
        if not equal(request.keyring_id, self._node.context.keyring.keyring_id):
            raise NotFound("this node serves another keyring", reason="WRONG_KEYRING")
        signed = await self._run(self._node.sealing_key)
        return custodian_pb2.GetSealingKeyResponse(sealing_key=signed.message)

    async def deposit(
        self, request: custodian_pb2.DepositRequest, call: Call
    ) -> custodian_pb2.DepositResponse:
        blob = request.blob
        receipt = await self._run_aside(
            self._node.deposit, request.deposit, blob.sealed, blob.sealed_evidence
        )
        metrics.KEYS_TOTAL.labels("deposit", "receipt").inc()
        return custodian_pb2.DepositResponse(receipt=_envelope(receipt))

    async def decide(self, request: custodian_pb2.DecideRequest, call: Call) -> custodian_pb2.DecideResponse:
        decided = await self._run(self._node.decide, request.request, request.blob.sealed_evidence)
        if decided.waiting:
            self._owners.wake()  # of an emergency the owner is told before anybody has answered it
        self._tell_of_excess(decided)
        if decided.asked and self.notifier is not None:
            self.notifier.tell()
        return custodian_pb2.DecideResponse(decision=_envelope(decided.envelope), waiting=decided.waiting)

    async def watch_decision(
        self, request: custodian_pb2.WatchDecisionRequest, call: Call
    ) -> AsyncIterator[custodian_pb2.WatchDecisionResponse]:
        name = RequestHash(request.request_hash)
        changed = asyncio.Event()
        self._changed[name].add(changed)
        try:
            while True:
                decided = await self._run(self._node.latest, name)
                if decided is None:
                    raise NotFound("this node has not decided on that request", reason="NOT_DECIDED")
                yield custodian_pb2.WatchDecisionResponse(decision=_envelope(decided.envelope))
                if not decided.waiting:
                    return
                await changed.wait()
                changed.clear()
        finally:
            self._changed[name].discard(changed)
            if not self._changed[name]:
                del self._changed[name]

    def _wake(self, request: bytes) -> None:
        for changed in self._changed.get(request, ()):
            changed.set()

    async def release_shares(
        self, request: custodian_pb2.ReleaseSharesRequest, call: Call
    ) -> custodian_pb2.ReleaseSharesResponse:
        envelope, sealed = await self._run(
            self._node.release, RequestHash(request.request_hash), request.certificate
        )
        self._owners.wake()
        return custodian_pb2.ReleaseSharesResponse(
            shares=coordinator_pb2.SealedShares(share_release=_envelope(envelope), sealed=sealed)
        )

    async def cancel(
        self, request: custodian_pb2.CustodianServiceCancelReleaseRequest, call: Call
    ) -> custodian_pb2.CustodianServiceCancelReleaseResponse:
        self._wake(await self._run(self._node.cancel, request.cancellation))
        return custodian_pb2.CustodianServiceCancelReleaseResponse()

    async def revoke_grant(
        self, request: custodian_pb2.CustodianServiceRevokeGrantRequest, call: Call
    ) -> custodian_pb2.CustodianServiceRevokeGrantResponse:
        index = await self._run(self._node.revoke, request.revocation)
        return custodian_pb2.CustodianServiceRevokeGrantResponse(index=index)

    async def look_up(
        self, request: custodian_pb2.CustodianServiceLookUpKeysRequest, call: Call
    ) -> custodian_pb2.CustodianServiceLookUpKeysResponse:
        found = await self._run(self._node.descriptors, [KeyId(k) for k in request.key_ids])
        return custodian_pb2.CustodianServiceLookUpKeysResponse(descriptors=found)

    async def list_waiting(
        self, request: custodian_pb2.ListWaitingRequest, call: Call
    ) -> custodian_pb2.ListWaitingResponse:
        waiting = await self._run(self._node.waiting_views)
        language = _language(request.language)
        return custodian_pb2.ListWaitingResponse(waiting=[_waiting(w, language) for w in waiting])

    async def show_waiting(
        self, request: custodian_pb2.ShowWaitingRequest, call: Call
    ) -> custodian_pb2.ShowWaitingResponse:
        waiting = await self._run(self._node.waiting_view, RequestHash(request.request_hash))
        keyring = self._node.context.keyring
        return custodian_pb2.ShowWaitingResponse(
            waiting=_waiting(waiting, _language(request.language)),
            keyring_id=keyring.keyring_id,
            manifest_hash=keyring.manifest_hash,
            index=self._node.context.me.index,
            purpose=int(waiting.facts.purpose),
        )

    async def answer(self, request: custodian_pb2.AnswerRequest, call: Call) -> custodian_pb2.AnswerResponse:
        name, decided = await self._run(self._node.answer, request.approval)
        self._tell_of_excess(decided)
        self._wake(name)
        return custodian_pb2.AnswerResponse(outcome="pending" if decided.waiting else "decided")

    def _tell_of_excess(self, decided: Decided) -> None:
        """A budget that stopped something is seen where operators look; the node's own log has it already."""
        for excess in decided.excess:
            outcome, scope, window = excess.outcome.lower().split("_")
            metrics.BUDGET_KEYS_TOTAL.labels(scope, window, outcome).inc(excess.keys)
            logs.logger().warning("budget", scope=scope, window=window, outcome=outcome, keys=excess.keys)
        if decided.excess and self.notifier is not None:
            self.notifier.tell(SPIKE)

    async def keep_issuers(self) -> None:
        """Fetch providers' keys, for as long as the node runs and is open."""
        await self._issuers.keep_keys(self._open)

    async def keep_rolled(self, seconds: float) -> None:
        """Roll the row root when it is due, for as long as the node runs and is open."""
        await self._upkeep.keep(self._open, seconds)

    async def keep_logs(self, rounds: Callable[[], Awaitable[None]]) -> None:
        """Look after logs, its own and others', once the node is open."""
        await self._open.wait()
        await rounds()

    async def keep_time(self, seconds: float) -> None:
        """Rotate, erase and expire, for as long as the node runs and is open."""
        await self._open.wait()
        told: int | None = None
        known = self._tell_of_forbids(None)
        while True:
            with contextlib.suppress(KmsError):  # of a clock that jumped, tick tells
                told = await self._tell_of_the_end(told)
            await asyncio.sleep(seconds)
            try:
                for request in await self._run(self._node.tick):
                    self._wake(request)
                known = self._tell_of_forbids(known)
            except KmsError as error:
                logs.logger().warning("tick", reason=error.reason)
            except Exception as error:  # whatever it is, time must go on being kept
                logs.logger().error("tick", error=type(error).__name__)

    def _tell_of_forbids(self, known: Forbids | None) -> Forbids:
        """Say that this custodian's own rules changed, or that their file was refused; what was said."""
        now = self._node.forbids
        metrics.FORBIDS_REFUSED.set(1 if now.problem else 0)
        if known is not None and (now.seen, now.problem) != (known.seen, known.problem):
            if now.problem:
                logs.logger().error("forbids", outcome="REFUSED", problem=now.problem)
            else:
                logs.logger().info("forbids", outcome="IN_FORCE" if now.text else "NONE")
        return now

    def tell_of_refused(self) -> None:
        """Log what was refused of the approvers' registry, once a start."""
        for problem in self._node.registry_problems():
            logs.logger().warning("registry", problem=problem)

    async def _tell_of_the_end(self, told: int | None) -> int | None:
        """Log once a day that the manifest expires, from 30 days before; the days left that were told."""
        days = await self._run(self._node.days_left)
        if days is not None and days != told:
            logs.logger().warning("manifest_expires", days=max(0, days), expired=days < 0)
        return days

    async def close(self) -> None:
        """After the last step, close the store."""
        if self._opened is not None:
            await self._run_aside(self._opened.context.store.close)
        self._thread.shutdown()


async def _serve_log(config: CustodianConfig, service: CustodianService) -> Callable[[], Awaitable[None]]:
    try:
        from kms.custodian import log_http
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"log.listen needs the extra [web], {error.name} is missing: pip install 'threshold-kms[web]'"
        ) from None
    return await log_http.start(config.log.listen, service)


def _envelope(data: bytes) -> keyring_pb2.Envelope:
    return keyring_pb2.Envelope.FromString(data)


def _language(asked: str) -> str:
    return asked if asked in LANGUAGES else LANGUAGES[0]


def _waiting(waiting: WaitingView, language: str) -> custodian_pb2.WaitingRequest:
    shown = custodian_pb2.WaitingRequest(
        request_hash=waiting.request_hash,
        text=waiting.text(language),
        count=waiting.facts.count,
        expires_at=waiting.facts.expires_at,
        approved=len(waiting.approved),
        needed=waiting.needed,
    )
    shown.facts.MergeFromString(waiting.facts.to_bytes())
    return shown


async def serve(
    config: CustodianConfig, node: Callable[[CustodianConfig, Secret | None], CustodianNode] = open_node
) -> Callable[[], Awaitable[None]]:
    """Listen, open the node (or let its officers open it), and return what stops it.

    `node` gets the storage root if officers brought it, else None.
    """
    logs.configure(config.log_level, node="custodian")
    service = CustodianService()
    services = (
        ceremony_service.SERVICE,
        consent_service.SERVICE,
        issuer_service.SERVICE,
        audit_service.SERVICE,
        history_service.SERVICE,
        destruction_service.SERVICE,
        retention_service.SERVICE,
    )
    names = frozenset({"", SERVICE, APPROVALS, *services})

    async def still() -> None:
        await server.set_serving(names, serving=False)
        await server.set_serving({RECOVERY, witness_service.SERVICE, audit_service.SERVICE})

    keeper = LogKeeper(config, service, still)

    async def enter(root: Secret | None = None) -> bool:
        """Open the node, unless its log is not what it was."""
        if not await keeper.admit():
            return False
        made = await asyncio.to_thread(node, config, root) if root else node(config, None)
        await keeper.learn(made)
        service.take(made)
        service.tell_of_refused()
        return True

    async def opened(root: Secret | None) -> None:
        if await enter(root):
            await server.set_serving(names)
        else:
            await still()
        await server.set_serving({LOCKED}, serving=False)
        logs.logger().info("unlocked" if root else "opened")

    async def late() -> None:
        try:
            await opened(None)
        except KmsError as error:  # nobody waits for the answer: health says NOT_SERVING, and the log why
            logs.logger().error("start", reason=error.reason, problem=error.message)

    lock = None
    if config.root().by_officers:
        # Whatever is wrong now should be known now, and not when the officers have come.
        config.root().check_kind()
        read_chain(config.manifest, config.keyring_id).in_force(SteadyClock().now())
        lock = Lock(config.storage_root, time.monotonic)
    # Who waits for others at the start must be there for those who wait for it.
    try:
        waits = lock is None and keeper.must_wait()
        entered = lock is None and not waits and await enter()
    except BaseException:
        await keeper.close()
        raise
    door = unlocking.LockService(lock, opened)
    relays = frozenset(config.relays)
    methods = service.relay_methods()
    ceremonies = Endpoint(ceremony_service.SERVICE, service.ceremony_methods(), relays)
    owners = Endpoint(consent_service.SERVICE, service.consent_methods())
    brought = Endpoint(destruction_service.SERVICE, service.destruction_methods(), relays)
    relayed = [Endpoint(SERVICE, methods, relays), ceremonies, brought]
    ports = [
        Port(config.listen, config.tls.server(mutual=True), relayed),
        Port(
            f"unix:{config.socket()}",
            None,
            [
                Endpoint(APPROVALS, service.approval_methods()),
                Endpoint(approver_service.SERVICE, service.approver_methods()),
                Endpoint(issuer_service.SERVICE, service.issuer_methods()),
                Endpoint(policy_service.SERVICE, service.policy_methods()),
                Endpoint(unlocking.SERVICE, door.methods()),
                Endpoint(upkeep_service.SERVICE, service.upkeep_methods()),
                Endpoint(audit_service.SERVICE, service.audit_methods()),
            ],
        ),
    ]
    if config.listen_public:
        public = [method for method in methods if method.public]
        kills = Endpoint(kill_service.SERVICE, service.kill_methods())
        audits = Endpoint(audit_service.SERVICE, service.audit_methods())
        witnesses = Endpoint(witness_service.SERVICE, service.witness_methods())
        endings = Endpoint(destruction_service.SERVICE, service.destruction_methods())
        histories = Endpoint(history_service.SERVICE, service.history_methods())
        schedules = Endpoint(retention_service.SERVICE, service.retention_methods())
        doors = [Endpoint(SERVICE, public), kills, owners, audits, histories, witnesses, endings, schedules]
        ports.append(Port(config.listen_public, config.tls.server(mutual=False), doors))
    server = Server(ports, reflection=config.reflection, max_concurrent=1024)
    await server.start(not_serving=frozenset() if entered else names)
    if lock:
        await server.set_serving({LOCKED})
        logs.logger().warning("LOCKED", needed=lock.progress().needed)
    elif not entered and not waits:
        await still()
    try:
        if config.metrics:
            metrics.serve(config.metrics)
        pages = await _serve_log(config, service) if config.log.listen else None
        console = await start_console(config, service) if config.console else None
    except BaseException:
        # Else the servers outlive their loop, and the last that the log says is of them and not of what was wrong.
        await server.stop(0)
        await keeper.close()
        raise
    steps = [service.keep_time(config.tick_seconds), service.keep_issuers(), door.forget()]
    steps.append(service.keep_rolled(config.tick_seconds))
    steps.append(service.keep_logs(keeper.rounds))
    if waits:
        steps.append(late())
    steps.append(service.keep_spread(client_credentials(config.tls.authorities), config.tick_seconds))
    if config.notify is not None:
        service.notifier = Notifier(config.notify, service.approvers)
        steps.append(service.notifier.run())
    tasks = [asyncio.create_task(step) for step in steps]

    async def close() -> None:
        for task in tasks:
            task.cancel()
        for port in (console, pages):
            if port:
                await port()
        await server.stop()
        await keeper.close()
        await service.close()

    return close
