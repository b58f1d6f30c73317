"""Where a device stands: which chain it follows, what custodians say of theirs, and what its host was caught at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kms.crypto import signing
from kms.errors import KmsError
from kms.statements.ceremony import Status
from kms.statements.chain import Chain
from kms.statements.codec import decode, payload_type
from kms.statements.envelope import Signed, unpack
from kms.statements.manifest import Manifest, manifest_hash
from kms.statements.notices import days_left, notices
from kms_client.directory import STATUS_SECONDS
from kms_client.profile import Profile, SeenFile
from kms_client.session import Session

DAY = 86400


@dataclass(frozen=True, slots=True)
class Side:
    """One statement of the evidence: what it says, and whose signatures under it hold."""

    said: str
    hash: str
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Signed statements that convict somebody. Each verifies by itself, wherever the file is taken."""

    kind: str
    meaning: str
    file: str
    sides: tuple[Side, ...]
    both: tuple[str, ...]
    """Who signed every side."""


@dataclass(frozen=True, slots=True)
class Word:
    """A custodian's signed word of where it stands; `sequence` None if there is none."""

    index: int
    organisation: str
    sequence: int | None
    age: int
    """Seconds since it was said."""


@dataclass(frozen=True, slots=True)
class Standing:
    """All of it at one moment. `refused` is why the answer of the coordinator was not taken."""

    keyring_id: bytes
    chain: Chain | None
    now: int
    words: tuple[Word, ...]
    refused: KmsError | None
    evidence: tuple[Evidence, ...]

    @property
    def agreeing(self) -> int:
        """How many custodians said a moment ago that they live by the manifest in force here."""
        if self.chain is None:
            return 0
        sequence = self.chain.in_force(self.now).manifest.sequence
        return sum(w.sequence == sequence and w.age <= STATUS_SECONDS for w in self.words)

    def facts(self) -> dict[str, Any]:
        """For programs."""
        chain = self.chain
        return {
            "keyring_id": self.keyring_id.hex(),
            "manifest": None if chain is None else _manifest_facts(chain, self.now),
            "announced": [] if chain is None else _announced(chain, self.now),
            "words": [
                {"custodian": w.index, "organisation": w.organisation, "manifest": w.sequence, "age": w.age}
                for w in self.words
            ],
            "agreeing": self.agreeing,
            "notices": [] if chain is None else notices(chain, self.now),
            "refused": None
            if self.refused is None
            else {"reason": self.refused.reason, "message": self.refused.message},
            "evidence": [
                {
                    "kind": e.kind,
                    "meaning": e.meaning,
                    "file": e.file,
                    "sides": [{"said": s.said, "hash": s.hash, "signers": s.signers} for s in e.sides],
                    "signed_all": e.both,
                }
                for e in self.evidence
            ],
        }


def _manifest_facts(chain: Chain, now: int) -> dict[str, Any]:
    link = chain.in_force(now)
    m = link.manifest
    days = days_left(chain, now)
    return {
        "sequence": m.sequence,
        "hash": link.manifest_hash.hex(),
        "threshold": m.threshold,
        "custodians": len(m.custodians),
        "expires_at": m.expires_at,
        "days_left": (m.expires_at - now) // DAY if days is None else days,
    }


def _announced(chain: Chain, now: int) -> list[dict[str, Any]]:
    return [
        {
            "sequence": link.manifest.sequence,
            "hash": link.manifest_hash.hex(),
            "holds_from": chain.holds_from(link.manifest.sequence),
        }
        for link in chain.announced(now)
    ]


def remembered(profile: Profile, now: int) -> Standing:
    """What this device knows by itself; the coordinator is not asked."""
    seen = SeenFile(profile.state, profile.keyring_id)
    return Standing(profile.keyring_id, seen.chain, now, (), None, _evidence(seen))


