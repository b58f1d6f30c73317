"""A custodian's configuration, the files of its folder, and how a node is made from them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from kms.crypto.secret import Secret
from kms.crypto.signing import PUBLIC_KEY_SIZE, SigningKey
from kms.custodian.approvers import ApproverQuorum
from kms.custodian.clock import SteadyClock
from kms.custodian.context import DestroyLimits
from kms.custodian.forbids import file_source
from kms.custodian.log_config import LogConfig
from kms.custodian.node import CustodianNode, NodeOptions
from kms.custodian.notifying import NotifyConfig
from kms.custodian.rolling import Rolling
from kms.custodian.root import HandOut, StorageRoot, UnlockConfig
from kms.custodian.sealing_keys import DEFAULT_PERIOD
from kms.custodian.sqlite import SqliteCustodianStore
from kms.custodian.vault import Vault
from kms.errors import ConfigError
from kms.statements.approver import LANGUAGES, ApproverKey, is_address
from kms.statements.chain_file import read_chain
from kms.statements.passkeys import RelyingParty
from kms.statements.registry import Approver
from kms.storage import database, erasable, keyfile, officers
from kms.storage.postgres import Postgres
from kms.transport.tls import TlsFiles


@dataclass(frozen=True, slots=True)
class ApproverConfig:
    """A human who may answer here: name, 32-byte Ed25519 public key, "iss|sub" names they ask under."""

    name: str
    public_key: bytes
    subjects: tuple[str, ...] = ()
    email: str = ""
    language: str = "en"

    def __post_init__(self) -> None:
        if len(self.public_key) != PUBLIC_KEY_SIZE:
            raise ConfigError(
                f"approvers: the public key of {self.name} must be {PUBLIC_KEY_SIZE} bytes in hex"
            )
        if self.language not in LANGUAGES:
            raise ConfigError(f"approvers: the language of {self.name} must be one of {', '.join(LANGUAGES)}")
        if self.email and not is_address(self.email):
            raise ConfigError(f"approvers: the email of {self.name} must be an address")

    def approver(self) -> Approver:
        key = ApproverKey.of_key(self.public_key)
        return Approver(self.name, key, frozenset(self.subjects), self.email, self.language)


@dataclass(frozen=True, slots=True)
class ConsoleConfig:
    """The approvers' console: where it listens, and its own TLS files, as browsers know them."""

    listen: str
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ConfigError("console.certificate and console.key go together")
        host = self.listen.rpartition(":")[0].strip("[]")
        # Cookies and pages in clear are for this machine alone, where a proxy may put TLS in front.
        if self.certificate is None and host not in ("127.0.0.1", "::1", "localhost"):
            raise ConfigError(f"console.listen: {self.listen} without TLS: only loopback may go without")


@dataclass(frozen=True, slots=True)
class ErasingConfig:
    """The table `erasing`: how old the row root may grow (hours), and the file that holds it."""

    roll_hours: int = 24
    row_root: Path | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.roll_hours <= 24:
            raise ConfigError("erasing.roll_hours must be between 1 and 24")


@dataclass(frozen=True, slots=True)
class DestroyConfig:
    """The table `destroying`: how long orders wait here at least, and for how many keys a day they are taken."""

    floor_hours: int = 24
    keys_a_day: int = 20_000
    keys_a_day_of_owner: int = 5000

    def __post_init__(self) -> None:
        if not 0 <= self.floor_hours <= 90 * 24:
            raise ConfigError("destroying.floor_hours must be between 0 and 2160")
        if min(self.keys_a_day, self.keys_a_day_of_owner) < 0:
            raise ConfigError("destroying.keys_a_day and keys_a_day_of_owner must not be negative")

    def limits(self) -> DestroyLimits:
        return DestroyLimits(self.floor_hours * 3600, self.keys_a_day, self.keys_a_day_of_owner)


@dataclass(frozen=True, slots=True)
class CustodianConfig:
    """Keys of the custodian's TOML file. Paths are relative to the file."""

    keyring_id: bytes
    manifest: Path
    store: Path
    storage_root: Path
    identity: Path
    listen: str
    tls: TlsFiles
    relays: tuple[str, ...]
    listen_public: str = ""
    approvals_socket: Path | None = None
    passphrase_file: Path | None = None
    unlock: UnlockConfig | None = None
    approvers: tuple[ApproverConfig, ...] = ()
    passkeys: RelyingParty | None = None
    approver_quorum: ApproverQuorum = field(default_factory=ApproverQuorum)
    console: ConsoleConfig | None = None
    log: LogConfig = field(default_factory=LogConfig)
    notify: NotifyConfig | None = None
    erasing: ErasingConfig = field(default_factory=ErasingConfig)
    destroying: DestroyConfig = field(default_factory=DestroyConfig)
    extra_forbids: Path | None = None
    forbids_fail_closed: bool = False
    sealing_period_seconds: int = DEFAULT_PERIOD
    deposit_quota_per_hour: int = 1_000_000
    denials_per_hour: int = 1000
    denials_per_key_per_hour: int = 60
    statements_per_hour: int = 1000
    statements_per_key_per_hour: int = 60
    history_days: int = 400
    history_rows: int = 1_000_000
    postgres: str = ""
    """A libpq connection string: the store is in that database then, and no file is made at `store`."""
    tick_seconds: int = 30
    metrics: str = ""
    reflection: bool = False
    log_level: str = "info"

    def socket(self) -> Path:
        """Where approvers' commands reach the node: a local socket of mode 0600."""
        return self.approvals_socket or self.store.parent / "approvals.sock"

    def row_root(self) -> Path:
        """Where the row root is: by the store, on a disk that overwrites in place."""
        return self.erasing.row_root or self.store.parent / "row.root"

    @property
    def place(self) -> database.Place:
        """Where the store is."""
        return Postgres(self.postgres) if self.postgres else self.store

    def root(self) -> StorageRoot:
        """Where the storage root is and how it opens."""
        return StorageRoot(self.storage_root, self.unlock, self.passphrase_file)


