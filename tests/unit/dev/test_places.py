"""Whatever a file or a running process holds is read, whole; what cannot be read is an error."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms.dev import places
from kms.dev.needles import Needles, SecretKind, Secrets, needle_id
from kms.dev.places import Chunk, Files, Memory, MemoryUnreadable, PlaceKind, ProcessGone, databases

TEXT = "Małgorzata Ehrenspeck"
TEXT_ID = needle_id(SecretKind.TEXT, TEXT.encode())
# Bytes that no program holds by itself, with some that the two base64 alphabets spell apart.
KEY = hashlib.sha256(b"a key").digest()[:24] + b"\xff\xff\xff\xfb\xef\xbe\xff\xff"

# Holds exactly the bytes that it is sent, once, in a buffer: read(2) straight into it leaves no second copy.
HOLDER = """
import os, sys
held = bytearray(int(sys.argv[1]))
assert os.readv(0, [held]) == len(held)
os.write(1, b"k")
while said := os.read(0, 1):
    os.write(1, said)
"""

# The same, but the bytes lie across the border of two mappings with different rights.
STRADDLER = """
import ctypes, mmap, os, sys
size, page = int(sys.argv[1]), mmap.PAGESIZE
held = mmap.mmap(-1, 2 * page)
assert os.readv(0, [memoryview(held)[page - size // 2:][:size]]) == size
second = ctypes.addressof(ctypes.c_char.from_buffer(held)) + page
assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(second), ctypes.c_size_t(page), mmap.PROT_READ) == 0
os.write(1, b"k")
os.read(0, 1)
"""

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a program that holds the given bytes in its memory, and return once it does."""
    started: list[subprocess.Popen[bytes]] = []

    def run(program: str, held: bytes = b"x") -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", program, str(len(held))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        started.append(child)
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(held)
        assert child.stdout.read(1) == b"k"
        return child

    yield run
    for child in started:
        child.kill()
        child.communicate()


def forms_in(place: places.Place, needles: Needles) -> set[tuple[bytes, str]]:
    return {
        (match.id, match.form)
        for chunk in place.chunks(needles.overlap)
        for match in needles.matches(chunk.data, cut_before=chunk.cut_before, cut_after=chunk.cut_after)
    }


@pytest.mark.parametrize("still", [False, True])
@pytest.mark.parametrize(
    ("form", "held"),
    [
        ("utf-8", TEXT.encode()),
        ("utf-16-le", TEXT.encode("utf-16-le")),
        ("utf-16-be", TEXT.encode("utf-16-be")),
        ("json", b'"Ma\\u0142gorzata Ehrenspeck"'),
        ("hex", TEXT.encode().hex().encode()),
        ("HEX", TEXT.encode().hex().upper().encode()),
        ("base64+0", base64.b64encode(TEXT.encode())),
        ("base64+1", base64.b64encode(b"." + TEXT.encode())),
        ("base64+2", base64.b64encode(b".." + TEXT.encode())),
    ],
)
def test_text_in_another_process_is_found_in_each_spelling(
    start: Start, form: str, held: bytes, still: bool
) -> None:
    child = start(HOLDER, b"<" + held + b">")
    needles = Needles(Secrets(texts=frozenset([TEXT]), data_keys=frozenset([KEY])))
    assert forms_in(Memory(child.pid, "holder", still=still), needles) == {(TEXT_ID, form)}


@pytest.mark.parametrize(
    ("form", "held"),
    [
        ("raw", KEY),
        ("hex", KEY.hex().encode()),
        ("base64+0", base64.b64encode(KEY)),
        ("base64url+2", base64.urlsafe_b64encode(b".." + KEY)),
    ],
)
def test_key_in_another_process_is_found_in_each_spelling(start: Start, form: str, held: bytes) -> None:
    child = start(HOLDER, b"<" + held + b">")
    found = forms_in(Memory(child.pid, "holder"), Needles(Secrets(data_keys=frozenset([KEY]))))
    assert found == {(needle_id(SecretKind.DATA_KEY, KEY), form)}


def test_process_that_does_not_hold_the_value_shows_no_hit(start: Start) -> None:
    needles = Needles(Secrets(texts=frozenset([TEXT]), data_keys=frozenset([KEY])))
    assert forms_in(Memory(start(HOLDER).pid, "holder"), needles) == set()


def test_value_across_two_mappings_is_found(start: Start) -> None:
    child = start(STRADDLER, TEXT.encode())
    needles = Needles(Secrets(texts=frozenset([TEXT])))
    assert forms_in(Memory(child.pid, "holder"), needles) == {(TEXT_ID, "utf-8")}


def test_every_readable_mapping_is_read(start: Start) -> None:
    child = start(HOLDER)
    with places.stopped(child.pid):
        mappings = places.mappings_of(child.pid)
        chunks = list(Memory(child.pid, "holder").chunks(overlap=0))
    assert sum(len(chunk.data) for chunk in chunks) == sum(m.end - m.start for m in mappings)
    names = {mapping.name for mapping in mappings}
    assert {"[heap]", "[stack]", "anonymous"} <= names
    assert any(name.startswith("/") for name in names)


def test_process_is_stopped_within_the_block_and_runs_after_it(start: Start) -> None:
    child = start(HOLDER)
    assert child.stdin is not None
    assert child.stdout is not None
    with places.stopped(child.pid):
        assert places._state_of(child.pid) == "T"
    child.stdin.write(b"!")
    assert child.stdout.read(1) == b"!"


def test_mapping_that_vanished_since_it_was_listed_is_passed_over(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = start(HOLDER, TEXT.encode())
    real = places.mappings_of(child.pid)
    page = os.sysconf("SC_PAGE_SIZE")
    vanished = places.Mapping(page, 4 * page, "anonymous")  # nothing may be mapped so low
    monkeypatch.setattr(places, "mappings_of", lambda pid: [vanished, *real])
    needles = Needles(Secrets(texts=frozenset([TEXT])))
    assert forms_in(Memory(child.pid, "holder"), needles) == {(TEXT_ID, "utf-8")}


@pytest.mark.parametrize("still", [False, True])
def test_ended_process_is_an_error_and_not_an_empty_place(start: Start, still: bool) -> None:
    child = start(HOLDER)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, not yet collected: a zombie
    with pytest.raises(ProcessGone, match="holder"):
        list(Memory(child.pid, "holder", still=still).chunks(64))
    child.communicate()
    with pytest.raises(ProcessGone, match="holder"):
        list(Memory(child.pid, "holder", still=still).chunks(64))


def test_process_that_ends_while_it_is_read_is_an_error(start: Start) -> None:
    child = start(HOLDER)
    chunks = Memory(child.pid, "holder").chunks(64)
    next(chunks)
    child.kill()
    child.communicate()
    with pytest.raises(ProcessGone):
        list(chunks)


def test_missing_permission_is_said_with_what_to_do(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise PermissionError(13, "Permission denied")

    child = start(HOLDER)
    monkeypatch.setattr(places, "open", refuse, raising=False)
    with pytest.raises(MemoryUnreadable, match="ptrace_scope") as refused:
        list(Memory(child.pid, "holder").chunks(64))
    assert refused.value.reason == "MEMORY_UNREADABLE"


@given(
    contents=st.lists(st.binary(max_size=400), min_size=1, max_size=4),
    size=st.integers(1, 200),
    overlap=st.integers(0, 250),
)
def test_chunks_cover_a_run_of_blocks_and_share_the_overlap(
    contents: list[bytes], size: int, overlap: int
) -> None:
    whole = b"".join(contents)
    blocks = [whole[at : at + size] for at in range(0, len(whole), size)]
    chunks = list(places._overlapping(places._addressed("f", blocks), overlap))
    covered = 0
    for chunk in chunks:
        assert whole[chunk.offset : chunk.offset + len(chunk.data)] == chunk.data
        assert chunk.offset <= max(0, covered - min(overlap, covered))
        assert chunk.cut_before == (chunk.offset > 0)
        covered = chunk.offset + len(chunk.data)
        assert chunk.cut_after == (covered < len(whole))
    assert covered == len(whole)


def test_blocks_with_a_gap_between_them_are_not_joined() -> None:
    blocks = [places._Block("a", 0, b"Niedera"), places._Block("b", 8, b"lben")]
    assert list(places._overlapping(blocks, 16)) == [
        Chunk("a", 0, b"Niedera", False, False),
        Chunk("b", 8, b"lben", False, False),
    ]


def test_value_on_a_border_of_two_reads_of_a_file_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "CHUNK", 64)
    needles = Needles(Secrets(texts=frozenset([TEXT])))
    for at in range(160):
        (tmp_path / "trace.log").write_bytes(b"-" * at + TEXT.encode() + b"-" * 200)
        assert forms_in(Files(PlaceKind.LOG, tmp_path), needles) == {(TEXT_ID, "utf-8")}, at


def test_files_are_listed_anew_at_each_look(tmp_path: Path) -> None:
    place = Files(PlaceKind.WIRE, tmp_path, ("**/*.tap",))
    assert list(place.chunks(8)) == []
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "backend.tap").write_bytes(b"bytes")
    (tmp_path / "other.log").write_bytes(b"others")
    assert [chunk.data for chunk in place.chunks(8)] == [b"bytes"]


def test_database_is_read_with_its_journals(tmp_path: Path) -> None:
    for end in ("", "-wal", "-shm", "-journal"):
        (tmp_path / f"node.db{end}").write_bytes(b"of " + end.encode())
    (tmp_path / "node.dbx").write_bytes(b"none")
    read = {chunk.data for chunk in databases(tmp_path).chunks(8)}
    assert read == {b"of ", b"of -wal", b"of -shm", b"of -journal"}


def test_journal_that_vanishes_before_it_is_opened_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "node.db").write_bytes(b"stays")
    listed = [tmp_path / "node.db", tmp_path / "node.db-journal"]
    monkeypatch.setattr(Files, "paths", lambda self: listed)
    assert [chunk.data for chunk in databases(tmp_path).chunks(8)] == [b"stays"]
