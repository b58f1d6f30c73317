"""What an owner is to know, from all custodians that say something of it: once each, with who says so."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass

from kms.errors import KmsError
from kms.statements.consent import MAX_NOTICES, Account, Notice, NoticeKind
from kms.statements.destruction import DestroyReason
from kms.statements.ids import Thumbprint
from kms.statements.manifest import Custodian
from kms_client.consent import ask, watch
from kms_client.session import Session

Name = tuple[NoticeKind, bytes, bytes]
MAX_PAGES = 250
"""Of one custodian, 200 notices each: no owner's year has so many, but a list that is made up never ends."""
REST_SECONDS = 5.0
"""Before a custodian that hung up is called again."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing that happened, first at `at` (unix seconds): about which statement or request, whose key, how much.

    `by` are the custodians that tell of it, `silent` those that answered and do not. Of a reading only those know that
    released something for it; of a key that was named or revoked, all should.
    """

    kind: NoticeKind
    at: int
    subject: bytes
    key: bytes
    count: int
    by: tuple[int, ...]
    silent: tuple[int, ...] = ()
    due_at: int = 0
    """When the first custodian destroys the records (unix seconds); 0 where none are to be destroyed."""
    destroy_reason: int = 0
    """A `DestroyReason`; 0 where nothing is destroyed."""

    def facts(self) -> dict[str, object]:
        """For JSON."""
        return {
            **({"due_at": self.due_at} if self.due_at else {}),
            **({"reason": reason_name(self.destroy_reason)} if self.destroy_reason else {}),
            "kind": self.kind.name.lower(),
            "at": self.at,
            "subject": self.subject.hex(),
            "key": self.key.hex(),
            "count": self.count,
            "by": list(self.by),
            "silent": list(self.silent),
        }


def reason_name(reason: int) -> str:
    """A `DestroyReason` by its name; its number where this version does not know it."""
    return DestroyReason(reason).name.lower() if reason in set(DestroyReason) else str(reason)


async def notices(session: Session, owner: Thumbprint) -> tuple[list[Heard], dict[int, str]]:
    """All that the custodians that answer tell, in the order of time, and why others did not answer, or in no end."""
    found: dict[int, list[Notice]] = {}
    failures: dict[int, str] = {}
    after: dict[int, int] = {}
    unread: set[int] = set()
    for _ in range(MAX_PAGES):
        accounts, failures = await ask(session, owner=owner, notices_after=after)
        unread.clear()
        for index, account in accounts.items():
            fresh = [n for n in account.notices if n.number > after.get(index, 0)]
            found.setdefault(index, []).extend(fresh)
            if fresh:
                after[index] = fresh[-1].number
            if len(fresh) >= MAX_NOTICES:
                unread.add(index)
        if not unread:
            break
    # Who has more to tell than there can be tells nothing: it would hide what the others say.
    for index in unread:
        del found[index]
        failures[index] = "TOO_MANY_NOTICES"
    return union(found), failures


def union(found: Mapping[int, Iterable[Notice]]) -> list[Heard]:
    """By custodian -> each thing once."""
    told: dict[Name, dict[int, Notice]] = {}
    for index, some in sorted(found.items()):
        for notice in some:
            told.setdefault(_name(notice), {})[index] = notice
    heard = [
        Heard(
            kind,
            min(n.at for n in by.values()),
            subject,
            key,
            max(n.count for n in by.values()),
            tuple(sorted(by)),
            tuple(sorted(set(found) - set(by))),
            min((n.due_at for n in by.values() if n.due_at), default=0),
            max(n.destroy_reason for n in by.values()),
        )
        for (kind, subject, key), by in told.items()
    ]
    return sorted(heard, key=lambda h: h.at)


async def follow(session: Session, owner: Thumbprint) -> AsyncIterator[Heard]:
    """Each thing as soon as the first custodian tells of it, those of the past first. Never ends by itself."""
    keyring = await session.directory.keyring()
    queue: asyncio.Queue[tuple[int, Notice]] = asyncio.Queue()

    async def one(custodian: Custodian) -> None:
        last = 0
        while True:
            with contextlib.suppress(KmsError):
                async for account in watch(session, custodian, owner, last):
                    for notice in _after(account, last):
                        last = notice.number
                        queue.put_nowait((custodian.index, notice))
            await asyncio.sleep(REST_SECONDS)

    tasks = [asyncio.create_task(one(custodian)) for custodian in keyring.manifest.custodians]
    seen: set[Name] = set()
    try:
        while True:
            index, n = await queue.get()
            if _name(n) not in seen:
                seen.add(_name(n))
                yield Heard(
                    n.kind,
                    n.at,
                    n.subject_hash,
                    n.key_thumbprint,
                    n.count,
                    (index,),
                    due_at=n.due_at,
                    destroy_reason=n.destroy_reason,
                )
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _after(account: Account, last: int) -> list[Notice]:
    return [notice for notice in account.notices if notice.number > last]


def _name(notice: Notice) -> Name:
    return notice.kind, notice.subject_hash, notice.key_thumbprint
