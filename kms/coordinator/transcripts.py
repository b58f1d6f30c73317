"""What a ceremony leaves: one file with every signed statement, and what they name by hash, a line each.

Lines are DSSE's JSON envelopes, and attachments. The file may be trusted as little as the coordinator that wrote it:
`kms ceremony verify` checks all of it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kms.coordinator.pooling import MadePool
from kms.coordinator.resharing import MadePlan, ReshareCase
from kms.crypto import derivation
from kms.crypto.group import POINT_SIZE
from kms.statements.ceremony import points_hash, unpack_points
from kms.statements.envelope import Envelope
from kms.statements.ids import KeyId


@dataclass(frozen=True, slots=True)
class RepairedBatch:
    """What was signed while a batch of lost shares came back: the task, helpers' pieces and sums, the last word."""

    task: Envelope
    key_ids: Sequence[KeyId]
    pieces: Sequence[Envelope]
    points: Sequence[bytes]
    """Of each helper, those of all keys."""
    sums: Sequence[Envelope]
    repaired: Envelope


class Transcript:
    """Appends to `folder/NAME.jsonl`; a run that goes on adds to the file that is there.

    What belongs together goes to the system in one piece, so that a process that is killed leaves no half of it.
    """

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{name}.jsonl"
        self._file: IO[bytes] | None = None

    def start(self, chain: Iterable[Envelope], order: Envelope | None = None) -> None:
        """Open it. A new one begins with the chain, and the order if there is one."""
        new = not self.path.exists()
        self._file = self.path.open("ab", buffering=0)
        if new:
            self.write_statements([*chain, *([order] if order is not None else [])])

    def write_statements(self, envelopes: Iterable[Envelope]) -> None:
        self._write(*map(envelope_json, envelopes))

    def write_plan(self, case: ReshareCase, made: MadePlan) -> None:
        """A plan with its dealings and points, and the word of everybody who installed it."""
        lines = _complaints(case)
        for held in made.dealings.values():
            lines.append(envelope_json(held.signed.message))
            lines.append(_attachment(f"points {held.signed.statement.points_hash.hex()}", held.packed_points))
        lines.append(_attachment(f"keys {held.signed.statement.batch_root.hex()}", b"".join(case.key_ids)))
        lines.append(_attachment(f"plan {made.version.hex()}", made.payload))
        lines.append(_attachment(f"plan-points {made.version.hex()}", made.points))
        lines += [envelope_json(signed.message) for _, signed in sorted(case.installed.items())]
        self._write(*lines)

    def write_complaints(self, case: ReshareCase) -> None:
        self._write(*_complaints(case))

    def write_repair(self, batch: RepairedBatch) -> None:
        """A batch of lost shares that is back."""
        count = len(batch.key_ids)
        root = derivation.batch_root(list(batch.key_ids))
        lines = [envelope_json(batch.task), _attachment(f"keys {root.hex()}", b"".join(batch.key_ids))]
        for statement, points in zip(batch.pieces, batch.points, strict=True):
            digest = points_hash(unpack_points(points, count, len(points) // POINT_SIZE // count))
            lines += [envelope_json(statement), _attachment(f"points {digest.hex()}", points)]
        self._write(*lines, *map(envelope_json, batch.sums), envelope_json(batch.repaired))

    def write_pool_plan(self, made: MadePool) -> None:
        """A plan of keys that are made jointly, with its dealings and all points; who keeps it says so after it."""
        lines = []
        for held in made.dealings.values():
            lines.append(envelope_json(held.signed.message))
            lines.append(_attachment(f"points {held.signed.statement.points_hash.hex()}", held.packed_points))
        lines.append(_attachment(_pool_plan(made.opened.hash), made.opened.payload))
        lines.append(_attachment(f"points {made.opened.plan.points_hash.hex()}", made.points))
        self._write(*lines)

    def has_pool_plan(self, plan_hash: bytes) -> bool:
        """Whether a run before this one wrote this plan."""
        name = f'{{"attachment":"{_pool_plan(plan_hash)}",'.encode()
        with self.path.open("rb") as file:
            return any(line.startswith(name) for line in file)

    def _write(self, *values: object) -> None:
        if self._file is not None and values:
            lines = [json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n" for value in values]
            self._file.write("".join(lines).encode())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _complaints(case: ReshareCase) -> list[dict[str, object]]:
    return [envelope_json(signed.message) for by in case.complaints.values() for signed in by.values()]


def _pool_plan(plan_hash: bytes) -> str:
    return f"pool-plan {plan_hash.hex()}"


def _attachment(name: str, data: bytes) -> dict[str, object]:
    return {"attachment": name, "data": base64.b64encode(data).decode()}


def envelope_json(envelope: Envelope) -> dict[str, object]:
    """DSSE's JSON form of an envelope; key ids are hex."""
    return {
        "payloadType": envelope.payload_type,
        "payload": base64.b64encode(envelope.payload).decode(),
        "signatures": [
            {"keyid": s.keyid.hex(), "sig": base64.b64encode(s.sig).decode()} for s in envelope.signatures
        ],
    }
