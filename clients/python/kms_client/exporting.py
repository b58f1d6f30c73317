"""An owner's history for other programs: FHIR R4 AuditEvent, and CSV that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any, Final

from kms.errors import Invalid
from kms.statements.audit import LogKind
from kms.statements.history import Told
from kms.statements.release import Purpose
from kms_client.history import History

COLUMNS: Final = (
    "at",
    "custodian",
    "organisation",
    "entry",
    "event",
    "outcome",
    "reason",
    "keys",
    "purpose",
    "people",
    "requester",
    "request",
)
_REASONS: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_PURPOSES: Final = {
    Purpose.TREATMENT: ("TREAT", "treatment"),
    Purpose.PATIENT_ACCESS: ("PATRQT", "patient requested"),
    Purpose.BILLING: ("HPAYMT", "healthcare payment"),
    Purpose.SCHEDULING: ("PATADMIN", "patient administration"),
    Purpose.EMERGENCY: ("ETREAT", "emergency treatment"),
    Purpose.RESEARCH: ("HRESCH", "healthcare research"),
    Purpose.LEGAL: ("HLEGAL", "legal"),
}
_ACTIONS: Final = {LogKind.DEPOSIT: "C", LogKind.RELEASE: "R", LogKind.DESTROYED: "D"}
_REFUSED: Final = frozenset(("DENY", "REFUSED"))
_SUCCESS, _MINOR_FAILURE = "0", "4"


def to_csv(history: History) -> str:
    """A line for each outcome of each event (RFC 4180)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for one in history.told:
        for outcome in one.detail.outcomes:
            writer.writerow(
                plain(value)
                for value in (
                    _when(one.entry.at),
                    str(one.index),
                    _organisation(history, one),
                    str(one.entry.index),
                    one.entry.kind.name,
                    outcome.outcome,
                    outcome.reason,
                    str(len(outcome.key_ids)),
                    _purpose_name(one),
                    ", ".join(one.detail.people),
                    one.entry.principal.hex(),
                    one.entry.subject_hash.hex(),
                )
            )
    return out.getvalue()


def plain(text: str) -> str:
    """A cell that no spreadsheet takes for a formula and no terminal obeys.

    No quote and no semicolon, at which spreadsheets of some languages begin another cell; a comma stands in quotes.
    """
    shown = "".join(c if c.isprintable() and c not in '"\\;' else f"\\u{ord(c):04x}" for c in text)
    return f"'{shown}" if shown.lstrip()[:1] in ("=", "+", "-", "@") else shown


def to_fhir(history: History) -> str:
    """A Bundle of AuditEvents (FHIR R4), one for each event at each custodian; the keys are its entities."""
    entries = [
        {"fullUrl": _name(history, one), "resource": _audit_event(history, one)} for one in history.told
    ]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}, indent=1)


def _audit_event(history: History, one: Told) -> dict[str, Any]:
    outcomes = one.detail.outcomes
    refused = all(outcome.outcome in _REFUSED for outcome in outcomes)
    event: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "type": {
            "system": "http://dicom.nema.org/resources/ontology/DCM",
            "code": "110110",
            "display": "Patient Record",
        },
        "subtype": [{"system": "urn:threshold-kms:event", "code": one.entry.kind.name.lower()}],
        "action": _ACTIONS.get(one.entry.kind, "E"),
        "recorded": _when(one.entry.at),
        "outcome": _MINOR_FAILURE if refused else _SUCCESS,
        "outcomeDesc": "; ".join(f"{o.outcome} {o.reason}".strip() for o in outcomes),
        "agent": [_agent(one)],
        "source": {
            "site": _organisation(history, one),
            "observer": {
                "identifier": {"system": "urn:threshold-kms:custodian", "value": str(one.index)},
                "display": _organisation(history, one),
            },
        },
        "entity": [
            {
                "what": {"identifier": {"system": "urn:threshold-kms:key", "value": key_id.hex()}},
                "name": f"{outcome.outcome} {outcome.reason}".strip(),
            }
            for outcome in outcomes
            for key_id in outcome.key_ids
        ],
    }
    purpose = _purpose(one)
    if purpose is not None:
        code, display = _PURPOSES[purpose]
        coding = {"system": _REASONS, "code": code, "display": display}
        event["purposeOfEvent"] = [{"coding": [coding]}]
    return event


def _agent(one: Told) -> dict[str, Any]:
    agent: dict[str, Any] = {
        "who": {"identifier": {"system": "urn:ietf:rfc:7638", "value": one.entry.principal.hex()}},
        "requestor": True,
    }
    if one.detail.people:
        agent["altId"] = one.detail.people[0]
        agent["name"] = "; ".join(one.detail.people)
    return agent


def _name(history: History, one: Told) -> str:
    return f"urn:threshold-kms:{history.chain.keyring_id.hex()}:{one.index}:{one.entry.index}"


def _organisation(history: History, one: Told) -> str:
    for link in reversed(history.chain.links):
        if one.index in link.manifest.indices:
            return link.custodian(one.index).organisation
    raise Invalid("a custodian that no manifest names", reason="UNKNOWN_CUSTODIAN")


def _purpose(one: Told) -> Purpose | None:
    try:
        return Purpose(one.detail.purpose)
    except ValueError:
        return None


def _purpose_name(one: Told) -> str:
    purpose = _purpose(one)
    return purpose.name.lower() if purpose is not None else ""


def _when(at: int) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return f"second {at}"
