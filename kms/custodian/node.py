"""A custodian's node as one object: every step that it can be asked for, and its start-up checks.

No gRPC and no SQL: a test runs five of these and a lying coordinator in one process. Steps run one at a time
(the service keeps them on one thread), so no step sees another half done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from kms.crypto.hashing import equal
from kms.crypto.signing import SigningKey
from kms.custodian import (
    approvals,
    auditing,
    budgets,
    consent,
    decisions,
    deposits,
    destroying,
    details,
    drawing,
    ending,
    explaining,
    following,
    forbids,
    generating,
    history,
    killing,
    outlook,
    releases,
    repairing,
    resharing,
    telling,
)
from kms.custodian import approvers as people
from kms.custodian.approvals import WaitingView
from kms.custodian.approvers import ApproverQuorum, Invited, Joining, Revoking
from kms.custodian.check import damaged_keys
from kms.custodian.context import DestroyLimits, NodeContext, Recent
from kms.custodian.decisions import Decided
from kms.custodian.destroy_rights import Submission
from kms.custodian.ending import Told
from kms.custodian.following import keep_chain, longer_chain, membership, stored_chain
from kms.custodian.history import HistoryPage
from kms.custodian.ledger import Ledger
from kms.custodian.mirrors import tree_of
from kms.custodian.providers import KnownIssuer, Providers
from kms.custodian.roll_store import RollState
from kms.custodian.rolling import Rolling, RollProgress
from kms.custodian.sealing_keys import DEFAULT_PERIOD, SealingKeys
from kms.custodian.store import WAITING, CustodianStore, HistoryFilter, HourCount, StoredPool, StoredVersion
from kms.custodian.vault import Vault
from kms.custodian.watch import Watch
from kms.custodian.witness import Witness
from kms.errors import ConfigError, Fork, StoreError, Unavailable
from kms.policy.counters import Counters
from kms.policy.credentials import CredentialCache
from kms.policy.lint import refuse_unsafe
from kms.statements.approver import ToSign, Word
from kms.statements.audit import LogEntry, LogKind
from kms.statements.chain import Chain
from kms.statements.checkpoint import CheckpointNote, witness_name
from kms.statements.codec import decode, payload_type
from kms.statements.envelope import Envelope, Signed
from kms.statements.evidence import Approval
from kms.statements.ids import DepositHash, KeyId, RequestHash, Thumbprint, Version
from kms.statements.invitations import (
    ApproverRevocation,
    Invitation,
    InvitationTerms,
    InvitationWithdrawal,
)
from kms.statements.manifest import Issuer, SealingKey, advance
from kms.statements.notices import days_left
from kms.statements.passkeys import RelyingParty, read_assertion, read_registration
from kms.statements.providers import ProviderKey
from kms.statements.registry import Approver, Place
from kms.statements.release import Verdict

LOG_CHECKED_AT_START = 1000
"""Entries. `check` looks at all of them."""
SKEW = 300
MAX_ABSENCE = 30 * 86400
"""Seconds after the last log entry within which a clock is believed at the start."""
SHARES_CHECKED_AT_START = 200
"""Keys, drawn at random and held against their commitments. `check` does all."""


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """What an operator may set: seconds of a sealing period, own `forbid` rules, keys per dealer and hour.

    Also denials an hour to callers without a valid credential (to all, to one key), owners' statements an hour that
    are kept (of all keys that are not known here, of one key), and whether to believe a clock that is far ahead of the
    log.
    """

    sealing_period: int = DEFAULT_PERIOD
    forbids: forbids.Source | None = None
    deposit_quota_per_hour: int = 1_000_000
    denials_per_hour: int = 1000
    denials_per_key_per_hour: int = 60
    statements_per_hour: int = 1000
    statements_per_key_per_hour: int = 60
    accept_clock: bool = False
    party: RelyingParty | None = None
    """Whose passkeys count."""
    approver_quorum: ApproverQuorum = field(default_factory=ApproverQuorum)
    history_days: int = 400
    history_rows: int = 1_000_000
    """How long, and how much of, the history of decisions is kept for reading; the log is for ever."""
    forbids_fail_closed: bool = False
    """Whether to decide and release nothing while the own rules' file is not good."""
    roll_seconds: int = 86400
    """How old the row root may grow."""
    destroying: DestroyLimits = field(default_factory=DestroyLimits)


