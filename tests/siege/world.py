"""Real nodes on disks that lose power, with clocks that disagree, and all randomness from a seed.

A disk is the product's SQLite store in memory. Power fails before a transaction is durable (nothing of it is) or after
(all of it is, and nobody hears); a write may also fail under a node that lives on. The keyrings of each shape are
founded once in a process, always with the same keys, and copied for each seed.
"""

from __future__ import annotations

import random
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from unittest import mock

from sqlite_utils import Database

from kms.crypto.sealing import SealingPrivateKey
from kms.crypto.secret import Secret
from kms.crypto.signing import SigningKey
from kms.custodian.node import CustodianNode, NodeOptions
from kms.custodian.sqlite import MIGRATIONS, SqliteCustodianStore
from kms.custodian.store import StoredKey
from kms.custodian.vault import RowRoot, Vault
from kms.dev.founding import CLASSES
from kms.errors import KmsError, Unavailable
from kms.policy.issuers import pin
from kms.statements.chain import Chain
from kms.statements.codec import decode
from kms.statements.ids import KeyId
from kms.statements.manifest import Keyring, SealingKey, open_sealing_key
from kms_client.cache import OpenKey
from tests.protocol.world import LAB, Clock, Device, Sent, World, signing_key

DAY = 86400
NOWHERE = Path("/nonexistent")


class PowerLoss(Unavailable):
    """The machine under a node is off."""

    reason = "POWER_LOSS"


@dataclass(slots=True)
class Power:
    """What happens to a custodian's writes. `armed` counts down to the write that fails, and how."""

    writes: int = 0
    armed: tuple[str, int] | None = None
    off: bool = False
    written: bool = False
    """Since somebody looked."""

    def arm(self, how: str, countdown: int = 0) -> None:
        """`how`: "before" or "after" the write is durable, or "full": the write fails and the node lives."""
        self.armed = (how, countdown)

    def _strikes(self, *hows: str) -> str:
        if self.armed is None or self.armed[0] not in hows or self.armed[1] > 0:
            return ""
        how, self.armed = self.armed[0], None
        self.off = how != "full"
        return how

    def begin(self) -> None:
        if self.off:
            raise PowerLoss("there is no power")
        self.writes += 1

    def about_to_commit(self) -> None:
        if how := self._strikes("before", "full"):
            raise PowerLoss("power failed") if how == "before" else Unavailable("disk is full")

    def committed(self) -> None:
        self.written = True
        if self._strikes("after"):
            raise PowerLoss("power failed after the write")
        if self.armed is not None:
            self.armed = (self.armed[0], self.armed[1] - 1)


class Disk(SqliteCustodianStore):
    """The product's store on a power line of its own."""

    def __init__(self, connection: sqlite3.Connection, power: Power) -> None:
        super().__init__(connection)
        self._power = power

    @contextmanager
    def _powered(self) -> Iterator[object]:
        self._power.begin()
        with super().transaction() as written:
            yield written
            self._power.about_to_commit()
        self._power.committed()

    def transaction(self):  # type: ignore[no-untyped-def]
        return self._powered()

    def close(self) -> None:
        """The disk outlives the process."""


@dataclass(slots=True)
class Watch:
    """One custodian's clock: the world's, and how far it is off."""

    world: Callable[[], int]
    skew: int = 0

    def __call__(self) -> int:
        return self.world() + self.skew


@dataclass(slots=True)
class Site(World):
    """A `World` on such disks. `liars` are corrupted, `lossy` may lose their disks: together fewer than t anywhere."""

    disks: dict[int, sqlite3.Connection] = field(default_factory=dict)
    powers: dict[int, Power] = field(default_factory=dict)
    watches: dict[int, Watch] = field(default_factory=dict)
    liars: set[int] = field(default_factory=set)
    lossy: set[int] = field(default_factory=set)
    make_liar: Callable[..., CustodianNode] = CustodianNode

    def start(
        self, index: int, keyring: Keyring | None = None, options: NodeOptions | None = None
    ) -> CustodianNode:
        """Start a custodian on its disk, a blank one if it has none. PowerLoss if power fails meanwhile."""
        self.nodes.pop(index, None)
        power = self.powers.setdefault(index, Power())
        power.off, power.written = False, True
        if index not in self.disks:
            self.disks[index] = _open(_blank(self.keyring.keyring_id, index))
        watch = self.watch(index)
        make = self.make_liar if index in self.liars else CustodianNode
        # A node is configured once: of later manifests it knows what it was told since.
        founders = self.chain.links[0].manifest.indices
        chain = Chain(self.chain.links[:1]) if index in founders else self.chain
        self.nodes[index] = make(
            chain, self.identities[index], Disk(self.disks[index], power), self.vault(index), [], watch
        )
        return self.nodes[index]

    def watch(self, index: int) -> Watch:
        return self.watches.setdefault(index, Watch(self.clock))

    def vault(self, index: int) -> Vault:
        return _vault(index)

    def sealing_keys(self, indices: Iterable[int] = ()) -> dict[int, SealingKey]:
        """As a client has them: a custodian that gives out none that is valid is done without."""
        found = {}
        for index in sorted(set(indices) or set(self.members)):
            with suppress(KmsError):
                envelope = self.nodes[index].sealing_key().envelope
                found[index] = open_sealing_key(envelope, self.keyring, index, self.clock()).statement
        return found

    def reap(self) -> list[int]:
        """Take nodes without power off the line; which ones."""
        dead = [index for index in self.nodes if self.powers[index].off]
        for index in dead:
            self.nodes.pop(index)
        return dead

    def down(self) -> list[int]:
        return [index for index in self.disks if index not in self.nodes]

    def wipe(self, index: int) -> None:
        """The disk is gone; so is what its owner promised."""
        self.nodes.pop(index, None)
        self.disks.pop(index).close()
        self.powers[index].written = True

    def held(self, index: int, key_ids: list[KeyId]) -> Mapping[KeyId, StoredKey]:
        """What lies on a disk, whether or not its node runs."""
        return SqliteCustodianStore(self.disks[index]).keys(key_ids)

    def close(self) -> None:
        for connection in self.disks.values():
            connection.close()


