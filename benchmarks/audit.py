"""What it takes to audit five logs: all of them, and what is new in them."""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kms.audit.logs import FolderSource
from kms.audit.mirror import Mirror
from kms.audit.parties import Parties
from kms.audit.run import Audit
from kms.crypto.secret import Secret
from kms.crypto.signing import SigningKey
from kms.dev.founding import NAMES, PLACES
from kms.policy.engine import default_policy, default_schema
from kms.statements.audit import LogKind
from kms.statements.chain import Chain
from kms.statements.checkpoint import Checkpoint, log_origin, sign_checkpoint
from kms.statements.codec import encode
from kms.statements.envelope import sign_payload
from kms.statements.manifest import (
    Custodian,
    HolderClass,
    Issuer,
    IssuerKey,
    IssuerKeyType,
    Keyring,
    Manifest,
    genesis_keyring_id,
    open_genesis,
)
from kms.wire.v1 import audit_pb2

CUSTODIANS, THRESHOLD, NEW = 5, 3, 1000
START = 1_800_000_000


def measure(folder: Path, quick: bool, entries: int = 0) -> tuple[dict[str, float | None], dict[str, Any]]:
    """Figures and profile. `entries` of each log; else a million, or a fiftieth in a quick run, scaled up."""
    count = entries or (20_000 if quick else 1_000_000)
    keys = {i: SigningKey(Secret(hashlib.sha256(b"custodian %d" % i).digest())) for i in range(1, 6)}
    chain = Chain((_keyring(keys),))
    sources = {i: FolderSource(folder / "logs" / str(i)) for i in keys}
    _grow(folder / "logs", chain, keys, count)
    audit = Audit(Parties.of(chain, START), sources, folder / "state", START)
    began = time.perf_counter()
    report = audit.run()
    whole = time.perf_counter() - began
    assert report.clean, report.findings
    _grow(folder / "logs", chain, keys, NEW)
    audit = Audit(Parties.of(chain, START), sources, folder / "state", START)
    began = time.perf_counter()
    again = audit.run()
    new = time.perf_counter() - began
    assert again.clean, again.findings
    assert all(log.size - log.since == NEW for log in again.logs)
    state = sum(path.stat().st_size for path in (folder / "state").rglob("*") if path.is_file())
    return {
        "audit_five_logs_of_a_million_s": whole * 1_000_000 / count,
        "audit_1000_new_s": new,
    }, {
        "audit": {
            "entries_a_log": count,
            "whole_s": whole,
            "entries_per_s": CUSTODIANS * count / whole,
            "decisions_checked": report.checked_decisions,
            "incremental_s": new,
            "state_bytes_per_entry": state / (CUSTODIANS * (count + NEW)),
        }
    }


def _grow(folder: Path, chain: Chain, keys: dict[int, SigningKey], count: int) -> None:
    """Add `count` entries to each log: of five, one deposit, two decisions, and two releases on three decisions."""
    for index, key in keys.items():
        origin = log_origin(chain.keyring_id, index)
        mirror = Mirror(folder / str(index), origin, [key.public])
        edge = mirror.edge()
        entries = _entries(mirror.size, count)
        while edge.size < mirror.size + count:
            room = min(edge.room, mirror.size + count - edge.size)
            edge.append([next(entries) for _ in range(room)])
        edge.finish()
        mirror.keep(sign_checkpoint(Checkpoint(origin, edge.size, edge.root()), key).to_bytes())


def _entries(first: int, count: int) -> Iterator[bytes]:
    """The same ones in every log, so that entry numbers are known."""
    kinds = (LogKind.DEPOSIT, LogKind.DECISION, LogKind.DECISION, LogKind.RELEASE, LogKind.RELEASE)
    outcomes = ("KEPT", "ALLOW", "ALLOW", "RELEASED", "RELEASED")
    for number in range(first, first + count):
        place = number % 5
        cited = number - 2 if place >= 3 else number
        entry = audit_pb2.LogEntry(
            index=number,
            kind=int(kinds[place]),  # type: ignore[arg-type]
            at=START + number // 10,
            subject_hash=hashlib.sha256(b"request %d" % cited).digest(),
            principal=hashlib.sha256(b"reader %d" % (cited % 1000)).digest(),
            outcome=outcomes[place],
            count=1,
            basis=[audit_pb2.Basis(index=i, log_index=cited) for i in (1, 2, 3)] if place >= 3 else [],
        )
        yield entry.SerializeToString(deterministic=True)


def _keyring(keys: dict[int, SigningKey]) -> Keyring:
    admin = SigningKey(Secret(hashlib.sha256(b"admin").digest()))
    issuer = IssuerKey("k", IssuerKeyType.ED25519, admin.public)
    manifest = Manifest(
        "benchmark",
        0,
        b"",
        b"",
        THRESHOLD,
        2 * THRESHOLD - 1,
        tuple(
            Custodian(i, NAMES[i - 1], *PLACES[i - 1], f"parent {i}", f"localhost:{i}", key.public)
            for i, key in keys.items()
        ),
        (admin.public,),
        1,
        (Issuer("https://issuer.example", "issuer", (HolderClass.DEVICE,), (issuer,)),),
        default_policy(),
        default_schema(),
        START,
        START + 366 * 86400,
    )
    payload = encode(manifest)
    signed = sign_payload(manifest, payload, admin, *keys.values())
    return open_genesis(signed.envelope, genesis_keyring_id(payload), START)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="kms-bench-audit-") as name:
        print(measure(Path(name), False, int(sys.argv[1]) if len(sys.argv) > 1 else 0))
