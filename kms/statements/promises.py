"""What custodians promised to have logged: a signed statement with a `log_index` says which entry stands there.

Whoever has such a statement can hold it against the log that is shown later. It is signed, so nobody can make one up
against a custodian; a log that has something else in that place, under a signed checkpoint, convicts its keeper.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from kms.crypto.hashing import equal
from kms.errors import Invalid, NotFound
from kms.statements.audit import LogEntry, LogKind
from kms.statements.ceremony import Erased, Installed, Repaired
from kms.statements.chain import Chain
from kms.statements.codec import parse_strict, payload_type
from kms.statements.consent import ConsentReceipt
from kms.statements.destroyed import DestroyCancelled, Destroyed, DestroyScheduled, HoldTaken
from kms.statements.envelope import Signed, open_signed, unpack
from kms.statements.ids import ManifestHash, RequestHash
from kms.statements.keys import Receipt
from kms.statements.kills import Killed
from kms.statements.pool import Generated
from kms.statements.release import Decision, ShareRelease, Verdict, open_certificate
from kms.wire.v1 import release_pb2


@dataclass(frozen=True, slots=True)
class Says:
    """What an entry must be: about what, when (unix seconds); nothing is asked where it is empty or None."""

    kinds: frozenset[LogKind]
    subject_hash: bytes
    at: int
    outcomes: frozenset[str] = frozenset()
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Promise:
    """Custodian `index` signed that entry `log_index` of its log is this. `envelope` shows it to anybody."""

    index: int
    log_index: int
    says: Says
    name: str
    """Of the statement, in words: `decision`, `share-release`."""
    envelope: bytes

    def broken_by(self, entry: LogEntry) -> str:
        """What is not as promised in the entry that stands in that place, in words; empty if the promise is kept."""
        if entry.index != self.log_index:
            return f"it is number {entry.index}"
        if entry.kind not in self.says.kinds:
            return f"its kind is {entry.kind.name}"
        if not equal(entry.subject_hash, self.says.subject_hash):
            return f"it is about {entry.subject_hash.hex()}"
        if entry.at != self.says.at:
            return f"it is of second {entry.at}, not {self.says.at}"
        if self.says.outcomes and entry.outcome not in self.says.outcomes:
            return f"its outcome is {entry.outcome}"
        if self.says.count is not None and entry.count != self.says.count:
            return f"it counts {entry.count} keys, not {self.says.count}"
        return ""


def decision_outcome(verdicts: set[Verdict]) -> str:
    """How the log spells what was decided on a request."""
    return "+".join(sorted(verdict.name for verdict in verdicts))


def _decision(said: Decision) -> Says:
    allowed = sum(len(r.positions) for r in said.rulings if r.verdict is Verdict.ALLOW)
    outcome = decision_outcome({ruling.verdict for ruling in said.rulings})
    return Says(
        frozenset((LogKind.DECISION,)), said.request_hash, said.decided_at, frozenset((outcome,)), allowed
    )


def _receipt(said: Receipt) -> Says:
    kept = said.count - len(said.refused)
    outcome = "REFUSED" if not kept else "PARTLY" if said.refused else "KEPT"
    return Says(
        frozenset((LogKind.DEPOSIT,)), said.deposit_hash, said.received_at, frozenset((outcome,)), kept
    )


def _release(said: ShareRelease) -> Says:
    keys = len({position for position, _ in said.in_order()})
    return Says(
        frozenset((LogKind.RELEASE,)),
        said.request_hash,
        said.released_at,
        frozenset(("RELEASED", "AGAIN")),
        keys,
    )


_CONSENTS: Final = frozenset((LogKind.CONSENT, LogKind.REVOCATION))
_SAYS: Final[dict[type, Callable[[Any], Says]]] = {
    Decision: _decision,
    Receipt: _receipt,
    ShareRelease: _release,
    ConsentReceipt: lambda s: Says(_CONSENTS, s.statement_hash, s.at),
    DestroyScheduled: lambda s: Says(
        frozenset((LogKind.DESTROY_SCHEDULED,)), s.order_hash, s.scheduled_at, frozenset(), s.count
    ),
    DestroyCancelled: lambda s: Says(frozenset((LogKind.DESTROY_CANCELLED,)), s.order_hash, s.cancelled_at),
    Destroyed: lambda s: Says(
        frozenset((LogKind.DESTROYED,)),
        s.order_hash,
        s.destroyed_at,
        frozenset(("AT_ONCE" if s.at_once else "DUE",)),
    ),
    HoldTaken: lambda s: Says(frozenset((LogKind.LEGAL_HOLD,)), s.hold_hash, s.taken_at),
    Killed: lambda s: Says(frozenset((LogKind.KILLED,)), s.statement_hash, s.killed_at),
    Installed: lambda s: Says(
        frozenset((LogKind.INSTALLED,)), s.version, s.installed_at, frozenset(("INSTALLED",)), s.count
    ),
    Erased: lambda s: Says(frozenset((LogKind.ERASED,)), s.version, s.erased_at, frozenset(), s.count),
    Repaired: lambda s: Says(
        frozenset((LogKind.REPAIRED,)), s.task_hash, s.repaired_at, frozenset(), s.count
    ),
    Generated: lambda s: Says(
        frozenset((LogKind.POOL_KEPT,)), s.plan_hash, s.generated_at, frozenset(), s.count
    ),
}
_TYPES: Final = {payload_type(cls): cls for cls in _SAYS}


def may_promise(kind: str) -> bool:
    """Whether statements of this payload type promise an entry of a log."""
    return kind in _TYPES


def open_promise(envelope: bytes, chain: Chain) -> Promise:
    """The promise in a custodian's signed statement.

    NotFound if it is of another keyring or manifest, Invalid if it promises nothing, BadSignature if the custodian
    that it names did not sign it.
    """
    kind, _, signatures = unpack(envelope)
    cls = _TYPES.get(kind)
    if cls is None or len(signatures) != 1:
        raise Invalid("a statement that promises no entry of a log", reason="NO_PROMISE")
    signed: Signed[Any] = open_signed(cls, envelope, signatures[0][0])
    _check_signer(signed, signatures[0][0], chain)
    return promise_of(signed)


def promise_of(signed: Signed[Any]) -> Promise:
    """The promise in a statement whose signature and signer were checked; Invalid if it promises nothing."""
    said = signed.statement
    read = _SAYS.get(type(said))
    if read is None:
        raise Invalid("a statement that promises no entry of a log", reason="NO_PROMISE")
    name = payload_type(type(said)).removeprefix("application/vnd.threshold-kms.").split(".")[0]
    return Promise(said.index, said.log_index, read(said), name, signed.envelope)


def decisions_of_certificate(payload: bytes, chain: Chain, request: bytes) -> tuple[Promise, ...]:
    """The deciders' promises in a release certificate for this request.

    NotFound, Invalid, Denied or BadSignature unless a quorum of one manifest signed it, as who released must have seen.
    """
    first = parse_strict(release_pb2.ReleaseCertificate, payload, "certificate").decisions[0]
    key = first.signatures[0].keyid
    said = open_signed(Decision, first, key).statement
    keyring = chain.of(said.manifest_hash)
    open_certificate(payload, keyring, RequestHash(request), len(said.by_position()))
    parsed = release_pb2.ReleaseCertificate.FromString(payload)
    return tuple(
        promise_of(open_signed(Decision, envelope, envelope.signatures[0].keyid))
        for envelope in parsed.decisions
    )


def _check_signer(signed: Signed[Any], key: bytes, chain: Chain) -> None:
    said = signed.statement
    if not equal(said.keyring_id, chain.keyring_id):
        raise NotFound("a statement for another keyring", reason="WRONG_KEYRING")
    # Whose key it is, is for the manifest to say: else anybody signs in a custodian's name and accuses it.
    custodian = chain.of(ManifestHash(said.manifest_hash)).custodian(said.index)
    if not equal(custodian.identity_key, key):
        raise Invalid(
            f"a statement in the name of custodian {said.index} that another key signed",
            reason="WRONG_SIGNER",
        )