class CustodianNode:
    """One custodian. Statements come in as envelopes and go out as envelope bytes."""

    def __init__(
        self,
        chain: Chain,
        identity: SigningKey,
        store: CustodianStore,
        vault: Vault,
        approvers: Sequence[Approver],
        now: Callable[[], int],
        options: NodeOptions | None = None,
        rolling: Rolling | None = None,
    ) -> None:
        options = options or NodeOptions()
        keyring_id, index = store.identity()
        if not equal(keyring_id, chain.keyring_id):
            raise StoreError("the store is of another keyring", reason="STORE_FOREIGN")
        chain = stored_chain(store, chain)
        keyring = chain.in_force(now())
        me = membership(keyring, index, chain).custodian(index)
        if not equal(me.identity_key, identity.public):
            raise ConfigError(f"the identity key is not that of custodian {index} in the manifest")
        for link in chain.links[keyring.manifest.sequence :]:
            refuse_unsafe(link.manifest)
        self.forbids = forbids.first(options.forbids, keyring)
        ledger = Ledger(store, vault)
        _check_clock(store, now(), options.accept_clock)
        with store.transaction():
            store.set_seen(advance(store.seen(), chain.last))
            keep_chain(store, chain)
        ledger.check(LOG_CHECKED_AT_START)
        _check_shares(store, vault, index)
        drawing.erase_outdated(store, keyring)
        # A node that was killed after it erased a sealing key or shares left them in the journal.
        store.empty_journal()
        providers = Providers(store, vault, ledger)
        place = Place(chain.keyring_id, index, identity.public, options.party)
        self.context = NodeContext(
            chain=chain,
            keyring=keyring,
            me=me,
            identity=identity,
            store=store,
            vault=vault,
            ledger=ledger,
            sealing=SealingKeys(keyring, index, identity, store, vault, ledger, options.sealing_period),
            policy=forbids.engine_of(keyring, self.forbids.text),
            counters=Counters(store),
            providers=providers,
            issuers=providers.issuers(keyring.manifest.issuers),
            credential_cache=CredentialCache(),
            registry=people.load(store, vault, place),
            party=options.party,
            now=now,
            recent=Recent(),
            deposit_quota_per_hour=options.deposit_quota_per_hour,
            denials_per_hour=options.denials_per_hour,
            denials_per_key_per_hour=options.denials_per_key_per_hour,
            statements_per_hour=options.statements_per_hour,
            statements_per_key_per_hour=options.statements_per_key_per_hour,
            history_days=options.history_days,
            history_rows=options.history_rows,
            destroying=options.destroying,
        )
        self.watch = Watch(store, lambda: self.context.chain)
        name = witness_name(keyring_id, index)
        self.witness = Witness(
            store.witness, name, identity, self.watch.others, now, partial(tree_of, store.mirrors)
        )
        auditing.check_given(self.context)
        self._forbids_source, self._fail_closed = options.forbids, options.forbids_fail_closed
        self._approver_quorum = options.approver_quorum
        self._rolling, self._roll_seconds = rolling, options.roll_seconds
        if rolling is not None:
            rolling.log = self._log_roll
        with store.transaction():
            ledger.append(LogKind.STARTED, now(), keyring.manifest_hash)
            if rolling is not None and rolling.unlogged is not None:
                self._log_roll(rolling.unlogged)
            if self.forbids.text:
                forbids.log(self.context, self.forbids)
        self.context = people.begin(self.context, approvers, options.approver_quorum)
        self.context.sealing.bind(keyring)
        self._close_outdated()
        destroying.begin(self.context)
        destroying.reconsider(
            self.context
        )  # its rules may have changed while it was down, or as it went down
        self.sealing_key()

    def sealing_key(self) -> Signed[SealingKey]:
        """The key to seal to now; rotates and erases as time goes on."""
        self._keep_up()
        return self.context.sealing.rotate(self.context.now())

    def deposit(self, envelope: Envelope, sealed: bytes, sealed_evidence: bytes) -> bytes:
        """A receipt's envelope."""
        self._check_manifest()
        return deposits.take_deposit(self.context, envelope, sealed, sealed_evidence)

    def decide(self, envelope: Envelope, sealed_evidence: bytes) -> Decided:
        """A decision's envelope, and whether humans may still change it."""
        self._check_manifest()
        self._check_forbids()
        return decisions.decide(self.context, envelope, sealed_evidence)

    def release(self, request: RequestHash, certificate: bytes) -> tuple[bytes, bytes]:
        """(envelope of the ShareRelease, sealed shares)."""
        self._check_manifest()
        self._check_forbids()
        return releases.release_shares(self.context, request, certificate)

    def cancel(self, envelope: Envelope) -> RequestHash:
        return releases.cancel_request(self.context, envelope)

    def revoke(self, envelope: Envelope) -> int:
        """This custodian's index, for the owner to tick off."""
        releases.revoke_grant(self.context, envelope)
        return self.context.me.index

    def kill(self, envelope: Envelope) -> tuple[bytes, list[RequestHash]]:
        """(envelope of a Killed, requests that waited and are denied by it)."""
        self._keep_up()
        return killing.kill(self.context, envelope)

    def destroy(self, submission: Submission) -> bytes:
        """The envelope of our word on an order to destroy keys, its cancellation, or a legal hold."""
        self._keep_up()
        return ending.take(self.context, submission)

    def destruction(self, order_hash: bytes) -> Told:
        """What is here of an order; NotFound if it never came."""
        self._keep_up()
        return ending.told(self.context, order_hash)

    def ask_destructions(self, of_index: int, after: int) -> bytes:
        """The envelope of a question to another custodian."""
        self._keep_up()
        return ending.ask(self.context, of_index, after)

    def list_destructions(self, question: Envelope) -> tuple[list[Told], list[bytes], int]:
        """What another custodian that asks has perhaps missed: orders, holds, where to go on."""
        self._keep_up()
        return ending.answer(self.context, question)

    def outlook(
        self, question: Envelope, credentials: Sequence[str], after: int, due_only: bool = False
    ) -> outlook.Outlook:
        """What is kept for how long here, and which keys are due: a page of them."""
        self._check_manifest()
        text = self.forbids.text
        return outlook.outlook(self.context, question, credentials, after, text, due_only)

    def submit_consent(self, envelope: Envelope) -> bytes:
        """The envelope of a ConsentReceipt."""
        self._keep_up()
        return consent.submit(self.context, envelope)

    def account(self, envelope: Envelope, asked_at: int | None = None, after: int = 0) -> consent.Answered:
        """What is held about an owner; again, for a question that came at `asked_at`, with notices `after` a number."""
        self._check_manifest()
        return consent.account(self.context, envelope, asked_at, after)

    def history_of(self, envelope: Envelope) -> tuple[bytes, bytes]:
        """(envelope of a HistoryAnswer, sealed OwnerHistory): what the log says of the asking owner's records."""
        self._check_manifest()
        return telling.history(self.context, envelope)

    def descriptors(self, key_ids: Sequence[KeyId]) -> list[bytes]:
        """Exact bytes of those descriptors that are here: a coordinator that loses its directory destroys nothing."""
        return [key.payload for key in self.context.store.keys(key_ids).values()]

    # -- the log, for anybody ------------------------------------------------------------------------------

    def checkpoint(self) -> CheckpointNote:
        """How long this log is now, and its root, signed."""
        return auditing.checkpoint(self.context)

    def tiles(self, paths: Sequence[str]) -> list[bytes]:
        """Bytes of the first of these tiles and bundles, as many as fit into an answer."""
        return self.watch.log.tiles(paths)

    def inclusion(self, index: int, size: int) -> tuple[bytes, list[bytes]]:
        """(entry, proof that it stands in the log of this size)."""
        return self.watch.log.inclusion(index, size)

    def consistency_proof(self, old: int, new: int) -> list[bytes]:
        """Proof that the log of `new` entries begins with that of `old`."""
        return self.watch.log.consistency_proof(old, new)

    def certificates(self, request: RequestHash, certificate_hash: bytes = b"") -> list[bytes]:
        """On what a request's shares went out here."""
        return self.watch.log.certificates(request, certificate_hash)

    def owner_events(self, owner: Thumbprint, after: int, limit: int) -> list[details.OwnerEvent]:
        """The next entries above number `after` that concern an owner: for whoever was found to be that owner."""
        return details.owner_events(self.context, owner, after, limit)

    # -- people ------------------------------------------------------------------------------------------

    def waiting_views(self) -> list[WaitingView]:
        """Requests that wait for this custodian's people, oldest first."""
        return approvals.list_waiting(self.context)

    def waiting_view(self, request: RequestHash) -> WaitingView:
        return approvals.show_waiting(self.context, request)

    def answer(self, word: Word) -> tuple[RequestHash, Decided]:
        """An approver's signed answer, by key or by passkey."""
        self._check_forbids()
        return approvals.answer(self.context, word)

    def approval_to_sign(
        self, request: RequestHash, who: Thumbprint, verdict: Verdict, language: str = "en"
    ) -> ToSign:
        """What an approver is to sign over the text in this language; a passkey is asked with its challenge."""
        return approvals.approval_to_sign(self.context, request, who, verdict, language)

    def answer_by_passkey(self, payload: bytes, assertion: str) -> tuple[RequestHash, Decided]:
        """The same answer from a browser: the bytes that were to be signed, and what the browser said of it."""
        return self.answer(read_assertion(payload_type(Approval), payload, assertion))

    def history(self, wanted: HistoryFilter, before: int = 0, limit: int = 50) -> HistoryPage:
        """What was decided here, the newest first."""
        return history.page(self.context, wanted, before, limit)

    def statistics(self, since: int, until: int) -> list[HourCount]:
        """Decisions by hour and outcome."""
        return history.statistics(self.context, since, until)

    # -- approvers -----------------------------------------------------------------------------------------

    def approvers(self) -> list[Approver]:
        """All who were ever admitted, those who were taken off included, in order."""
        return list(self.context.registry.known.values())

    def registry_problems(self) -> list[str]:
        """What lies in the registry or the configuration and was refused: for everybody to see."""
        return list(self.context.registry.problems)

    def quorums(self) -> ApproverQuorum:
        """How many approvers a request, and an invitation or revocation, needs."""
        registry = self.context.registry
        return ApproverQuorum(registry.approvals_needed, registry.invitations_needed)

    def sign_in(self, challenge: bytes, assertion: str) -> Approver:
        """Whose passkey answered this fresh challenge."""
        return people.sign_in(self.context, challenge, assertion)

    def invite_first(self, name: str, email: str, language: str) -> str:
        """The token of the very first invitation; Denied once there is, or was, anybody."""
        self._check_manifest()
        self.context, token = people.invite_first(self.context, name, email, language, self._approver_quorum)
        return token

    def invitation_to_sign(
        self,
        who: Thumbprint,
        name: str,
        email: str,
        language: str,
        token_hash: bytes,
        subjects: Sequence[str] = (),
        days: int = 7,
    ) -> ToSign:
        """What an approver signs to invite somebody."""
        return people.invitation_to_sign(self.context, who, name, email, language, token_hash, subjects, days)

    def cosign_to_sign(self, who: Thumbprint, terms_hash: bytes) -> ToSign:
        """What a further approver signs under an open invitation."""
        return people.cosign_to_sign(self.context, who, terms_hash)

    def invite(self, word: Word) -> Invited:
        """One approver's signature under an invitation."""
        self._check_manifest()
        return people.invite(self.context, word)

    def invite_by_passkey(self, payload: bytes, assertion: str) -> Invited:
        return self.invite(read_assertion(payload_type(Invitation), payload, assertion))

    def invitations(self) -> list[Invited]:
        """Those that are open."""
        return people.open_invitations(self.context)

    def invitation(self, token: str) -> Joining:
        """What the invited one is shown."""
        return people.find_invitation(self.context, token)

    def redeem(self, token: str, acceptance: Envelope) -> Approver:
        """The invited one joins with a key that signed an Acceptance."""
        self._check_manifest()
        self.context, approver = people.redeem(self.context, token, acceptance)
        return approver

    def redeem_by_passkey(self, token: str, registration: str) -> Approver:
        """The invited one joins with a new passkey: what the browser said of it."""
        self._check_manifest()
        self.context, approver = people.redeem(self.context, token, read_registration(registration))
        return approver

    def withdrawal_to_sign(self, who: Thumbprint, terms_hash: bytes) -> ToSign:
        """What an approver signs to call an open invitation off."""
        return people.withdrawal_to_sign(self.context, who, terms_hash)

    def withdraw_invitation(self, word: Word) -> InvitationTerms:
        """One approver calls an open invitation off."""
        self._check_manifest()
        self.context, terms = people.withdraw(self.context, word)
        return terms

    def withdraw_by_passkey(self, payload: bytes, assertion: str) -> InvitationTerms:
        return self.withdraw_invitation(
            read_assertion(payload_type(InvitationWithdrawal), payload, assertion)
        )

    def revocation_to_sign(self, who: Thumbprint, revoked: Thumbprint, reason: str) -> ToSign:
        """What an approver signs to take another one, or themself, off the list."""
        return people.revocation_to_sign(self.context, who, revoked, reason)

    def revoke_approver(self, word: Word) -> Revoking:
        """One approver's signature under a revocation; it is done when there are enough."""
        self._check_manifest()
        self.context, revoking = people.revoke(self.context, word)
        return revoking

    def revoke_by_passkey(self, payload: bytes, assertion: str) -> Revoking:
        return self.revoke_approver(read_assertion(payload_type(ApproverRevocation), payload, assertion))

    def revocations(self) -> list[Revoking]:
        """Those that wait for more signatures."""
        return people.open_revocations(self.context)

    def usage(self) -> list[budgets.Usage]:
        """How much of each budget is used up."""
        self._keep_up()
        return budgets.usage(self.context)

    def explain(self, digits: str) -> tuple[RequestHash, tuple[explaining.ExplainedKeys, ...]]:
        """Why this node decided as it did on the request whose hash starts so, and what would change it."""
        self._keep_up()
        return explaining.explain_request(self.context, digits)

    def latest(self, request: RequestHash) -> Decided | None:
        """The latest decision on a request."""
        stored = self.context.store.request(request)
        return Decided(stored.decision, stored.state == WAITING) if stored else None

    def tick(self) -> list[RequestHash]:
        """What time alone brings: a manifest in force, sealing keys made and erased, unanswered requests denied."""
        self._keep_up()
        self._look_at_forbids()
        self.sealing_key()
        destroying.look(self.context)
        return decisions.expire(self.context)

    def roll(self, at_once: bool = False) -> RollProgress | None:
        """One step of the row root's roll, if one is due or goes on (or is to begin now); None if there was none."""
        if self._rolling is None:
            return None
        now = self.context.now()
        if at_once or self._rolling.due(now, self._roll_seconds):
            self._rolling.begin(now)
        return self._rolling.step()

    def _log_roll(self, state: RollState) -> None:
        destroyed = state.generation - 1
        if destroyed:  # else there was none before: the first root of a store
            self.context.ledger.append(
                LogKind.ROW_ROOT_DESTROYED,
                self.context.now(),
                self.context.keyring.manifest_hash,
                outcome=f"ROW_ROOT_{destroyed}",
            )

    def back_up(self, path: Path) -> tuple[int, int]:
        """Copy the store, without shares and keys, into a new file: (rows, bytes)."""
        return self.context.store.back_up(path, self.context.vault.tag_of_copy)

    def row_root_age(self) -> int:
        """Seconds since the last roll began: what was erased before then is destroyed, unless it still goes on."""
        return self.context.now() - self._rolling.state.since if self._rolling else 0

    def close(self) -> None:
        self.context.store.close()

    # -- manifests and ceremonies ------------------------------------------------------------------------

    def follow_chain(self, envelopes: Sequence[bytes]) -> list[bytes]:
        """Take a longer chain if its rule of succession holds; the chain that this node follows from now on.

        Fork, with both sides kept, if it parts from the chain that this node follows.
        """
        try:
            chain = longer_chain(self.context, envelopes)
        except Fork as fork:
            with self.context.store.transaction():
                self.context.store.versions.add_fork(*fork.evidence)
            raise
        if chain is not None:
            for link in chain.links[len(self.context.chain.links) :]:
                refuse_unsafe(link.manifest)
            store = self.context.store
            with store.transaction():
                store.set_seen(advance(store.seen(), chain.last))
                keep_chain(store, chain)
            self.context = replace(self.context, chain=chain)
        self._keep_up()
        return list(self.context.chain.envelopes)

    def status(self) -> bytes:
        """The envelope of a Status."""
        self._keep_up()
        return following.status(self.context).envelope

    def list_keys(self, order: int, after: int, limit: int) -> tuple[list[tuple[Version, int, KeyId]], int]:
        """(version, threshold, key id) of keys whose newest share is older than this order, and where the page ended.

        The page ends at 0 when there is nothing after it.
        """
        page = self.context.store.page_of_keys(after, limit)
        listed = []
        for key in page:
            newest = key.newest()
            if newest is not None and not (key.reshared and key.reshared[0].sequence >= order):
                listed.append((*newest, key.key_id))
        return listed, page[-1].number if len(page) == limit else 0

    def list_versions(self, key_ids: Sequence[KeyId]) -> list[tuple[Version, int, KeyId]]:
        """(version, threshold, key id) of every share that is here of these keys."""
        listed: list[tuple[Version, int, KeyId]] = []
        for key in self.context.store.keys(key_ids).values():
            if key.dealt:
                listed.append((key.version, key.threshold, key.key_id))
            listed += [(share.version, share.threshold, key.key_id) for share in key.reshared]
        return listed

    def deal(
        self,
        order: Envelope,
        from_version: Version,
        key_ids: Sequence[KeyId],
        sealing_keys: Sequence[Envelope],
        newcomers: frozenset[int],
    ) -> resharing.Dealt:
        self._keep_up()
        return resharing.deal(self.context, order, from_version, key_ids, sealing_keys, newcomers)

    def install(self, batch: resharing.Batch) -> bytes:
        """The envelope of Installed."""
        self._check_manifest()
        return resharing.install(self.context, batch)

    def find_cheat(
        self, batch: resharing.Batch, dealt_points: Sequence[bytes], old: resharing.OldPlan
    ) -> list[bytes]:
        self._check_manifest()
        return resharing.find_cheat(self.context, batch, dealt_points, old)

    def installed(self, limit: int, versions: Sequence[Version]) -> list[StoredVersion]:
        """Versions beside which older shares may lie here; or these, if some are named."""
        if not versions:
            return self.context.store.versions.unsettled(limit)
        found = (self.context.store.versions.version(version) for version in versions)
        return [version for version in found if version is not None]

    def erase(self, plan: bytes, key_ids: Sequence[KeyId], installed: Sequence[Envelope]) -> bytes:
        """The envelope of Erased."""
        self._keep_up()
        return resharing.erase(self.context, plan, key_ids, installed)

    def missing(self, version: Version, key_ids: Sequence[KeyId]) -> list[KeyId]:
        return repairing.missing(self.context, version, key_ids)

    def start_repair(self, version: Version, helpers: tuple[int, ...], key_ids: Sequence[KeyId]) -> bytes:
        """The envelope of a RepairTask."""
        self._check_manifest()
        return repairing.start(self.context, version, helpers, key_ids).envelope

    def make_pieces(
        self, task: Envelope, key_ids: Sequence[KeyId], sealing_keys: Sequence[Envelope]
    ) -> repairing.MadePieces:
        self._check_manifest()
        return repairing.make_pieces(self.context, task, key_ids, sealing_keys)

    def sum_pieces(
        self, pieces: repairing.Pieces, blobs: Mapping[int, bytes], sealing_key: Envelope
    ) -> repairing.SummedPieces:
        self._check_manifest()
        return repairing.sum_pieces(self.context, pieces, blobs, sealing_key)

    def finish_repair(self, repair: repairing.Repair) -> bytes:
        """The envelope of Repaired."""
        self._check_manifest()
        return repairing.finish(self.context, repair)

    def deal_pool(
        self, order: Envelope, batch: int, sealing_keys: Sequence[Envelope]
    ) -> generating.PoolDealt:
        self._check_manifest()
        return generating.deal_pool(self.context, order, batch, sealing_keys)

    def keep_pool(self, batch: generating.PoolBatch) -> generating.Kept:
        self._check_manifest()
        return generating.keep_pool(self.context, batch)

    def pool(self, limit: int) -> list[tuple[StoredPool, list[int]]]:
        """Batches of keys that nobody has drawn, with the positions that are left."""
        self._keep_up()
        return self.context.store.pool.left(limit)

    def unconfirmed_draws(self, limit: int) -> list[DepositHash]:
        return self.context.store.pool.unconfirmed(limit)

    def confirm_draw(self, deposit: DepositHash, receipts: Sequence[Envelope]) -> int:
        """How many of a deposit's keys can be released from now on."""
        self._keep_up()
        return drawing.confirm(self.context, deposit, receipts)

    # -- providers of identity ---------------------------------------------------------------------------

    def due_issuers(self) -> list[Issuer]:
        """Providers whose keys are to be fetched now."""
        self._keep_up()
        return self.context.providers.due(self.context.keyring.manifest.issuers, self.context.now())

    def take_issuer_keys(self, issuer: Issuer, shown: Sequence[ProviderKey]) -> str:
        """Follow a set of keys that was fetched of this provider; what that meant (empty: nothing new)."""
        if issuer not in self.context.keyring.manifest.issuers:
            return ""  # another manifest came into force while it was fetched
        outcome = self.context.providers.take(issuer, shown, self.context.now())
        if outcome:
            self.context.recent.clear()  # cases that were built before rest on other keys
        self._renew_issuers()
        return outcome

    def miss_issuer_keys(self, issuer: Issuer, reason: str) -> None:
        self.context.providers.miss(issuer.iss, reason, self.context.now())

    def accept_issuer_keys(self, iss: str, fingerprint: bytes) -> None:
        """A human's word here that a provider's set of keys counts, from now on."""
        self.context.providers.accept(iss, fingerprint, self.context.now())
        self.context.recent.clear()
        self._renew_issuers()

    def known_issuers(self) -> list[KnownIssuer]:
        self._keep_up()
        return self.context.providers.known(self.context.keyring.manifest.issuers, self.context.now())

    def _renew_issuers(self) -> None:
        issuers = self.context.providers.issuers(self.context.keyring.manifest.issuers)
        self.context = replace(self.context, issuers=issuers)

    def days_left(self) -> int | None:
        """Days until the manifest in force expires (-1: it has), from 30 days before; else None."""
        return days_left(self.context.chain, self.context.now())

    def _keep_up(self) -> None:
        """Live by the manifest that is in force now."""
        context = self.context
        keyring = context.chain.in_force(context.now())
        if keyring is context.keyring:
            return
        # Requests under the old manifest cannot go on: people would answer for a policy that is no more.
        for stored in context.store.waiting():
            decisions.close_request(context, stored.request_hash, "MANIFEST_CHANGED")
        context.sealing.bind(keyring)
        context.recent.clear()
        context.providers.look_again()
        self.context = replace(
            context,
            keyring=keyring,
            me=membership(keyring, context.me.index, context.chain).custodian(context.me.index),
            policy=forbids.engine_of(keyring, self.forbids.text),
            issuers=context.providers.issuers(keyring.manifest.issuers),
        )
        with context.store.transaction():
            context.store.pool.erase_shares()  # they are of the committee before
            following.log_manifest(self.context, keyring)
        destroying.reconsider(self.context)
        context.store.empty_journal()

    def _close_outdated(self) -> None:
        """Requests that waited when this node went down, under a manifest that was in force then and is no more."""
        context = self.context
        for stored in context.store.waiting():
            decided = decisions.latest_decision(context, stored).statement
            if not equal(decided.manifest_hash, context.keyring.manifest_hash):
                keyring = context.chain.of(decided.manifest_hash)
                before = replace(
                    context, keyring=keyring, policy=forbids.engine_of(keyring, self.forbids.text)
                )
                decisions.close_request(before, stored.request_hash, "MANIFEST_CHANGED")

    def _look_at_forbids(self) -> None:
        """Live by this custodian's own rules as its file has them now, or by the last that were good."""
        context = self.context
        looked = forbids.look(self._forbids_source, self.forbids, context.keyring)
        if (looked.text, looked.problem, looked.seen) == (
            self.forbids.text,
            self.forbids.problem,
            self.forbids.seen,
        ):
            self.forbids = looked
            return
        with context.store.transaction():
            forbids.log(context, looked)
        if looked.text != self.forbids.text:
            context.recent.clear()  # what was allowed before is asked again before it goes out
            self.context = replace(context, policy=forbids.engine_of(context.keyring, looked.text))
            destroying.reconsider(self.context)
        self.forbids = looked

    def _check_forbids(self) -> None:
        if self._fail_closed and self.forbids.problem:
            raise Unavailable(
                "this custodian's own rules cannot be read, and it decides nothing without them",
                reason="FORBIDS_REFUSED",
            )

    def _check_manifest(self) -> None:
        self._keep_up()
        if self.context.now() >= self.context.keyring.manifest.expires_at:
            raise Unavailable("the manifest has expired: admins must renew it", reason="MANIFEST_EXPIRED")
        if self.context.me.index not in self.context.keyring.manifest.indices:
            raise Unavailable("this custodian has left the keyring", reason="NOT_A_MEMBER")


def _check_clock(store: CustodianStore, now: int, accept: bool) -> None:
    size = store.log.size()
    if size == 0:
        return
    last = decode(LogEntry, store.log.entries(size - 1, 1)[0], "log")
    if now < last.at - SKEW:
        raise StoreError(
            f"the clock says {now}, but the log's last entry is of {last.at}: set the clock",
            reason="CLOCK_BEHIND",
        )
    # A clock in the far future would erase every sealing key, and log what no later entry could follow.
    if now > last.at + MAX_ABSENCE and not accept:
        raise StoreError(
            f"the clock says {now}, but the log's last entry is of {last.at}: set the clock, or start with "
            "--accept-clock if the node really was away so long",
            reason="CLOCK_AHEAD",
        )


def _check_shares(store: CustodianStore, vault: Vault, index: int) -> None:
    damaged = damaged_keys(store.sample_keys(SHARES_CHECKED_AT_START), vault, index, store.versions.version)
    if damaged:
        raise StoreError(
            f"{len(damaged)} of the shares that were looked at are damaged, the first that of key {damaged[0]}: "
            "let `kms custodian check` find all",
            reason="STORE_DAMAGED",
        )
