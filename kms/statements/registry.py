"""Who may approve at a custodian: a list of signed entries, followed from the beginning and verified one by one.

The node's administrator has the disk, and must not thereby get an approver: every entry carries the statements that
made it, by approvers who were on the list then. The same function judges an entry when it is made and at every start.
Only the beginning is the administrator's own word, and everybody is shown that it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from kms.crypto import labels
from kms.crypto.hashing import H, equal
from kms.errors import BadSignature, Denied, EvidenceRefused, Invalid, KmsError
from kms.statements.approver import ApproverKey, Said, Word, open_word, person, signer_hint
from kms.statements.codec import S, decode, encode, parse_strict
from kms.statements.envelope import Envelope, Signed, open_signed
from kms.statements.ids import KeyringId, Thumbprint
from kms.statements.invitations import (
    Acceptance,
    ApproverRevocation,
    Founding,
    Invitation,
    InvitationTerms,
    InvitationWithdrawal,
    registration_challenge,
    token_hash,
)
from kms.statements.passkeys import PasskeyRegistration, RelyingParty, check_registration
from kms.wire.v1 import approver_pb2

RegistryEntry = approver_pb2.RegistryEntry


@dataclass(frozen=True, slots=True)
class Approver:
    """A human who may answer requests at a custodian. `subjects` are "iss|sub" names under which they ask for keys."""

    name: str
    key: ApproverKey
    subjects: frozenset[str] = frozenset()
    email: str = ""
    language: str = "en"
    added_at: int = 0
    added_by: tuple[Thumbprint, ...] = ()
    first: bool = False
    """Named by the node's administrator while there was nobody, and by no approver."""
    revoked_at: int = 0
    """0: may approve."""

    @property
    def thumbprint(self) -> Thumbprint:
        return self.key.thumbprint


@dataclass(frozen=True, slots=True)
class Place:
    """Whose registry: keyring, index, the node's own public key, and whose passkeys count."""

    keyring_id: KeyringId
    index: int
    identity: bytes
    party: RelyingParty | None


@dataclass(frozen=True, slots=True)
class Registry:
    """All who were ever admitted, in order; `lost` counts entries that were refused, `problems` says which and why."""

    known: Mapping[Thumbprint, Approver] = field(default_factory=dict)
    approvals_needed: int = 1
    invitations_needed: int = 1
    invited_first: InvitationTerms | None = None
    spent: frozenset[bytes] = frozenset()
    """Hashes of the tokens that somebody came in with."""
    withdrawn: frozenset[bytes] = frozenset()
    """Hashes of the tokens of invitations that were called off."""
    lost: int = 0
    problems: tuple[str, ...] = ()

    @property
    def active(self) -> Mapping[Thumbprint, Approver]:
        return {name: approver for name, approver in self.known.items() if not approver.revoked_at}

    @property
    def quorum(self) -> int:
        """How many must sign an invitation or a revocation: as agreed, or all, while there are fewer.

        Entries that were refused count as people here: who spoils rows must not thereby need fewer signatures.
        """
        return max(1, min(self.invitations_needed, len(self.active) + self.lost))

    def with_problem(self, problem: str) -> Registry:
        return replace(self, problems=(*self.problems, problem))

    def check_usable(self, hashed_token: bytes) -> None:
        """Denied if an invitation's token was used, or its invitation called off: it lets nobody in any more."""
        if hashed_token in self.spent:
            raise Denied("this invitation was accepted before", reason="INVITATION_SPENT")
        if hashed_token in self.withdrawn:
            raise Denied("this invitation was called off: ask for a new one", reason="INVITATION_WITHDRAWN")

    def signer(self, word: Word) -> Approver:
        """Whose word it says it is; Denied if that is no approver of now. Nothing is verified yet."""
        hint = signer_hint(word)
        for approver in self.active.values():
            if hint and hint == (approver.key.credential_id or approver.key.public_key):
                return approver
        raise Denied("not an approver of this custodian", reason="NOT_AN_APPROVER")