def open_vault(config: CustodianConfig) -> Vault:
    """The vault under the storage root, opened here: by whoever sits at this terminal, if it takes people."""
    return Vault(config.root().read())


def open_store(config: CustodianConfig, vault: Vault, now: int) -> tuple[SqliteCustodianStore, Rolling]:
    """The store, with its row root in the vault; a roll that was killed stands where it stood."""
    store = SqliteCustodianStore.open(config.place)
    try:
        with database.explained(config.place):
            return store, Rolling(config.row_root(), store, vault, now)
    except BaseException:
        store.close()
        raise


def initialise(config: CustodianConfig, passphrase: str | None) -> SigningKey:
    """Make storage root and identity key; ConfigError if they exist. Returns the identity."""
    root = Secret(os.urandom(32))
    config.root().create(root, passphrase)
    return make_identity(config, root)


def make_identity(config: CustodianConfig, root: Secret) -> SigningKey:
    """A new identity key, sealed under the storage root; ConfigError if there is one."""
    identity = SigningKey.generate()
    sealed = Vault(root).seal("identity", identity.seed.reveal())
    try:
        descriptor = os.open(config.identity, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise ConfigError(f"{config.identity} exists already") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(sealed)
        file.flush()
        os.fsync(file.fileno())
    return identity


def appoint_officers(config: CustodianConfig, of: int, needed: int, hand_out: HandOut) -> None:
    """Put the root under k of m officers; make root and identity key if there are none yet."""
    place = config.root()
    if place.path.exists():
        if keyfile.load(place.path)["kdf"] == officers.KIND:
            raise ConfigError(f"{place.path} has officers: `kms custodian officers rekey` changes them")
        place.seal_to_officers(place.read_any(), of, needed, hand_out)
        return
    if config.identity.exists():
        raise ConfigError(f"{config.identity} exists, and the root that it is sealed under does not")
    root = Secret(os.urandom(32))
    place.seal_to_officers(root, of, needed, hand_out)
    make_identity(config, root)


def read_identity(config: CustodianConfig, vault: Vault) -> SigningKey:
    """The identity key, which lies sealed under the storage root."""
    try:
        sealed = config.identity.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {config.identity}: {error.strerror}") from None
    return SigningKey(Secret(vault.open("identity", sealed)))


def join(config: CustodianConfig, now: int) -> int:
    """Make the store of this custodian for the manifest that names its identity key; returns its index."""
    keyring = read_chain(config.manifest, config.keyring_id).current(now)
    vault = open_vault(config)
    identity = read_identity(config, vault)
    for custodian in keyring.manifest.custodians:
        if custodian.identity_key == identity.public:
            SqliteCustodianStore.create(config.place, keyring.keyring_id, custodian.index).close()
            # Of a store that is lost: copies of it that lie anywhere are to open no more.
            erasable.discard(config.row_root())
            open_store(config, vault, now)[0].close()
            return custodian.index
    raise ConfigError("the manifest names no custodian with this identity key")


def open_node(
    config: CustodianConfig,
    root: Secret | None = None,
    clock: SteadyClock | None = None,
    *,
    accept_clock: bool = False,
) -> CustodianNode:
    """The node, its store opened and checked; `root` if officers brought it, else it is opened here."""
    now = (clock or SteadyClock()).now
    vault = Vault(root) if root is not None else open_vault(config)
    forbids = file_source(config.extra_forbids) if config.extra_forbids else None
    approvers = [approver.approver() for approver in config.approvers]
    chain, identity = read_chain(config.manifest, config.keyring_id), read_identity(config, vault)
    store, rolling = open_store(config, vault, now())
    options = NodeOptions(
        config.sealing_period_seconds,
        forbids,
        config.deposit_quota_per_hour,
        config.denials_per_hour,
        config.denials_per_key_per_hour,
        config.statements_per_hour,
        config.statements_per_key_per_hour,
        accept_clock,
        config.passkeys,
        config.approver_quorum,
        config.history_days,
        config.history_rows,
        config.forbids_fail_closed,
        roll_seconds=config.erasing.roll_hours * 3600,
        destroying=config.destroying.limits(),
    )
    with database.explained(config.place):
        return CustodianNode(chain, identity, store, vault, approvers, now, options, rolling)
