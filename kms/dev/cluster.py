"""A whole cluster on one machine, as real processes on loopback, with its state in one folder."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kms.dev import toml
from kms.dev.founding import Layout, commands, found
from kms.dev.tokens import DevCredentials, IssuerAt
from kms.errors import KmsError, Unavailable
from kms.transport import tls
from kms.transport.client import Channel
from kms.wire.v1 import coordinator_pb2
from kms_client.profile import Profile, write_device_key

READY_SECONDS = 120.0
STOP_SECONDS = 10.0


@dataclass(slots=True)
class Cluster:
    """Processes by name. Use as a context manager, or with `up` and `down` across commands."""

    layout: Layout
    pids: dict[str, int] = field(default_factory=dict)
    _children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @classmethod
    def create(cls, folder: Path, **options: object) -> Cluster:
        """Lay out a new cluster; nothing runs yet. Options are those of `founding.found`."""
        return cls(found(folder, **options))  # type: ignore[arg-type]

    @classmethod
    def attach(cls, folder: Path) -> Cluster:
        """A cluster that was started before."""
        folder = folder.resolve()
        layout = Layout.load(folder)
        pids = json.loads((folder / "pids.json").read_text()) if (folder / "pids.json").exists() else {}
        return cls(layout, pids)

    def start(self, names: Sequence[str] | None = None) -> None:
        """Start processes (all that are not running by default) and wait until they are ready."""
        wanted = commands(self.layout)
        names = [n for n in (names or wanted) if not self.running(n)]
        for name in names:
            self._spawn(name, wanted[name])
        self._save()
        for name in names:
            self._await_ready(name)
        if set(names) & {*(f"custodian-{i}" for i in self.layout.custodians), "coordinator"}:
            asyncio.run(self._await_quorum())

    def spawn(self, name: str, arguments: Sequence[str]) -> None:
        """Start one more process beside the cluster, and wait until it is ready."""
        self._spawn(name, arguments)
        self._save()
        self._await_ready(name)

    def _spawn(self, name: str, arguments: Sequence[str]) -> None:
        log = self.log(name)
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as file:
            file.write(b"\n")
            process = subprocess.Popen(
                [sys.executable, "-m", "kms.cli", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                cwd=self.layout.folder,
            )
        self._children[name] = process
        self.pids[name] = process.pid

    def log(self, name: str) -> Path:
        """Where a process writes its log."""
        return self.layout.folder / "logs" / f"{name}.log"

    def _await_ready(self, name: str) -> None:
        log, process = self.log(name), self._children[name]

        def ready() -> bool:
            if process.poll() is not None:
                last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["no message"]
                raise Unavailable(f"{name} ended while starting: {last[0]}", reason="NODE_ENDED")
            # Only what this start wrote counts: the log goes on over restarts.
            return b'"ready"' in log.read_bytes().rsplit(b"\n\n", 1)[-1]

        _wait_until(ready, READY_SECONDS, f"{name} is not ready")

    async def _await_quorum(self) -> None:
        """Until the coordinator has a sealing key of every running custodian."""
        running = sum(self.running(f"custodian-{i}") for i in self.layout.custodians)
        if not self.running("coordinator"):
            return
        channel = Channel(self.layout.coordinator, tls.client_credentials(self.layout.authorities))
        try:
            deadline = time.monotonic() + READY_SECONDS
            while time.monotonic() < deadline:
                with contextlib.suppress(KmsError):
                    answer = await channel.call(
                        "kms.v1.CoordinatorService",
                        "GetKeyring",
                        coordinator_pb2.GetKeyringRequest(keyring_id=self.layout.keyring_id),
                        coordinator_pb2.GetKeyringResponse,
                        timeout=5.0,
                    )
                    if len(answer.sealing_keys) >= running:
                        return
                await asyncio.sleep(0.05)
        finally:
            await channel.close()
        raise Unavailable("the coordinator did not reach the custodians", reason="NOT_READY")

    def running(self, name: str) -> bool:
        """Whether the process is alive."""
        if name in self._children:
            return self._children[name].poll() is None
        pid = self.pids.get(name)
        return pid is not None and _is_ours(pid)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a signal, by default the one that leaves no time for anything."""
        pid = self.pids.pop(name, None)
        child = self._children.pop(name, None)
        if pid is None or (child is None and not _is_ours(pid)):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if child is not None:
            child.wait(STOP_SECONDS)
        else:
            _wait_until(lambda: not _is_ours(pid), STOP_SECONDS, f"{name} does not stop")
        self._save()

    def stop(self) -> None:
        """Stop every process gracefully, whoever does not listen by force."""
        for name in list(self.pids):
            with contextlib.suppress(ProcessLookupError):
                if self.running(name):
                    os.kill(self.pids[name], signal.SIGTERM)
        for name, pid in list(self.pids.items()):
            child = self._children.get(name)
            try:
                if child is not None:
                    child.wait(STOP_SECONDS)
                else:
                    _wait_until(lambda pid=pid: not _is_ours(pid), STOP_SECONDS, f"{name} does not stop")  # type: ignore[misc]
            except (subprocess.TimeoutExpired, Unavailable):
                self.kill(name)
        self.pids.clear()
        self._children.clear()
        self._save()

    def _save(self) -> None:
        (self.layout.folder / "pids.json").write_text(json.dumps(self.pids))

    def __enter__(self) -> Cluster:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- users ---------------------------------------------------------------------------------------------

    def issuers(self, names: Sequence[str]) -> list[IssuerAt]:
        return [IssuerAt(self.layout.issuer(name), self.layout.authorities) for name in names]

    def profile(self, subject: str, holder_class: str, issuers: Sequence[str] = ("a",)) -> Profile:
        """A device of `subject` with a key in memory, vouched for by these issuers."""
        from kms.crypto.signing import SigningKey

        return Profile(
            coordinator=self.layout.coordinator,
            authorities=self.layout.authorities,
            keyring_id=self.layout.keyring_id,
            device_key=SigningKey.generate(),
            credentials=DevCredentials(self.issuers(issuers), subject, holder_class),
        )

    def add_user(
        self, name: str, holder_class: str, issuers: Sequence[str] = ("a",), subject: str = ""
    ) -> Path:
        """A device as a folder with a key and a profile, for programs; returns the folder.

        Issuers take its holder for `subject`, for `name` if there is none.
        """
        subject = subject or name
        for issuer in issuers:
            self.layout.issuer(issuer)
        home = self.layout.folder / "users" / name
        if (home / "profile.toml").exists():
            return home
        home.mkdir(parents=True, mode=0o700)
        write_device_key(home / "device.pem")
        command = [sys.executable, "-m", "kms.cli", "dev", "token", "--state", str(self.layout.folder)]
        commands = [
            " ".join([*command, "--issuer", name, "--subject", subject, "--class", holder_class])
            for name in issuers
        ]
        toml.write(
            home / "profile.toml",
            {
                "coordinator": self.layout.coordinator,
                "authorities": str(self.layout.authorities),
                "keyring_id": self.layout.keyring_id,
                "device_key": "device.pem",
                "credential_commands": commands,
            },
        )
        return home


def _is_ours(pid: int) -> bool:
    """Whether the pid is (still) a process of this project: pids are used again."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state != "Z" and b"kms" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, IndexError):
        return False


def _wait_until(condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Unavailable(f"{otherwise} after {seconds:.0f} s", reason="NOT_READY")
        time.sleep(0.02)
