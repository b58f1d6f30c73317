"""The synthetic set: the same for everybody, in the form of the real one, and read without spilling it."""

from __future__ import annotations

import json
import traceback
from collections import Counter
from pathlib import Path

import pytest

from kms.dev.samples import Record, generate, load, string_values
from kms.errors import Invalid


def test_same_seed_gives_the_same_lines_and_another_seed_others() -> None:
    assert list(generate(3, seed=7)) == list(generate(3, seed=7))
    assert list(generate(3, seed=7)) != list(generate(3, seed=8))


def test_default_set_has_twenty_patients_and_about_three_hundred_resources_of_all_kinds() -> None:
    records = load()
    kinds = Counter(record.resource_type for record in records)
    assert kinds["Patient"] == 20
    assert set(kinds) == {"Patient", "Encounter", "Condition", "MedicationRequest", "Immunization"}
    assert 250 <= len(records) <= 350
    assert len({record.resource_id for record in records}) == len(records)


def test_every_record_belongs_to_a_patient_of_the_set() -> None:
    records = load()
    patients = {record.resource_id for record in records if record.resource_type == "Patient"}
    assert {record.patient_id for record in records} == patients


def test_a_file_of_the_lines_reads_back_as_the_same_records(tmp_path: Path) -> None:
    path = tmp_path / "sample.jsonl"
    path.write_text("\r\n".join(generate()) + "\n\n", encoding="utf-8")
    assert load(path) == load()
    assert b"\n".join(record.line for record in load(path)).decode() == "\n".join(generate())


def test_patient_is_found_behind_subject_and_patient_references() -> None:
    for record in load():
        if record.resource_type == "Patient":
            assert record.patient_id == record.resource["id"]
        else:
            role = "patient" if record.resource_type == "Immunization" else "subject"
            assert record.resource[role] == {"reference": f"urn:uuid:{record.patient_id}"}


def test_string_values_are_the_long_values_at_any_depth_and_no_keys() -> None:
    resource = {
        "resourceType": "Observation",
        "averylongkey": ["eightchr", {"deeper-than-that": ["sevench", 12345678, None, True, "Łódź 123"]}],
    }
    assert string_values(resource) == {"Observation", "eightchr", "Łódź 123"}


def test_record_shows_nothing_of_the_patient_in_its_repr() -> None:
    record = load()[0]
    shown = repr(record)
    assert isinstance(record, Record)
    assert record.resource["name"][0]["family"] not in shown
    assert record.resource["birthDate"] not in shown


@pytest.mark.parametrize(
    "line",
    [
        '{"resourceType":"Patient","id":"Confidential Name"',
        '["Confidential Name"]',
        '{"resourceType":"Patient","name":"Confidential Name"}',
        '{"resourceType":"Condition","id":"x","code":"Confidential Name"}',
        '{"resourceType":"Condition","id":"x","subject":{"reference":5},"code":"Confidential Name"}',
    ],
)
def test_bad_line_is_named_by_its_number_and_never_shown(tmp_path: Path, line: str) -> None:
    path = tmp_path / "sample.jsonl"
    path.write_text(next(generate()) + "\n" + line + "\n")
    with pytest.raises(Invalid, match="line 2") as refused:
        load(path)
    assert "Confidential" not in "".join(traceback.format_exception(refused.value))


def test_accented_and_digit_only_values_are_in_the_set() -> None:
    values = set().union(*(string_values(json.loads(line)) for line in generate()))
    assert any(not value.isascii() for value in values)
    assert any(value.isdigit() for value in values)
