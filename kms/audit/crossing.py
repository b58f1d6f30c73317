"""Whether every release rests on decisions that stand in the logs it names, and if not, whose fault that is.

A release names the decisions of its certificate by custodian and entry. Each must be an ALLOW on the same request for
the same requester. If one is not, either the releaser made it up, or the decider gave a signed decision and dropped it
from its log. The certificate tells: it holds the decider's signature, or it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kms.audit.findings import Evidence, Finding, Kind
from kms.audit.holding import hold
from kms.audit.mirror import Mirror
from kms.audit.parties import Parties
from kms.audit.reading import ALLOW, LogRead, fact, unpack_releases
from kms.crypto.hashing import equal
from kms.crypto.merkle import HASH_SIZE
from kms.errors import DeadlineExceeded, KmsError, Unavailable
from kms.statements.audit import LogKind
from kms.statements.entries import LeanEntry, read_entries
from kms.statements.promises import Promise, decisions_of_certificate

Certificates = Callable[[int, bytes], Sequence[bytes]]
"""(custodian, request hash) -> the certificates that it shows; a KmsError if it does not answer."""


CERTIFICATES_KEPT: Final = 400 * 86400
"""Seconds for which a custodian keeps certificates, unless its `history_days` says otherwise."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Entry `release` of `releaser`'s log names entry `cited` of `decider`'s, which is no such decision."""

    releaser: int
    release: int
    decider: int
    cited: int


