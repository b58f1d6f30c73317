"""Why a proposal must not be signed: by anybody, and by one custodian in particular."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kms.ceremony.drafts import REHEARSAL
from kms.ceremony.golden import refuse_failing
from kms.ceremony.proposals import Proposal, missing, parties
from kms.crypto.hashing import equal
from kms.errors import FieldProblem, Fork, Invalid, KmsError, NotFound, Stale
from kms.policy.lint import lint
from kms.statements.chain import check_proposal
from kms.statements.envelope import unpack
from kms.statements.keys import MAX_CLOCK_SKEW
from kms.statements.manifest import Custodian, Manifest, Seen, check_binding


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a custodian stands: its identity key (32 bytes), its configured keyring id, and what it remembers.

    `known` is the envelope of its manifest file, `seen` the highest manifest that its store remembers; `joined` says
    whether it has a store.
    """

    identity: bytes
    pinned: bytes = b""
    known: bytes | None = None
    joined: bool = False
    seen: Seen | None = None


def objections(proposal: Proposal, now: int) -> list[FieldProblem]:
    """Everything for which nobody should sign this; empty if it may be signed."""
    found: list[FieldProblem] = []
    statement = proposal.statement
    if statement.created_at > now + MAX_CLOCK_SKEW:
        found.append(FieldProblem("created_at", "lies in the future: check your clock, then who made this"))
    if isinstance(statement, Manifest):
        if statement.expires_at <= now:
            found.append(FieldProblem("expires_at", "has passed: let it be proposed anew"))
        found += _succession(proposal, statement)
        found += _notice(proposal, statement, now)
        found += _entries(proposal, statement)
        for finding in lint(statement.policy, statement.policy_schema, statement.issuers):
            found.append(
                FieldProblem(f"policy[{finding.rule}]" if finding.rule else "policy", finding.message)
            )
    elif proposal.chain is None:
        found.append(FieldProblem("order", "comes without the chain of its keyring"))
    else:
        try:
            current = proposal.chain.current(now)
            check_binding(current, statement.keyring_id, statement.manifest_hash)
        except KmsError as error:
            found.append(FieldProblem("order", error.message))
    return found


def refuse_unfit(proposal: Proposal, now: int) -> None:
    """Invalid, with each objection as a field problem, if there is one."""
    found = objections(proposal, now)
    if found:
        first = found[0]
        raise Invalid(
            f"this must not be signed: {first.path} {first.problem}", reason="UNFIT", fields=tuple(found)
        )


def refuse_for_admin(proposal: Proposal, key: bytes | None, now: int) -> None:
    """Raises unless the admin of this 32-byte public key may sign; None asks for what holds for every admin."""
    if _rehearsed(proposal):
        raise Invalid("this is a rehearsal's: real keys have no part in it", reason="REHEARSAL")
    refuse_unfit(proposal, now)
    admins = {party.key for party in parties(proposal) if party.role == "admin"}
    if key is not None and key not in admins:
        raise Invalid("this key is none of an admin whose signature counts here", reason="NOT_AN_ADMIN")


def _rehearsed(proposal: Proposal) -> bool:
    manifest = proposal.chain.last.manifest if proposal.chain else proposal.statement
    return isinstance(manifest, Manifest) and manifest.name.startswith(REHEARSAL)


def _succession(proposal: Proposal, manifest: Manifest) -> list[FieldProblem]:
    if proposal.chain is None:
        if manifest.sequence or manifest.previous_hash or manifest.keyring_id or manifest.emergency:
            return [FieldProblem("sequence", "follows a manifest that is not in the file")]
        return []
    try:
        check_proposal(proposal.chain, manifest)
    except Invalid as error:
        return list(error.fields) or [FieldProblem("manifest", error.message)]
    return []


