"""The locked node's memory: pieces add up, wrong ones change nothing, old ones are forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from kms.crypto.secret import Secret
from kms.custodian.lock import REMEMBERED_SECONDS, Lock, Progress
from kms.errors import Denied, Invalid
from kms.storage import keyfile, officers

SECRET = Secret(bytes(range(32)))


class Place:
    """A root under officers, a lock before it, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "root"
        self.time = 1000.0
        file, self.words = officers.split(SECRET, of=3, needed=3)
        keyfile.create(self.path, file.content())
        self.lock = Lock(self.path, lambda: self.time)

    @property
    def have(self) -> int:
        return self.lock.progress().have


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_last_list_that_is_needed_opens_and_leaves_no_piece_behind(place: Place) -> None:
    assert place.lock.progress() == Progress(0, 3, 3)
    assert place.lock.add(place.words[2]) is None
    assert place.lock.add(place.words[0]) is None
    assert place.have == 2
    assert place.lock.add(place.words[1]) == SECRET
    assert place.have == 0


def test_one_officer_who_comes_twice_counts_once(place: Place) -> None:
    for _ in range(3):
        assert place.lock.add(place.words[0]) is None
    assert place.have == 1


def test_a_wrong_list_is_refused_and_those_before_it_stay(place: Place) -> None:
    place.lock.add(place.words[0])
    with pytest.raises(Invalid):
        place.lock.add(place.words[1] + " academic")
    with pytest.raises(Denied):
        place.lock.add(officers.split(SECRET, of=3, needed=3)[1][1])
    assert place.have == 1


def test_a_piece_is_forgotten_after_fifteen_minutes_and_no_earlier(place: Place) -> None:
    place.lock.add(place.words[0])
    place.time += REMEMBERED_SECONDS - 1
    place.lock.add(place.words[1])
    assert place.have == 2
    place.time += 1
    assert place.have == 1
    assert place.lock.add(place.words[2]) is None
    assert place.lock.add(place.words[0]) == SECRET


def test_a_rekey_in_between_makes_every_piece_that_came_before_worthless(place: Place) -> None:
    place.lock.add(place.words[0])
    place.lock.add(place.words[1])
    file, words = officers.split(SECRET, of=2, needed=2, not_identifier=officers.read(place.path).identifier)
    keyfile.replace(place.path, file.content())
    with pytest.raises(Denied) as refused:
        place.lock.add(place.words[2])
    assert refused.value.reason == "WORDS_OF_ANOTHER_SET"
    assert place.lock.progress() == Progress(0, 2, 2)
    assert place.lock.add(words[0]) is None
    assert place.lock.add(words[1]) == SECRET
