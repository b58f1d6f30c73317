"""One line after the other: whose signature is under it, what it says, and whether it fits what came before."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from kms.ceremony.files import Attachment, Enveloped, Line
from kms.ceremony.offline import messages as m
from kms.ceremony.offline.account import Account, Broken, listing, when
from kms.ceremony.offline.attachments import Attachments
from kms.ceremony.offline.generating import Pools
from kms.ceremony.offline.reader import read
from kms.ceremony.offline.repairing import Repairs
from kms.ceremony.offline.succession import Link, follow
from kms.crypto import labels
from kms.crypto.hashing import H
from kms.errors import KmsError

T = TypeVar("T")
_BY_CUSTODIAN: Final[dict[str, type[Any]]] = {
    "dealing": m.Dealing,
    "installed": m.Installed,
    "complaint": m.Complaint,
    "erased": m.Erased,
    "repair-task": m.RepairTask,
    "repair-pieces": m.RepairPieces,
    "repair-sums": m.RepairSums,
    "repaired": m.Repaired,
    "pool-dealing": m.PoolDealing,
    "generated": m.Generated,
    "status": m.Status,
}


@dataclass(slots=True)
class Transcript:
    """Everything that was read so far. `add` raises Broken at the first line that does not hold."""

    account: Account
    links: tuple[Link, ...] = ()
    keyring_id: bytes = b""
    orders: dict[bytes, m.ReshareOrder] = field(default_factory=dict)
    dealings: dict[bytes, m.Dealing] = field(default_factory=dict)
    installed: list[tuple[int, m.Installed]] = field(default_factory=list)
    erased: list[tuple[int, m.Erased]] = field(default_factory=list)
    repairs: Repairs = field(default_factory=Repairs)
    pools: Pools = field(default_factory=Pools)
    attachments: Attachments = field(default_factory=Attachments)

    def add(self, number: int, line: Line) -> None:
        """Check line `number` and tell what it says."""
        try:
            if isinstance(line, Attachment):
                self.account.tell(number, self.attachments.add(number, line))
            else:
                self.account.tell(number, self._statement(number, line))
        except KmsError as error:
            raise Broken(number, error.message) from None

    def _statement(self, number: int, line: Enveloped) -> str:
        signers = _verified(number, line)
        match line.kind:
            case "manifest":
                said = _read(number, m.Manifest, m.FOUNDERS, line)
                return self._manifest(number, said, line.payload, signers)
            case "enrolment":
                enrolment = _read(number, m.Enrolment, m.CUSTODIAN, line)
                if signers != {enrolment.identity_key}:
                    raise Broken(number, "the enrolment is not signed by the key in it")
                return f"{enrolment.organisation} in {enrolment.jurisdiction} enrolled with a key of its own"
            case "reshare-order":
                return self._order(number, _read(number, m.ReshareOrder, m.ADMINS, line), line, signers)
            case "pool-order":
                return self._pool_order(number, _read(number, m.PoolOrder, m.ADMINS, line), line, signers)
            case kind if kind in _BY_CUSTODIAN:
                return self._by_custodian(number, line, signers)
            case kind:
                raise Broken(number, f"{kind!r} is no statement of a ceremony")

    def _manifest(self, number: int, manifest: m.Manifest, payload: bytes, signers: frozenset[bytes]) -> str:
        link = follow(self.links, manifest, payload, signers)
        n, t = len(manifest.custodians), manifest.threshold
        if not self.links:
            self.keyring_id = H(labels.KEYRING, payload)
            self.account.keyring_id, self.account.name = self.keyring_id.hex(), manifest.name
            what = f"the keyring {manifest.name!r} was founded"
        elif manifest.keyring_id != self.keyring_id:
            raise Broken(number, "the manifest is of another keyring")
        else:
            what = f"manifest {manifest.sequence} followed" + (
                ", in an emergency" if manifest.emergency else ""
            )
        self.links = (*self.links, link)
        return (
            f"{what} on {when(manifest.created_at)}, until {when(manifest.expires_at)}: "
            f"{t} of {n} custodians open; custodians {listing(list(manifest.indices))}, "
            f"{manifest.admin_quorum} of {len(manifest.admins)} admins; {len(signers)} signatures hold"
        )

    def _ordered(
        self, number: int, order: m.ReshareOrder | m.PoolOrder, signers: frozenset[bytes]
    ) -> m.Manifest:
        """The manifest of an order; Broken unless its admins signed."""
        manifest = self._link(number, order.keyring_id, order.manifest_hash).manifest
        if not signers <= set(manifest.admins) or len(signers) < manifest.admin_quorum:
            raise Broken(
                number, f"{manifest.admin_quorum} admins sign an order, and nobody else; {len(signers)} did"
            )
        return manifest

    def _pool_order(self, number: int, order: m.PoolOrder, line: Enveloped, signers: frozenset[bytes]) -> str:
        manifest = self._ordered(number, order, signers)
        self.pools.order(order, manifest, line.payload)
        return (
            f"{len(signers)} admins ordered, on {when(order.created_at)}, {order.count} keys that nobody knows, "
            f"under manifest {manifest.sequence}: {order.reason!r}"
        )

    def _order(self, number: int, order: m.ReshareOrder, line: Enveloped, signers: frozenset[bytes]) -> str:
        manifest = self._ordered(number, order, signers)
        if any(order.sequence <= earlier.sequence for earlier in self.orders.values()):
            raise Broken(number, "its number is not higher than that of the order before")
        self.orders[H(labels.ORDER, line.payload)] = order
        return (
            f"{len(signers)} admins ordered, on {when(order.created_at)}, to deal every key anew under manifest "
            f"{manifest.sequence} (order {order.sequence}): {order.reason!r}"
        )

    def _by_custodian(self, number: int, line: Enveloped, signers: frozenset[bytes]) -> str:
        said = _read(number, _BY_CUSTODIAN[line.kind], m.CUSTODIAN, line)
        who = self._custodian(number, said, signers)
        match said:
            case m.Dealing():
                if said.order_hash not in self.orders:
                    raise Broken(number, "it deals under an order that is not before it")
                self.dealings[_statement_hash(line)] = said
                to = listing([target.index for target in said.targets])
                return (
                    f"{who} dealt its shares of {said.count} keys to custodians {to} on {when(said.dealt_at)}"
                )
            case m.Installed():
                self.installed.append((number, said))
                what = f"version {_short(said.version)} of {said.count} keys"
                return f"{who} has {what} on its disk, and promises to keep it"
            case m.Complaint():
                return (
                    f"{who} complains of custodian {said.dealer}: {len(said.positions)} sub-shares do not fit "
                    f"({said.reason})"
                )
            case m.Erased():
                self.erased.append((number, said))
                return f"{who} keeps no share of {said.count} keys older than version {_short(said.version)}"
            case m.RepairTask():
                members = self._link(number, said.keyring_id, said.manifest_hash).manifest.indices
                return f"{who} {self.repairs.ask(number, said, members, line.payload)}"
            case m.RepairPieces():
                return f"{who} {self.repairs.add_pieces(said, _statement_hash(line))}"
            case m.RepairSums():
                return f"{who} {self.repairs.add_sums(said)}"
            case m.Repaired():
                return f"{who} {self.repairs.finish(said)}"
            case m.PoolDealing():
                return f"{who} {self.pools.deal(said, _statement_hash(line))}"
            case m.Generated():
                return f"{who} {self.pools.keep(number, said)}"
            case _:
                return f"{who} {self._status(number, said)}"

    def _status(self, number: int, said: m.Status) -> str:
        if self._link(number, said.keyring_id, said.manifest_hash).manifest.sequence != said.sequence:
            raise Broken(number, "it names a manifest by another number than its own")
        shares = sum(version.count for version in said.versions)
        lacking = f", and lacks {said.missing}" if said.missing else ""
        return f"lives by manifest {said.sequence} on {when(said.at)}, holds {shares} shares{lacking}"

    def _custodian(self, number: int, said: Any, signers: frozenset[bytes]) -> str:
        bound = self._link(number, said.keyring_id, said.manifest_hash)
        place = self.links.index(bound)
        # Who left is known by the newest manifest that had it.
        for link in (bound, *reversed(self.links[:place])):
            for custodian in link.manifest.custodians:
                if custodian.index == said.index:
                    if signers != {custodian.identity_key}:
                        raise Broken(number, f"it is not signed by custodian {said.index} alone")
                    return f"custodian {said.index} ({custodian.organisation})"
        raise Broken(number, f"no manifest has a custodian {said.index}")

    def _link(self, number: int, keyring_id: bytes, manifest_hash: bytes) -> Link:
        for link in self.links:
            if link.hash == manifest_hash and keyring_id == self.keyring_id:
                return link
        raise Broken(number, "it stands under a manifest that is not before it in this file")


def _verified(number: int, line: Enveloped) -> frozenset[bytes]:
    """Who signed the line (32-byte keys); Broken unless every signature holds and there is one."""
    kind = line.payload_type.encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(line.payload), line.payload)
    keys = [key for key, _ in line.signatures]
    if not keys or len(set(keys)) != len(keys):
        raise Broken(number, "nobody signed it, or somebody twice")
    for key, signature in line.signatures:
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
        except (InvalidSignature, ValueError):
            raise Broken(number, f"the signature of {key.hex()} does not hold") from None
    return frozenset(keys)


def _read(number: int, cls: type[T], role: int, line: Enveloped) -> T:
    said: Any = read(cls, line.payload)
    if said.suite != labels.SUITE_1 or said.signer_role != role:
        raise Broken(number, "it is of another suite, or signed in another role")
    result: T = said
    return result


def _statement_hash(line: Enveloped) -> bytes:
    return H(labels.STATEMENT, line.payload_type.encode(), line.payload)


def _short(digest: bytes) -> str:
    return digest.hex()[:16]


def digest(data: bytes) -> str:
    """SHA-256 of a file, for a protocol that names it."""
    return hashlib.sha256(data).hexdigest()
