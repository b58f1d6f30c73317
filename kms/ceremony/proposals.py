"""A proposal and the signatures under it, as a file carries them from hand to hand.

The file holds, in this order: the manifests that were signed before (none for a genesis), the manifest or order that is
proposed, the enrolments of organisations that are new in it. The proposed statement begins without signatures; each
signer sends back the same statement with one signature, and `with_signatures` adds them up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kms.ceremony.files import Attachment, Enveloped, Line
from kms.crypto import signing
from kms.crypto.signing import Signer
from kms.errors import BadSignature, Invalid
from kms.statements.ceremony import ReshareOrder, open_by_admins, order_hash
from kms.statements.chain import Chain, missing_signatures, open_chain
from kms.statements.codec import decode, encode, payload_type
from kms.statements.enrolment import Enrolment, open_enrolment
from kms.statements.envelope import Signed, pack, unpack
from kms.statements.manifest import Manifest, genesis_keyring_id, manifest_hash
from kms.statements.pool import PoolOrder, pool_order_hash

Order = ReshareOrder | PoolOrder
MANIFEST, ENROLMENT = payload_type(Manifest), payload_type(Enrolment)
ORDERS: dict[str, type[Order]] = {payload_type(c): c for c in (ReshareOrder, PoolOrder)}
_RANK = {MANIFEST: 0, **dict.fromkeys(ORDERS, 1), ENROLMENT: 2}


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody whose signature means something here."""

    role: str
    name: str
    key: bytes
    signed: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is to be signed, what it follows, and the verified signatures that it has."""

    chain: Chain | None
    statement: Manifest | Order
    payload: bytes
    signatures: tuple[tuple[bytes, bytes], ...]
    enrolments: tuple[Signed[Enrolment], ...] = ()

    @property
    def payload_type(self) -> str:
        return payload_type(type(self.statement))

    @property
    def keyring_id(self) -> bytes:
        """The keyring's id; a genesis makes it."""
        return genesis_keyring_id(self.payload) if self.chain is None else self.chain.keyring_id

    @property
    def digest(self) -> bytes:
        """The 32 bytes that people compare: a genesis's keyring id, a next manifest's hash, an order's hash."""
        if isinstance(self.statement, ReshareOrder):
            return order_hash(self.payload)
        if isinstance(self.statement, PoolOrder):
            return pool_order_hash(self.payload)
        return self.keyring_id if self.chain is None else manifest_hash(self.payload)

    @property
    def signers(self) -> frozenset[bytes]:
        return frozenset(key for key, _ in self.signatures)

    @property
    def line(self) -> Enveloped:
        """The statement with the signatures that it has."""
        return Enveloped(self.payload_type, self.payload, tuple(sorted(self.signatures)))


def propose(
    chain: Chain | None, statement: Manifest | Order, enrolments: Sequence[Signed[Enrolment]] = ()
) -> Proposal:
    """A proposal that nobody has signed."""
    return Proposal(chain, statement, encode(statement), (), tuple(enrolments))


def chain_of(proposal: Proposal) -> Chain | None:
    """The chain as it stands: with the manifest that is proposed if all have signed it; None if there is none yet."""
    before = () if proposal.chain is None else proposal.chain.envelopes
    if isinstance(proposal.statement, Manifest) and not missing(proposal):
        return open_chain([*before, envelope_of(proposal.line)], proposal.keyring_id)
    return proposal.chain


def lines_of(proposal: Proposal, *, enrolments: bool = True) -> tuple[Line, ...]:
    """The proposal's file, with or without enrolments."""
    before = [] if proposal.chain is None else [line_of(envelope) for envelope in proposal.chain.envelopes]
    new = [line_of(signed.envelope) for signed in proposal.enrolments] if enrolments else []
    return (*before, proposal.line, *new)


def line_of(envelope: bytes) -> Enveloped:
    """An envelope's bytes as a line."""
    return Enveloped(*unpack(envelope))


def envelope_of(line: Enveloped) -> bytes:
    """A line's envelope; Invalid if nobody signed it."""
    if not line.signatures:
        raise Invalid(f"the {line.kind} is not signed by anybody", reason="SIGNATURES_MISSING")
    return pack(line.payload_type, line.payload, line.signatures)


def read_proposal(lines: Sequence[Line]) -> Proposal:
    """What a proposal's file (or a finished chain's or order's) holds; raises what is wrong with it."""
    statements = _statements(lines)
    manifests = [line for line in statements if line.payload_type == MANIFEST]
    orders = [line for line in statements if line.payload_type in ORDERS]
    if not manifests or len(orders) > 1:
        raise Invalid("a proposal holds manifests, and one order at most", reason="NOT_A_PROPOSAL")
    enrolments = tuple(open_enrolment(envelope_of(s)) for s in statements if s.payload_type == ENROLMENT)
    subject = orders[0] if orders else manifests.pop()
    chain = read_chain(manifests) if manifests else None
    statement: Manifest | Order = (
        decode(ORDERS[subject.payload_type], subject.payload, "order")
        if orders
        else decode(Manifest, subject.payload, "manifest")
    )
    bare = Proposal(chain, statement, subject.payload, (), enrolments)
    return with_signatures(bare, subject)


