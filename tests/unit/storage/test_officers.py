"""The file that k of m officers open: any k do, fewer never, and each list is judged by itself."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pytest
from shamir_mnemonic import MnemonicError, Share, combine_mnemonics

from kms.crypto.secret import Secret
from kms.errors import ConfigError, Denied, Invalid
from kms.storage import keyfile, officers
from kms.storage.officers import Officers

SECRET = Secret(bytes(range(32)))


@pytest.fixture(scope="module")
def made() -> tuple[Officers, list[str]]:
    return officers.split(SECRET, of=5, needed=3)


def opened(file: Officers, words: list[str]) -> Secret:
    pieces = [file.piece(w) for w in words]
    return file.open({piece.officer: piece for piece in pieces})


def test_any_three_of_five_officers_open_the_file_in_any_order(made: tuple[Officers, list[str]]) -> None:
    file, words = made
    for chosen in itertools.combinations(words, 3):
        assert opened(file, list(reversed(chosen))) == SECRET
    assert opened(file, words) == SECRET


def test_fewer_officers_than_are_needed_open_nothing(made: tuple[Officers, list[str]]) -> None:
    file, words = made
    for chosen in itertools.combinations(words, 2):
        with pytest.raises(Denied) as refused:
            opened(file, list(chosen))
        assert refused.value.reason == "WORDS_MISSING"
    with pytest.raises(Denied):
        opened(file, [words[0]] * 3)


def test_the_lists_are_slip39_for_any_other_program(made: tuple[Officers, list[str]]) -> None:
    _, words = made
    assert len(combine_mnemonics(words[:3])) == 32
    with pytest.raises(MnemonicError):
        combine_mnemonics(words[:2])


def test_capitals_and_spaces_do_not_matter(made: tuple[Officers, list[str]]) -> None:
    file, words = made
    assert file.piece("  " + words[1].upper().replace(" ", "\n ")).officer == 2


def test_a_mistyped_list_is_told_by_the_place_of_the_word_and_never_by_the_word(
    made: tuple[Officers, list[str]],
) -> None:
    file, words = made
    listed = words[0].split()
    for wrong in (
        [*listed[:6], "zzzz", *listed[7:]],
        listed[:-1],
        [*listed[:10], listed[11], listed[10], *listed[12:]]
        if listed[10] != listed[11]
        else [*listed[:10], listed[12], listed[11], listed[10], *listed[13:]],
    ):
        with pytest.raises(Invalid) as refused:
            file.piece(" ".join(wrong))
        assert refused.value.reason == "WORDS_MISTYPED"
        assert not set(listed) & set(refused.value.message.replace(":", "").split())
    with pytest.raises(Invalid, match="number 7"):
        file.piece(" ".join([*listed[:6], "zzzz", *listed[7:]]))


def test_a_list_of_another_set_is_refused(made: tuple[Officers, list[str]]) -> None:
    file, _ = made
    _, others = officers.split(SECRET, of=5, needed=3, not_identifier=file.identifier)
    with pytest.raises(Denied) as refused:
        file.piece(others[0])
    assert refused.value.reason == "WORDS_OF_ANOTHER_SET"


def test_a_forged_list_with_a_right_checksum_is_refused_before_any_other_comes(
    made: tuple[Officers, list[str]],
) -> None:
    file, words = made
    share = Share.from_mnemonic(words[0])
    for change in (
        {"value": bytes(32)},
        {"index": 3},
        {"index": 9},
        {"member_threshold": 1},
        {"iteration_exponent": 1},
        {"extendable": False},
        {"group_index": 1},
        {"group_count": 2},
        {"group_count": 2, "group_threshold": 2},
    ):
        forged = Share(**{**share.__dict__, **change}).mnemonic()
        with pytest.raises(Denied) as refused:
            file.piece(forged)
        assert refused.value.reason == "WORDS_WRONG"


@pytest.mark.parametrize("name", ["needed", "identifier", "checks", "nonce", "sealed"])
def test_a_file_that_was_altered_anywhere_does_not_open(
    made: tuple[Officers, list[str]], name: str, tmp_path: Path
) -> None:
    file, words = made
    content = file.content()
    match content[name]:
        case int(number):
            content[name] = number ^ 1
        case str(text):
            content[name] = text[:-1] + ("0" if text[-1] != "0" else "1")
        case [*checks]:  # the last officer's, whose list does not come
            content[name] = [*checks[:-1], "00" * 32]
    keyfile.create(tmp_path / "root", content)
    altered = officers.read(tmp_path / "root")
    with pytest.raises((ConfigError, Denied)):
        opened(altered, words[:3])


@pytest.mark.parametrize(("of", "needed"), [(3, 1), (2, 3), (17, 2), (1, 1), (0, 0)])
def test_a_set_that_one_person_opens_or_nobody_can_is_not_made(of: int, needed: int) -> None:
    with pytest.raises(ConfigError):
        officers.split(SECRET, of=of, needed=needed)


def test_a_replaced_file_leaves_its_old_bytes_nowhere(
    made: tuple[Officers, list[str]], tmp_path: Path
) -> None:
    path = tmp_path / "root"
    keyfile.create(path, made[0].content())
    old_bytes = path.read_bytes()
    os.link(path, tmp_path / "witness")  # the old file's own bytes, under another name
    new, words = officers.split(SECRET, of=2, needed=2)
    keyfile.replace(path, new.content())
    assert opened(officers.read(path), words) == SECRET
    left = (tmp_path / "witness").read_bytes()
    assert len(left) == len(old_bytes)
    assert made[0].sealed.hex().encode() not in left
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_of_a_piece_is_printed_or_written(made: tuple[Officers, list[str]]) -> None:
    file, words = made
    piece = file.piece(words[0])
    assert words[0].split()[10] not in repr(piece)
    assert "value" not in repr(piece)
    assert piece.share.value.hex() not in json.dumps(file.content())
