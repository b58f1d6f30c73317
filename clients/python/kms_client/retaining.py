"""What custodians keep for how long, what is due, and orders to end it: for admins, operators and services.

An order by age gives no right. Each custodian asks the policy in force for each key, by its own clock.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kms.crypto.signing import Signer
from kms.errors import Invalid, KmsError
from kms.statements import quorums
from kms.statements.destruction import MAX_ORDER_KEYS
from kms.statements.envelope import sign
from kms.statements.ids import KeyId, Thumbprint
from kms.statements.keys import parse_descriptor
from kms.statements.manifest import Custodian, Keyring
from kms.statements.retention import RetentionOrder, RetentionQuestion
from kms.transport import tls
from kms.transport.client import Channel
from kms.wire.v1 import retention_pb2 as pb
from kms_client.destroying import described
from kms_client.session import Session

SERVICE: Final = "kms.v1.RetentionService"
DEFAULT_LIMIT: Final = 10_000
"""Keys that one run orders: what custodians take in a day by default."""
MAX_ROWS: Final = 4096
"""Of one custodian: an honest one has one for each category that the policy names, and a few more."""
RENEW_SECONDS: Final = 120
COUNTS: Final = (
    "due",
    "within_month",
    "within_quarter",
    "within_year",
    "later",
    "kept",
    "ordered",
    "held",
)
Kind = tuple[str, int, tuple[str, ...]]
"""(category, "" where no rule names it; seconds, 0: for good; rules)."""


@dataclass(frozen=True, slots=True)
class Line:
    """How many keys that are kept alike are due, and will be: so many at least as `t` custodians say.

    `next_due_at`: by when the next one is due as so many say (unix seconds; 0 if they do not).
    """

    category: str
    seconds: int
    rules: tuple[str, ...]
    counts: Mapping[str, int]
    next_due_at: int

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "category": self.category or None,
            "seconds": self.seconds or None,
            "rules": list(self.rules),
            **self.counts,
            "next_due_at": self.next_due_at or None,
        }


@dataclass(frozen=True, slots=True)
class Outlook:
    """What custodians say together: lines, keys that enough of them call due, and why others said nothing."""

    lines: tuple[Line, ...]
    due: tuple[KeyId, ...]
    answered: tuple[int, ...]
    failures: Mapping[int, str]
    needed: int
    """erased(n, t): so many custodians must take an order for its keys to be gone."""

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "lines": [line.facts() for line in self.lines],
            "due": [key_id.hex() for key_id in self.due],
            "answered": list(self.answered),
            "failures": {str(i): reason for i, reason in sorted(self.failures.items())},
            "needed": self.needed,
        }


@dataclass(slots=True)
class _Told:
    """What one custodian said over all its pages."""

    counts: dict[Kind, Counter[str]]
    next_due: dict[Kind, int]
    due: dict[bytes, None]


async def outlook(
    session: Session,
    signer: Signer | None = None,
    policy: str = "",
    limit: int = DEFAULT_LIMIT,
    *,
    due_only: bool = False,
) -> Outlook:
    """Ask every custodian, as this device or as an admin (`signer`); under another `policy`, which admins alone may.

    Of each custodian the first `limit` keys that are due, in the order in which they came there; with `due_only` not
    all others are counted.
    """
    keyring = await session.directory.keyring()
    told: dict[int, _Told] = {}
    failures: dict[int, str] = {}

    async def one(custodian: Custodian) -> None:
        try:
            told[custodian.index] = await _ask(session, keyring, custodian, signer, policy, limit, due_only)
        except KmsError as error:
            failures[custodian.index] = error.reason

    await asyncio.gather(*(one(custodian) for custodian in keyring.manifest.custodians))
    needed = quorums.erased(len(keyring.manifest.custodians), keyring.threshold)
    saying = Counter(key_id for one in told.values() for key_id in one.due)
    first = next(iter(told.values()), None)
    order = list(dict.fromkeys([*(first.due if first else ()), *saying]))
    due = tuple(KeyId(key_id) for key_id in order if saying[key_id] >= needed)[:limit]
    return Outlook(
        tuple(_lines(list(told.values()), keyring.threshold)), due, tuple(sorted(told)), failures, needed
    )


async def _ask(
    session: Session,
    keyring: Keyring,
    custodian: Custodian,
    signer: Signer | None,
    policy: str,
    limit: int,
    due_only: bool,
) -> _Told:
    told = _Told(defaultdict(Counter), {}, {})
    channel = Channel(custodian.endpoint, tls.client_credentials(session.profile.authorities))
    after, asked_at, request = 0, 0.0, pb.GetRetentionRequest()
    try:
        while True:
            if session.now() - asked_at > RENEW_SECONDS:
                asked_at = session.now()
                request = await _question(session, keyring, custodian, signer, policy)
            request.after, request.due_only = after, due_only
            page = await channel.call(
                SERVICE, "GetRetention", request, pb.GetRetentionResponse, timeout=session.timeout
            )
            _add(told, page, limit)
            if not page.next or (due_only and len(told.due) >= limit):
                return told
            if page.next <= after:
                raise Invalid("a custodian's list does not go on", reason="ENDLESS_LIST")
            after = page.next
    finally:
        await channel.close()


async def _question(
    session: Session, keyring: Keyring, custodian: Custodian, signer: Signer | None, policy: str
) -> pb.GetRetentionRequest:
    key: Signer = signer or session.profile.device_key
    said = RetentionQuestion(
        keyring.keyring_id,
        keyring.manifest_hash,
        custodian.index,
        policy,
        int(session.now()),
        Thumbprint(key.thumbprint),
    )
    credentials = () if signer else tuple(await session.credentials())
    return pb.GetRetentionRequest(question=sign(said, key).message, credentials=credentials)


def _add(told: _Told, page: pb.GetRetentionResponse, limit: int) -> None:
    for row in page.rows:
        kind = (row.category, row.seconds, tuple(row.rules))
        if kind not in told.counts and len(told.counts) >= MAX_ROWS:
            raise Invalid("a custodian tells of more categories than there can be", reason="ENDLESS_LIST")
        told.counts[kind].update({name: getattr(row, name) for name in COUNTS})
        if row.next_due_at:
            told.next_due[kind] = min(told.next_due.get(kind, row.next_due_at), row.next_due_at)
    for key_id in page.due_keys[: max(0, limit - len(told.due))]:
        told.due[key_id] = None


def _lines(told: Sequence[_Told], threshold: int) -> list[Line]:
    lines = []
    for kind in sorted({kind for one in told for kind in one.counts}, key=lambda k: (not k[0], k)):
        counts = {
            name: _sure([one.counts[kind][name] for one in told if kind in one.counts], threshold)
            for name in COUNTS
        }
        dates = sorted(one.next_due[kind] for one in told if kind in one.next_due)
        if any(counts.values()):
            lines.append(Line(*kind, counts, dates[threshold - 1] if len(dates) >= threshold else 0))
    return lines


def _sure(numbers: list[int], threshold: int) -> int:
    """So many at least, as a threshold of custodians say: fewer, that may all lie, raise nothing."""
    return sorted(numbers, reverse=True)[threshold - 1] if len(numbers) >= threshold else 0


async def by_owner(session: Session, key_ids: Sequence[KeyId]) -> list[tuple[KeyId, ...]]:
    """These keys in orders' portions: one owner's each, at most 1024. Keys that the host does not know are left out."""
    owners: dict[Thumbprint, list[KeyId]] = defaultdict(list)
    for start in range(0, len(key_ids), MAX_ORDER_KEYS):
        found = await described(session, key_ids[start : start + MAX_ORDER_KEYS])
        for key_id in key_ids[start : start + MAX_ORDER_KEYS]:
            if key_id in found:
                owners[parse_descriptor(found[key_id]).core.owner_thumbprint].append(key_id)
    return [
        tuple(sorted(theirs[start : start + MAX_ORDER_KEYS]))
        for theirs in owners.values()
        for start in range(0, len(theirs), MAX_ORDER_KEYS)
    ]


async def write_order(
    session: Session, key_ids: Sequence[KeyId], signer: Signer | None = None, waiting: int = 0
) -> bytes:
    """The envelope of an order to end these keys, which this device or an admin answers for bringing.

    Custodians wait `waiting` seconds at least, and as long as the keyring says in any case.
    """
    keyring = await session.directory.keyring()
    key = signer or session.profile.device_key
    said = RetentionOrder(
        keyring.keyring_id,
        keyring.manifest_hash,
        secrets.token_bytes(16),
        tuple(sorted(key_ids)),
        waiting,
        int(session.now()),
        Thumbprint(key.thumbprint),
    )
    return sign(said, key).envelope