async def stand(session: Session) -> Standing:
    """Ask the coordinator as any call would, so that what it is caught at is kept; and tell all of it."""
    profile, refused = session.profile, None
    try:
        await session.directory.renew()
    except KmsError as error:
        refused = error
    seen = SeenFile(profile.state, profile.keyring_id)
    now = int(session.now())
    words = () if seen.chain is None else _words(seen.chain, session.directory.words, now)
    return Standing(profile.keyring_id, seen.chain, now, words, refused, _evidence(seen))


def _words(chain: Chain, heard: Mapping[int, Signed[Status]], now: int) -> tuple[Word, ...]:
    found = []
    for custodian in chain.in_force(now).manifest.custodians:
        said = heard[custodian.index].statement if custodian.index in heard else None
        age = 0 if said is None else max(0, now - said.at)
        found.append(
            Word(custodian.index, custodian.organisation, None if said is None else said.sequence, age)
        )
    return tuple(found)


_MEANINGS = {
    "fork": "two manifests of one sequence, both validly signed: whoever signed both lied to somebody",
    "frozen": "custodians live by a newer manifest than the coordinator showed: it withheld it",
    "rollback": "the coordinator offered an older chain than this device has: the first statement was withheld "
    "(a host that was set back to an old copy does the same until it has heard of it)",
}


def _evidence(seen: SeenFile) -> tuple[Evidence, ...]:
    names = _names(seen.chain)
    found = []
    for kind, (file, statements) in seen.evidence().items():
        sides = tuple(_side(statement, names) for statement in statements)
        signed = [set(side.signers) for side in sides] if len(sides) > 1 and kind == "fork" else [set()]
        both = tuple(
            name for name in (sides[0].signers if sides else ()) if name in set.intersection(*signed)
        )
        found.append(Evidence(kind, _MEANINGS[kind], str(file), sides, both))
    return tuple(found)


def _names(chain: Chain | None) -> dict[bytes, str]:
    names: dict[bytes, str] = {}
    for link in chain.links if chain else ():
        names.update(_names_in(link.manifest))
    return names


def _names_in(manifest: Manifest) -> dict[bytes, str]:
    return {
        **{key: f"admin {key.hex()[:16]}" for key in manifest.admins},
        **{c.identity_key: f"custodian {c.index} ({c.organisation})" for c in manifest.custodians},
    }


def _side(statement: bytes, names: Mapping[bytes, str]) -> Side:
    try:
        kind, payload, signatures = unpack(statement)
        known = dict(names)
        if kind == payload_type(Manifest):
            manifest = decode(Manifest, payload, "evidence")
            known = {**_names_in(manifest), **known}
            said, digest = _manifest_words(manifest), manifest_hash(payload).hex()
        else:
            status = decode(Status, payload, "evidence")
            said = f"I live by manifest {status.sequence} on {_when(status.at)}"
            digest = status.manifest_hash.hex()
    except KmsError as error:
        return Side(f"damaged: {error.message}", "", ())
    return Side(said, digest, _holding(kind, payload, signatures, known))


def _holding(
    kind: str, payload: bytes, signatures: Sequence[tuple[bytes, bytes]], names: Mapping[bytes, str]
) -> tuple[str, ...]:
    """Whose signatures hold. The file is verified again: it may have been touched."""
    found = []
    for key, signature in signatures:
        try:
            signing.verify(key, kind, payload, signature)
        except KmsError:
            continue
        found.append(names.get(key, f"a key that no manifest names: {key.hex()[:16]}"))
    return tuple(found)


def _manifest_words(manifest: Manifest) -> str:
    who = ", ".join(f"{c.index} {c.organisation}" for c in manifest.custodians)
    return (
        f"manifest {manifest.sequence} of {_when(manifest.created_at)}: {manifest.threshold} of "
        f"{len(manifest.custodians)} open ({who}), {manifest.admin_quorum} of {len(manifest.admins)} admins, "
        f"until {_when(manifest.expires_at)}"
    )


def _when(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
