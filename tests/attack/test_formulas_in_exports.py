"""Names and words in an owner's history that are formulas to a spreadsheet: the export shows them as text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace

import pytest

from kms_client.exporting import plain, to_csv, to_fhir
from tests.protocol.histories import history
from tests.protocol.world import World

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", '";=cmd|x', "a;=1", "\x1b[2J=1")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World.found(tmp_path_factory.mktemp("world"))
    owner = made.device("owner")
    made.create(owner)
    yield made
    made.close()


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda text: text.encode().hex())
def test_no_cell_begins_a_formula_by_whichever_separator(world: World, formula: str) -> None:
    found = history(world, world.device("owner"), (1,))
    [one] = found.told
    detail = replace(
        one.detail,
        people=(formula,),
        outcomes=(replace(one.detail.outcomes[0], outcome=formula, reason=formula),),
    )
    exported = to_csv(replace(found, told=(replace(one, detail=detail),)))
    for delimiter in (",", ";", "\t"):
        for row in list(csv.reader(io.StringIO(exported), delimiter=delimiter))[1:]:
            assert not [cell for cell in row if cell.lstrip()[:1] in ("=", "+", "-", "@")]
    assert all(c.isprintable() or c in "\r\n" for c in exported)
    assert to_fhir(replace(found, told=(replace(one, detail=detail),)))


def test_plain_words_stay_as_they_are() -> None:
    assert plain("https://issuer.example|dr-grey") == "https://issuer.example|dr-grey"