@cache
def _vault(index: int) -> Vault:
    return Vault(Secret(bytes([index]) * 32), RowRoot(1, Secret(bytes([index, 1]) * 16)))


def _open(image: bytes) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.deserialize(image)
    return connection


@cache
def _blank(keyring_id: bytes, index: int) -> bytes:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    MIGRATIONS.apply(Database(connection))
    store = SqliteCustodianStore(connection)
    with store.transaction():
        store._set("keyring_id", keyring_id)
        store._set("index", index.to_bytes(2, "big"))
    return connection.serialize()


# -- founded once, copied for each seed --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Founded:
    """A keyring with its keys, and its disks as images."""

    keyring: Keyring
    images: Mapping[int, bytes]
    owner: Device
    keys: tuple[OpenKey, ...]
    sent: Sent
    now: int

    def copy(self) -> Site:
        """The keyring on fresh copies of its disks; no node runs yet."""
        identities = {i: _key(f"custodian {i}") for i in self.images}
        site = Site(NOWHERE, Clock(self.now), self.keyring, identities, {}, _issuer_keys())
        site.disks.update({i: _open(image) for i, image in self.images.items()})
        return site


@cache
def founded(n: int, threshold: int, keys: int) -> Founded:
    with seeded(f"founding {threshold} of {n}, {keys} keys"):
        site = Site.found(NOWHERE, n=n, threshold=threshold)
        assert isinstance(site, Site)
        owner = site.device("alice")
        dealt = site.deal(owner, [LAB] * keys)
        sent = site.send(owner, dealt)
        for index in site.nodes:
            site.deposit_at(index, sent)
        images = {index: disk.serialize() for index, disk in site.disks.items()}
        made = Founded(site.keyring, images, owner, dealt.keys, sent, site.clock())
        site.close()
    return made


@cache
def _key(name: str) -> SigningKey:
    return signing_key(name)


@cache
def _issuer_keys() -> Mapping[str, SigningKey]:
    return {iss: signing_key(f"issuer {iss}") for iss in CLASSES}


@contextmanager
def seeded(name: str) -> Iterator[None]:
    """All that the product draws at random comes from `name`; what it reads out of unchanging texts is kept."""
    draw = random.Random(name)
    with ExitStack() as stack:
        for attribute, made in {
            "token_bytes": lambda n=32: draw.randbytes(n),
            "token_hex": lambda n=32: draw.randbytes(n).hex(),
            "randbelow": draw.randrange,
            "randbits": draw.getrandbits,
        }.items():
            stack.enter_context(mock.patch.object(secrets, attribute, made))
        # What follows from the same bytes every time.
        stack.enter_context(mock.patch("kms.policy.issuers.pin", _pin_once))
        stack.enter_context(mock.patch("kms.custodian.sealing_keys.SealingPrivateKey", _private_once))
        for reader in ("envelope", "ceremony"):
            stack.enter_context(mock.patch(f"kms.statements.{reader}.decode", _decode_once))
        yield


_pin_once = lru_cache(256)(pin)
_decode_once = lru_cache(4096)(decode)


@lru_cache(1024)
def _expand_once(seed: bytes) -> SealingPrivateKey:
    return SealingPrivateKey(Secret(seed))


def _private_once(seed: Secret) -> SealingPrivateKey:
    return _expand_once(seed.reveal())


_private_once.generate = SealingPrivateKey.generate  # type: ignore[attr-defined]