def follow(place: Place, entries: Sequence[bytes]) -> Registry:
    """The registry that these entries make. What does not hold has no effect, and is told.

    But for what takes away: whom a removal names is off the list, and what a withdrawal names lets nobody in, even if
    the signatures do not hold. Else spoiling that row would bring them back.
    """
    registry = Registry()
    for position, data in enumerate(entries):
        try:
            entry = parse_strict(RegistryEntry, data, f"registry[{position}]")
        except KmsError as error:
            registry = replace(registry, lost=registry.lost + 1).with_problem(_problem(position, error))
            continue
        try:
            registry = judge(place, registry, entry)
        except KmsError as error:
            registry = registry.with_problem(_problem(position, error))
            if entry.WhichOneof("entry") == "removal":
                registry = _without(registry, Thumbprint(entry.removal.revoked_thumbprint), entry.removal.at)
            elif entry.WhichOneof("entry") == "withdrawal":
                registry = _closed(registry, entry.withdrawal.terms.token_hash)
            else:
                registry = replace(registry, lost=registry.lost + 1)
    return registry


def _problem(position: int, error: KmsError) -> str:
    return f"entry {position} of the approvers' registry was refused: {error.message} [{error.reason}]"


def judge(place: Place, registry: Registry, entry: RegistryEntry) -> Registry:
    """The registry with one more entry; KmsError if that entry does not hold."""
    kind = entry.WhichOneof("entry")
    if kind == "founding":
        return _found(place, registry, entry.founding)
    if kind == "admission":
        return _admit(place, registry, entry.admission)
    if kind == "withdrawal":
        return _withdraw(place, registry, entry.withdrawal)
    return _remove(place, registry, entry.removal)


def _found(place: Place, registry: Registry, envelope: Envelope) -> Registry:
    founding = open_signed(Founding, envelope, place.identity, "founding").statement
    _check_place(place, founding.keyring_id, founding.index)
    # Only while there is nobody: later the administrator's word would put somebody in over the approvers' heads.
    if registry.known or registry.lost:
        raise Denied("the registry has begun: approvers invite", reason="REGISTRY_BEGUN")
    known = {
        a.key.thumbprint: Approver(
            a.name, a.key, frozenset(a.subjects), a.email, a.language, founding.founded_at, first=True
        )
        for a in founding.approvers
    }
    return replace(
        registry,
        known=known,
        approvals_needed=founding.approvals_needed,
        invitations_needed=founding.invitations_needed,
        invited_first=founding.invited[0] if founding.invited else None,
    )


def _admit(place: Place, registry: Registry, admission: approver_pb2.Admission) -> Registry:
    terms = _terms(admission.terms)
    if not equal(token_hash(admission.token), terms.token_hash):
        raise Denied("that is not the token of this invitation", reason="INVITATION_UNKNOWN")
    registry.check_usable(terms.token_hash)
    if admission.at >= terms.not_after:
        raise EvidenceRefused("this invitation has ended: ask for a new one", reason="INVITATION_EXPIRED")
    first = not registry.known and registry.invited_first == terms
    by = () if first else _inviters(place, registry, admission.invitations, terms)
    key = _credential(place, admission, terms)
    if key.thumbprint in registry.known or any(
        key.credential_id and key.credential_id == other.key.credential_id
        for other in registry.known.values()
    ):
        # Also one that was revoked: what was lost or stolen once never comes back.
        raise Denied("this key or passkey is or was an approver's already", reason="APPROVER_KNOWN")
    approver = Approver(
        terms.name, key, frozenset(terms.subjects), terms.email, terms.language, admission.at, by, first
    )
    return replace(
        registry,
        known={**registry.known, key.thumbprint: approver},
        spent=registry.spent | {terms.token_hash},
        invited_first=None,
    )