@dataclass(slots=True)
class Crossing:
    """What was read, by custodian, and where its copies lie."""

    parties: Parties
    reads: Mapping[int, LogRead]
    mirrors: dict[int, Mirror]
    certificates: Certificates
    now: int
    """The auditor's clock, in unix seconds."""

    def findings(self, doubts: Sequence[Doubt]) -> Iterator[Finding]:
        """What the doubts come to, one release after the other."""
        for doubt in doubts:
            yield from self._settle(doubt)

    def shortage(self) -> Iterator[Finding]:
        """Releases that rest on fewer decisions than any manifest's threshold."""
        for index, read in self.reads.items():
            for release, _, basis in unpack_releases(read.releases):
                known = [one for one, _ in basis if one in self.parties.members]
                if len(known) < self.parties.floor:
                    entry, proof = self.mirrors[index].entry(release)
                    yield Finding(
                        Kind.BASIS_SHORT,
                        index,
                        f"entry {release} rests on {len(known)} decisions, and {self.parties.floor} are the least",
                        Evidence(_place(self.mirrors[index], release, entry, proof)),
                        transferable=True,
                    )

    def doubts(self) -> Iterator[Doubt]:
        """Every named decision that is not found where it should stand. A log that was not read leaves none."""
        facts = {
            index: (read.since, read.size, read.facts, read.current) for index, read in self.reads.items()
        }
        for index, read in self.reads.items():
            for release, known, basis in unpack_releases(read.releases):
                for decider, cited in basis:
                    log = facts.get(decider)
                    if log is None:
                        continue
                    since, size, kept, current = log
                    if cited >= size and not current:
                        continue
                    if since <= cited < size:
                        at = (cited - since) * HASH_SIZE
                        good = kept[at : at + HASH_SIZE] == known
                    else:  # read in an earlier run
                        good = cited < size and self._was_decided(decider, cited, known)
                    if decider == index and cited >= release:
                        good = False  # nobody rests on what comes after
                    if not good:
                        yield Doubt(index, release, decider, cited)

    def still(self, doubt: Doubt) -> bool:
        """Whether a doubt of an earlier run, or that somebody says is one, is one."""
        read, other = self.reads.get(doubt.releaser), self.reads.get(doubt.decider)
        if read is None or other is None or doubt.release >= read.size:
            return False
        release = self._entry(doubt.releaser, doubt.release)
        if release.kind != LogKind.RELEASE or (doubt.decider, doubt.cited) not in release.basis:
            return False
        if doubt.decider == doubt.releaser and doubt.cited >= doubt.release:
            return True
        if doubt.cited >= other.size:
            return other.current
        return not self._was_decided(
            doubt.decider, doubt.cited, fact(release.subject_hash, release.principal)
        )

    def named(self) -> int:
        """How many decisions the releases name."""
        return sum(
            len(basis) for read in self.reads.values() for _, _, basis in unpack_releases(read.releases)
        )

    def unread(self) -> int:
        """How many named decisions stand in logs, or in parts of them, that could not be read."""
        ends = {i: float("inf") if read.current else read.size for i, read in self.reads.items()}
        return sum(
            cited >= ends.get(decider, 0)
            for read in self.reads.values()
            for _, _, basis in unpack_releases(read.releases)
            for decider, cited in basis
        )

    def _was_decided(self, decider: int, cited: int, known: bytes) -> bool:
        entry = self._entry(decider, cited)
        return (
            entry.kind == LogKind.DECISION
            and ALLOW in entry.outcome.split("+")
            and equal(fact(entry.subject_hash, entry.principal), known)
        )

    def _entry(self, index: int, number: int) -> LeanEntry:
        payload, _ = self.mirrors[index].entry(number)
        return next(iter(read_entries([payload], number)))

    def _settle(self, doubt: Doubt) -> Iterator[Finding]:
        mirror, other = self.mirrors[doubt.releaser], self.mirrors[doubt.decider]
        release = self._entry(doubt.releaser, doubt.release)
        entry, proof = mirror.entry(doubt.release)
        parts: dict[str, object] = {"decider": doubt.decider, "cited": doubt.cited}
        parts |= _place(mirror, doubt.release, entry, proof)
        if doubt.cited < other.size:
            there, path = other.entry(doubt.cited)
            parts |= {
                f"decider's {name}": value for name, value in _place(other, doubt.cited, there, path).items()
            }
        what = f"entry {doubt.release} rests on entry {doubt.cited} of custodian {doubt.decider}'s log"
        try:
            promise, problem = self._promised(doubt, release.subject_hash)
        except (Unavailable, DeadlineExceeded) as error:
            # Else a decider that dropped its decision need but cut the releaser's wire to have it accused.
            yield Finding(
                Kind.UNDECIDED,
                doubt.releaser,
                f"{what}, which is no such decision, and it does not answer for its certificate ({error.message})",
                Evidence(parts),
            )
            return
        if promise is None and self.now - release.at > CERTIFICATES_KEPT:
            # Nobody keeps certificates for ever: a decider that dropped its decision need but wait to have it accused.
            yield Finding(
                Kind.UNDECIDED,
                doubt.releaser,
                f"{what}, which is no such decision, and the release is older than certificates are kept",
                Evidence(parts),
            )
            return
        if promise is None:
            yield Finding(
                Kind.RELEASE_UNFOUNDED,
                doubt.releaser,
                f"{what}, which is no such decision: {problem}",
                Evidence(parts),
            )
            return
        broken = hold(promise, other, self.reads[doubt.decider].live)
        if broken is not None:
            yield broken
        else:
            # The decision was made and stands there: for somebody else, or after the release.
            yield Finding(
                Kind.RELEASE_UNFOUNDED, doubt.releaser, f"{what}, which is of another", Evidence(parts)
            )

    def _promised(self, doubt: Doubt, request: bytes) -> tuple[Promise | None, str]:
        """The decider's signed decision on the request, in the place that the release names; else why there is none.

        Unavailable or DeadlineExceeded if the releaser does not answer.
        """
        try:
            shown = self.certificates(doubt.releaser, request)
        except (Unavailable, DeadlineExceeded):
            raise
        except KmsError as error:
            return None, f"it shows no certificate ({error.message})"
        problem = "it shows no certificate"
        for certificate in shown:
            try:
                for promise in decisions_of_certificate(certificate, self.parties.chain, request):
                    if promise.index == doubt.decider and promise.log_index == doubt.cited:
                        return promise, ""
                problem = "its certificate holds no such decision"
            except KmsError as error:
                problem = f"its certificate does not hold ({error.message})"
        return None, problem


def _place(mirror: Mirror, number: int, entry: bytes, proof: list[bytes]) -> dict[str, object]:
    return {"checkpoint": mirror.note, "number": number, "entry": entry, "proof": proof}
