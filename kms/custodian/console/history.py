"""What was decided here, newest first, with filters, and the same as a file for a spreadsheet."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from kms.custodian.console.visit import Visit
from kms.custodian.history import MAX_PAGE, csv_lines
from kms.custodian.store import HistoryFilter
from kms.statements.release import Purpose

OUTCOMES = ("allow", "deny", "pending", "mixed")
PER_PAGE = 50


async def show(visit: Visit) -> Response:
    """One page of the history."""
    query = visit.request.query_params
    wanted, entered = read_filter(dict(query))
    before = _number(query.get("before", "0"))
    page, people = await visit.console.desk.ask(
        lambda node: (node.history(wanted, before, PER_PAGE), node.approvers())
    )
    kept = {name: value for name, value in entered.items() if value}
    return visit.page(
        "history.html",
        rows=page.rows,
        names={person.thumbprint: person.name for person in people},
        people=people,
        entered=entered,
        outcomes=OUTCOMES,
        purposes=[purpose.name.lower() for purpose in Purpose if purpose],
        older=urlencode(kept | {"before": page.next}) if page.next else "",
        newest=urlencode(kept) if before else None,
        file=urlencode(kept),
    )


async def export(visit: Visit) -> Response:
    """The rows that the filter lets through, as CSV."""
    wanted, _ = read_filter(dict(visit.request.query_params))
    headers = {"Content-Disposition": 'attachment; filename="history.csv"'}
    return StreamingResponse(_lines(visit, wanted), headers=headers, media_type="text/csv; charset=utf-8")


async def _lines(visit: Visit, wanted: HistoryFilter) -> AsyncIterator[str]:
    """A few hundred lines a turn of the node: requests are answered in between."""
    before, header = 0, True
    while header or before:
        page = await visit.console.desk.ask(
            lambda node, before=before: node.history(wanted, before, MAX_PAGE)  # type: ignore[misc]
        )
        yield csv_lines(page.rows, header=header)
        before, header = page.next, False


def read_filter(query: dict[str, str]) -> tuple[HistoryFilter, dict[str, str]]:
    """The filter, and what was entered in each field. Dates are whole days in UTC, both ends within."""
    names = ("since", "until", "outcome", "purpose", "approver", "request")
    entered = {name: query.get(name, "").strip() for name in names}
    outcome, purpose = entered["outcome"], entered["purpose"].upper()
    if (outcome and outcome not in OUTCOMES) or (purpose and purpose not in Purpose.__members__):
        raise HTTPException(400)
    until = _day(entered["until"])
    return (
        HistoryFilter(
            since=_day(entered["since"]),
            until=until + 86400 if until else 0,
            outcomes=frozenset({outcome} if outcome else ()),
            purpose=Purpose[purpose] if purpose else 0,
            approver=_hex(entered["approver"]),
            request=_hex(entered["request"]),
        ),
        entered,
    )


def _day(text: str) -> int:
    if not text:
        return 0
    try:
        day = datetime.date.fromisoformat(text)
        return int(datetime.datetime.combine(day, datetime.time(), datetime.UTC).timestamp())
    except ValueError:
        raise HTTPException(400) from None


def _hex(text: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b"?"
    if len(found) not in (0, 32):
        raise HTTPException(400)
    return found


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise HTTPException(400)
    return int(text)
