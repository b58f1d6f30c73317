"""A 32-byte secret in a file: plain with mode 0600, or behind a passphrase (Argon2id, RFC 9106).

Every such file is JSON whose `kdf` says how it opens; the other kinds are in `officers.py` and `token.py`.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from kms.crypto.secret import Secret
from kms.errors import ConfigError, Denied

ITERATIONS: Final = 3
LANES: Final = 4
MEMORY_KIB: Final = 64 * 1024
"""RFC 9106's second recommended choice: 64 MiB, three passes."""
_LIMITS: Final = {"iterations": 16, "lanes": 16, "memory_kib": 1024 * 1024}


def write_secret(path: Path, secret: Secret, passphrase: str | None = None) -> None:
    """Create the file; ConfigError if it exists."""
    if passphrase:
        salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
        parameters = {"iterations": ITERATIONS, "lanes": LANES, "memory_kib": MEMORY_KIB}
        sealed = AESGCM(_stretch(passphrase, salt, parameters)).encrypt(nonce, secret.reveal(), None)
        content = {
            "kdf": "argon2id",
            **parameters,
            "salt": salt.hex(),
            "nonce": nonce.hex(),
            "sealed": sealed.hex(),
        }
    else:
        content = {"kdf": "none", "secret": secret.reveal().hex()}
    create(path, content)


def create(path: Path, content: Mapping[str, Any]) -> None:
    """Write a new key file of mode 0600, down to the disk; ConfigError if it exists."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise ConfigError(f"{path} exists already") from None
    except OSError as error:
        raise ConfigError(f"cannot make {path}: {error.strerror}") from None
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())


def replace(path: Path, content: Mapping[str, Any]) -> None:
    """Put a new key file in the place of the old one, whose bytes are then overwritten.

    At every moment there is one whole file under the name. A disk that writes elsewhere (flash, a file system
    with snapshots) may keep the old bytes all the same.
    """
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)  # of an attempt that was killed
    with path.open("r+b", buffering=0) as old:
        create(new, content)
        new.rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # before the old one goes, the new one must be there to stay
        finally:
            os.close(folder)
        size = os.fstat(old.fileno()).st_size
        old.write(secrets.token_bytes(size))
        os.fsync(old.fileno())


def load(path: Path) -> dict[str, Any]:
    """What a key file says; ConfigError if it is unusable or open to others."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        content = json.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise ConfigError(f"{path} is not a key file") from None
    if mode & 0o077:
        raise ConfigError(f"{path} is open to others (mode {mode:04o}): chmod 600 it")
    if not isinstance(content, dict) or not isinstance(content.get("kdf"), str):
        raise ConfigError(f"{path} is not a key file")
    return content


def read_secret(path: Path, passphrase: str | None = None) -> Secret:
    """The secret; ConfigError if the file is unusable or open to others, Denied if the passphrase is wrong."""
    content = load(path)
    try:
        if content["kdf"] == "none":
            return _secret(bytes.fromhex(content["secret"]), path)
        if content["kdf"] != "argon2id":
            raise ConfigError(f"{path} opens neither by itself nor by a passphrase ({content['kdf']})")
        if not passphrase:
            raise Denied(f"{path} wants a passphrase", reason="PASSPHRASE_NEEDED")
        parameters = {name: int(content[name]) for name in _LIMITS}
        if any(not 1 <= parameters[name] <= limit for name, limit in _LIMITS.items()):
            raise ConfigError(f"{path} asks for unreasonable Argon2id parameters")
        key = _stretch(passphrase, bytes.fromhex(content["salt"]), parameters)
        return _secret(
            AESGCM(key).decrypt(bytes.fromhex(content["nonce"]), bytes.fromhex(content["sealed"]), None), path
        )
    except (KeyError, TypeError, ValueError):
        raise ConfigError(f"{path} is not a key file") from None
    except InvalidTag:
        raise Denied(f"the passphrase of {path} is wrong", reason="PASSPHRASE_WRONG") from None


def _secret(value: bytes, path: Path) -> Secret:
    if len(value) != 32:
        raise ConfigError(f"{path} does not hold 32 bytes")
    return Secret(value)


def _stretch(passphrase: str, salt: bytes, parameters: dict[str, int]) -> bytes:
    return Argon2id(
        salt=salt,
        length=32,
        iterations=parameters["iterations"],
        lanes=parameters["lanes"],
        memory_cost=parameters["memory_kib"],
    ).derive(passphrase.encode())
