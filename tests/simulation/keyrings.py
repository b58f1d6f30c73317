"""Keyrings on mortal disks, started thousands of times: what does not differ between seeds is made once."""

from __future__ import annotations

import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from sqlite_utils import Database

from kms.crypto.group import Q
from kms.crypto.secret import Secret
from kms.crypto.sharing import decode_share, encode_share, interpolate
from kms.custodian import node as node_module
from kms.custodian.node import CustodianNode
from kms.custodian.sqlite import MIGRATIONS, SqliteCustodianStore
from kms.custodian.vault import SealedRow, Vault
from kms.policy.engine import PolicyEngine
from kms.policy.lint import refuse_unsafe
from kms.statements.ids import KeyId
from kms.statements.manifest import Keyring, Manifest
from kms_client.cache import OpenKey
from tests.protocol.world import LAB, Clock, World, parties, storage_root
from tests.simulation.disks import Fuse, MortalStore, copy, in_memory

KEYS = 2


class LyingVault(Vault):
    """Gives out other shares than the stored ones while `lying` says so."""

    def __init__(self, root: Secret, lying: Callable[[], bool]) -> None:
        super().__init__(root)
        self._lying = lying

    def open_share(self, key_id: bytes, row: SealedRow) -> bytes:
        return self._bent(super().open_share(key_id, row))

    def open_reshared(self, key_id: bytes, version: bytes, wrapped: bytes, sealed: bytes) -> bytes:
        return self._bent(super().open_reshared(key_id, version, wrapped, sealed))

    def _bent(self, share: bytes) -> bytes:
        if not self._lying():
            return share
        a, b = decode_share(share)
        return encode_share(a % (Q - 1) + 1, b)


@dataclass(slots=True)
class MortalWorld(World):
    """A world whose nodes live on disks in memory, each with a clock that is wrong in its own way."""

    disks: dict[int, sqlite3.Connection] = field(default_factory=dict)
    fuses: dict[int, Fuse] = field(default_factory=dict)
    skews: dict[int, int] = field(default_factory=dict)
    liars: frozenset[int] = frozenset()
    lying: Callable[[], bool] = lambda: False

    def start(self, index: int, *_: Any) -> CustodianNode:
        """Start a node, or start it again after its process died, on whatever is on its disk."""
        if index not in self.disks:
            self.disks[index] = copy(empty_disk())
            store = SqliteCustodianStore(self.disks[index])
            with store.transaction():
                store._set("keyring_id", self.keyring.keyring_id)
                store._set("index", index.to_bytes(2, "big"))
        fuse = self.fuses.setdefault(index, Fuse())
        fuse.left = 0  # one death at a time: a node that dies at every start would be one that is away
        root = storage_root(index)
        node = CustodianNode(
            self.chain,
            self.identities[index],
            MortalStore(self.disks[index], fuse),
            Vault(root),
            [],
            lambda: self.clock() + self.skews.get(index, 0),
        )
        if index in self.liars:
            node.context = replace(node.context, vault=LyingVault(root, self.lying))
        self.nodes[index] = node
        return node

    def wipe(self, index: int) -> None:
        """Its disk is lost; it begins with an empty one."""
        del self.disks[index]
        self.start(index)


@cache
def empty_disk() -> bytes:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    MIGRATIONS.apply(Database(connection))
    return in_memory(connection.serialize())


@dataclass(frozen=True, slots=True)
class Template:
    """A keyring with some keys, as it lies on its custodians' disks."""

    keyring: Keyring
    disks: dict[int, bytes]
    keys: tuple[OpenKey, ...]
    secrets: dict[KeyId, bytes]
    """f(0) of each key."""


@cache
def template(threshold: int, n: int) -> Template:
    with tempfile.TemporaryDirectory() as folder:
        world = World.found(Path(folder), n=n, threshold=threshold, name=f"{threshold} of {n}")
        keys = world.create(world.device("owner"), [LAB] * KEYS)
        disks = {}
        for index, node in world.nodes.items():
            store: Any = node.context.store
            disks[index] = in_memory(store._db.serialize())
        shares = [_own_shares(world, key, range(1, threshold + 1)) for key in keys]
        world.close()
    base = tuple(range(1, threshold + 1))
    secrets = {
        k.key_id: interpolate(base, row).to_bytes(32, "big") for k, row in zip(keys, shares, strict=True)
    }
    return Template(world.keyring, disks, keys, secrets)


def _own_shares(world: World, key: OpenKey, indices: Iterable[int]) -> list[int]:
    found = []
    for index in indices:
        node = world.nodes[index].context
        stored = node.store.keys([key.key_id])[key.key_id]
        found.append(decode_share(node.vault.open_share(key.key_id, stored.row))[0])
    return found


def world_of(made: Template, n: int) -> MortalWorld:
    """A world of its own on copies of the template's disks; nothing runs yet."""
    base = parties(n)
    world = MortalWorld(Path("nowhere"), Clock(), made.keyring, *base)
    world.disks = {index: copy(disk) for index, disk in made.disks.items()}
    return world


@contextmanager
def policies_remembered() -> Iterator[None]:
    """All manifests here have one policy: it is linted and compiled once, not at each of a hundred thousand starts."""
    with (
        mock.patch.object(node_module, "_engine", _remembered_engine),
        mock.patch.object(node_module, "refuse_unsafe", _remembered_lint),
    ):
        yield


_make_engine = node_module._engine
_engines: dict[tuple[str, str, str], PolicyEngine] = {}
_linted: set[tuple[object, ...]] = set()


def _remembered_engine(keyring: Keyring, forbids: str) -> PolicyEngine:
    name = (keyring.manifest.policy, keyring.manifest.policy_schema, forbids)
    if name not in _engines:
        _engines[name] = _make_engine(keyring, forbids)
    return _engines[name]


def _remembered_lint(manifest: Manifest) -> None:
    name = (manifest.policy, manifest.threshold, manifest.custodians)
    if name not in _linted:
        refuse_unsafe(manifest)
        _linted.add(name)


def pick(rng: random.Random, chances: dict[str, int]) -> str:
    """One of these, as often as its number says."""
    return rng.choices(tuple(chances), tuple(chances.values()))[0]
