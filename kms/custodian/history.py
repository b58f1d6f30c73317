"""What this custodian decided, for its own people to look through: a row for each decision, kept for a bounded time.

The log is the evidence; this is for reading. Categories are sealed: beside a pseudonym they are health data.
"""

from __future__ import annotations

import csv
import datetime
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kms.custodian.case import Case
from kms.custodian.context import NodeContext
from kms.custodian.store import HistoryFilter, HourCount, StoredOutcome
from kms.errors import StoreError
from kms.statements.ids import RequestHash, Thumbprint
from kms.statements.release import OpenedRequest, Purpose, Verdict
from kms.statements.waiting import WaitingFacts

MAX_PAGE = 1000
COLUMNS = (
    "time", "outcome", "reason", "allowed", "denied", "pending", "categories", "purpose", "principal", "approver",
    "seconds", "request",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One decision: how many keys it allowed, denied and left waiting, for whom, and how long people took to answer.

    `seconds` is -1 where no human answered; `approver` is who did; `principal` a pseudonym: a key's thumbprint.
    """

    number: int
    at: int
    request_hash: RequestHash
    outcome: str
    reason: str
    allowed: int
    denied: int
    pending: int
    categories: tuple[tuple[str, int], ...]
    purpose: Purpose
    principal: Thumbprint
    approver: bytes
    seconds: int


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Rows, the newest first; `next` is where the next page begins, 0 at the end."""

    rows: tuple[HistoryRow, ...]
    next: int


def categories(case: Case) -> Mapping[str, int]:
    """How many keys of which category a request asks for, of those that are here."""
    return Counter(
        category for key, category in zip(case.keys, case.categories, strict=True) if key is not None
    )


def categories_of(facts: WaitingFacts) -> Mapping[str, int]:
    return {kind.category: kind.count for kind in facts.kinds}


def record(
    node: NodeContext,
    opened: OpenedRequest,
    groups: Mapping[tuple[Verdict, str, bytes], Sequence[int]],
    kinds: Mapping[str, int],
    received_at: int,
    now: int,
) -> None:
    """One more row, inside the decision's transaction."""
    counts = {verdict: sum(len(p) for (v, _, _), p in groups.items() if v is verdict) for verdict in Verdict}
    present = [verdict.name.lower() for verdict, n in counts.items() if n]
    (_, reason, _), _ = max(groups.items(), key=lambda group: len(group[1]))
    approver = next((who for _, _, who in groups if who), b"")
    node.store.history.add(
        StoredOutcome(
            0,
            now,
            opened.hash,
            present[0] if len(present) == 1 else "mixed",
            reason,
            counts[Verdict.ALLOW],
            counts[Verdict.DENY],
            counts[Verdict.PENDING],
            node.vault.seal("history", _pack(kinds)),
            int(opened.request.purpose),
            opened.request.requester_thumbprint,
            approver,
            now - received_at if approver else -1,
        )
    )


def page(node: NodeContext, wanted: HistoryFilter, before: int, limit: int) -> HistoryPage:
    """At most `limit` rows that fit, older than row `before` (0: the newest)."""
    limit = max(1, min(limit, MAX_PAGE))
    found = node.store.history.page(wanted, before, limit + 1)
    rows = tuple(_row(node, stored) for stored in found[:limit])
    return HistoryPage(rows, rows[-1].number if len(found) > limit else 0)


def statistics(node: NodeContext, since: int, until: int) -> list[HourCount]:
    """Sums by hour and outcome."""
    return list(node.store.history.hours(since, until))


def csv_lines(rows: Iterable[HistoryRow], *, header: bool = False) -> str:
    """Rows as CSV (RFC 4180). Nothing in it is a formula to a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out)
    if header:
        writer.writerow(COLUMNS)
    for row in rows:
        kinds = "; ".join(f"{n} {shown(name)}" for name, n in row.categories)
        at = datetime.datetime.fromtimestamp(row.at, datetime.UTC).isoformat()
        writer.writerow(
            _harmless(str(cell))
            for cell in (
                at,
                row.outcome,
                row.reason,
                row.allowed,
                row.denied,
                row.pending,
                kinds,
                row.purpose.name.lower(),
                row.principal.hex(),
                row.approver.hex(),
                row.seconds if row.seconds >= 0 else "",
                row.request_hash.hex(),
            )
        )
    return out.getvalue()


def shown(category: str) -> str:
    """A category as a terminal and a spreadsheet may see it: its creator chose it.

    No control characters; no quote and no semicolon, at which spreadsheets in French begin another cell.
    """
    return "".join(c if c.isprintable() and c not in '"\\;' else f"\\u{ord(c):04x}" for c in category) or "-"


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _pack(kinds: Mapping[str, int]) -> bytes:
    return b"".join(
        n.to_bytes(4, "big") + len(name.encode()).to_bytes(4, "big") + name.encode()
        for name, n in sorted(kinds.items())
    )


def _unpack(data: bytes) -> tuple[tuple[str, int], ...]:
    found, at = [], 0
    while at < len(data):
        n, size = int.from_bytes(data[at : at + 4], "big"), int.from_bytes(data[at + 4 : at + 8], "big")
        found.append((data[at + 8 : at + 8 + size].decode(), n))
        at += 8 + size
    return tuple(found)


def _row(node: NodeContext, stored: StoredOutcome) -> HistoryRow:
    try:
        kinds = _unpack(node.vault.open("history", stored.categories))
    except StoreError:
        kinds = ()  # of a row that somebody put there: it is shown, and says nothing
    return HistoryRow(
        stored.number,
        stored.at,
        RequestHash(stored.request),
        stored.outcome,
        stored.reason,
        stored.allowed,
        stored.denied,
        stored.pending,
        kinds,
        Purpose(stored.purpose),
        Thumbprint(stored.principal),
        stored.approver,
        stored.seconds,
    )
