"""The places that a host can look at: files as they lie on disk, and the memory of running processes.

Each place yields its bytes in chunks that overlap, so that a value on a border lies whole in one of them.
Memory is read on Linux through /proc/PID/maps and /proc/PID/mem (proc(5)): every readable mapping, thus
heap, stacks, anonymous memory and mapped files. A process that is still running moves values about while it
is read; a place with `still=True` stops it meanwhile (SIGSTOP), so that nothing slips past between two
reads.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol

from kms.errors import KmsError

CHUNK = 1 << 20
"""Bytes read at once. Fixed cuts, so that a mapping shared by two processes gives equal chunks for both."""

_PAGE = os.sysconf("SC_PAGE_SIZE")
# Pages of the kernel's own: clock data and system call stubs, the same in every process, not always readable.
_KERNELS_OWN = frozenset({"[vvar]", "[vvar_vclock]", "[vsyscall]"})
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+ *(.*)")
_DATABASE_COMPANIONS = ("", "-wal", "-shm", "-journal")


class MemoryUnreadable(KmsError):
    """This process may not read that process's memory, or this system has no /proc."""

    status, reason = "PERMISSION_DENIED", "MEMORY_UNREADABLE"


class ProcessGone(KmsError):
    """The process ended before or while its memory was read: the look is incomplete and proves nothing."""

    status, reason = "FAILED_PRECONDITION", "PROCESS_GONE"


class PlaceKind(StrEnum):
    """Where a host looks, in the order in which the report names it."""

    DATABASE = "database"
    LOG = "log"
    WIRE = "wire"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of one source from `offset` (file offset or address). Cut: the source goes on before or after."""

    source: str
    offset: int
    data: bytes = field(repr=False)
    cut_before: bool
    cut_after: bool


class Place(Protocol):
    """Something with bytes that a host can read."""

    @property
    def kind(self) -> PlaceKind: ...

    def chunks(self, overlap: int) -> Iterator[Chunk]:
        """Yield all bytes there are now; consecutive chunks of a source share `overlap` bytes."""


@dataclass(frozen=True, slots=True)
class Files:
    """All regular files under `folder` that match a pattern when it is looked at, and not before.

    Symbolic links are followed to files, not into folders. A file that vanishes between listing and opening
    (a journal at the end of a transaction) is passed over.
    """

    kind: PlaceKind
    folder: Path
    patterns: tuple[str, ...] = ("**/*",)

    def paths(self) -> list[Path]:
        """The files that exist now, sorted, each once."""
        found = {path for pattern in self.patterns for path in self.folder.glob(pattern)}
        return sorted(path for path in found if path.is_file())

    def chunks(self, overlap: int) -> Iterator[Chunk]:
        """Read each file from start to end. Raises `OSError` for a file that exists but cannot be read."""
        for path in self.paths():
            try:
                opened = path.open("rb", buffering=0)
            except FileNotFoundError:
                continue
            with opened:
                blocks = iter(lambda opened=opened: opened.read(CHUNK), b"")  # type: ignore[misc]
                yield from _overlapping(_addressed(str(path), blocks), overlap)


def databases(folder: Path, *patterns: str) -> Files:
    """SQLite files that match a pattern (`**/*.db` if none is given) with their journals beside them."""
    globs = patterns or ("**/*.db",)
    return Files(
        PlaceKind.DATABASE, folder, tuple(glob + end for glob in globs for end in _DATABASE_COMPANIONS)
    )


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of one process. `name` stands in reports (`coordinator`).

    Reading needs the right to trace the process (ptrace(2)): root, or the same user while
    /proc/sys/kernel/yama/ptrace_scope is 0, or 1 for a process that the reader itself started.
    """

    pid: int
    name: str
    still: bool = False
    kind: PlaceKind = PlaceKind.MEMORY

    def chunks(self, overlap: int) -> Iterator[Chunk]:
        """Read it all. Raises `MemoryUnreadable` without the right, `ProcessGone` if the process ends."""
        try:
            with (
                open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory,
                stopped(self.pid) if self.still else nullcontext(),
            ):
                yield from _overlapping(self._blocks(memory.fileno()), overlap)
        except PermissionError:
            raise MemoryUnreadable(
                f"may not read the memory of process {self.pid} ({self.name}): run as root, or start the "
                "process from this one and keep kernel.yama.ptrace_scope at 0 or 1",
                details={"pid": str(self.pid)},
            ) from None
        except (FileNotFoundError, ProcessLookupError):
            if not Path("/proc/self/maps").exists():
                raise MemoryUnreadable("process memory can be read on Linux only: /proc is missing") from None
            raise self._gone() from None

    def _blocks(self, descriptor: int) -> Iterator[_Block]:
        mappings = mappings_of(self.pid)
        if not mappings:
            raise self._gone()  # a zombie has an entry in /proc and no memory
        for mapping in mappings:
            address = mapping.start
            while address < mapping.end:
                try:
                    data = os.pread(descriptor, min(CHUNK, mapping.end - address), address)
                except OSError as refused:
                    if isinstance(refused, PermissionError):
                        raise
                    # Unmapped since the list was read, or a device's page: nothing there to read.
                    address += _PAGE
                    continue
                if not data:
                    raise self._gone()  # the address space itself is gone
                yield _Block(f"{self.name}:{mapping.name}", address, data)
                address += len(data)

    def _gone(self) -> ProcessGone:
        return ProcessGone(
            f"process {self.pid} ({self.name}) ended before its memory was read",
            details={"pid": str(self.pid)},
        )