def _statements(lines: Sequence[Line]) -> list[Enveloped]:
    statements = []
    for number, line in enumerate(lines, 1):
        if isinstance(line, Attachment) or line.payload_type not in _RANK:
            raise Invalid(f"line {number} does not belong into a proposal", reason="NOT_A_PROPOSAL")
        statements.append(line)
    ranks = [_RANK[line.payload_type] for line in statements]
    if ranks != sorted(ranks):
        raise Invalid("manifests come first, then an order, then enrolments", reason="NOT_A_PROPOSAL")
    return statements


def read_chain(lines: Sequence[Line]) -> Chain:
    """The chain whose lines these are, verified from its own genesis: compare its id with the one you know."""
    envelopes = []
    for number, line in enumerate(lines, 1):
        if isinstance(line, Attachment) or line.payload_type != MANIFEST:
            raise Invalid(f"line {number} is no manifest", reason="NOT_A_CHAIN")
        envelopes.append(envelope_of(line))
    if not envelopes or isinstance(lines[0], Attachment):
        raise Invalid("there is no manifest in it", reason="NOT_A_CHAIN")
    return open_chain(envelopes, genesis_keyring_id(lines[0].payload))


def sign(proposal: Proposal, key: Signer) -> Enveloped:
    """The proposed statement with one signature: what a signer sends back."""
    kind = proposal.payload_type
    return Enveloped(kind, proposal.payload, ((key.public, key.sign(kind, proposal.payload)),))


def with_signatures(proposal: Proposal, line: Line, name: str = "the file") -> Proposal:
    """The proposal with a signature file's signatures, each verified and of somebody whose signature counts."""
    if isinstance(line, Attachment) or line.payload_type != proposal.payload_type:
        raise Invalid(f"{name} holds no signature of such a statement", reason="WRONG_TYPE")
    if line.payload != proposal.payload:
        raise Invalid(
            f"{name} signs something else than this proposal: it was shown another one",
            reason="WRONG_PROPOSAL",
        )
    meant = {party.key for party in parties(proposal)}
    known = dict(proposal.signatures)
    for key, signature in line.signatures:
        if key not in meant:
            raise BadSignature(
                f"{name}: the key {key.hex()} has no part in this ceremony", reason="WRONG_SIGNER"
            )
        try:
            signing.verify(key, line.payload_type, line.payload, signature)
        except BadSignature:
            raise BadSignature(f"{name}: the signature of {key.hex()} does not verify") from None
        known.setdefault(key, signature)
    return replace(proposal, signatures=tuple(known.items()))


def parties(proposal: Proposal) -> tuple[Party, ...]:
    """Everybody whose signature means something, those of the new manifest first."""
    signers = proposal.signers
    last = proposal.chain.last.manifest if proposal.chain else None
    new = proposal.statement if isinstance(proposal.statement, Manifest) else None
    found: dict[bytes, Party] = {}

    def add(manifest: Manifest, suffix: str, custodians: bool) -> None:
        for number, key in enumerate(manifest.admins, 1):
            found.setdefault(key, Party("admin", f"admin {number}{suffix}", key, key in signers))
        for c in manifest.custodians if custodians else ():
            name = f"custodian {c.index} ({c.organisation}){suffix}"
            found.setdefault(
                c.identity_key, Party("custodian", name, c.identity_key, c.identity_key in signers)
            )

    if new is not None:
        add(new, "", True)
        if last is not None:
            add(last, " of the manifest before", True)
    elif not isinstance(proposal.statement, Manifest) and proposal.chain:
        add(proposal.chain.of(proposal.statement.manifest_hash).manifest, "", False)
    return tuple(found.values())


def missing(proposal: Proposal) -> list[str]:
    """Whose signatures are still missing, in words; empty if it is complete."""
    if isinstance(proposal.statement, Manifest):
        return missing_signatures(proposal.chain, proposal.statement, proposal.signers)
    admins = parties(proposal)
    lacking = _order_quorum(proposal) - sum(admin.signed for admin in admins)
    return [f"{lacking} more of {len(admins)} admins"] if lacking > 0 else []


def _order_quorum(proposal: Proposal) -> int:
    if proposal.chain is None or isinstance(proposal.statement, Manifest):
        raise Invalid("an order needs the chain of its keyring", reason="NOT_A_PROPOSAL")
    return proposal.chain.of(proposal.statement.manifest_hash).manifest.admin_quorum


def gather(proposal: Proposal, now: int) -> tuple[Line, ...]:
    """The finished file: the whole chain, or the chain and the order; raises unless everything in it holds.

    It is opened by the very functions by which nodes and clients will open it.
    """
    lacking = missing(proposal)
    if lacking:
        raise BadSignature("signatures are missing: " + "; ".join(lacking), reason="SIGNATURES_MISSING")
    lines = lines_of(proposal, enrolments=False)
    if isinstance(proposal.statement, Manifest):
        read_chain(lines)
    elif proposal.chain is not None:
        open_by_admins(type(proposal.statement), envelope_of(proposal.line), proposal.chain, now)
    return lines
