"""The custodian's list of approvers: how it begins, who is invited, who joins, who is taken off.

Each step makes an entry that `kms.statements.registry` judges; the same function judges it again at every start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from kms.crypto.hashing import equal, u64
from kms.custodian.context import NodeContext
from kms.custodian.store import CustodianStore, StoredWord
from kms.custodian.vault import Vault
from kms.errors import (
    ConfigError,
    Conflict,
    Denied,
    EvidenceRefused,
    Invalid,
    KmsError,
    NotFound,
    StoreError,
    Unavailable,
)
from kms.statements import registry as registries
from kms.statements.approver import LANGUAGES, Said, ToSign, Word, open_word, person
from kms.statements.audit import LOST_ALL, LogEntry, LogKind, read_entry
from kms.statements.codec import decode, encode, payload_type, require
from kms.statements.envelope import Envelope, sign
from kms.statements.ids import Thumbprint
from kms.statements.invitations import (
    MAX_INVITATION,
    ApproverRevocation,
    Founding,
    FoundingApprover,
    Invitation,
    InvitationTerms,
    InvitationWithdrawal,
    check_made_here,
    new_token,
    read_token,
    registration_challenge,
    token_hash,
)
from kms.statements.passkeys import Passkey, PasskeyRegistration, check_assertion, read_assertion
from kms.statements.registry import Approver, Place, Registry, RegistryEntry

_PAGE = 1000
_CONFIGURED = "CONFIGURED"
MAX_QUORUM = 16
W = TypeVar("W", Invitation, ApproverRevocation)
V = TypeVar("V", Invitation, ApproverRevocation, InvitationWithdrawal)


@dataclass(frozen=True, slots=True)
class ApproverQuorum:
    """The table `approver_quorum` of a custodian's TOML file: k of this organisation's approvers."""

    approvals: int = 1
    invitations: int = 1

    def __post_init__(self) -> None:
        if not (1 <= self.approvals <= MAX_QUORUM and 1 <= self.invitations <= MAX_QUORUM):
            raise ConfigError(f"approver_quorum: numbers from 1 to {MAX_QUORUM}")
        if self.invitations < self.approvals:
            # Fewer than must approve could bring in the others: one of two invites a second address of their own.
            raise ConfigError(
                f"approver_quorum: {self.approvals} approve, so at least as many must invite, "
                f"not {self.invitations}"
            )


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation that is open: its terms, who signed it so far, how many must."""

    terms: InvitationTerms
    signers: tuple[Thumbprint, ...]
    needed: int

    @property
    def complete(self) -> bool:
        return len(self.signers) >= self.needed


@dataclass(frozen=True, slots=True)
class Joining:
    """What an invited one is shown, and what their authenticator is asked with."""

    terms: InvitationTerms
    organisation: str
    complete: bool
    challenge: bytes
    user_handle: bytes


@dataclass(frozen=True, slots=True)
class Revoking:
    """A revocation: whom it takes off, who signed it so far, how many must, whether it is done."""

    revoked: Thumbprint
    signers: tuple[Thumbprint, ...]
    needed: int
    done: bool


# -- the list on disk --------------------------------------------------------------------------------------


def load(store: CustodianStore, vault: Vault, place: Place) -> Registry:
    """The registry as it lies here; what does not hold is refused and told.

    StoreError if entries that were made are gone or altered: somebody who was taken off would be back.
    """
    head = store.approvers.head()
    kept, others = _entries(store, head)
    if head and not equal(head, _head(vault, kept)):
        raise StoreError("the registry of approvers is not the one that was kept", reason="REGISTRY_DAMAGED")
    if not head and _foundings(store):
        raise StoreError("the registry of approvers is gone, and the log has it", reason="REGISTRY_DAMAGED")
    begun = {registries.founding_hash(entry) for entry in kept} - {None}
    if begun and not begun <= _foundings(store):
        raise StoreError("the registry of approvers began otherwise, says the log", reason="REGISTRY_DAMAGED")
    registry = registries.follow(place, kept)
    for position in others:
        registry = registry.with_problem(
            f"entry {position} of the approvers' registry was refused: this node never made it [FORGED_ENTRY]"
        )
    return registry


