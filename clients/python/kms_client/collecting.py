"""From a stream of custodians' answers to keys: what is checked, when it is enough, who is to blame.

Pure: no socket, no clock. Committee, threshold and keys come from the pinned manifest and from descriptors
whose hash is the key's name, never from an answer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kms.crypto import derivation, sealing
from kms.crypto.hashing import equal
from kms.crypto.secret import KeySecret
from kms.crypto.sharing import (
    DealerAtFault,
    NotEnoughShares,
    all_consistent,
    matches_opening,
    reconstruct,
    reconstruct_by_check,
)
from kms.errors import Invalid, KmsError
from kms.statements.ceremony import PlannedVersion
from kms.statements.envelope import Signed
from kms.statements.ids import KeyId, Version
from kms.statements.keys import Descriptor, KeySpec, Opening, parse_context, parse_descriptor
from kms.statements.manifest import Keyring
from kms.statements.release import (
    BAD_DELIVERY,
    WRONG_RELEASE,
    Certificate,
    Decision,
    OpenedRequest,
    Verdict,
    open_certificate,
    open_decision,
    open_shares,
    share_leaf,
)
from kms.wire.v1 import coordinator_pb2, keyring_pb2
from kms_client.blame import EQUIVOCATION, KEY_MALFORMED, WRONG_SHARE, Fault, ShareProof, check_of
from kms_client.cache import OpenKey
from kms_client.errors import (
    ApprovalPending,
    KeyDestroyed,
    KeyDestroyScheduled,
    NotEnoughCustodians,
    ReleaseDenied,
)

UNREACHABLE = frozenset({"UNAVAILABLE"})
"""Failures of custodians that may pass by themselves within moments."""


@dataclass(frozen=True, slots=True)
class _Delivery:
    """What a custodian signed for, and the shares that it delivered under that signature."""

    envelope: bytes = field(repr=False)
    order: Sequence[tuple[int, Version]]
    shares: tuple[bytes, ...] = field(repr=False)

    def proof(self, index: int, key_ids: Sequence[KeyId], position: int, version: Version) -> ShareProof:
        leaves = (
            share_leaf(key_ids[p], v, share) for (p, v), share in zip(self.order, self.shares, strict=True)
        )
        place = self.order.index((position, version))
        return ShareProof(index, self.envelope, tuple(leaves), place, self.shares[place])


@dataclass(slots=True)
class Collector:
    """Collects one request's answers. `opened` grows, `failed` says why a key will not come."""

    keyring: Keyring
    request: OpenedRequest
    recipient: sealing.SealingPrivateKey = field(repr=False)
    only: Version | None = None
    """Take shares of this version and of no other."""
    opened: dict[KeyId, OpenKey] = field(default_factory=dict, repr=False)
    failed: dict[KeyId, KmsError] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    failures: dict[int, str] = field(default_factory=dict)
    suspected: set[Version] = field(default_factory=set)
    """Versions of which too few shares came, or a wrong one: their plans are to be asked for."""
    _versions: dict[Version, PlannedVersion] = field(default_factory=dict)
    _descriptors: dict[int, Descriptor] = field(default_factory=dict)
    _certificates: dict[bytes, Certificate] = field(default_factory=dict)
    _decisions: dict[int, Signed[Decision]] = field(default_factory=dict)
    _shares: dict[int, dict[Version, dict[int, bytes]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(dict)), repr=False
    )
    _openings: dict[int, list[Opening]] = field(default_factory=lambda: defaultdict(list), repr=False)
    _contexts: dict[bytes, dict[str, str]] = field(default_factory=dict, repr=False)
    _deliveries: dict[int, list[_Delivery]] = field(default_factory=lambda: defaultdict(list), repr=False)
    _blamed: set[tuple[int, str, KeyId | None]] = field(default_factory=set)
    _early: dict[int, coordinator_pb2.SealedShares] = field(default_factory=dict, repr=False)

    def add_descriptors(self, payloads: Iterable[bytes]) -> None:
        """Descriptors from wherever: only one that hashes to a requested key id counts."""
        positions = {key_id: p for p, key_id in enumerate(self.request.request.key_ids)}
        for payload in payloads:
            key_id = KeyId(derivation.key_id(payload))
            position = positions.get(key_id)
            if position is None or position in self._descriptors:
                continue
            try:
                self._descriptors[position] = parse_descriptor(payload)
            except KmsError as error:
                self.failed[key_id] = error  # this name was given to garbage: the other keys still come
                continue
            for version in tuple(self._shares.get(position, ())):
                self._try(position, version)

    def missing_descriptors(self) -> list[KeyId]:
        """Requested keys that are still without a description."""
        ids = self.request.request.key_ids
        return [key_id for p, key_id in enumerate(ids) if p not in self._descriptors]

    def promises(self) -> list[bytes]:
        """The envelopes in which custodians named entries of their logs, each verified."""
        decisions = [signed.envelope for signed in self._decisions.values()]
        return decisions + [one.envelope for many in self._deliveries.values() for one in many]

    def add(self, event: coordinator_pb2.ReleaseEvent) -> None:
        """One answer, from a coordinator that may reorder, repeat, drop or alter: junk is ignored, or blamed."""
        kind = event.WhichOneof("event")
        if kind == "descriptors":
            self.add_descriptors(event.descriptors.descriptors)
        elif kind == "decision":
            self._add_decision(event.decision)
        elif kind == "certificate":
            self._add_certificate(event.certificate)
        elif kind == "shares":
            self._add_shares(event.shares)
        elif kind == "failure":
            self.failures[event.failure.index] = event.failure.reason or event.failure.status

    def _signer(self, envelope: keyring_pb2.Envelope) -> int | None:
        key = envelope.signatures[0].keyid if envelope.signatures else b""
        for custodian in self.keyring.manifest.custodians:
            if custodian.identity_key == key:
                return custodian.index
        return None

    def _add_decision(self, envelope: keyring_pb2.Envelope) -> None:
        index = self._signer(envelope)
        if index is None:
            return
        try:
            count = len(self.request.request.key_ids)
            signed = open_decision(envelope, self.keyring, index, self.request.hash, count)
        except KmsError:
            return  # the coordinator may have altered it: nobody is to blame for what they did not sign
        known = self._decisions.get(index)
        if known is None or signed.statement.log_index > known.statement.log_index:
            self._decisions[index] = signed
            self.failures.pop(index, None)
        elif signed.statement.log_index == known.statement.log_index and signed.payload != known.payload:
            both = (known.envelope, signed.envelope)
            self._blame(Fault(index, EQUIVOCATION, None, statements=both))

    def _add_certificate(self, payload: bytes) -> None:
        try:
            count = len(self.request.request.key_ids)
            certificate = open_certificate(payload, self.keyring, self.request.hash, count)
        except KmsError:
            return
        self._certificates[certificate.hash] = certificate
        early, self._early = self._early, {}
        for shares in early.values():
            self._add_shares(shares)

    def _add_shares(self, shares: coordinator_pb2.SealedShares) -> None:
        index = self._signer(shares.share_release)
        if index is None:
            return
        try:
            signed, released = open_shares(
                shares.share_release,
                shares.sealed,
                self.keyring,
                index,
                self.request,
                self._certificates,
                self.recipient,
            )
        except KmsError as error:
            self.failures[index] = error.reason
            if error.reason == BAD_DELIVERY:
                statement = shares.share_release.SerializeToString(deterministic=True)
                self._blame(Fault(index, BAD_DELIVERY, None, statements=(statement,)))
            elif error.reason == WRONG_RELEASE:
                self._early[index] = shares  # its certificate may come yet: a relay may reorder
            return
        self.failures.pop(index, None)
        self._deliveries[index].append(
            _Delivery(signed.envelope, signed.statement.in_order(), released.shares)
        )
        late: list[tuple[int, Version]] = []
        ids = self.request.request.key_ids
        for (position, version), share, opening in zip(
            signed.statement.in_order(), released.shares, released.openings, strict=True
        ):
            if self.only is not None and not equal(version, self.only):
                continue
            self._shares[position][version][index] = share
            if ids[position] in self.opened:
                late.append((position, version))
            else:
                self._openings[position].append(opening)
                self._try(position, version)
        self._check_late(late)

    def add_version(self, version: PlannedVersion) -> None:
        """What a resharing's plan says of some keys: their shares of it can now be held against their commitments."""
        self._versions[version.version] = version
        self.suspected.discard(version.version)
        for position in tuple(self._shares):
            if version.version in self._shares[position]:
                self._try(position, version.version)

    def suspect_unopened(self) -> None:
        """No more shares come, and some keys are shut: their versions' plans say how many shares open them."""
        for position, key_id in enumerate(self.request.request.key_ids):
            if key_id not in self.opened:
                self.suspected.update(v for v in self._shares[position] if not self._threshold(position, v))

    def _check_late(self, late: list[tuple[int, Version]]) -> None:
        """Hold shares that were no longer needed against the others: whoever lies is named all the same."""
        by_kind: dict[tuple[Version, int], list[tuple[int, Version]]] = defaultdict(list)
        for position, version in late:
            by_kind[version, self._threshold(position, version)].append((position, version))
        for (_, threshold), alike in by_kind.items():
            rows = [self._shares[position][version] for position, version in alike]
            if threshold and len({tuple(row) for row in rows}) == 1 and all_consistent(rows, threshold):
                continue
            for position, version in alike:
                self._try(position, version)

    def _threshold(self, position: int, version: Version) -> int:
        """How many shares of this version open the key; 0 if that is not known."""
        descriptor, planned = self._descriptors.get(position), self._versions.get(version)
        if descriptor is not None and version == descriptor.version:
            return descriptor.core.threshold
        return planned.plan.threshold if planned is not None else 0

    def _try(self, position: int, version: Version) -> None:
        key_id = self.request.request.key_ids[position]
        descriptor = self._descriptors.get(position)
        shares = self._shares[position][version]
        threshold = self._threshold(position, version)
        if descriptor is None or len(shares) < max(2, threshold):
            return
        opened: list[bytes] = []
        matches = check_of(descriptor, opened)
        try:
            if threshold:
                result = reconstruct(shares, self._commitments(descriptor, version), threshold, matches)
                for index in result.wrong:
                    self._blame_share(index, position, version)
                secret = result.secret
            else:
                right = matches_opening(descriptor.core.commitments[0], matches)
                found = reconstruct_by_check(shares, right)
                enough = (
                    len(shares) >= self.keyring.threshold if found is None else len(found[1]) < len(shares)
                )
                if enough:
                    # Somebody lies: who, only the plan's points can tell.
                    self.suspected.add(version)
                if found is None:
                    return
                secret = found[0]
            if key_id not in self.opened:
                prk = opened[0] if opened else derivation.prk(secret.reveal())
                self.opened[key_id] = self._open(descriptor, position, secret, prk)
                self.failed.pop(key_id, None)
        except NotEnoughShares as error:
            for wrong in filter(None, error.details.get("wrong", "").split(",")):
                self._blame_share(int(wrong), position, version)
        except DealerAtFault as error:
            if version != descriptor.version:
                return  # a plan whose sum is another secret than the dealt one: its version opens nothing
            proofs = tuple(self._proof(i, position, version) for i in shares)
            self._blame(Fault(0, KEY_MALFORMED, key_id, descriptor.payload, shares=proofs))
            self.failed[key_id] = error
        except KmsError as error:
            self.failed[key_id] = error  # a description that says nothing usable concerns its own key only

    def _open(self, descriptor: Descriptor, position: int, secret: KeySecret, prk: bytes) -> OpenKey:
        context, salt = self._context(descriptor, position)
        if descriptor.core.spec is KeySpec.INBOX:
            seed = derivation.inbox_seed(secret, descriptor.core_hash)
            if not equal(sealing.SealingPrivateKey(seed).public, descriptor.public_key):
                raise DealerAtFault("the inbox's public key is not that of its secret")
            return OpenKey(descriptor, seed, context, salt)
        return OpenKey(descriptor, derivation.data_key_from(prk, descriptor.key_id), context, salt)

    def _context(self, descriptor: Descriptor, position: int) -> tuple[dict[str, str], bytes]:
        """What the key is about, from whichever custodian's opening fits the descriptor's commitment."""
        for opening in self._openings[position]:
            if opening.opens(descriptor.core.context_commitment):
                if opening.context not in self._contexts:
                    self._contexts[opening.context] = dict(parse_context(opening.context))
                return self._contexts[opening.context], opening.salt
        return {}, b""

    def _commitments(self, descriptor: Descriptor, version: Version) -> tuple[bytes, ...]:
        if version == descriptor.version:
            return descriptor.core.commitments
        return self._versions[version].commitments(descriptor)

    def _blame_share(self, index: int, position: int, version: Version) -> None:
        key_id, descriptor = self.request.request.key_ids[position], self._descriptors[position]
        proof = self._proof(index, position, version)
        planned = None if version == descriptor.version else self._versions[version]
        self._blame(Fault(index, WRONG_SHARE, key_id, descriptor.payload, shares=(proof,), planned=planned))

    def _proof(self, index: int, position: int, version: Version) -> ShareProof:
        ids = self.request.request.key_ids
        delivery = next(d for d in reversed(self._deliveries[index]) if (position, version) in d.order)
        return delivery.proof(index, ids, position, version)

    def _blame(self, fault: Fault) -> None:
        """Once for each party, reason and key, however often a relay repeats the proof."""
        name = (fault.index, fault.reason, fault.key_id)
        if name not in self._blamed:
            self._blamed.add(name)
            self.faults.append(fault)

    # -- is it enough? -----------------------------------------------------------------------------------

    def done(self) -> bool:
        """Whether every key is open, malformed, or can no longer get a quorum."""
        ids = self.request.request.key_ids
        return all(k in self.opened or k in self.failed or self._refused(p) for p, k in enumerate(ids))

    def _refused(self, position: int) -> bool:
        """Whether denials alone leave no quorum."""
        asked = len(self.request.request.evidence)
        return asked - len(self._verdicts(position, Verdict.DENY)) < self.keyring.threshold

    def waits_for_humans(self) -> bool:
        """Whether, with every custodian heard or failed, some key lacks only people's answers."""
        asked = {target.index for target in self.request.request.evidence}
        if not asked <= set(self._decisions) | set(self.failures):
            return False
        return any(
            key_id not in self.opened and key_id not in self.failed and self._stuck(position)
            for position, key_id in enumerate(self.request.request.key_ids)
        )

    def lacks_only_the_unreachable(self) -> bool:
        """Whether some key could still open if custodians that could not be reached answered after all."""
        away = {index for index, reason in self.failures.items() if reason in UNREACHABLE}
        return bool(away) and any(
            key_id not in self.opened
            and key_id not in self.failed
            and len(away.union(self._verdicts(position, Verdict.ALLOW))) >= self.keyring.threshold
            for position, key_id in enumerate(self.request.request.key_ids)
        )

    def _stuck(self, position: int) -> bool:
        pending = self._verdicts(position, Verdict.PENDING)
        allowed = self._verdicts(position, Verdict.ALLOW)
        return bool(pending) and len(allowed) < self.keyring.threshold and not self._refused(position)

    def _verdicts(self, position: int, verdict: Verdict) -> Mapping[int, str]:
        return {
            index: ruling.reason
            for index, decision in self._decisions.items()
            for ruling in decision.statement.rulings
            if ruling.verdict is verdict and position in ruling.positions
        }

    def failure(self, position: int) -> KmsError:
        """Why the key at this position did not come."""
        key_id = self.request.request.key_ids[position]
        if key_id in self.failed:
            return self.failed[key_id]
        denied = dict(self._verdicts(position, Verdict.DENY))
        if self._refused(position):
            return _denial(key_id, denied, self.keyring.threshold)
        if position not in self._descriptors:
            return Invalid("nobody gave this key's description", reason="NO_DESCRIPTOR")
        pending = self._verdicts(position, Verdict.PENDING)
        if pending:
            return ApprovalPending(key_id, self.request.hash, tuple(sorted(pending)))
        blamed = {f.index: f.reason for f in self.faults if f.key_id == key_id}
        have = max((len(s) for s in self._shares[position].values()), default=0) - len(blamed)
        return NotEnoughCustodians(have, self.keyring.threshold, {**self.failures, **denied, **blamed})


def _denial(key_id: KeyId, reasons: Mapping[int, str], threshold: int) -> ReleaseDenied:
    """What a quorum's denial means: of t custodians one is honest, and is believed what became of a key."""
    said = Counter(reasons.values())
    for kind in (KeyDestroyed, KeyDestroyScheduled):
        if said[kind.reason] >= threshold:
            return kind(key_id, reasons)
    return ReleaseDenied(key_id, reasons)
