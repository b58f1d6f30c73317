"""Where tiles lie, and bundles of entries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms.errors import Invalid
from kms.statements.tiles import ENTRIES, Tile, read_bundle, read_path, tiles_of, write_bundle


def test_the_known_paths() -> None:
    assert Tile(1, 1_234_067, 5).path == "tile/1/x001/x234/067.p/5"
    assert Tile(ENTRIES, 0).path == "tile/entries/000"


@given(st.sampled_from([ENTRIES, 0, 1, 5]), st.integers(0, 10**12), st.integers(1, 256))
def test_a_path_names_one_tile(level: int, number: int, width: int) -> None:
    tile = Tile(level, number, width)
    assert read_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/1",
        "tile/0/x000/001",
        "tile/64/000",
        "tile/00/000",
        "tile/0/000.p/256",
        "tile/0/000.p/0",
        "../000",
    ],
)
def test_another_path_is_none(path: str) -> None:
    with pytest.raises(Invalid):
        read_path(path)


def test_what_a_log_consists_of() -> None:
    assert [tile.path for tile in tiles_of(70_000, 69_900)] == ["tile/entries/273.p/112", "tile/0/273.p/112"]
    assert tiles_of(0) == []
    assert [tile.path for tile in tiles_of(257)] == [
        "tile/entries/000",
        "tile/entries/001.p/1",
        "tile/0/000",
        "tile/0/001.p/1",
        "tile/1/000.p/1",
    ]


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_gives_its_entries_back(entries: list[bytes]) -> None:
    raw = write_bundle(entries)
    assert read_bundle(raw, len(entries)) == entries
    for wrong in (raw + b"\0", raw[:-1]):
        with pytest.raises(Invalid):
            read_bundle(wrong, len(entries) + (not raw))
