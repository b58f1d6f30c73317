"""Custodians' logs as an auditor meets them, without the nodes: each may say, show and hide what a test likes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kms.audit.logs import LogReader
from kms.audit.parties import Parties
from kms.audit.run import Audit, Given, Report
from kms.crypto.merkle import Edge, leaf_hash, perfect_root
from kms.crypto.signing import SigningKey
from kms.errors import NotFound
from kms.statements.audit import Basis, LogEntry, LogKind
from kms.statements.chain import Chain
from kms.statements.checkpoint import Checkpoint, log_origin, sign_checkpoint
from kms.statements.envelope import Signed, sign
from kms.statements.ids import CertificateHash, RequestHash, Version
from kms.statements.manifest import Keyring
from kms.statements.release import Decision, Ruling, ShareRelease, Verdict, VersionGroup, build_certificate
from kms.statements.tiles import ENTRIES, Tile, write_bundle
from tests.protocol.world import START, found_keyring, parties

NOTHING = Given()
READER = hashlib.sha256(b"the reader").digest()


@dataclass(slots=True)
class ShownLog:
    """A log that its custodian shows; also its own source. Nothing is checked here."""

    index: int
    origin: str
    key: SigningKey = field(repr=False)
    entries: list[bytes] = field(default_factory=list)
    certificates: dict[bytes, bytes] = field(default_factory=dict)
    kept: list[bytes] = field(default_factory=list)
    """Checkpoints of others."""
    evidence: list[bytes] = field(default_factory=list)
    """Against others."""
    live: bool = True
    on_tiles: Callable[[Sequence[Tile], list[bytes]], list[bytes]] = lambda wanted, honest: honest
    """What is answered in place of the honest tiles."""
    on_checkpoint: Callable[[bytes], bytes] = lambda honest: honest
    asked: list[Tile] = field(default_factory=list)

    def append(
        self, kind: LogKind, subject: bytes, outcome: str, basis: Sequence[tuple[int, int]] = ()
    ) -> int:
        index = len(self.entries)
        named = tuple(Basis(*one) for one in sorted(basis))
        entry = LogEntry(index, kind, START + index, subject, READER, outcome, 1, basis=named)
        self.entries.append(entry.to_bytes())
        return index

    def at(self, index: int) -> int:
        """When an entry was made."""
        return START + index

    def copy(self, size: int | None = None) -> ShownLog:
        """As it is now, or was with `size` entries: what a snapshot of its disk brings back."""
        return replace(self, entries=self.entries[:size], certificates=dict(self.certificates), asked=[])

    # -- as a source and a reader -------------------------------------------------------------------------

    def open(self) -> LogReader:
        return self

    def close(self) -> None:
        pass

    def note(self) -> bytes:
        edge = Edge()
        for entry in self.entries:
            edge.append(leaf_hash(entry))
        return sign_checkpoint(Checkpoint(self.origin, edge.size, edge.root), self.key).to_bytes()

    def checkpoint(self) -> bytes:
        return self.on_checkpoint(self.note())

    def tiles(self, wanted: Sequence[Tile]) -> Sequence[bytes]:
        self.asked += wanted
        return self.on_tiles(wanted, [self._tile(tile) for tile in wanted])

    def certificate(self, request_hash: bytes) -> Sequence[bytes]:
        found = self.certificates.get(request_hash)
        return [] if found is None else [found]

    def seen(self) -> Sequence[bytes]:
        return self.kept

    def misbehaviour(self) -> Sequence[bytes]:
        return self.evidence

    def _tile(self, tile: Tile) -> bytes:
        if tile.level == ENTRIES:
            first = tile.number * 256
            found = self.entries[first : first + tile.width]
            if len(found) < tile.width:
                raise NotFound("no such tile")
            return write_bundle(found)
        leaves = [leaf_hash(entry) for entry in self.entries]
        span = 256**tile.level
        first = tile.number * 256
        return b"".join(
            perfect_root(leaves[n * span : (n + 1) * span]) for n in range(first, first + tile.width)
        )


@dataclass(slots=True)
class Scene:
    """A keyring of 3 of 5, its logs, and the state of one auditor."""

    folder: Path
    keyring: Keyring
    identities: dict[int, SigningKey]
    logs: dict[int, ShownLog]
    requests: int = 0

    @classmethod
    def set(cls, folder: Path) -> Scene:
        identities, _, issuers = parties(5)
        keyring = found_keyring("audited", identities, issuers, 3, START)
        logs = {i: ShownLog(i, log_origin(keyring.keyring_id, i), key) for i, key in identities.items()}
        for index, log in logs.items():
            log.append(LogKind.STARTED, hashlib.sha256(b"start %d" % index).digest(), "")
        return cls(folder, keyring, identities, logs)

    @property
    def chain(self) -> Chain:
        return Chain((self.keyring,))

    @property
    def parties(self) -> Parties:
        return Parties.of(self.chain, START)

    def request(self) -> RequestHash:
        """A new request."""
        self.requests += 1
        return RequestHash(hashlib.sha256(b"request %d" % self.requests).digest())

    def decide(self, index: int, request: RequestHash, verdict: Verdict = Verdict.ALLOW) -> Signed[Decision]:
        """A custodian logs its decision and signs it."""
        log = self.logs[index]
        number = log.append(LogKind.DECISION, request, verdict.name)
        return self.sign_decision(index, request, number, verdict)

    def sign_decision(
        self, index: int, request: RequestHash, number: int, verdict: Verdict = Verdict.ALLOW
    ) -> Signed[Decision]:
        ruling = Ruling(verdict, "RULE", (0,))
        keyring = self.keyring
        decision = Decision(
            keyring.keyring_id,
            keyring.manifest_hash,
            index,
            request,
            (ruling,),
            keyring.policy_hash,
            self.logs[index].at(number),
            number,
        )
        return sign(decision, self.identities[index])

    def release(self, index: int, request: RequestHash, decisions: Sequence[Signed[Decision]]) -> bytes:
        """A custodian logs that it released on these decisions, keeps their certificate, and signs."""
        log = self.logs[index]
        log.certificates[request] = build_certificate(request, decisions)
        basis = [(one.statement.index, one.statement.log_index) for one in decisions]
        return self.sign_release(index, request, log.append(LogKind.RELEASE, request, "RELEASED", basis))

    def sign_release(self, index: int, request: RequestHash, number: int) -> bytes:
        keyring = self.keyring
        release = ShareRelease(
            keyring.keyring_id,
            keyring.manifest_hash,
            index,
            request,
            CertificateHash(bytes(32)),
            (VersionGroup(Version(bytes(32)), (0,)),),
            bytes(32),
            self.logs[index].at(number),
            number,
            bytes(32),
        )
        return sign(release, self.identities[index]).envelope

    def read(self, deciders: Sequence[int] = (1, 2, 3), releasers: Sequence[int] = (1, 2, 3)) -> list[bytes]:
        """Somebody reads a record; every promise that was made."""
        request = self.request()
        decisions = [self.decide(index, request) for index in deciders]
        releases = [self.release(index, request, decisions) for index in releasers]
        return [*(one.envelope for one in decisions), *releases]

    def audit(self, given: Given = NOTHING, **changes: object) -> Report:
        """Read all logs, by the auditor whose state lies in this scene's folder."""
        fields: dict[str, object] = {
            "parties": self.parties,
            "sources": self.logs,
            "state": self.folder / "state",
            "now": START,
            "workers": 1,
        }
        return Audit(**{**fields, **changes}).run(given)  # type: ignore[arg-type]


def kinds(report: Report) -> list[tuple[int, str]]:
    """(custodian, what) of every finding, each once."""
    return sorted({(finding.index, finding.kind.value) for finding in report.findings})