class Mapping(NamedTuple):
    """A readable range of addresses, and the file or kernel name behind it (`anonymous` if none)."""

    start: int
    end: int
    name: str


def mappings_of(pid: int) -> list[Mapping]:
    """The readable mappings of a process in order of address, without the kernel's own pages."""
    found = []
    for line in Path(f"/proc/{pid}/maps").read_text(errors="surrogateescape").splitlines():
        parts = _MAPPING.fullmatch(line)
        if parts is None:
            raise MemoryUnreadable(f"/proc/{pid}/maps has a line of an unknown form")
        start, end, rights, name = parts.groups()
        if rights.startswith("r") and name not in _KERNELS_OWN:
            found.append(Mapping(int(start, 16), int(end, 16), name or "anonymous"))
    return found


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Keep a process stopped within the block. Raises `ProcessGone` if it has ended."""
    try:
        os.kill(pid, signal.SIGSTOP)
        while (state := _state_of(pid)) not in "Tt":
            if state in "ZX":
                raise ProcessGone(f"process {pid} has ended", details={"pid": str(pid)})
            time.sleep(0.001)
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def _state_of(pid: int) -> str:
    # The name in parentheses may itself hold spaces and parentheses: the state follows the last one.
    return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]


class _Block(NamedTuple):
    source: str
    offset: int
    data: bytes


def _addressed(source: str, blocks: Iterable[bytes]) -> Iterator[_Block]:
    offset = 0
    for data in blocks:
        yield _Block(source, offset, data)
        offset += len(data)


def _overlapping(blocks: Iterable[_Block], overlap: int) -> Iterator[Chunk]:
    """Prefix each block with the end of what directly precedes it: a value may lie across mappings."""
    held: Chunk | None = None
    for source, offset, data in blocks:
        tail, cut_before = b"", False
        if held is not None:
            follows = held.offset + len(held.data) == offset
            yield Chunk(held.source, held.offset, held.data, held.cut_before, cut_after=follows)
            if follows:
                tail = held.data[max(0, len(held.data) - overlap) :]
                # A short read may be shorter than the overlap: then its start, too, is the source's start.
                cut_before = held.cut_before or len(tail) < len(held.data)
        held = Chunk(source, offset - len(tail), tail + data, cut_before, cut_after=False)
    if held is not None:
        yield held
