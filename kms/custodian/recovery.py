"""Bringing a log back that lost entries: its own checkpoint says how many and which, others' copies have them.

A store that was put back (a snapshot, an old disk) lacks what this custodian has signed since. It must not go on from
there: it would sign a second history, count grants again, and open what was revoked. So the node stands still until its
log is what it was, and this is how it becomes that again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kms.crypto import labels
from kms.crypto.hashing import H, equal
from kms.crypto.merkle import check_consistency
from kms.custodian.ledger import Ledger
from kms.custodian.mirrors import PAGE, Growing, Untold
from kms.custodian.peers import Door
from kms.custodian.store import CustodianStore
from kms.custodian.watch import Watch
from kms.errors import Fork, KmsError, Unavailable
from kms.statements.audit import LOST_ALL, LogKind, read_entry
from kms.statements.checkpoint import CheckpointNote

Tell = Callable[[int, int], None]
"""Hears how many entries are back, and how many are to come back."""
SAID: Final = frozenset({LogKind.REVOCATION, LogKind.KILLED, LogKind.CONSENT})
"""What others have said here. The log has only hashes of it: they must say it again."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was done: entries that were right, that came back, that stood in their place; entries of the log now."""

    kept: int
    brought: int
    displaced: int
    size: int
    from_peer: int
    kinds: Mapping[str, int]
    """What came back: entries by kind."""
    untold: Sequence[Untold]
    """What was said in them and is forgotten here, until it is told again."""


async def recover(
    store: CustodianStore,
    ledger: Ledger,
    watch: Watch,
    doors: Sequence[Door],
    notes: Iterable[bytes],
    now: int,
    tell: Tell,
) -> Recovered | None:
    """Make the log whole again up to the largest checkpoint that we signed; None if it is whole.

    `notes` are those that others showed. Unavailable if nobody has the entries; Fork if we signed two histories, which
    nothing can make one again.
    """
    known = store.mirrors.ahead()
    # What this disk itself gave out after it was put back counts as well: it may be the second history.
    shown = [note for note in (*notes, known, store.log.checkpoint()) if note]
    target = watch.hold_against(shown)
    if target is None:
        with store.transaction():
            store.mirrors.set_ahead(b"")
        return None
    problems = []
    for door in doors:
        try:
            kept = await _common(door, watch, ledger, target)
            await _fetch(door, store, watch, ledger, target, kept, tell)
        except KmsError as error:
            problems.append(f"{door.index}: {error.reason}")
            continue
        return _settle(store, ledger, watch, target, shown, kept, door.index, now)
    raise Unavailable(
        f"nobody has the {target.checkpoint.size} entries that this custodian has signed"
        f" ({', '.join(problems) or 'nobody was asked'}): try again when more custodians answer",
        reason="NOBODY_HAS_THE_LOG",
    )


async def _common(door: Door, watch: Watch, ledger: Ledger, target: CheckpointNote) -> int:
    """How many of our entries are those of the checkpoint, as this peer's copy shows."""
    wanted = target.checkpoint
    size, _ = ledger.head()
    low, high, middle = 0, min(size, wanted.size), min(size, wanted.size)
    while low < high:
        root, proof = await door.beginning(watch.own, middle, wanted.size)
        check_consistency(middle, root, wanted.size, wanted.root, proof)
        if equal(ledger.tree.root(middle), root):
            low = middle
        else:
            high = middle - 1
        middle = (low + high + 1) // 2
    return low


async def _fetch(
    door: Door,
    store: CustodianStore,
    watch: Watch,
    ledger: Ledger,
    target: CheckpointNote,
    kept: int,
    tell: Tell,
) -> None:
    """Put the peer's copy beside our log, held against what we signed."""
    growing = Growing(store.mirrors.begin(watch.own), target, ledger.tree.edge(kept))
    total = target.checkpoint.size - kept
    while not growing.whole:
        growing.take(await door.entries(watch.own, growing.next))
        tell(growing.next - kept, total)


def _settle(
    store: CustodianStore,
    ledger: Ledger,
    watch: Watch,
    target: CheckpointNote,
    shown: Sequence[bytes],
    kept: int,
    peer: int,
    now: int,
) -> Recovered:
    """All at once: entries that stand where others belong are put aside, and the right ones take their place."""
    copy = store.mirrors.find(watch.own)
    assert copy is not None
    kinds: Counter[str] = Counter()
    untold: list[Untold] = []
    with store.transaction():
        displaced = ledger.cut(kept)
        store.mirrors.displace(now, kept, displaced)
        while (start := ledger.head()[0]) < target.checkpoint.size:
            page = copy.entries(start, min(PAGE, target.checkpoint.size - start))
            ledger.append_known(page)
            read = [read_entry(entry, number) for number, entry in enumerate(page, start)]
            kinds.update(entry.kind.name for entry in read)
            untold += [
                Untold(entry.subject_hash, entry.kind, entry.principal, entry.outcome)
                for entry in read
                if entry.kind in SAID
            ]
        if watch.hold_against(shown) is not None:
            raise Fork(
                "this custodian has signed two histories of its log: no recovery makes them one,"
                " and it must leave the keyring",
                reason="TWO_HISTORIES",
            )
        lost_all = kept == 0 and not displaced
        index = ledger.append(
            LogKind.RECOVERED,
            now,
            H(labels.DISPLACED, *displaced),
            outcome=LOST_ALL if lost_all else f"DISPLACED_{len(displaced)}",
            count=target.checkpoint.size - kept,
        )
        if lost_all:
            store.mirrors.set_lost_before(index)
        store.mirrors.add_untold(untold)
        store.mirrors.forget(watch.own)
        store.mirrors.set_ahead(b"")
    size, _ = ledger.head()
    return Recovered(kept, target.checkpoint.size - kept, len(displaced), size, peer, dict(kinds), untold)
