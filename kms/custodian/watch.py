"""What a node keeps of logs, its own and others', for anybody to read: it needs no key and is there in RECOVERY too."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from kms.crypto.hashing import equal
from kms.custodian.mirrors import PAGE
from kms.custodian.own_log import OwnLog
from kms.custodian.store import CustodianStore
from kms.custodian.tree import Leaves, LogTree
from kms.errors import KmsError, NotFound
from kms.statements.chain import Chain
from kms.statements.checkpoint import CheckpointNote, log_origin, own_note, read_note, read_signatures
from kms.statements.misbehaviour import Misbehaviour

MAX_ANSWER: Final = 1 << 20
"""Bytes of entries in an answer, unless one alone is larger."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What somebody saw last of a log, as its log signed it, and how many entries they keep of it."""

    note: bytes
    kept: int


class Watch:
    """Logs are those of all custodians that the keyring ever had."""

    def __init__(self, store: CustodianStore, chain: Callable[[], Chain]) -> None:
        self._store, self._chain = store, chain
        self.keyring_id, index = store.identity()
        self.own: Final = log_origin(self.keyring_id, index)
        self.log: Final = OwnLog(store)

    def keys(self) -> dict[str, bytes]:
        """The keys of all logs by origin, the own one's too."""
        chain = self._chain()
        return {
            log_origin(chain.keyring_id, custodian.index): custodian.identity_key
            for link in chain.links
            for custodian in link.manifest.custodians
        }

    def others(self) -> dict[str, bytes]:
        """The same without the own one."""
        return {origin: key for origin, key in self.keys().items() if origin != self.own}

    def copied(self, origin: str) -> int:
        """How many entries of another log are kept here."""
        log = self._store.mirrors.find(origin)
        return log.settled()[0] if log else 0

    def witnessed(self) -> list[Shown]:
        """What was seen last of each other log."""
        found = []
        for origin, seen in self._store.witness.all().items():
            found.append(Shown(seen.note, self.copied(origin)))
        return found

    def entries(self, origin: str, start: int) -> list[bytes]:
        """The next entries from there on, as many as go into an answer; NotFound if that log is not kept here."""
        log, size = self._kept(origin)
        found: list[bytes] = []
        left = MAX_ANSWER
        for entry in log.entries(start, min(PAGE, max(0, size - start))):
            left -= len(entry)
            if left < 0 and found:
                break
            found.append(entry)
        return found

    def beginning(self, origin: str, size: int, of: int) -> tuple[bytes, list[bytes]]:
        """(root over the first `size` entries, consistency proof from there to `of`)."""
        log, kept = self._kept(origin)
        if not 0 < size <= of <= kept:
            raise NotFound(f"{kept} entries of {origin} are kept here", reason="NOT_KEPT")
        tree = LogTree(log)
        return tree.root(size), tree.consistency_proof(size, of)

    def _kept(self, origin: str) -> tuple[Leaves, int]:
        if origin == self.own:
            return self._store.log, self._store.log.size()
        mirror = self._store.mirrors.find(origin)
        if mirror is None:
            raise NotFound(f"{origin} is not kept here", reason="NOT_KEPT")
        return mirror, mirror.settled()[0]

    def misbehaviour(self) -> list[Misbehaviour]:
        return self._store.witness.evidence()

    # -- the own log ---------------------------------------------------------------------------------------

    def ahead(self) -> CheckpointNote | None:
        """Our own signed checkpoint that this log does not have (any more), as it was found; None if all is well."""
        note = self._store.mirrors.ahead()
        return read_note(note) if note else None

    def hold_against(self, shown: Iterable[bytes]) -> CheckpointNote | None:
        """Of the notes that others show, the largest of ours that our log does not have.

        A note counts if we signed it: nobody's word alone can switch this node off.
        """
        key = self.keys()[self.own]
        tree, size, found = LogTree(self._store.log), self._store.log.size(), None
        for raw in shown:
            try:
                note = own_note(read_note(raw), self.own, key)
            except KmsError:
                continue  # garbage, of another log, or made up
            checkpoint = note.checkpoint
            if checkpoint.size <= size and equal(tree.root(checkpoint.size), checkpoint.root):
                continue
            if found is None or checkpoint.size > found.checkpoint.size:
                found = note
        return found

    def cosigned(self) -> CheckpointNote | None:
        """Our newest checkpoint that others have cosigned, with their lines; None if none has yet."""
        raw = self._store.mirrors.cosigned_note()
        if not raw:
            return None
        note = read_note(raw)
        found = self.with_cosignatures(note)
        return found if found != note else None

    def with_cosignatures(self, note: CheckpointNote) -> CheckpointNote:
        """Our note, with the lines of those who have cosigned this very one."""
        return note.with_signatures(
            [
                read_signatures(one.line)[0]
                for one in self._store.mirrors.cosigned()
                if one.size == note.checkpoint.size and equal(one.root, note.checkpoint.root)
            ]
        )

    def enter_recovery(self, note: CheckpointNote) -> None:
        """Remember what is missing: a node that starts again must not forget it because its peers are silent."""
        with self._store.transaction():
            self._store.mirrors.set_ahead(note.to_bytes())
