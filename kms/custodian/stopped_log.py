"""The log of a node that is not running, read from its store. Nothing is written, and no secret is needed."""

from __future__ import annotations

from collections.abc import Sequence

from kms.custodian.store import CustodianStore
from kms.custodian.tree import LogTree
from kms.errors import NotFound
from kms.statements.ids import RequestHash
from kms.statements.tiles import Tile

MAX_CERTIFICATES = 16


class StoppedLog:
    """Up to the last checkpoint that was signed: what came after it nobody has signed."""

    live = False

    def __init__(self, store: CustodianStore) -> None:
        self._store, self._tree = store, LogTree(store.log)

    def checkpoint(self) -> bytes:
        note = self._store.log.checkpoint()
        if not note:
            raise NotFound("this node has signed no checkpoint yet: start it", reason="NO_CHECKPOINT")
        return note

    def tiles(self, wanted: Sequence[Tile]) -> list[bytes]:
        return [self._tree.tile(tile) for tile in wanted]

    def certificate(self, request_hash: bytes) -> list[bytes]:
        return self._store.certificates.of(RequestHash(request_hash), MAX_CERTIFICATES)

    def seen(self) -> list[bytes]:
        return []

    def misbehaviour(self) -> list[bytes]:
        return []

    def close(self) -> None:
        self._store.close()
