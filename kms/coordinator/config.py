"""A coordinator's configuration file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kms.errors import ConfigError
from kms.statements.chain import Chain
from kms.statements.chain_file import read_chain
from kms.statements.manifest import Keyring
from kms.storage.database import Place
from kms.storage.postgres import Postgres
from kms.transport.tls import TlsFiles


@dataclass(frozen=True, slots=True)
class CoordinatorConfig:
    """Keys of the coordinator's TOML file. Paths are relative to the file."""

    keyring_id: bytes
    manifest: Path
    store: Path
    listen: str
    tls: TlsFiles
    custodians: dict[str, str]
    """Index -> host:port of that custodian's relay port."""
    metrics: str = ""
    reflection: bool = True
    log_level: str = "info"
    refresh_seconds: int = 30
    promise_days: int = 90
    """How long custodians' promises are kept for auditors, in a folder beside the store; 0: not at all."""
    mailbox_admins: tuple[bytes, ...] = ()
    """Public keys of whoever may leave a proposal here besides the keyring's admins: those of one to be founded."""
    postgres: str = ""
    """A libpq connection string: the store is in that database then; transcripts and mailbox lie beside `store`."""
    wire_tap: Path | None = None
    """Development only: a file that gets every byte sent and received after TLS."""

    @property
    def place(self) -> Place:
        """Where the store is."""
        return Postgres(self.postgres) if self.postgres else self.store

    def endpoints(self, keyring: Keyring) -> Mapping[int, str]:
        """Relay endpoints by index; ConfigError unless there is one for every custodian of the manifest.

        Others may be named too: who left still deals its shares on, who comes is known before.
        """
        given = {key: value for key, value in self.custodians.items() if key.isdigit()}
        endpoints = {int(key): value for key, value in given.items()}
        if not set(endpoints) >= set(keyring.manifest.indices) or len(given) != len(self.custodians):
            wanted = ", ".join(map(str, keyring.manifest.indices))
            raise ConfigError(f"custodians must name an endpoint for each of {wanted}")
        return endpoints


def read_manifests(config: CoordinatorConfig) -> Chain:
    """The chain in the manifest file, held against its pinned id."""
    return read_chain(config.manifest, config.keyring_id)
