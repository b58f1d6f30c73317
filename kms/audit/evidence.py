"""Evidence looked at again: whether it shows what a finding says, to who was not there and believes no auditor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kms.audit.findings import Finding, Kind
from kms.audit.holding import broken
from kms.audit.mirror import verified
from kms.audit.parties import Parties, Party
from kms.audit.reading import is_entry
from kms.crypto import merkle
from kms.errors import Invalid, KmsError
from kms.statements import misbehaviour
from kms.statements.audit import LogKind
from kms.statements.entries import read_entries
from kms.statements.promises import open_promise


def check(finding: Finding, parties: Parties) -> None:
    """Invalid or BadSignature unless the evidence shows the fault under this chain's keys, by itself."""
    party = parties.members.get(finding.index)
    if party is None:
        raise _hollow("it is about nobody of the keyring")
    parts = finding.evidence.parts
    try:
        match finding.kind:
            case Kind.TWO_HISTORIES:
                _two_histories(parts, party)
            case Kind.PROMISE_BROKEN:
                promise = open_promise(_bytes(parts, "promise"), parties.chain)
                number, entry = _entry(parts, party)
                if (promise.index, promise.log_index) != (party.index, number):
                    raise _hollow("its promise is of another entry")
                if not broken(promise, entry):
                    raise _hollow("its promise was kept")
            case Kind.BASIS_SHORT:
                _basis_short(parts, parties, party)
            case Kind.ENTRY_MALFORMED:
                number, entry = _entry(parts, party)
                if is_entry(entry, number):
                    raise _hollow("its entry is one")
            case _:
                raise _hollow("it rests on what the auditor saw, and on nothing that can be shown")
    except (KeyError, TypeError, ValueError):
        raise _hollow("it is not whole") from None


def _two_histories(parts: Mapping[str, Any], party: Party) -> None:
    shown = misbehaviour.read_misbehaviour(_bytes(parts, "misbehaviour"))
    problem: KmsError = _hollow("no key of that custodian is known")
    for key in party.keys:
        try:
            misbehaviour.check(shown, lambda origin, key=key: key if origin == party.origin else None)  # type: ignore[misc]
            return
        except KmsError as error:
            problem = error
    raise problem


def _basis_short(parts: Mapping[str, Any], parties: Parties, party: Party) -> None:
    number, entry = _entry(parts, party)
    said = next(iter(read_entries([entry], number)))
    known = [one for one, _ in said.basis if one in parties.members]
    if said.kind != LogKind.RELEASE or said.chained or len(known) >= parties.floor:
        raise _hollow("its release rests on enough")


def _entry(parts: Mapping[str, Any], party: Party) -> tuple[int, bytes]:
    """(number, exact bytes) of an entry that the custodian signed a log with."""
    checkpoint = verified(_bytes(parts, "checkpoint"), party.origin, party.keys)
    number, entry, proof = parts["number"], _bytes(parts, "entry"), list(parts["proof"])
    if not isinstance(number, int) or not all(isinstance(one, bytes) for one in proof):
        raise ValueError
    merkle.check_inclusion(merkle.leaf_hash(entry), number, checkpoint.size, proof, checkpoint.root)
    return number, entry


def _bytes(parts: Mapping[str, Any], name: str) -> bytes:
    value = parts[name]
    if not isinstance(value, bytes):
        raise ValueError(name)
    return value


def _hollow(what: str) -> Invalid:
    return Invalid(f"the evidence shows nothing: {what}", reason="EVIDENCE_HOLLOW")
