"""The table `log` of a custodian's TOML file: who sees the log, and whom the node asks about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from kms.errors import ConfigError
from kms.statements.checkpoint import read_verifier_key


@dataclass(frozen=True, slots=True)
class OutsideWitness:
    """A witness that is no custodian: where it takes checkpoints, and its key as C2SP writes it.

    `authorities` are the PEM file of whom its certificate must be; without it, those that the machine believes.
    """

    url: str
    key: str
    authorities: Path | None = None

    def __post_init__(self) -> None:
        where = urlsplit(self.url)
        if where.scheme != "https" and where.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise ConfigError(f"log.witnesses: {self.url} must begin with https://")
        if not read_verifier_key(self.key)[2]:
            raise ConfigError(f"log.witnesses: the key of {self.url} is not that of a witness")

    @property
    def name(self) -> str:
        return read_verifier_key(self.key)[0]

    @property
    def public_key(self) -> bytes:
        return read_verifier_key(self.key)[1]


@dataclass(frozen=True, slots=True)
class LogConfig:
    """Seconds between two rounds; how many others must answer before the node serves, and how long they are given."""

    listen: str = ""
    """`host:port` for programs that read logs over HTTP; empty: none."""
    witnesses: tuple[OutsideWitness, ...] = ()
    witness_seconds: int = 15
    mirror_peers: bool = True
    start_peers: int = 0
    start_seconds: int = 5

    def __post_init__(self) -> None:
        if self.witness_seconds < 1 or self.start_seconds < 1 or self.start_peers < 0:
            raise ConfigError("log: witness_seconds and start_seconds are at least 1, start_peers at least 0")
