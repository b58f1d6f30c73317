"""A real PostgreSQL server for whoever tests the stores on it: one a session, a schema for each store."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.storage.postgres import Postgres

_PLACES = ("/usr/lib/postgresql/*/bin/", "/usr/pgsql-*/bin/", "/opt/homebrew/opt/postgresql*/bin/")


def program(name: str) -> str:
    """Where a program of PostgreSQL's server is; a test that wants it is skipped on a machine without it."""
    found = shutil.which(name)
    for pattern in _PLACES:
        found = found or next((str(p) for p in Path("/").glob(f"{pattern[1:]}{name}")), None)
    if found is None:
        pytest.skip("PostgreSQL is not on this machine (Debian's package postgresql)")
    return found


class Server:
    """A cluster in a folder, reached by a socket in it; the server refuses to run as root, so it runs as another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._user: str | None = None
        if os.getuid() == 0:
            self._user = next((u for u in ("postgres", "nobody") if _is_user(u)), None)
            if self._user is None:
                pytest.skip("PostgreSQL does not run as root, and there is no other user to run it as")
            shutil.chown(folder, self._user)
        self._run(program("initdb"), "-D", str(self.data), "-A", "trust", "-U", "kms", "-N")
        self.start()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}' -c shared_buffers=16MB"
        log = str(self.folder / "log")
        self._run(program("pg_ctl"), "-D", str(self.data), "-l", log, "-o", options, "-w", "start")

    def stop(self, how: str = "fast") -> None:
        self._run(program("pg_ctl"), "-D", str(self.data), "-m", how, "-w", "stop")

    def _run(self, *command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, user=self._user, cwd=self.folder)

    def place(self, name: str) -> Postgres:
        """A schema of this name, made if it is missing."""
        import psycopg

        base = f"host={self.folder} dbname=postgres user=kms"
        with psycopg.connect(base, autocommit=True) as link:
            link.execute(f'CREATE SCHEMA IF NOT EXISTS "{name}"'.encode())
        return Postgres(f"{base} options='-c search_path={name}'")

    def remove(self, name: str) -> None:
        import psycopg

        with psycopg.connect(f"host={self.folder} dbname=postgres user=kms", autocommit=True) as link:
            link.execute(f'DROP SCHEMA IF EXISTS "{name}" CASCADE'.encode())


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    # A socket's path is short, and pytest's folders are for this user alone.
    folder = Path(tempfile.mkdtemp(prefix="kms-pg-"))
    folder.chmod(0o755)
    running = Server(folder)
    yield running
    running.stop("immediate")
    shutil.rmtree(folder, ignore_errors=True)