def _entries(store: CustodianStore, head: bytes) -> tuple[list[bytes], list[int]]:
    """Entries that this node made, and positions of others that lie there."""
    count = int.from_bytes(head[:8], "big")
    rows = store.approvers.entries()
    return [entry for at, entry in rows if 0 <= at < count], [at for at, _ in rows if not 0 <= at < count]


def _head(vault: Vault, entries: Sequence[bytes]) -> bytes:
    """u64be number of entries || 32-byte tag over it and the hash of all."""
    digest = b""
    for entry in entries:
        digest = registries.chain_hash(digest, entry)
    return u64(len(entries)) + vault.tag("approvers head", u64(len(entries)) + digest)


def _foundings(store: CustodianStore) -> frozenset[bytes]:
    """Hashes of the statements by which the registry began, says the log, up to when somebody was on the list.

    Whoever has the storage root can tag another registry as the node's own; the log would have to be written anew too,
    and receipts and decisions that others keep name its entries.
    """
    found = set()
    size = store.log.size()
    for start in range(_lost_before(store), size, _PAGE):
        for payload in store.log.entries(start, _PAGE):
            entry = decode(LogEntry, payload, "log")
            founded = entry.kind is LogKind.APPROVERS_FOUNDED
            if founded:
                found.add(entry.subject_hash)
            if entry.kind is LogKind.APPROVER_ADDED or (founded and entry.outcome == _CONFIGURED):
                return frozenset(found)
    return frozenset(found)


def _lost_before(store: CustodianStore) -> int:
    """From where on the log tells of this registry: all before came back to a store that had lost everything.

    The log itself says so, and it is tagged and cosigned: a number in the store alone would hide a founding.
    """
    at = store.mirrors.lost_before()
    if not at or at >= store.log.size():
        return 0
    entry = read_entry(store.log.entries(at, 1)[0], at)
    return at if entry.kind is LogKind.RECOVERED and entry.outcome == LOST_ALL else 0


def _keep(node: NodeContext, entry: RegistryEntry) -> Registry:
    """Judge one more entry and write it, inside the caller's transaction."""
    registry = registries.judge(place_of(node), node.registry, entry)
    data, store = registries.entry_bytes(entry), node.store.approvers
    kept, _ = _entries(node.store, store.head())
    store.put_entry(len(kept), data)
    store.set_head(_head(node.vault, [*kept, data]))
    return registry


def place_of(node: NodeContext) -> Place:
    return Place(node.keyring.keyring_id, node.me.index, node.identity.public, node.party)


# -- the beginning -----------------------------------------------------------------------------------------


def begin(node: NodeContext, configured: Sequence[Approver], quorum: ApproverQuorum) -> NodeContext:
    """Found the registry with the configuration's approvers, if there is none yet; else tell where they differ.

    From then on the configuration adds nobody: whoever can write the file is not whom approvers have let in.
    """
    registry = node.registry
    if not node.store.approvers.head():
        # From the first start on it is on record that there is nobody: the log need not be searched for it again.
        with node.store.transaction():
            node.store.approvers.set_head(_head(node.vault, []))
    if not registry.known and not registry.lost and configured:
        named = tuple(
            FoundingApprover(a.name, a.email, a.language, tuple(sorted(a.subjects)), a.key.public_key)
            for a in configured
        )
        return _found(node, named, (), quorum)
    for approver in configured:
        if approver.thumbprint not in registry.known:
            registry = registry.with_problem(
                f"the configuration names the approver {approver.name}, whom no approver has invited: left out"
            )
    if registry.known and quorum.approvals < registry.approvals_needed:
        registry = registry.with_problem(
            "the configuration asks for fewer approvals than at the beginning: left out"
        )
    if registry.known and quorum.invitations < registry.invitations_needed:
        registry = registry.with_problem(
            "the configuration asks for fewer inviters than at the beginning: left out"
        )
    return replace(
        node,
        registry=replace(
            registry,
            approvals_needed=max(quorum.approvals, registry.approvals_needed),
            invitations_needed=max(quorum.invitations, registry.invitations_needed),
        ),
    )


