"""Notices of several custodians as one list."""

from __future__ import annotations

from kms.statements.consent import Notice, NoticeKind
from kms.statements.ids import Thumbprint
from kms_client.noticing import union

KEY = Thumbprint(b"k" * 32)
READ, NAMED = b"r" * 32, b"n" * 32


def notice(number: int, kind: NoticeKind, subject: bytes, at: int, count: int = 0) -> Notice:
    return Notice(number, at, kind, subject, KEY, count)


def test_each_thing_stands_there_once_with_who_tells_of_it_and_who_does_not() -> None:
    heard = union(
        {
            1: [
                notice(4, NoticeKind.READ_BY_GRANT, READ, 20, 2),
                notice(2, NoticeKind.OWNER_KEY_ADDED, NAMED, 10),
            ],
            2: [notice(9, NoticeKind.READ_BY_GRANT, READ, 18, 3)],
            3: [],
        }
    )
    assert [(h.kind, h.at, h.count, h.by, h.silent) for h in heard] == [
        (NoticeKind.OWNER_KEY_ADDED, 10, 0, (1,), (2, 3)),
        (NoticeKind.READ_BY_GRANT, 18, 3, (1, 2), (3,)),
    ]
    assert heard[1].facts()["by"] == [1, 2]


def test_the_same_statement_under_another_kind_is_another_thing() -> None:
    heard = union(
        {1: [notice(1, NoticeKind.RECOVERY_BEGUN, READ, 1), notice(2, NoticeKind.EMERGENCY, READ, 1)]}
    )
    assert [h.kind for h in heard] == [NoticeKind.RECOVERY_BEGUN, NoticeKind.EMERGENCY]