def _inviters(
    place: Place, registry: Registry, words: Sequence[approver_pb2.ApproverWord], terms: InvitationTerms
) -> tuple[Thumbprint, ...]:
    by = {}
    for said, approver in _said(Invitation, place, registry, words):
        if said.statement.terms != terms:
            raise Invalid("an invitation on other terms", reason="WRONG_INVITATION")
        by[_person(place, approver)] = approver.thumbprint
    if len(by) < registry.quorum:
        raise Denied(
            f"the invitation has {len(by)} of the {registry.quorum} signatures that it needs",
            reason="INVITATION_INCOMPLETE",
        )
    return tuple(by.values())


def _credential(place: Place, admission: approver_pb2.Admission, terms: InvitationTerms) -> ApproverKey:
    if admission.WhichOneof("credential") == "registration":
        if place.party is None:
            raise Denied(
                "this node takes no passkeys: [passkeys] is not configured", reason="NO_PASSKEYS_HERE"
            )
        expected = registration_challenge(place.keyring_id, place.index, terms.hash, admission.token)
        return ApproverKey.of_passkey(check_registration(admission.registration, expected, place.party))
    hint = signer_hint(admission.acceptance)
    if len(hint) != 32:
        raise BadSignature("the acceptance names no key", reason="WRONG_SIGNER")
    key = ApproverKey.of_key(hint)
    acceptance = open_word(Acceptance, admission.acceptance, key, None, "acceptance").statement
    _check_place(place, acceptance.keyring_id, acceptance.index)
    if not equal(acceptance.approver_thumbprint, key.thumbprint) or not equal(
        acceptance.terms_hash, terms.hash
    ):
        raise Invalid(
            "the acceptance is of another invitation, or for another key", reason="WRONG_INVITATION"
        )
    return key


def _remove(place: Place, registry: Registry, removal: approver_pb2.Removal) -> Registry:
    revoked = Thumbprint(removal.revoked_thumbprint)
    if revoked not in registry.active:
        raise Denied("no approver of this name is on the list", reason="NOT_AN_APPROVER")
    by = set()
    alone = False
    for said, approver in _said(ApproverRevocation, place, registry, removal.revocations):
        if not equal(said.statement.revoked_thumbprint, revoked):
            raise Invalid("a revocation of another approver", reason="WRONG_REVOCATION")
        alone = alone or approver.thumbprint == revoked
        by.add(_person(place, approver))
    if not alone and len(by) < registry.quorum:
        raise Denied(
            f"the revocation has {len(by)} of the {registry.quorum} signatures that it needs",
            reason="REVOCATION_INCOMPLETE",
        )
    return _without(registry, revoked, removal.at)


def _without(registry: Registry, revoked: Thumbprint, at: int) -> Registry:
    approver = registry.known.get(revoked)
    if approver is None:
        return registry
    return replace(registry, known={**registry.known, revoked: replace(approver, revoked_at=max(1, at))})


def _withdraw(place: Place, registry: Registry, withdrawal: approver_pb2.Withdrawal) -> Registry:
    terms = _terms(withdrawal.terms)
    registry.check_usable(terms.token_hash)
    # One approver is enough, as one no is: it keeps somebody out, and whoever was invited well can be invited again.
    ((said, _),) = _said(InvitationWithdrawal, place, registry, [withdrawal.withdrawal])
    if not equal(said.statement.terms_hash, terms.hash):
        raise Invalid("a withdrawal of another invitation", reason="WRONG_INVITATION")
    return _closed(registry, terms.token_hash)


def _closed(registry: Registry, hashed_token: bytes) -> Registry:
    return replace(registry, withdrawn=registry.withdrawn | {hashed_token})


def _terms(message: approver_pb2.InvitationTerms) -> InvitationTerms:
    return decode(InvitationTerms, message.SerializeToString(deterministic=True), "terms")


