"""A custodian makes up notices without end: the owner would never come to what the others tell."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from kms.statements.consent import MAX_NOTICES, Account, Notice, NoticeKind
from kms.statements.ids import Thumbprint
from kms_client import noticing

OWNER, THIEF = Thumbprint(b"o" * 32), Thumbprint(b"t" * 32)
HONEST, LIAR = 1, 2
TRUE = Notice(1, 10, NoticeKind.EMERGENCY, b"r" * 32, THIEF, 1)


def page(after: int, count: int) -> tuple[Notice, ...]:
    numbers = range(after + 1, after + 1 + count)
    return tuple(Notice(n, 5, NoticeKind.READ_BY_OTHERS, n.to_bytes(32), THIEF, 1) for n in numbers)


def read(monkeypatch: pytest.MonkeyPatch, of_liar: int) -> tuple[list[noticing.Heard], dict[int, str]]:
    """All notices, where one custodian has `of_liar` of them."""

    async def ask(
        session: object, *, owner: Thumbprint, notices_after: Mapping[int, int]
    ) -> tuple[dict[int, Account], dict[int, str]]:
        assert next(asked) <= 4, "it goes on for ever"
        last = notices_after.get(LIAR, 0)
        true = () if notices_after.get(HONEST) else (TRUE,)
        made_up = page(last, min(MAX_NOTICES, of_liar - last))
        return {HONEST: Account(notices=true), LIAR: Account(notices=made_up)}, {}

    asked = itertools.count(1)
    monkeypatch.setattr(noticing, "MAX_PAGES", 4)
    monkeypatch.setattr(noticing, "ask", ask)
    session: Any = None
    return asyncio.run(noticing.notices(session, OWNER))


def test_notices_without_end_hide_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    heard, failures = read(monkeypatch, 10**9)
    assert [(h.kind, h.by, h.silent) for h in heard] == [(NoticeKind.EMERGENCY, (HONEST,), ())]
    assert failures == {LIAR: "TOO_MANY_NOTICES"}


def test_many_that_end_are_all_read(monkeypatch: pytest.MonkeyPatch) -> None:
    heard, failures = read(monkeypatch, 3 * MAX_NOTICES)
    assert (len(heard), failures) == (3 * MAX_NOTICES + 1, {})
