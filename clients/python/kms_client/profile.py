"""A device's settings: where the coordinator is, which keyring is pinned, which key signs, who vouches."""

from __future__ import annotations

import base64
import json
import os
import shlex
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from kms.crypto.secret import Secret
from kms.crypto.signing import SigningKey
from kms.errors import ConfigError, Fork, KmsError, Stale
from kms.statements.chain import Chain, follow, open_chain
from kms_client.cache import CacheLimits
from kms_client.credentials import AllCredentials, CommandCredentials, CredentialSource, FileCredentials
from kms_client.kept import KeptCredentials
from kms_client.services import ServiceCredentials

_KEYS = {
    "coordinator",
    "authorities",
    "keyring_id",
    "device_key",
    "state",
    "credential_files",
    "credential_commands",
    "credentials",
    "service",
    "cache",
}

EVIDENCE = ("fork", "frozen", "rollback")
"""What a host can be caught at: the endings of the files that hold the proof."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that a client needs. `keyring_id` was learnt out of band: nothing else is trusted at first."""

    coordinator: str
    authorities: Path
    keyring_id: bytes
    device_key: SigningKey
    credentials: CredentialSource
    state: Path | None = None
    kept: Path | None = None
    """The folder of what `kms login` brought."""
    cache: CacheLimits = field(default_factory=CacheLimits)

    @classmethod
    def load(cls, path: str | Path, read_key: Callable[[Path], SigningKey] | None = None) -> Profile:
        """From a TOML file, or a folder that holds `profile.toml`; ConfigError names what is wrong.

        `read_key` opens the file of the device's key: `read_device_key` by default, which knows no passphrase.
        """
        path = Path(path)
        file = path / "profile.toml" if path.is_dir() else path
        try:
            data = tomllib.loads(file.read_text())
        except OSError as error:
            raise ConfigError(f"cannot read {file}: {error.strerror}") from None
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{file} is not TOML: {error}") from None
        if unknown := sorted(set(data) - _KEYS):
            raise ConfigError(f"{file}: unknown key {unknown[0]}; known are {', '.join(sorted(_KEYS))}")
        base = file.parent
        try:
            key, kept = (
                (read_key or read_device_key)(base / data["device_key"]),
                base / data.get("credentials", "credentials"),
            )
            sources: list[CredentialSource] = [KeptCredentials(kept, key)]
            if files := data.get("credential_files"):
                sources.append(FileCredentials([base / name for name in files]))
            if service := data.get("service"):
                sources.append(ServiceCredentials.load(base, service))
            sources += [CommandCredentials(shlex.split(c)) for c in data.get("credential_commands", [])]
            return cls(
                coordinator=data["coordinator"],
                authorities=base / data["authorities"],
                keyring_id=bytes.fromhex(data["keyring_id"]),
                device_key=key,
                credentials=AllCredentials(sources),
                state=base / data.get("state", "seen.json"),
                kept=kept,
                cache=CacheLimits(**data.get("cache", {})),
            )
        except KeyError as error:
            raise ConfigError(f"{file}: {error.args[0]} is missing") from None
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{file}: {error}") from None


def read_device_key(path: Path) -> SigningKey:
    """An Ed25519 key from a PKCS #8 PEM file that only its owner can read."""
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"{path} is open to others: chmod 600 it")
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (TypeError, ValueError):
        raise ConfigError(f"{path} is not an unencrypted PEM key") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path} is not an Ed25519 key")
    return SigningKey(Secret(key.private_bytes_raw()))


def write_device_key(path: Path) -> SigningKey:
    """Make a device key; ConfigError if the file exists."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise ConfigError(f"{path} exists already") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    return SigningKey(Secret(key.private_bytes_raw()))


class SeenFile:
    """The longest chain of manifests that this device accepted, kept across runs; in memory only without a path."""

    def __init__(self, path: Path | None, keyring_id: bytes) -> None:
        self._path = path
        self._chain: Chain | None = None
        if path is not None and path.exists():
            try:
                data = json.loads(path.read_text())
                manifests = [base64.b64decode(m, validate=True) for m in data["manifests"]]
                self._chain = open_chain(manifests, keyring_id)
            except (OSError, KeyError, TypeError, ValueError, KmsError):
                # A device that forgets what it saw could be rolled back: better to stop and say so.
                raise ConfigError(f"{path} is damaged: restore it, or delete it knowingly") from None

    @property
    def chain(self) -> Chain | None:
        return self._chain

    def advance(self, offered: Chain) -> Chain:
        """The chain to live by from now on. Stale on a rollback and Fork, with both sides kept in a file beside.

        Of a rollback these are the first manifest that was withheld, and the last one that was offered.
        """
        try:
            chain = follow(self._chain, offered)
        except Fork as fork:
            self.keep_evidence("fork", fork.evidence)
            raise
        except Stale:
            ours = self._chain.links[len(offered.links)] if self._chain else offered.last
            self.keep_evidence("rollback", (ours.envelope, offered.last.envelope))
            raise
        if self._chain is None or len(chain.links) > len(self._chain.links):
            self._write("", {"manifests": [base64.b64encode(e).decode() for e in chain.envelopes]})
            self._chain = chain
        return self._chain

    def keep_evidence(self, what: str, statements: Iterable[bytes]) -> None:
        """Signed statements that contradict each other or what was offered, in a file beside the chain."""
        self._write(f".{what}", {"statements": [base64.b64encode(s).decode() for s in statements]})

    def evidence(self) -> dict[str, tuple[Path, list[bytes]]]:
        """What was kept: kind (`fork`, `frozen`, `rollback`) -> its file, and the signed statements in it."""
        found: dict[str, tuple[Path, list[bytes]]] = {}
        for kind in EVIDENCE:
            path = self._beside(f".{kind}")
            if path is None or not path.exists():
                continue
            try:
                statements = json.loads(path.read_text())["statements"]
                found[kind] = path, [base64.b64decode(s, validate=True) for s in statements]
            except (OSError, KeyError, TypeError, ValueError):
                found[kind] = path, []  # that it is there says something, even if it cannot be read any more
        return found

    def _beside(self, suffix: str) -> Path | None:
        return None if self._path is None else self._path.with_name(self._path.name + suffix)

    def _write(self, suffix: str, data: object) -> None:
        path = self._beside(suffix)
        if path is None:
            return
        temporary = path.with_name(path.name + ".new")
        with temporary.open("w") as file:
            json.dump(data, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
