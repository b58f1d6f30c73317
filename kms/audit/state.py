"""What an auditor keeps beside its copies of the logs. Each piece is checked again when it is read.

So who changes the file accuses nobody: evidence is signed by those whom it accuses, a promise by who gave it, and a
doubt is looked up in the logs. What somebody takes out of it is lost, as it is when the whole folder is deleted.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Final

from kms.audit import allowing
from kms.audit.allowing import Alone
from kms.audit.crossing import Doubt
from kms.audit.evidence import check
from kms.audit.findings import Finding, Kind
from kms.audit.mirror import write
from kms.audit.parties import Parties
from kms.errors import KmsError, StoreError

_FORMAT: Final = 1
_NAME: Final = "state.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """Findings that anybody can check, promises that a log seemed too short for, doubts that were not settled well."""

    findings: tuple[Finding, ...] = ()
    promises: tuple[bytes, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    place: str = ""
    """How far a coordinator's list of promises was read."""
    alone: tuple[Alone, ...] = ()
    crossed: Mapping[int, int] | None = field(default_factory=dict)
    """How many entries of each log were held against the others; None in a state of before this was kept: all."""

    @classmethod
    def of(
        cls, findings: Iterable[Finding], doubts: Sequence[Doubt], place: str, crossed: Mapping[int, int]
    ) -> Kept:
        shown = tuple(findings)
        promises = [
            finding.evidence.parts["promise"]
            for finding in shown
            if finding.kind is Kind.ROLLED_BACK and "promise" in finding.evidence.parts
        ]
        transferable = tuple(f for f in shown if f.transferable)
        return cls(transferable, tuple(promises), tuple(doubts), place, allowing.kept(shown), crossed)


def load(folder: Path, parties: Parties) -> Kept:
    """What earlier runs kept; StoreError if it is not theirs."""
    path = folder / _NAME
    if not path.exists():
        return Kept()
    try:
        kept = json.loads(path.read_bytes())
        if kept["format"] != _FORMAT or kept["keyring"] != parties.chain.keyring_id.hex():
            raise StoreError(f"{path} is of another keyring or program", reason="STATE_DAMAGED")
        findings = tuple(Finding.read(facts) for facts in kept["findings"])
        promises = tuple(base64.b64decode(one, validate=True) for one in kept["promises"])
        doubts = tuple(Doubt(*(int(n) for n in one)) for one in kept["doubts"])
        place = str(kept["place"])
        alone = tuple(Alone(*(int(n) for n in one)) for one in kept.get("alone", ()))
        sizes = kept.get("crossed")
        crossed = None if sizes is None else {int(index): int(size) for index, size in sizes.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise StoreError(f"{path} cannot be read: begin with a new folder", reason="STATE_DAMAGED") from None
    for finding in findings:
        try:
            check(finding, parties)
        except KmsError as error:
            raise StoreError(
                f"{path} was changed: it accuses custodian {finding.index}, and {error.message}",
                reason="STATE_DAMAGED",
            ) from None
    return Kept(findings, promises, doubts, place, alone, crossed)


def save(folder: Path, parties: Parties, kept: Kept) -> None:
    """In the place of what was kept before."""
    facts = {
        "format": _FORMAT,
        "keyring": parties.chain.keyring_id.hex(),
        "findings": [finding.facts() for finding in kept.findings],
        "promises": [base64.b64encode(one).decode() for one in kept.promises],
        "doubts": [astuple(doubt) for doubt in kept.doubts],
        "place": kept.place,
        "alone": [astuple(one) for one in kept.alone],
        "crossed": {str(index): size for index, size in (kept.crossed or {}).items()},
    }
    write(folder / _NAME, json.dumps(facts, indent=1).encode())
