"""Enrolments as files: one organisation's word about itself, or several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from kms.ceremony import files
from kms.ceremony.files import Attachment, Line
from kms.ceremony.proposals import ENROLMENT, envelope_of
from kms.ceremony.words import printable, words
from kms.errors import Invalid
from kms.statements.enrolment import Enrolment, open_enrolment
from kms.statements.envelope import Signed


def is_enrolment(line: Line) -> bool:
    return not isinstance(line, Attachment) and line.payload_type == ENROLMENT


def enrolments_of(lines: Sequence[Line], name: str = "the file") -> list[Signed[Enrolment]]:
    """The enrolments of a file's lines, each verified; Invalid if another line is among them."""
    found = []
    for number, line in enumerate(lines, 1):
        if isinstance(line, Attachment) or not is_enrolment(line):
            raise Invalid(f"{name}, line {number}: not an enrolment", reason="WRONG_TYPE")
        found.append(open_enrolment(envelope_of(line)))
    return found


def read_enrolments(paths: Iterable[Path]) -> list[Signed[Enrolment]]:
    """Those of all files, in their order; Invalid if an organisation or a key stands in two."""
    found = [signed for path in paths for signed in enrolments_of(files.read(path), path.name)]
    for what in ("organisation", "identity_key"):
        values = [getattr(signed.statement, what) for signed in found]
        if len(set(values)) != len(values):
            raise Invalid(f"two enrolments have the same {what}", reason="DUPLICATE_ENROLMENT")
    return found


def facts(enrolments: Sequence[Signed[Enrolment]]) -> list[dict[str, Any]]:
    """For programs."""
    return [
        {name: getattr(signed.statement, name) for name in Enrolment.__slots__}
        | {
            "identity_key": signed.statement.identity_key.hex(),
            "hash": signed.hash.hex(),
            "fingerprint": words(signed.hash),
        }
        for signed in enrolments
    ]


def render(enrolments: Sequence[Signed[Enrolment]]) -> str:
    """For people, who compare the words with those that the organisation's own people read to them."""
    lines: list[str] = []
    for each in facts(enrolments):
        lines += [f"{each['organisation']} says of itself", ""]
        lines += [f"  {name.replace('_', ' '):<13}{value}" for name, value in each.items()]
    return "\n".join(map(printable, lines))
