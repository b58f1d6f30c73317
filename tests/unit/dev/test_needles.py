"""Whatever value is looked for is found, in every spelling, at every alignment, beside and inside others."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kms.dev import needles as needles_module
from kms.dev import spellings
from kms.dev.needles import Needles, SecretKind, Secrets, needle_id
from kms.errors import Invalid

TEXTS = st.text(min_size=8, max_size=40)
SECRETS = st.binary(min_size=16, max_size=64)
NEIGHBOURS = st.binary(max_size=40)

# How a careless program may write bytes: each takes what stands before, the value, and what stands after.
ARMOURS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda data: data,
    "hex": lambda data: data.hex().encode(),
    "upper-case hex": lambda data: data.hex().upper().encode(),
    "base64": base64.b64encode,
    "URL-safe base64": base64.urlsafe_b64encode,
}
armours = pytest.mark.parametrize("armour", ARMOURS.values(), ids=ARMOURS)


def text_id(text: str) -> bytes:
    return needle_id(SecretKind.TEXT, spellings.plain(text))


def of_texts(*texts: str) -> Needles:
    return Needles(Secrets(texts=frozenset(texts)))


@armours
@given(before=NEIGHBOURS, text=TEXTS, after=NEIGHBOURS)
def test_text_is_found_at_any_alignment(
    armour: Callable[[bytes], bytes], before: bytes, text: str, after: bytes
) -> None:
    found = of_texts(text).scan(armour(before + text.encode() + after))
    assert text_id(text) in found.ids | found.in_runs


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@given(before=NEIGHBOURS, text=TEXTS, after=NEIGHBOURS)
def test_text_is_found_as_utf_16(encoding: str, before: bytes, text: str, after: bytes) -> None:
    assert of_texts(text).search(before + text.encode(encoding) + after) == {text_id(text)}


@pytest.mark.parametrize("armour", [ARMOURS["as it is"], ARMOURS["base64"]])
@given(text=TEXTS)
def test_text_is_found_inside_json_with_escapes(armour: Callable[[bytes], bytes], text: str) -> None:
    assert text_id(text) in of_texts(text).search(armour(json.dumps({"name": [text]}).encode()))


@given(text=st.text(st.characters(min_codepoint=0xA0, max_codepoint=0xFF), min_size=8))
def test_accented_text_is_found_in_the_form_that_the_interpreter_keeps(text: str) -> None:
    assert of_texts(text).search(b"\0" + text.encode("latin-1")) == {text_id(text)}


@armours
@given(before=NEIGHBOURS, secret=SECRETS, after=NEIGHBOURS)
def test_secret_bytes_are_found_at_any_alignment(
    armour: Callable[[bytes], bytes], before: bytes, secret: bytes, after: bytes
) -> None:
    needles = Needles(Secrets(data_keys=frozenset([secret])))
    assert needles.search(armour(before + secret + after)) == {needle_id(SecretKind.DATA_KEY, secret)}


@armours
@given(before=NEIGHBOURS, share=st.binary(min_size=64, max_size=64), after=NEIGHBOURS)
def test_share_is_found_whole_and_by_either_half(
    armour: Callable[[bytes], bytes], before: bytes, share: bytes, after: bytes
) -> None:
    needles = Needles(Secrets(shares=frozenset([share])))
    for part in (share, share[:32], share[32:]):
        assert needles.search(armour(before + part + after)) == {needle_id(SecretKind.SHARE, share)}


@given(value=st.binary(min_size=8, max_size=40), before=NEIGHBOURS, after=NEIGHBOURS)
def test_base64_core_does_not_depend_on_its_neighbours(value: bytes, before: bytes, after: bytes) -> None:
    core = spellings.base64_core(value, len(before) % 3)
    encoded = base64.b64encode(before + value + after)
    assert encoded.find(core, 4 * (len(before) // 3)) in range(4 * (len(before) // 3), len(encoded))
    assert len(core) >= 10


@given(text=TEXTS, secret=SECRETS)
def test_no_pattern_is_short_enough_to_occur_by_chance(text: str, secret: bytes) -> None:
    assert min(len(spelling.pattern) for spelling in spellings.of_text(text)) >= 8
    assert min(len(spelling.pattern) for spelling in spellings.of_bytes(secret)) >= 16


@given(
    texts=st.frozensets(st.text("xyz", min_size=8, max_size=14), max_size=12),
    data=st.lists(st.text("xyz", max_size=30), max_size=20).map("".join),
    planted=st.lists(st.integers(0, 11), max_size=6),
)
def test_search_finds_exactly_what_a_plain_comparison_finds(
    texts: frozenset[str], data: str, planted: list[int]
) -> None:
    # A tiny alphabet makes values overlap, contain and repeat each other as real ones hardly do.
    ordered = sorted(texts)
    data += "".join(ordered[i] for i in planted if i < len(ordered))
    expected = {text_id(text) for text in texts if text in data}
    assert Needles(Secrets(texts=texts)).search(data.encode()) == expected


def test_needles_that_are_parts_of_other_needles_are_all_found() -> None:
    whole = "Encounter for symptom"
    parts = [whole, whole[:8], whole[-8:], whole[4:15], whole[:-1], whole[1:]]
    assert of_texts(*parts).search(f'"{whole}"'.encode()) == {text_id(part) for part in parts}


def test_needles_that_overlap_each_other_are_all_found() -> None:
    assert of_texts("Niederalben", "albenstock").search(b"Niederalbenstock") == {
        text_id("Niederalben"),
        text_id("albenstock"),
    }


@pytest.mark.parametrize("piece", [300, 301, 512])
def test_values_on_the_border_of_pieces_are_found(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(needles_module, "_PIECE", piece)
    needles = of_texts("Grünspecht", "a much longer value, of which only one end is on a border")
    for at in range(2 * piece):
        data = b"." * at + "Grünspecht".encode("utf-16-le") + b"." * (2 * piece)
        assert needles.search(data) == {text_id("Grünspecht")}, at


def test_value_that_is_not_there_is_not_found() -> None:
    rng = random.Random(1)
    needles = Needles(
        Secrets(
            frozenset({"Jarmila Dąbkowska"}), frozenset({rng.randbytes(32)}), frozenset({rng.randbytes(64)})
        )
    )
    noise = rng.randbytes(1 << 20)
    for data in (noise, noise.hex().encode(), base64.b64encode(noise), b"Jarmila Dabkowska Jarmila  D", b""):
        assert needles.scan(data) == needles_module.Found(frozenset(), frozenset())


@pytest.mark.parametrize(
    "data",
    [
        b"84757009",
        b'{"code":"84757009"}',
        b"2019-84757009",
        b"\x0a\x0884757009\x32\x30\x31\x39-",  # length before, next field's tag and length after
        b"name84757009name",
        b"abcd84757009 abcdefabcdef",
        b"\x0084757009\x00",
    ],
)
def test_digits_count_where_they_stand_as_a_value(data: bytes) -> None:
    assert of_texts("84757009").search(data) == {text_id("84757009")}


@pytest.mark.parametrize(
    "data",
    [
        b"9f84757009c1d0e5a7b3f00d",
        b"1684757009123456789",
        b"0.0384757009123456",
        b"ABCDEF01847570090",
        b"84757009" * 2,
    ],
)
def test_digits_inside_longer_digits_are_reported_apart(data: bytes) -> None:
    found = of_texts("84757009").scan(data)
    assert not found.ids
    assert found.in_runs == {text_id("84757009")}


def test_digits_that_stand_both_ways_count() -> None:
    found = of_texts("84757009").scan(b"9f84757009c1d0e5a7b3f00d 84757009 ")
    assert found.ids == {text_id("84757009")}
    assert not found.in_runs


@pytest.mark.parametrize("run", [b"84757009", b"9f84757009c1d0e5a7b3f00d"])
def test_digits_on_a_border_are_judged_by_what_stands_beyond_it(
    monkeypatch: pytest.MonkeyPatch, run: bytes
) -> None:
    monkeypatch.setattr(needles_module, "_PIECE", 200)
    needles = of_texts("84757009")
    whole = needles.scan(b"." + run + b".")
    for at in range(450):
        assert needles.scan(b"." * at + run + b"." * 400) == whole, at


def test_long_digit_strings_and_mixed_texts_are_never_taken_for_a_run() -> None:
    for text in ("1234567890123456", "84757009x", "deadbeefg"):
        assert of_texts(text).search(b"0123456789abcdef" + text.encode() + b"0123456789abcdef")


def test_same_piece_seen_again_in_other_surroundings_is_judged_anew() -> None:
    needles = of_texts("84757009")
    assert needles.search(b"84757009") == {text_id("84757009")}
    assert needles.search(b"84757009", cut_after=True) == frozenset()
    assert needles.search(b"84757009", cut_before=True) == frozenset()
    assert needles.search(b"84757009") == {text_id("84757009")}


@given(text=TEXTS, secret=SECRETS)
def test_a_value_has_the_same_id_in_any_set_of_needles(text: str, secret: bytes) -> None:
    few = of_texts(text)
    more = Needles(Secrets(texts=frozenset([text, "something else"]), data_keys=frozenset([secret])))
    found = few.search(text.encode("utf-16-le"))
    assert found <= more.search(text.encode("utf-16-le"))
    assert all(needle in more for needle in found)


def test_match_names_the_spelling_and_the_place() -> None:
    (match,) = of_texts("Niederalben").matches(b"....Niederalben...")
    assert (match.form, match.start, match.end) == ("utf-8", 4, 15)


@given(text=st.text("ghijk", min_size=9))
def test_descriptions_and_reprs_hold_nothing_of_the_value(text: str) -> None:
    secrets = Secrets(texts=frozenset([text]), data_keys=frozenset([text.encode() * 2]))
    assume(text not in repr(Secrets()))
    needles = Needles(secrets)
    shown = repr(secrets) + repr(needles)
    shown += "".join(needles.describe(needle) for needle in needles.search(text.encode() * 2))
    assert text not in shown


def test_lone_surrogate_from_json_is_looked_for_like_any_text() -> None:
    text = json.loads('"\\ud83dlone surrogate"')
    assert of_texts(text).search(json.dumps(text).encode()) == {text_id(text)}


@pytest.mark.parametrize(
    "secrets",
    [
        {"texts": frozenset(["seven77"])},
        {"data_keys": frozenset([bytes(15)])},
        {"approver_secrets": frozenset([bytes(15)])},
        {"shares": frozenset([bytes(32)])},
    ],
)
def test_values_too_short_to_be_told_from_chance_are_refused(secrets: dict[str, frozenset[object]]) -> None:
    with pytest.raises(Invalid):
        Secrets(**secrets)  # type: ignore[arg-type]


def test_no_needles_find_nothing() -> None:
    assert len(Needles(Secrets())) == 0
    assert Needles(Secrets()).search(b"anything at all") == frozenset()