def _found(
    node: NodeContext,
    named: tuple[FoundingApprover, ...],
    invited: tuple[InvitationTerms, ...],
    quorum: ApproverQuorum,
) -> NodeContext:
    now = node.now()
    kept, _ = _entries(node.store, node.store.approvers.head())
    if not kept and _foundings(node.store):
        raise StoreError("the registry of approvers is gone, and the log has it", reason="REGISTRY_DAMAGED")
    founding = sign(
        Founding(
            node.keyring.keyring_id,
            node.keyring.manifest_hash,
            node.me.index,
            named,
            invited,
            quorum.approvals,
            quorum.invitations,
            now,
        ),
        node.identity,
    )
    with node.store.transaction():
        registry = _keep(node, registries.founding_entry(founding))
        outcome = "INVITED_FIRST" if invited else _CONFIGURED
        node.ledger.append(
            LogKind.APPROVERS_FOUNDED, now, founding.hash, outcome=outcome, count=len(named) or 1
        )
    return replace(node, registry=registry)


def invite_first(
    node: NodeContext, name: str, email: str, language: str, quorum: ApproverQuorum
) -> tuple[NodeContext, str]:
    """Let the administrator invite the very first approver; the token. Denied once there is, or was, anybody."""
    if node.registry.known or node.registry.lost:
        raise Denied("there are approvers: they invite", reason="REGISTRY_BEGUN")
    token = new_token()
    terms = InvitationTerms(name, email, language, (), token_hash(token), node.now() + MAX_INVITATION // 2)
    return _found(node, (), (terms,), quorum), token


# -- invitations -------------------------------------------------------------------------------------------


def invitation_to_sign(
    node: NodeContext,
    who: Thumbprint,
    name: str,
    email: str,
    language: str,
    hashed_token: bytes,
    subjects: Sequence[str] = (),
    days: int = 7,
) -> ToSign:
    """What an approver signs to invite somebody."""
    require(language in LANGUAGES, "language", f"must be one of {', '.join(LANGUAGES)}")
    until = node.now() + days * 86400
    return _sign_terms(
        node, who, InvitationTerms(name, email, language, tuple(subjects), hashed_token, until)
    )


def cosign_to_sign(node: NodeContext, who: Thumbprint, terms_hash: bytes) -> ToSign:
    """What a further approver signs, so that an open invitation has one more signature."""
    return _sign_terms(node, who, _open_invitation(node, terms_hash).terms)


def _sign_terms(node: NodeContext, who: Thumbprint, terms: InvitationTerms) -> ToSign:
    invitation = Invitation(
        node.keyring.keyring_id, node.keyring.manifest_hash, node.me.index, who, terms, node.now()
    )
    return ToSign(payload_type(Invitation), encode(invitation))


def invite(node: NodeContext, word: Word) -> Invited:
    """Take one approver's signature under an invitation."""
    said, approver = _said_now(node, Invitation, word)
    terms, now = said.statement.terms, node.now()
    if not now < terms.not_after <= now + MAX_INVITATION:
        raise Invalid("an invitation is open for at most 14 days", reason="INVITATION_EXPIRED")
    with node.store.transaction():
        _keep_word(node, terms.hash, said, approver)
        invited = _open_invitation(node, terms.hash)  # refuses the token of one that was used or called off
        node.ledger.append(
            LogKind.APPROVER_INVITED,
            now,
            said.hash,
            principal=approver.thumbprint,
            outcome="COMPLETE" if invited.complete else "INCOMPLETE",
            count=len(invited.signers),
        )
    return invited


def open_invitations(node: NodeContext) -> list[Invited]:
    """Invitations that nobody has accepted yet and that have not ended."""
    found = []
    first = node.registry.invited_first
    if first is not None and node.now() < first.not_after:
        found.append(Invited(first, (), 0))
    for subject in node.store.approvers.subjects():
        try:
            found.append(_open_invitation(node, subject))
        except KmsError:
            continue  # a revocation, or one that has ended
    return sorted(found, key=lambda invited: invited.terms.not_after)


def _open_invitation(node: NodeContext, terms_hash: bytes) -> Invited:
    first = node.registry.invited_first
    if first is not None and equal(first.hash, terms_hash):
        return Invited(first, (), 0)
    said = _still_said(node, Invitation, terms_hash)
    if not said or not equal(said[0][0].statement.terms.hash, terms_hash):
        raise NotFound(
            "no such invitation is open: it was accepted, called off, or has ended",
            reason="INVITATION_CLOSED",
        )
    terms = said[0][0].statement.terms
    # Rows that were written back into the store open nothing again.
    node.registry.check_usable(terms.token_hash)
    if node.now() >= terms.not_after:
        raise EvidenceRefused("this invitation has ended: ask for a new one", reason="INVITATION_EXPIRED")
    return Invited(terms, tuple(a.thumbprint for _, a in said), node.registry.quorum)


def find_invitation(node: NodeContext, token: str) -> Joining:
    """The invitation that this token opens."""
    secret = read_token(token)
    # Said plainly to whoever holds the token: if it was not they who used it, somebody else came in.
    node.registry.check_usable(token_hash(secret))
    for invited in open_invitations(node):
        if equal(token_hash(secret), invited.terms.token_hash):
            challenge = registration_challenge(
                node.keyring.keyring_id, node.me.index, invited.terms.hash, secret
            )
            return Joining(
                invited.terms, node.me.organisation, invited.complete, challenge, invited.terms.hash
            )
    raise NotFound("this invitation is unknown or has ended", reason="INVITATION_UNKNOWN")


def redeem(
    node: NodeContext, token: str, credential: Envelope | PasskeyRegistration
) -> tuple[NodeContext, Approver]:
    """Let the invited one join with a new passkey, or with a key that signed an Acceptance."""
    terms, now = find_invitation(node, token).terms, node.now()
    words = [said.word for said, _ in _still_said(node, Invitation, terms.hash)]
    entry = registries.admission_entry(terms, words, read_token(token), credential, now)
    with node.store.transaction():
        before = set(node.registry.known)
        registry = _keep(node, entry)
        (added,) = set(registry.known) - before
        node.store.approvers.forget_words(terms.hash)
        node.ledger.append(
            LogKind.APPROVER_ADDED,
            now,
            terms.hash,
            principal=added,
            outcome=registry.known[added].key.kind.name,
            count=len(words),
        )
    return replace(node, registry=registry), registry.known[added]


def withdrawal_to_sign(node: NodeContext, who: Thumbprint, terms_hash: bytes) -> ToSign:
    """What an approver signs to call an open invitation off."""
    withdrawal = InvitationWithdrawal(
        node.keyring.keyring_id,
        node.keyring.manifest_hash,
        node.me.index,
        who,
        _open_invitation(node, terms_hash).terms.hash,
        node.now(),
    )
    return ToSign(payload_type(InvitationWithdrawal), encode(withdrawal))


def withdraw(node: NodeContext, word: Word) -> tuple[NodeContext, InvitationTerms]:
    """Call an open invitation off by one approver's word; NotFound if it is open no more."""
    said, approver = _said_now(node, InvitationWithdrawal, word)
    terms, now = _open_invitation(node, said.statement.terms_hash).terms, node.now()
    with node.store.transaction():
        registry = _keep(node, registries.withdrawal_entry(terms, said.word, now))
        keep_count(node, approver, said.sign_count)
        node.store.approvers.forget_words(terms.hash)
        node.ledger.append(LogKind.INVITATION_WITHDRAWN, now, said.hash, principal=approver.thumbprint)
    return replace(node, registry=registry), terms


# -- revocations -------------------------------------------------------------------------------------------


def revocation_to_sign(node: NodeContext, who: Thumbprint, revoked: Thumbprint, reason: str) -> ToSign:
    """What an approver signs to take another one, or themself, off the list."""
    revocation = ApproverRevocation(
        node.keyring.keyring_id,
        node.keyring.manifest_hash,
        node.me.index,
        who,
        revoked,
        reason,
        node.now(),
    )
    return ToSign(payload_type(ApproverRevocation), encode(revocation))


def revoke(node: NodeContext, word: Word) -> tuple[NodeContext, Revoking]:
    """Take one approver's signature under a revocation; with enough of them the approver is off the list."""
    said, approver = _said_now(node, ApproverRevocation, word)
    revoked, now = said.statement.revoked_thumbprint, node.now()
    if revoked not in node.registry.active:
        raise NotFound("no approver of this name is on the list", reason="NOT_AN_APPROVER")
    if len(node.registry.active) == 1:
        raise Conflict("the last approver stays: invite another one first", reason="LAST_APPROVER")
    with node.store.transaction():
        _keep_word(node, revoked, said, approver)
        words = _still_said(node, ApproverRevocation, revoked)
        try:
            registry = _keep(node, registries.removal_entry(revoked, [s.word for s, _ in words], now))
        except Denied as error:
            if error.reason != "REVOCATION_INCOMPLETE":
                raise
            registry = node.registry
        done = revoked not in registry.active
        if done:
            node.store.approvers.forget_words(revoked)
            node.recent.clear()
        node.ledger.append(
            LogKind.APPROVER_REMOVED,
            now,
            said.hash,
            principal=approver.thumbprint,
            outcome="REMOVED" if done else "INCOMPLETE",
            count=len(words),
        )
    signers = tuple(a.thumbprint for _, a in words)
    return replace(node, registry=registry), Revoking(revoked, signers, node.registry.quorum, done)


def open_revocations(node: NodeContext) -> list[Revoking]:
    """Revocations that wait for more signatures."""
    found = []
    for subject in node.store.approvers.subjects():
        revoked = Thumbprint(subject)
        if revoked in node.registry.active:
            signers = tuple(a.thumbprint for _, a in _still_said(node, ApproverRevocation, revoked))
            found.append(Revoking(revoked, signers, node.registry.quorum, False))
    return found


def tidy(node: NodeContext) -> None:
    """Forget what was signed and led to nothing. Inside the caller's transaction."""
    for subject in node.store.approvers.subjects():
        live = subject in node.registry.active and bool(_still_said(node, ApproverRevocation, subject))
        if not live:
            try:
                _open_invitation(node, subject)
            except KmsError:
                node.store.approvers.forget_words(subject)


# -- signing in --------------------------------------------------------------------------------------------


def sign_in(node: NodeContext, challenge: bytes, assertion: str) -> Approver:
    """Whose passkey answered this fresh, random challenge: who they are, and nothing that they want."""
    require(len(challenge) == 32, "challenge", "must be 32 random bytes")
    word = read_assertion("sign-in", b"-", assertion)
    approver = node.registry.signer(word)
    if node.party is None:
        raise Unavailable(
            "this node takes no passkeys: [passkeys] is not configured", reason="NO_PASSKEYS_HERE"
        )
    last = node.store.approvers.count(approver.thumbprint)
    passkey = Passkey(approver.key.credential_id, approver.key.public_key, last)
    count = check_assertion(word, passkey, node.party, expected=challenge)
    with node.store.transaction():
        keep_count(node, approver, count)
    return approver


def keep_count(node: NodeContext, approver: Approver, count: int) -> None:
    """How far an approver's authenticator has counted, inside the caller's transaction."""
    if count:
        node.store.approvers.set_count(approver.thumbprint, count)


# -- words -------------------------------------------------------------------------------------------------


def _said_now(node: NodeContext, cls: type[V], word: Word) -> tuple[Said[V], Approver]:
    """What an approver says at this moment, and who they are."""
    approver = node.registry.signer(word)
    last = node.store.approvers.count(approver.thumbprint)
    said = open_word(cls, word, approver.key, node.party, "word", last_count=last)
    check_made_here(said.statement, node.keyring, node.me.index, node.now())
    if not equal(said.statement.approver_thumbprint, approver.thumbprint):
        raise Invalid("the statement names another approver than its signer", reason="WRONG_APPROVER")
    return said, approver


def _keep_word(node: NodeContext, subject: bytes, said: Said[W], approver: Approver) -> None:
    word = StoredWord(approver.thumbprint, registries.word_bytes(said.word), node.now())
    node.store.approvers.put_word(subject, word)
    keep_count(node, approver, said.sign_count)


def _still_said(node: NodeContext, cls: type[W], subject: bytes) -> list[tuple[Said[W], Approver]]:
    """What was said of this subject and still counts, one for each person; from the disk, so all is verified again."""
    found: dict[bytes, tuple[Said[W], Approver]] = {}
    for stored in node.store.approvers.words(subject):
        try:
            word = registries.unwrap(stored.word)
            approver = node.registry.signer(word)
            said = open_word(cls, word, approver.key, node.party, "word", counted=False)
        except KmsError:
            continue
        about = _subject(said.statement)
        recent = said.statement.created_at > node.now() - MAX_INVITATION
        if (
            recent
            and equal(about, subject)
            and equal(said.statement.approver_thumbprint, approver.thumbprint)
        ):
            who = person(node.keyring.keyring_id, approver.email, approver.thumbprint)
            found.setdefault(who, (said, approver))
    return list(found.values())


def _subject(statement: Invitation | ApproverRevocation) -> bytes:
    return statement.terms.hash if isinstance(statement, Invitation) else statement.revoked_thumbprint
