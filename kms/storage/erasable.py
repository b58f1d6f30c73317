"""A file that can be destroyed: 64 KiB of random bytes, which make a key only all together, and only with a secret.

Its bytes are written once and overwritten in place once. Whoever misses any part of them (one sector is enough)
misses more than a key's worth of random bits. And it is far too large for a file system to keep in an inode, whose
old contents would stay in the file system's own journal.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from kms.crypto import labels
from kms.crypto.hashing import equal, expand, extract
from kms.crypto.secret import Secret
from kms.errors import ConfigError

MAGIC: Final = b"TKRR1\n"
BODY: Final = 64 * 1024
_HEADER: Final = len(MAGIC) + 4
_CHECK: Final = 32
_ELSEWHERE: Final = frozenset({"bcachefs", "btrfs", "f2fs", "nilfs2", "overlay", "zfs"})
"""File systems that copy on write, or in layers."""
SIZE: Final = _HEADER + _CHECK + BODY


def make(path: Path, storage_root: Secret, generation: int) -> Secret:
    """Write a new file, down to the disk, and return its 32-byte key; ConfigError if it exists.

    Whoever is killed on the way leaves a file under another name, which the next call takes away.
    """
    if path.exists():
        raise ConfigError(f"{path} exists already")
    body = secrets.token_bytes(BODY)
    key = _key(storage_root, generation, body)
    new = path.with_name(path.name + ".new")
    discard(new)
    descriptor = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(MAGIC + generation.to_bytes(4, "big") + _check(key) + body)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    sync_folder(path.parent)
    return key


def read(path: Path, storage_root: Secret) -> tuple[int, Secret]:
    """(generation, 32-byte key); ConfigError if the file is missing, damaged, open to others, or of another root."""
    try:
        with path.open("rb") as file:
            mode, content = os.fstat(file.fileno()).st_mode & 0o777, file.read(SIZE + 1)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", reason="ROW_ROOT_MISSING") from None
    if mode & 0o077:
        raise ConfigError(f"{path} is open to others (mode {mode:04o}): chmod 600 it")
    try:
        return parse(content, storage_root)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}", reason=error.reason) from None


def parse(content: bytes, storage_root: Secret) -> tuple[int, Secret]:
    """The same of a file's bytes."""
    generation = int.from_bytes(content[len(MAGIC) : _HEADER], "big")
    key = _key(storage_root, generation, content[_HEADER + _CHECK :])
    whole = len(content) == SIZE and content.startswith(MAGIC)
    if not whole or not equal(content[_HEADER : _HEADER + _CHECK], _check(key)):
        raise ConfigError(
            "this row root is damaged, was destroyed, or is of another storage root",
            reason="ROW_ROOT_DAMAGED",
        )
    return generation, key


def overwrite(path: Path) -> None:
    """Put random bytes over a file's own blocks, down to the disk. The file stays."""
    with path.open("r+b", buffering=0) as file:
        left = os.fstat(file.fileno()).st_size
        while left:
            left -= file.write(secrets.token_bytes(min(left, BODY)))
        os.fsync(file.fileno())


def discard(path: Path) -> None:
    """Overwrite a file and take its name away; nothing if there is none."""
    if path.exists():
        overwrite(path)
        path.unlink()
        sync_folder(path.parent)


def doubt(path: Path, mounts: str | None = None) -> str:
    """Why overwriting may not reach the old blocks of a file at `path`, by Linux's mounts; empty if it does."""
    try:
        table = mounts if mounts is not None else Path("/proc/self/mountinfo").read_text()
    except OSError:
        return ""
    best, kind, options = "", "", ""
    for line in table.splitlines():
        first, _, last = line.partition(" - ")
        point = first.split()[4].replace("\\040", " ")
        if len(point) >= len(best) and path.resolve().is_relative_to(point):
            best, (kind, _, options) = point, last.split(None, 2)
    if kind in _ELSEWHERE:
        return f"{path} is on {kind}, which writes elsewhere than where the old bytes are"
    if "data=journal" in options.split(","):
        return f"{path} is on a file system that keeps data in its journal (data=journal)"
    return ""


def sync_folder(folder: Path) -> None:
    """Names that came and went in a folder, down to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _key(storage_root: Secret, generation: int, body: bytes) -> Secret:
    salt = expand(
        storage_root.reveal(), labels.HKDF_STORE + b" row root " + generation.to_bytes(4, "big"), 32
    )
    return Secret(extract(salt, body))


def _check(key: Secret) -> bytes:
    return expand(key.reveal(), labels.HKDF_STORE + b" row root check", _CHECK)
