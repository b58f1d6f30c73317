"""Promises held against the log of who gave them."""

from __future__ import annotations

from kms.audit.findings import Evidence, Finding, Kind
from kms.audit.mirror import Mirror
from kms.errors import KmsError
from kms.statements.audit import LogEntry
from kms.statements.codec import decode
from kms.statements.promises import Promise


def hold(promise: Promise, mirror: Mirror, live: bool) -> Finding | None:
    """What a promise finds in a log; None if it is kept.

    Of a log that was read after the promise was in hand, so that what was promised must stand in it. `live`: by its
    custodian's own answer, and not from an export, which may be older than the promise.
    """
    what = f"a signed {promise.name} says that it is entry {promise.log_index}"
    if promise.log_index >= mirror.size:
        if not live:
            silent = f"{what}, and the log that was exported has {mirror.size}"
            return Finding(Kind.SILENT, promise.index, silent, Evidence({"promise": promise.envelope}))
        return Finding(
            Kind.ROLLED_BACK,
            promise.index,
            f"{what}, and its log has {mirror.size}",
            Evidence({"promise": promise.envelope, "checkpoint": mirror.note}),
        )
    payload, proof = mirror.entry(promise.log_index)
    problem = broken(promise, payload)
    if not problem:
        return None
    parts = {
        "promise": promise.envelope,
        "checkpoint": mirror.note,
        "number": promise.log_index,
        "entry": payload,
        "proof": proof,
    }
    return Finding(
        Kind.PROMISE_BROKEN, promise.index, f"{what}, but {problem}", Evidence(parts), transferable=True
    )


def broken(promise: Promise, payload: bytes) -> str:
    """In words, what is not as promised in the entry of these bytes; empty if the promise is kept."""
    try:
        entry = decode(LogEntry, payload, "entry")
    except KmsError as error:
        return f"it is no entry ({error.message})"
    return promise.broken_by(entry)
