"""A file system of its own in a file, mounted for a test, whose raw bytes may be read at any time."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Disk:
    """`folder` is where it is mounted."""

    image: Path
    folder: Path

    def read(self) -> bytes:
        """All of its bytes as they are on the medium: tables, free blocks, the file system's journal."""
        os.sync()
        return self.image.read_bytes()


@contextmanager
def mounted(folder: Path, mebibytes: int = 48) -> Iterator[Disk]:
    """An ext4 file system as machines have it; skips the test where none can be mounted."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("needs root and mkfs.ext4, to mount a file system of its own")
    disk = Disk(folder / "disk.img", folder / "disk")
    disk.folder.mkdir(parents=True)
    with disk.image.open("wb") as file:
        file.truncate(mebibytes * MEBIBYTE)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(disk.image)], check=True)
    done = subprocess.run(
        ["mount", "-o", "loop", str(disk.image), str(disk.folder)],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield disk
    finally:
        # Lazily, if a test that failed still has a file open there.
        if subprocess.run(["umount", str(disk.folder)], check=False, capture_output=True).returncode != 0:
            subprocess.run(["umount", "--lazy", str(disk.folder)], check=False)
