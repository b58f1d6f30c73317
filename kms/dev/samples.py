"""A small synthetic set of FHIR R4 resources, one JSON object a line, for when no data file is at hand.

Nobody in it exists: names, places and codes are made up, drawn from a seeded generator. The form is that of
the public bulk exports (Patient, Encounter, Condition, MedicationRequest, Immunization; a reference to a
person is `urn:uuid:<Patient.id>`), so that `load` reads either.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kms.errors import Invalid

SHORTEST_VALUE = 8
"""Characters. Shorter values (`M`, `home`) stand in every program's memory and prove nothing."""

DEFAULT_PATIENTS = 20
DEFAULT_SEED = 2021

_REFERENCE = "urn:uuid:"
_GIVEN = (
    "Abelone", "Bérénice", "Ciarán", "Dorothea", "Evangelia", "Fitzgerald", "Guðrún", "Hildegard",
    "Ignatius", "Jarmila", "Kazimierz", "Leocadia", "Małgorzata", "Nikephoros", "Ottokar", "Philippa",
    "Quirinus", "Rosalinde",
)  # fmt: skip
_FAMILY = (
    "Achterberg", "Brunnhuber", "Czarnowski", "Dąbkowska", "Ehrenspeck", "Fürstenau", "Grünspecht",
    "Holmqvist", "Ivanauskas", "Jørgensborg", "Kirchmaier", "Lindenthal", "Mühlbacher", "Nachtweide",
    "Østerlund", "Pfefferkorn",
)  # fmt: skip
_STREETS = ("Kestrel Lane", "Old Tannery Road", "Ropewalk", "Lower Saltmarsh Street", "Quince Orchard Way")
_CITIES = ("Niederalben", "Port Halloway", "Sainte-Ombre", "Vřesoviště", "Westmarrow")
_CONDITIONS = (
    "Recurring tension headache (finding)", "Ankle sprain (disorder)", "Raised blood pressure (disorder)",
    "Pollen allergy, seasonal (disorder)", "Tendon irritation (disorder)", "Iron deficiency (disorder)",
    "Panic attacks (disorder)", "Early pregnancy (finding)", "Alcohol dependence, in remission (disorder)",
)  # fmt: skip
_MEDICINES = (
    "Ibuprofen 400 MG oral tablet", "Cetirizine 10 MG oral tablet", "Ferrous sulfate 100 MG oral capsule",
    "Ramipril 5 MG oral tablet", "Sertraline 50 MG oral tablet", "Disulfiram 250 MG oral tablet",
)  # fmt: skip
_VACCINES = (
    "Influenza, yearly, inactivated",
    "Tetanus and diphtheria, adult",
    "Hepatitis B, adult",
    "Shingles, live",
)
_VISITS = ("Check-up visit (procedure)", "Follow-up visit (procedure)", "Urgent visit (procedure)")


@dataclass(frozen=True, slots=True)
class Record:
    """One resource. `patient_id` is the Patient's own id, also where the record points to it.

    `line` is the exact line without its newline, UTF-8. Neither line nor resource stands in the repr.
    """

    resource_id: str
    resource_type: str
    patient_id: str
    line: bytes = field(repr=False)
    resource: dict[str, Any] = field(repr=False, compare=False)


