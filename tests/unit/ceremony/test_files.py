"""A ceremony's file has one spelling, and none is written over."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms.ceremony import files
from kms.ceremony.files import Attachment, Enveloped, Line, read_lines, write_lines
from kms.errors import ConfigError, Invalid

ENVELOPES = st.builds(
    Enveloped,
    st.text(),
    st.binary(),
    st.lists(
        st.tuples(st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64)), max_size=3
    ).map(tuple),
)
LINES = st.lists(ENVELOPES | st.builds(Attachment, st.text(), st.binary()), min_size=1, max_size=4)
SIGNED = Enveloped("kind", b"payload", ((b"\xab" * 32, bytes(64)),))


@given(LINES)
def test_what_was_written_is_read_back(lines: list[Line]) -> None:
    assert list(read_lines(write_lines(lines))) == lines


@given(LINES, st.data())
def test_a_changed_byte_is_refused_with_its_line_or_means_something_else(
    lines: list[Line], data: st.DataObject
) -> None:
    written = write_lines(lines)
    place = data.draw(st.integers(0, len(written) - 1))
    changed = bytearray(written)
    changed[place] ^= data.draw(st.integers(1, 255))
    number = written[:place].count(b"\n") + 1
    refusal = ""
    try:
        assert list(read_lines(bytes(changed), "f")) != lines
    except Invalid as error:
        refusal = error.message
    # A changed end of line damages this line or shows in the next.
    assert refusal.startswith(("f, line " + str(number), "f, line " + str(number + 1))) or not refusal


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda raw: raw.replace(b":", b": ", 1), 1),
        (lambda raw: raw.replace(b"\n", b"\r\n", 1), 1),
        (lambda raw: raw[:-1], 2),
        (lambda raw: raw + b"\n", 3),
        (lambda raw: b"\xef\xbb\xbf" + raw, 1),
        (lambda raw: raw.replace(b'"payload":', b'"extra":1,"payload":', 1), 1),
        (lambda raw: raw.replace(b"AA==", b"AB==", 1), 1),
        (lambda raw: raw.replace(b"ab", b"aB", 1), 1),
        (lambda raw: raw.replace(b'"kind"', b'"\\ud800"', 1), 1),
        (lambda raw: b"[]\n" + raw, 1),
        (lambda raw: b"[" * 100_000 + b"\n" + raw, 1),
    ],
)
def test_another_spelling_of_the_same_is_refused_by_line(change: object, line: int) -> None:
    raw = write_lines([SIGNED, Attachment("a", b"")])
    assert callable(change)
    with pytest.raises(Invalid, match=f"f, line {line}:"):
        read_lines(change(raw), "f")


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        read_lines(b"")
    assert refused.value.reason == "NOT_A_CEREMONY_FILE"


def test_a_file_is_written_once_and_the_same_again_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "x.signature"
    files.create(path, [SIGNED])
    files.create(path, [SIGNED])
    with pytest.raises(ConfigError, match="exists already"):
        files.create(path, [Attachment("a", b"b")])
    assert files.read(path) == (SIGNED,)
    assert [p.name for p in tmp_path.iterdir()] == ["x.signature"]


def test_a_missing_file_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        files.read(tmp_path / "none")
    with pytest.raises(ConfigError, match="cannot write"):
        files.create(tmp_path / "none" / "x", [SIGNED])
