"""Custodians' promises that a coordinator keeps for auditors: paged, bounded by age, read on later."""

from __future__ import annotations

from pathlib import Path

import pytest

from kms.coordinator import promises
from kms.coordinator.promises import PromiseFolder
from kms.errors import Invalid
from tests.protocol.world import START

DAY = 86400


def everything(folder: PromiseFolder, token: str = "") -> tuple[list[bytes], str]:
    found: list[bytes] = []
    while True:
        page, then = folder.page(token)
        if not page:
            return found, then
        found, token = found + page, then


def test_all_are_listed_in_order_and_later_ones_from_where_one_was(tmp_path: Path) -> None:
    folder = PromiseFolder(tmp_path / "promises", 10)
    assert everything(folder) == ([], "")
    folder.keep([b"one", b"two"], START)
    folder.keep([b"three"], START + DAY)
    found, token = everything(folder)
    assert found == [b"one", b"two", b"three"]
    assert everything(folder, token) == ([], token)
    folder.keep([b"four"], START + DAY)
    folder.keep([b"five"], START + 2 * DAY)
    assert everything(folder, token)[0] == [b"four", b"five"]


def test_a_long_list_comes_in_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promises, "PAGE_BYTES", 100)
    folder = PromiseFolder(tmp_path, 10)
    many = [b"%030d" % n for n in range(50)]
    folder.keep(many, START)
    assert len(folder.page("")[0]) == 4
    assert everything(folder)[0] == many


def test_what_is_too_old_goes_and_a_place_in_it_goes_on_after_it(tmp_path: Path) -> None:
    folder = PromiseFolder(tmp_path, 2)
    folder.keep([b"old"], START)
    _, token = everything(folder)
    folder.keep([b"new"], START + 5 * DAY)
    assert everything(folder)[0] == [b"new"]
    assert everything(folder, token)[0] == [b"new"]


def test_who_keeps_none_writes_nothing(tmp_path: Path) -> None:
    folder = PromiseFolder(tmp_path / "promises", 0)
    folder.keep([b"one"], START)
    assert not (tmp_path / "promises").exists()
    assert everything(folder) == ([], "")


@pytest.mark.parametrize("token", ["x", "../../etc/passwd:0", "2027-01-15.promises:-1", "a.promises:1e9"])
def test_a_token_that_was_none_is_refused(tmp_path: Path, token: str) -> None:
    with pytest.raises(Invalid):
        PromiseFolder(tmp_path, 1).page(token)
