"""The port to a custodian's disk. Writes happen inside `transaction()` and are durable when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from kms.crypto.group import POINT_SIZE
from kms.crypto.hashing import equal
from kms.custodian.consent_store import ConsentStore
from kms.custodian.destruction_store import DestructionStore
from kms.custodian.mirrors import MirrorStore
from kms.custodian.roll_store import RollStore
from kms.custodian.vault import SealedRow
from kms.custodian.witness import WitnessStore
from kms.statements.ids import DepositHash, GrantId, KeyId, RequestHash, Thumbprint, Version
from kms.statements.keys import Descriptor, read_commitments, read_descriptor
from kms.statements.kills import Kill, KillKind
from kms.statements.manifest import Seen


@dataclass(frozen=True, slots=True)
class ResharedShare:
    """One key's share of a version that a plan made, sealed under its own row key."""

    version: Version
    sequence: int
    threshold: int
    wrapped_key: bytes = field(repr=False)
    share: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A plan that was installed here: its exact bytes, its keys in order, their points, our signed word on it."""

    version: Version
    sequence: int
    threshold: int
    plan: bytes
    key_ids: tuple[KeyId, ...]
    points: bytes
    installed: bytes

    def points_of(self, key_id: KeyId) -> tuple[bytes, ...]:
        """C'_1..C'_(t-1) of a key of the plan."""
        return self._points_at(self.key_ids.index(key_id))

    def points_by_key(self) -> Mapping[KeyId, tuple[bytes, ...]]:
        """The same of each of its keys."""
        return {key_id: self._points_at(place) for place, key_id in enumerate(self.key_ids)}

    def _points_at(self, place: int) -> tuple[bytes, ...]:
        size = (self.threshold - 1) * POINT_SIZE
        at = place * size
        return tuple(self.points[at + k : at + k + POINT_SIZE] for k in range(0, size, POINT_SIZE))


class StoredKey(NamedTuple):
    """A key as it lies on disk: public description, sealed share and opening.

    A tuple, since each request makes hundreds, at a third of a frozen dataclass's cost.

    What a release needs of the description stands beside it; the rest is parsed when it is asked for. `version` and
    `threshold` are those under which it was first dealt; `reshared` holds the shares of later versions.
    """

    key_id: KeyId
    owner: Thumbprint
    version: Version
    payload: bytes
    row: SealedRow
    number: int = 0
    threshold: int = 0
    reshared: tuple[ResharedShare, ...] = ()
    floor: int = 0
    """Sequence of the latest order whose certificate was acted on: no share of an earlier one comes back."""
    taken_at: int = 0
    """When this custodian took it in from who made it, by its own clock; 0 where others handed it on, or none knows."""

    @property
    def kept(self) -> bool:
        """Whether what opens its context is here: not in a store that was restored, until the key is repaired."""
        return bool(self.row.wrapped_key)

    @property
    def dealt(self) -> bool:
        """Whether the share that was dealt first is still here."""
        return bool(self.row.share)

    def newest(self) -> tuple[Version, int] | None:
        """(version, threshold) of its newest share; None if it has none."""
        if self.reshared:
            return self.reshared[0].version, self.reshared[0].threshold
        return (self.version, self.threshold) if self.dealt else None

    def share_of(self, version: Version) -> ResharedShare | None:
        """Its share of a version that a plan made."""
        return next((share for share in self.reshared if equal(share.version, version)), None)

    @property
    def commitments(self) -> tuple[bytes, ...]:
        """C_0.. as it was dealt, of its description. Parsed anew at each call."""
        return read_commitments(self.payload)

    @property
    def descriptor(self) -> Descriptor:
        """Parsed anew at each call."""
        return read_descriptor(self.payload)


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """A request that was decided: exact bytes (none of a denied stranger's), sealed
    evidence (gone once final), latest decision."""

    request_hash: RequestHash
    envelope: bytes
    evidence: bytes = field(repr=False)
    decision: bytes
    state: str
    received_at: int
    expires_at: int
    text: bytes = field(repr=False)
    """What approvers are shown, sealed; empty unless the request waits."""


@dataclass(frozen=True, slots=True)
class StoredSealingKey:
    """One period's key: sealed 32-byte seed, signed public half."""

    period: int
    seed: bytes = field(repr=False)
    envelope: bytes
    not_after: int


@dataclass(frozen=True, slots=True)
class StoredPool:
    """A batch of keys that custodians made: exact plan, C_0..C_(t-1) of all keys, our signed word on it."""

    plan_hash: bytes
    plan: bytes
    points: bytes
    generated: bytes


@dataclass(frozen=True, slots=True)
class PoolShare:
    """A share of a key that nobody has drawn: which key of which batch, sealed under a row key of its own."""

    pool: StoredPool
    position: int
    wrapped_key: bytes = field(repr=False)
    share: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredWord:
    """What an approver said, as exact bytes of an ApproverWord: verified again whenever it is to count."""

    approver: Thumbprint
    word: bytes
    at: int


@dataclass(frozen=True, slots=True)
class StoredOutcome:
    """A row of the history; categories are sealed, seconds -1 where no human answered."""

    number: int
    at: int
    request: bytes
    outcome: str
    reason: str
    allowed: int
    denied: int
    pending: int
    categories: bytes = field(repr=False)
    purpose: int
    principal: bytes
    approver: bytes
    seconds: int


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Which rows of the history: decided from `since` until before `until` (0: any time), and so on; empty is any."""

    since: int = 0
    until: int = 0
    outcomes: frozenset[str] = frozenset()
    purpose: int = 0
    principal: bytes = b""
    approver: bytes = b""
    request: bytes = b""


@dataclass(frozen=True, slots=True)
class HourCount:
    """Decisions of one outcome in the hour that begins at `hour`: how many, keys allowed, answered by humans, in how
    many seconds together."""

    hour: int
    outcome: str
    decisions: int
    keys: int
    answered: int
    seconds: int


WAITING, DECIDED, CLOSED = "waiting", "decided", "closed"
"""States of a request: waits for humans; final, with something allowed; nothing goes out any more."""


class LogStore(Protocol):
    """The log's entries, and the roots over each 256 of them, each 256 of those, and so on (`SqliteLog` is one)."""

    def size(self) -> int:
        """Number of entries, as the entries that lie there say."""
        ...

    def entries(self, start: int, limit: int) -> list[bytes]:
        """Exact bytes from entry `start` on."""
        ...

    def roots(self, level: int, first: int, limit: int) -> list[bytes]:
        """32-byte roots over 256^level entries each, from number `first` on; `level` is at least 1."""
        ...

    def head(self) -> bytes:
        """What came with the last `append`; empty if nothing was appended yet."""
        ...

    def append(
        self, first: int, entries: Sequence[bytes], roots: Sequence[tuple[int, int, bytes]], head: bytes
    ) -> None:
        """Add entries from number `first` on and the roots (level, number, root) that they complete.

        `head` takes the place of the one before.
        """
        ...

    def cut(self, size: int, head: bytes) -> None:
        """Drop the entries from number `size` on, and the roots over them."""
        ...

    def checkpoint(self) -> bytes:
        """The last checkpoint that was given out; empty if none was."""
        ...

    def set_checkpoint(self, note: bytes) -> None: ...


class CertificateStore(Protocol):
    """On what releases rested (`SqliteCertificates` is one)."""

    def add(self, request: bytes, at: int, certificate: bytes) -> None: ...
    def of(self, request: bytes, limit: int) -> list[bytes]:
        """Certificates of a request, the newest first."""
        ...

    def forget(self, before: int) -> None:
        """Remove the oldest of those from before then, a thousand at a time."""
        ...


class DetailStore(Protocol):
    """What entries of the log mean to owners, sealed (`SqliteDetails` is one)."""

    def add(self, log_index: int, at: int, rows: Sequence[tuple[bytes, bytes]]) -> None:
        """(owner's tag, sealed leaf) of an entry, each owner once."""
        ...

    def page(self, tag: bytes, after: int, limit: int) -> list[tuple[int, bytes]]:
        """(log index, sealed leaf) of the next ones."""
        ...

    def forget(self, before: int) -> None:
        """Remove the oldest of those from before then, a thousand at a time."""
        ...


class VersionStore(Protocol):
    """What the node asks about manifests after genesis, and shares that came by resharing (`SqliteVersions` is one)."""

    def manifests(self) -> list[bytes]: ...
    def add_manifest(self, sequence: int, envelope: bytes) -> None: ...
    def forks(self) -> list[tuple[bytes, bytes]]: ...
    def add_fork(self, ours: bytes, theirs: bytes) -> None: ...
    def order_seen(self) -> tuple[int, bytes]: ...
    def set_order(self, sequence: int, order: bytes) -> None: ...
    def version(self, version: Version) -> StoredVersion | None: ...
    def add_version(self, stored: StoredVersion) -> None: ...
    def add_shares(self, version: Version, rows: Sequence[tuple[int, bytes, bytes]]) -> None: ...
    def count_versions(self, numbers: Sequence[int], sequence: int) -> int: ...
    def drop_older(self, numbers: Sequence[int], sequence: int) -> int: ...
    def settle(self, version: Version) -> None: ...
    def unsettle(self, version: Version) -> None: ...
    def unsettled(self, limit: int) -> list[StoredVersion]: ...
    def counts(self) -> list[tuple[Version, int, int, int]]: ...


class PoolStore(Protocol):
    """What the node asks about keys that custodians made jointly (`SqlitePool` is one).

    Drawn keys lie apart until their draw is confirmed: nothing that releases, deals or repairs sees them.
    """

    def find(self, order_hash: bytes, batch: int) -> StoredPool | None:
        """The one plan of a batch that this node keeps, drawn or not, for ever."""
        ...

    def add(
        self, order_hash: bytes, batch: int, pool: StoredPool, shares: Sequence[tuple[bytes, bytes, bytes]]
    ) -> None:
        """Add a batch; of each key in order (C_0, wrapped row key, sealed share)."""
        ...

    def shares(self, commitments: Sequence[bytes]) -> Mapping[bytes, PoolShare]:
        """Undrawn shares by C_0."""
        ...

    def left(self, limit: int) -> list[tuple[StoredPool, list[int]]]:
        """Batches that are not used up, with the positions of the keys that are left."""
        ...

    def erase_shares(self) -> int:
        """Erase all undrawn shares; how many there were."""
        ...

    def count(self) -> int:
        """Undrawn keys."""
        ...

    def draw(self, deposit: DepositHash, rows: Sequence[tuple[int, Descriptor, SealedRow]]) -> None:
        """Take keys out of the pool for a deposit: (position in the deposit, description, row)."""
        ...

    def drawn(self, deposit: DepositHash) -> list[tuple[int, Descriptor, SealedRow]]:
        """Keys that a deposit drew and that are not confirmed."""
        ...

    def forget_draws(self, deposit: DepositHash, positions: Sequence[int]) -> None: ...
    def unconfirmed(self, limit: int) -> list[DepositHash]: ...


class ProviderStore(Protocol):
    """What the node keeps of OpenID Connect providers, sealed (`SqliteProviders` is one)."""

    def all(self) -> list[bytes]: ...
    def put(self, iss: str, state: bytes) -> None: ...


class ApproverStore(Protocol):
    """What the node asks about approvers (`SqliteApprovers` is one)."""

    def entries(self) -> list[tuple[int, bytes]]:
        """(position, exact bytes) of the registry's entries, in order."""
        ...

    def put_entry(self, position: int, entry: bytes) -> None: ...
    def head(self) -> bytes:
        """The record of how many entries there are; empty before the first."""
        ...

    def set_head(self, record: bytes) -> None: ...
    def subjects(self) -> list[bytes]:
        """Names of invitations and revocations that wait for more signatures, or for the invited one."""
        ...

    def words(self, subject: bytes) -> list[StoredWord]: ...
    def put_word(self, subject: bytes, word: StoredWord) -> None: ...
    def forget_words(self, subject: bytes) -> None: ...
    def count(self, thumbprint: Thumbprint) -> int:
        """What this passkey's authenticator showed last."""
        ...

    def set_count(self, thumbprint: Thumbprint, count: int) -> None: ...
    def answers(self, request: RequestHash) -> list[StoredWord]:
        """Who has approved a request that waits for more."""
        ...

    def add_answer(self, request: RequestHash, word: StoredWord) -> None:
        """In the place of the same approver's earlier one: it counts no more, else they were not asked again."""
        ...

    def forget_answers(self, request: RequestHash) -> None: ...


class HistoryStore(Protocol):
    """What the node keeps of its decisions for its people to read (`SqliteHistory` is one)."""

    def add(self, row: StoredOutcome) -> None: ...
    def page(self, wanted: HistoryFilter, before: int, limit: int) -> list[StoredOutcome]:
        """The newest first, older than row `before` unless that is 0."""
        ...

    def hours(self, since: int, until: int) -> list[HourCount]: ...
    def was_let_in(self, principal: Thumbprint) -> bool:
        """Whether something that this principal asked for was allowed, or put to people."""
        ...

    def forget(self, before: int, keep: int) -> None:
        """Remove what was decided before then, and all but the newest `keep` rows."""


class KillStore(Protocol):
    """What may no longer open anything (`SqliteKills` is one)."""

    def add(self, kill: Kill, killed: bytes) -> None: ...
    def word_on(self, statement_hash: bytes) -> bytes | None:
        """The envelope of our word on a statement."""
        ...

    def any_of(self, names: Sequence[tuple[KillKind, bytes]], now: int) -> bool:
        """Whether one of these is killed and still is."""
        ...


class BudgetStore(Protocol):
    """What the node asks about budgets (`SqliteBudgets` is one). A name means one budget and whom it counts."""

    def totals(self, names: Sequence[bytes], since: int) -> Mapping[bytes, int]:
        """What was counted from then on; names without any are left out."""
        ...

    def highest(self, budget: int, since: int) -> int:
        """The largest of the totals of one budget's names."""
        ...

    def add(self, counts: Sequence[tuple[bytes, int, int, int, int]]) -> None:
        """(name, start of its bucket, budget, when it may be forgotten, keys) each."""
        ...

    def forget(self, now: int) -> None: ...


class RetentionStore(Protocol):
    """Whose time began anew (`SqliteRetention` is one)."""

    def begun(self, key_ids: Sequence[KeyId]) -> Mapping[KeyId, int]:
        """Those of the keys whose time began anew, and when (unix seconds)."""
        ...

    def begin(self, key_ids: Sequence[KeyId], at: int) -> None: ...


class CustodianStore(Protocol):
    """What the node asks of its disk. `add` and `total` make it the counters' store too."""

    @property
    def log(self) -> LogStore: ...
    @property
    def certificates(self) -> CertificateStore: ...
    @property
    def details(self) -> DetailStore: ...
    @property
    def versions(self) -> VersionStore: ...
    @property
    def pool(self) -> PoolStore: ...
    @property
    def providers(self) -> ProviderStore: ...
    @property
    def kills(self) -> KillStore: ...
    @property
    def approvers(self) -> ApproverStore: ...
    @property
    def history(self) -> HistoryStore: ...
    @property
    def consent(self) -> ConsentStore: ...
    @property
    def budgets(self) -> BudgetStore: ...
    @property
    def witness(self) -> WitnessStore: ...
    @property
    def mirrors(self) -> MirrorStore: ...
    @property
    def roll(self) -> RollStore: ...
    @property
    def destructions(self) -> DestructionStore: ...
    @property
    def retention(self) -> RetentionStore: ...

    def transaction(self) -> AbstractContextManager[object]: ...
    def identity(self) -> tuple[bytes, int]:
        """(keyring id, index) that this store was made for."""
        ...

    def seen(self) -> Seen | None: ...
    def set_seen(self, seen: Seen) -> None: ...

    def known_keys(self, descriptors: Sequence[Descriptor]) -> Mapping[int, str]:
        """Positions whose key id or C_0 was ever seen, with the reason."""
        ...

    def add_keys(self, keys: Sequence[tuple[Descriptor, SealedRow]], taken_at: int = 0) -> None:
        """Keep keys; `taken_at` (unix seconds) where they come from who made them, and not from other custodians."""
        ...

    def keys(self, key_ids: Sequence[KeyId]) -> Mapping[KeyId, StoredKey]: ...
    def owns_keys(self, owner: Thumbprint) -> bool:
        """Whether keys of this owner came here."""
        ...

    def count_keys(self) -> int: ...
    def erase_dealt(self, rows: Sequence[tuple[int, SealedRow]]) -> None:
        """Replace rows by ones without a share, under another row key, by key number."""
        ...

    def raise_floor(self, numbers: Sequence[int], sequence: int) -> None:
        """No share of an order before this one may come back to these keys; a higher floor stays."""
        ...

    def replace_dealt(self, rows: Sequence[tuple[int, SealedRow]]) -> None:
        """Put repaired shares in the place of missing ones, by key number."""
        ...

    def page_of_keys(self, after: int, limit: int) -> Sequence[StoredKey]:
        """Keys with a number above `after`, in order."""
        ...

    def count_missing(self) -> int:
        """Keys without any share."""
        ...

    def count_dealt(self) -> Mapping[Version, tuple[int, int]]:
        """Version that was dealt -> (threshold, keys that have its share)."""
        ...

    def sample_keys(self, limit: int) -> Sequence[StoredKey]:
        """Up to `limit` keys, drawn at random."""
        ...

    def all_keys(self, page: int) -> Iterator[Sequence[StoredKey]]:
        """Every key, in pages."""
        ...

    def receipt(self, deposit: DepositHash) -> bytes | None: ...
    def add_receipt(self, deposit: DepositHash, envelope: bytes) -> None: ...

    def request(self, request: RequestHash) -> StoredRequest | None: ...
    def find_requests(self, digits: str) -> list[StoredRequest]:
        """Requests whose hash starts with these hex digits; two at most."""
        ...

    def put_request(self, request: StoredRequest) -> None: ...
    def waiting(self) -> Sequence[StoredRequest]: ...
    def forget_evidence(self, before: int) -> None:
        """Erase the evidence of requests that expired before then and no longer wait."""
        ...

    def forget_requests(self, before: int) -> None:
        """Remove requests that expired before then."""
        ...

    def counted(self, request: RequestHash) -> frozenset[int]:
        """Positions of a request that were released and counted."""
        ...

    def set_counted(self, request: RequestHash, positions: frozenset[int]) -> None: ...

    def grant_uses(self, grant: GrantId) -> int: ...
    def use_grant(self, grant: GrantId, keys: int) -> None: ...
    def revoke(self, owner: Thumbprint, grant_id: bytes, up_to_sequence: int) -> None: ...
    def has_revocation(self, owner: Thumbprint, grant_id: bytes, up_to_sequence: int) -> bool: ...
    def revoked(self, owner: Thumbprint, grant: GrantId, sequence: int) -> bool: ...

    def sealing_keys(self) -> Sequence[StoredSealingKey]: ...
    def add_sealing_key(self, key: StoredSealingKey) -> None: ...
    def resign_sealing_key(self, period: int, envelope: bytes) -> None: ...
    def erase_sealing_key(self, period: int) -> None: ...
    def back_up(self, path: Path, tag: Callable[[Iterable[bytes]], bytes]) -> tuple[int, int]:
        """Copy all but shares, row keys and sealing keys into a new file: (rows, bytes).

        `tag` makes 32 bytes over all of the file, which come in pieces: nobody restores a copy that was altered.
        """
        ...

    def restored_at(self) -> int: ...
    def confirm_restored(self) -> None: ...
    @property
    def keeps_erased(self) -> bool:
        """Whether what was erased may lie on its disk, journal emptied or not, until its row root is rolled away."""
        ...

    def empty_journal(self) -> None:
        """Let nothing that was overwritten stay in the journal."""
        ...

    def add(self, key: bytes, at: int, n: int) -> None: ...
    def total(self, key: bytes, since: int) -> int: ...
    def forget_counts(self, before: int) -> None: ...
    def close(self) -> None: ...