def _notice(proposal: Proposal, manifest: Manifest, now: int) -> list[FieldProblem]:
    # The delay counts from a time that the proposer wrote down: a date in the past would leave nobody time to object.
    if proposal.chain is None or manifest.emergency or not missing(proposal):
        return []
    delay = proposal.chain.last.manifest.change_delay
    if not delay or now < manifest.created_at + delay:
        return []
    return [FieldProblem("created_at", "is so long ago that it would hold at once: let it be proposed anew")]


def _entries(proposal: Proposal, manifest: Manifest) -> list[FieldProblem]:
    # An entry is the organisation's own word: its enrolment, its signature here, or the manifest before.
    said = [signed.statement for signed in proposal.enrolments]
    before = proposal.chain.last.manifest.custodians if proposal.chain else ()
    found = []
    for custodian in manifest.custodians:
        if custodian in before or custodian.identity_key in proposal.signers:
            continue
        if any(enrolment.as_custodian(custodian.index) == custodian for enrolment in said):
            continue
        found.append(
            FieldProblem(
                f"custodians[{custodian.index}]",
                f"{custodian.organisation!r} has signed no enrolment that says what stands here",
            )
        )
    return found


def refuse_for_custodian(proposal: Proposal, me: Standing, now: int) -> Custodian:
    """This custodian's entry (the one before, if this manifest takes it out), if it may accept; else raises."""
    manifest = proposal.statement
    if not isinstance(manifest, Manifest):
        raise Invalid("a custodian accepts manifests; orders are signed by admins", reason="NOT_A_MANIFEST")
    if _rehearsed(proposal):
        raise Invalid("this is a rehearsal's: real keys have no part in it", reason="REHEARSAL")
    refuse_unfit(proposal, now)
    own = _own_entry(proposal, manifest, me.identity)
    if me.joined and not equal(proposal.keyring_id, me.pinned):
        raise NotFound(
            "this custodian belongs to another keyring: the keyring_id of its configuration differs",
            reason="WRONG_KEYRING",
        )
    _refuse_rollback(proposal, me)
    return own


def refuse_untested(proposal: Proposal, data: bytes, path: Path) -> None:
    """Invalid unless this is the table of golden decisions that the manifest names, and its policy passes it."""
    if isinstance(proposal.statement, Manifest):
        refuse_failing(proposal.statement, data, path)


def _own_entry(proposal: Proposal, manifest: Manifest, identity: bytes) -> Custodian:
    before = proposal.chain.last.manifest.custodians if proposal.chain else ()
    own = {c.organisation for c in before if c.identity_key == identity}
    own |= {e.statement.organisation for e in proposal.enrolments if e.statement.identity_key == identity}
    for custodian in manifest.custodians:
        if custodian.identity_key == identity:
            # `objections` compared the entry with what its key said of itself.
            return custodian
        if custodian.organisation in own:
            raise Invalid(
                f"custodian {custodian.index} is your organisation {custodian.organisation!r} with another's key",
                reason="NOT_YOUR_KEY",
            )
    for custodian in before:
        if custodian.identity_key == identity:
            return custodian
    raise Invalid("it names no custodian with your identity key", reason="NOT_YOURS")


def _refuse_rollback(proposal: Proposal, me: Standing) -> None:
    # Who was shown a longer chain before must not be led to sign beside it.
    links = proposal.chain.links if proposal.chain else ()
    if me.known is not None:
        payload = unpack(me.known)[1]
        if payload not in [unpack(link.envelope)[1] for link in links] and payload != proposal.payload:
            raise Stale("the proposal does not follow the manifest that you know", reason="MANIFEST_ROLLBACK")
    if me.seen is None:
        return
    if len(links) <= me.seen.sequence:
        raise Stale(
            f"your node has seen manifest {me.seen.sequence}, this follows an earlier one",
            reason="MANIFEST_ROLLBACK",
        )
    if not equal(links[me.seen.sequence].manifest_hash, me.seen.manifest_hash):
        raise Fork(f"your node has seen another manifest {me.seen.sequence} than this follows")