class _Person:
    """One patient's resources, drawn from the generator that all patients share."""

    def __init__(self, draw: random.Random, number: int) -> None:
        self._draw = draw
        self._number = number
        self.patient_id = self._identifier()
        self._reference = {"reference": _REFERENCE + self.patient_id}

    def _identifier(self) -> str:
        return str(uuid.UUID(int=self._draw.getrandbits(128), version=4))

    def _moment(self) -> datetime:
        return datetime(2009, 1, 5, 7, 0, tzinfo=UTC) + timedelta(minutes=self._draw.randrange(6_000_000))

    def _coded(self, vocabulary: str, displays: tuple[str, ...]) -> dict[str, Any]:
        display = self._draw.choice(displays)
        # Digits of 8 and more places, as clinical codes are: the hardest values to tell from chance.
        code = str(10_000_019 + displays.index(display) * 7_919_317 + len(vocabulary))
        system = f"urn:example:vocabulary:{vocabulary}"
        return {"coding": [{"system": system, "code": code, "display": display}], "text": display}

    def _resource(self, kind: str, **content: Any) -> dict[str, Any]:
        return {"resourceType": kind, "id": self._identifier(), **content}

    def patient(self) -> dict[str, Any]:
        draw = self._draw
        family = draw.choice(_FAMILY)
        born = datetime(1931, 3, 1, tzinfo=UTC) + timedelta(days=draw.randrange(32_000))
        street = f"{draw.randrange(1, 990)} {draw.choice(_STREETS)}"
        return {
            "resourceType": "Patient",
            "id": self.patient_id,
            "identifier": [
                {"system": "urn:example:insurance-number", "value": f"Z{draw.randrange(10**9, 10**10)}"},
                {"system": "urn:example:clinic-number", "value": self._identifier()},
            ],
            "name": [
                {"use": "official", "family": f"{family}-{self._number:03d}", "given": [draw.choice(_GIVEN)]}
            ],
            "telecom": [
                {"system": "phone", "value": f"+00 {draw.randrange(100, 999)} {draw.randrange(10**6, 10**7)}"}
            ],
            "gender": draw.choice(("female", "male", "other")),
            "birthDate": born.date().isoformat(),
            "address": [
                {"line": [street], "city": draw.choice(_CITIES), "postalCode": f"{draw.randrange(10**5):05d}"}
            ],
        }

    def encounter(self) -> dict[str, Any]:
        start = self._moment()
        return self._resource(
            "Encounter",
            status="finished",
            type=[self._coded("visit", _VISITS)],
            subject=self._reference,
            participant=[{"individual": {"reference": _REFERENCE + self._identifier()}}],
            period={"start": start.isoformat(), "end": (start + timedelta(minutes=20)).isoformat()},
        )

    def condition(self, encounter: str) -> dict[str, Any]:
        return self._resource(
            "Condition",
            clinicalStatus={"coding": [{"system": "urn:example:vocabulary:status", "code": "active"}]},
            code=self._coded("condition", _CONDITIONS),
            subject=self._reference,
            encounter={"reference": _REFERENCE + encounter},
            onsetDateTime=self._moment().isoformat(),
        )

    def medication_request(self, encounter: str) -> dict[str, Any]:
        return self._resource(
            "MedicationRequest",
            status="active",
            intent="order",
            medicationCodeableConcept=self._coded("medicine", _MEDICINES),
            subject=self._reference,
            encounter={"reference": _REFERENCE + encounter},
            authoredOn=self._moment().isoformat(),
        )

    def immunization(self, encounter: str) -> dict[str, Any]:
        return self._resource(
            "Immunization",
            status="completed",
            vaccineCode=self._coded("vaccine", _VACCINES),
            patient=self._reference,
            encounter={"reference": _REFERENCE + encounter},
            occurrenceDateTime=self._moment().isoformat(),
            primarySource=True,
        )

    def resources(self) -> Iterator[dict[str, Any]]:
        draw = self._draw
        yield self.patient()
        encounters = [self.encounter() for _ in range(draw.randint(4, 7))]
        yield from encounters
        visits = [str(encounter["id"]) for encounter in encounters]
        yield from (self.immunization(draw.choice(visits)) for _ in range(draw.randint(4, 6)))
        yield from (self.condition(draw.choice(visits)) for _ in range(draw.randint(1, 4)))
        yield from (self.medication_request(draw.choice(visits)) for _ in range(draw.randint(0, 3)))


def generate(patients: int = DEFAULT_PATIENTS, seed: int = DEFAULT_SEED) -> Iterator[str]:
    """Yield JSON lines without newlines, about 15 a patient. The same arguments give the same lines."""
    draw = random.Random(seed)  # noqa: S311 - synthetic people, nothing secret: a seeded generator is wanted here
    for number in range(1, patients + 1):
        for resource in _Person(draw, number).resources():
            yield json.dumps(resource, ensure_ascii=False, separators=(",", ":"))


def load(path: Path | None = None, patients: int = DEFAULT_PATIENTS) -> list[Record]:
    """Read a JSONL file, or the generated set of so many patients where `path` is None. Blank lines are skipped.

    Raises `Invalid` with the line's number; what stands in the line is a patient's and never in the message.
    """
    if path is None:
        return [_record(line.encode(), number) for number, line in enumerate(generate(patients), start=1)]
    with path.open("rb") as lines:
        stripped = ((number, line.rstrip(b"\r\n")) for number, line in enumerate(lines, start=1))
        return [_record(line, number) for number, line in stripped if line.strip()]


def string_values(resource: object) -> set[str]:
    """Every string value of 8 characters or more, at any depth; keys are the format's and do not count."""
    found: set[str] = set()
    waiting: list[object] = [resource]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            if len(part) >= SHORTEST_VALUE:
                found.add(part)
        elif isinstance(part, dict):
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
    return found


def _record(line: bytes, number: int) -> Record:
    try:
        resource = json.loads(line)
    except ValueError:
        # `from None`: the decoder's error carries the whole document, and tracebacks end up in logs.
        raise Invalid(f"line {number} is not JSON in UTF-8", reason="BAD_SAMPLE") from None
    if not isinstance(resource, dict):
        raise Invalid(f"line {number} is not a JSON object", reason="BAD_SAMPLE")
    kind, own_id = resource.get("resourceType"), resource.get("id")
    if not isinstance(kind, str) or not isinstance(own_id, str):
        raise Invalid(f"line {number} has no resourceType or no id", reason="BAD_SAMPLE")
    patient_id = own_id if kind == "Patient" else _person_of(resource)
    if patient_id is None:
        raise Invalid(
            f"line {number} ({kind}) points to no patient: no subject, no patient", reason="BAD_SAMPLE"
        )
    return Record(own_id, kind, patient_id, line, resource)


def _person_of(resource: dict[str, Any]) -> str | None:
    for role in ("subject", "patient"):
        pointer = resource.get(role)
        if isinstance(pointer, dict) and isinstance(pointer.get("reference"), str):
            return str(pointer["reference"]).removeprefix(_REFERENCE).removeprefix("Patient/")
    return None
