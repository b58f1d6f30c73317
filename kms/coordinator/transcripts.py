"""What a ceremony leaves: one file with every signed statement, and what they name by hash, a line each.

Lines are DSSE's JSON envelopes, and attachments. The file may be trusted as little as the coordinator that wrote it:
`kms ceremony verify` checks all of it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from kms.coordinator.resharing import MadePlan, ReshareCase
from kms.statements.ceremony import ReshareOrder
from kms.statements.envelope import Envelope, Signed


class Transcript:
    """Appends to `folder/NAME.jsonl`; a run that goes on adds to the file that is there."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{name}.jsonl"
        self._file: IO[str] | None = None

    def start(self, chain: Iterable[Envelope], order: Signed[ReshareOrder]) -> None:
        new = not self.path.exists()
        self._file = self.path.open("a")
        if new:
            self.write_statements(chain)
            self.write_statements([order.message])

    def write_statements(self, envelopes: Iterable[Envelope]) -> None:
        for envelope in envelopes:
            self._line(envelope_json(envelope))

    def attach(self, name: str, data: bytes) -> None:
        self._line({"attachment": name, "data": base64.b64encode(data).decode()})

    def write_plan(self, case: ReshareCase, made: MadePlan) -> None:
        """A plan with its dealings and points, and the word of everybody who installed it."""
        self.write_complaints(case)
        for held in made.dealings.values():
            self.write_statements([held.signed.message])
            self.attach(f"points {held.signed.statement.points_hash.hex()}", held.packed_points)
        self.attach(f"keys {held.signed.statement.batch_root.hex()}", b"".join(case.key_ids))
        self.attach(f"plan {made.version.hex()}", made.payload)
        self.attach(f"plan-points {made.version.hex()}", made.points)
        self.write_statements(signed.message for _, signed in sorted(case.installed.items()))

    def write_complaints(self, case: ReshareCase) -> None:
        for by in case.complaints.values():
            self.write_statements(signed.message for signed in by.values())

    def _line(self, value: object) -> None:
        if self._file is not None:
            self._file.write(json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def envelope_json(envelope: Envelope) -> dict[str, object]:
    """DSSE's JSON form of an envelope; key ids are hex."""
    return {
        "payloadType": envelope.payload_type,
        "payload": base64.b64encode(envelope.payload).decode(),
        "signatures": [
            {"keyid": s.keyid.hex(), "sig": base64.b64encode(s.sig).decode()} for s in envelope.signatures
        ],
    }
