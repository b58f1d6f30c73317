"""What anybody may read of the own log: tiles, proofs, and the certificates that releases rested on.

Nothing here signs, and no key is needed: it is there in RECOVERY too, when auditors want it most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kms.crypto.hashing import equal
from kms.custodian.grounds import MAX_CERTIFICATES
from kms.custodian.store import CustodianStore
from kms.custodian.tree import LogTree
from kms.errors import Invalid, NotFound
from kms.statements.checkpoint import CheckpointNote, read_note
from kms.statements.ids import RequestHash
from kms.statements.release import hash_certificate
from kms.statements.tiles import ENTRIES, read_path

MAX_TILES: Final = 4 << 20
"""Bytes of tiles in one answer, the last one not counted."""


class OwnLog:
    """The log of one store, open by a node or by nobody."""

    def __init__(self, store: CustodianStore) -> None:
        self._store, self._tree = store, LogTree(store.log)

    def signed(self) -> CheckpointNote:
        """The largest checkpoint that was signed of what is here; NotFound if none was.

        Entries after it may never have been shown to anybody, so nothing is said of them.
        """
        found: CheckpointNote | None = None
        size = self._store.log.size()
        for raw in (self._store.log.checkpoint(), self._store.mirrors.cosigned_note()):
            note = read_note(raw) if raw else None
            if note is None or note.checkpoint.size > size:
                continue
            holds = equal(self._tree.root(note.checkpoint.size), note.checkpoint.root)
            if holds and (found is None or note.checkpoint.size > found.checkpoint.size):
                found = note
        if found is None:
            raise NotFound("of what there is of this log nothing was signed", reason="NO_CHECKPOINT")
        return found

    def tiles(self, paths: Sequence[str]) -> list[bytes]:
        """Bytes of the first of these tiles and bundles: at least one, and as many as fit into an answer.

        Invalid of what is no path, NotFound of what the log does not have yet.
        """
        wanted = [read_path(path) for path in paths]
        size = self._store.log.size()
        found, total = [], 0
        for tile in wanted:
            if tile.number * 256 + tile.width > size >> 8 * (0 if tile.level == ENTRIES else tile.level):
                raise NotFound(f"the log has no {tile.path} yet", reason="NO_SUCH_TILE")
            if total >= MAX_TILES:
                break
            found.append(self._tree.tile(tile))
            total += len(found[-1])
        return found

    def inclusion(self, index: int, size: int) -> tuple[bytes, list[bytes]]:
        """(entry, proof that it stands in the log of this size)."""
        self._check_size(size)
        proof = self._tree.inclusion_proof(index, size)
        return self._store.log.entries(index, 1)[0], proof

    def consistency_proof(self, old: int, new: int) -> list[bytes]:
        """Proof that the log of `new` entries begins with that of `old`."""
        self._check_size(new)
        return self._tree.consistency_proof(old, new)

    def _check_size(self, size: int) -> None:
        now = self._store.log.size()
        if size > now:
            raise NotFound(f"the log has {now} entries, not {size}", reason="LOG_SHORTER")

    def certificates(self, request: RequestHash, certificate_hash: bytes = b"") -> list[bytes]:
        """On what a request's shares went out here: the certificate of this hash, or (empty) all of them.

        NotFound if none is here: none was ever used here, or it is too old.
        """
        if len(certificate_hash) not in (0, 32):
            raise Invalid("a certificate's hash is 32 bytes", reason="INVALID_FIELD")
        kept = self._store.certificates.of(request, MAX_CERTIFICATES)
        found = [
            one for one in kept if not certificate_hash or equal(hash_certificate(one), certificate_hash)
        ]
        if not found:
            raise NotFound("no certificate of that request is kept here", reason="NO_CERTIFICATE")
        return found