def _said(
    cls: type[S], place: Place, registry: Registry, words: Sequence[approver_pb2.ApproverWord]
) -> list[tuple[Said[S], Approver]]:
    """What these approvers of then verifiably said here, and who they are."""
    result = []
    for wrapped in words:
        word: Word = wrapped.key if wrapped.WhichOneof("word") == "key" else wrapped.passkey
        approver = registry.signer(word)
        said = open_word(cls, word, approver.key, place.party, "word", counted=False)
        statement: Invitation | ApproverRevocation | InvitationWithdrawal = said.statement  # type: ignore[assignment]
        _check_place(place, statement.keyring_id, statement.index)
        if not equal(statement.approver_thumbprint, approver.thumbprint):
            raise Invalid("the statement names another approver than its signer", reason="WRONG_APPROVER")
        result.append((said, approver))
    return result


def _check_place(place: Place, keyring_id: KeyringId, index: int) -> None:
    if not equal(keyring_id, place.keyring_id) or index != place.index:
        raise Invalid("a statement for another custodian", reason="WRONG_CUSTODIAN")


def _person(place: Place, approver: Approver) -> bytes:
    return person(place.keyring_id, approver.email, approver.thumbprint)


def wrap(word: Word) -> approver_pb2.ApproverWord:
    """A word in the form in which it travels and is kept."""
    if isinstance(word, approver_pb2.PasskeyEnvelope):
        return approver_pb2.ApproverWord(passkey=word)
    return approver_pb2.ApproverWord(key=word)


def word_bytes(word: Word) -> bytes:
    return wrap(word).SerializeToString(deterministic=True)


def unwrap(data: bytes) -> Word:
    """And back, from the store; Invalid if it is no such thing. Not verified."""
    parsed = parse_strict(approver_pb2.ApproverWord, data, "word")
    return parsed.key if parsed.WhichOneof("word") == "key" else parsed.passkey


def founding_entry(founding: Signed[Founding]) -> RegistryEntry:
    return RegistryEntry(founding=founding.message)


def founding_hash(data: bytes) -> bytes | None:
    """Hash of the statement in an entry that begins a registry, None of any other. Nothing is verified."""
    try:
        entry = parse_strict(RegistryEntry, data, "registry")
    except KmsError:
        return None
    if entry.WhichOneof("entry") != "founding":
        return None
    return H(labels.STATEMENT, entry.founding.payload_type.encode(), entry.founding.payload)


def admission_entry(
    terms: InvitationTerms,
    invitations: Sequence[Word],
    token: bytes,
    credential: Envelope | PasskeyRegistration,
    at: int,
) -> RegistryEntry:
    """The entry of somebody who joins, by a signed Acceptance or a passkey's registration. `judge` says if it holds."""
    admission = approver_pb2.Admission(
        terms=approver_pb2.InvitationTerms.FromString(encode(terms)),
        invitations=[wrap(word) for word in invitations],
        token=token,
        at=at,
    )
    if isinstance(credential, PasskeyRegistration):
        admission.registration.CopyFrom(credential)
    else:
        admission.acceptance.CopyFrom(credential)
    return RegistryEntry(admission=admission)


def removal_entry(revoked: Thumbprint, revocations: Sequence[Word], at: int) -> RegistryEntry:
    """The entry of somebody who is taken off."""
    words = [wrap(word) for word in revocations]
    return RegistryEntry(removal=approver_pb2.Removal(revoked_thumbprint=revoked, revocations=words, at=at))


def withdrawal_entry(terms: InvitationTerms, word: Word, at: int) -> RegistryEntry:
    """The entry of an invitation that is called off."""
    named = approver_pb2.InvitationTerms.FromString(encode(terms))
    return RegistryEntry(withdrawal=approver_pb2.Withdrawal(terms=named, withdrawal=wrap(word), at=at))


def entry_bytes(entry: RegistryEntry) -> bytes:
    return entry.SerializeToString(deterministic=True)


def chain_hash(previous: bytes, entry: bytes) -> bytes:
    """H("registry", hash of the entries before, entry): what the node tags, so that none goes missing unnoticed."""
    return H(labels.REGISTRY, previous, entry)
