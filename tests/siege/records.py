"""What whoever carries the messages can write down: every dealing, plan and piece, and to which keys it was sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kms.statements.ceremony import Dealing, Plan, parse_plan, plan_version, unpack_points
from kms.statements.codec import decode
from kms.statements.envelope import Envelope
from kms.statements.ids import KeyId
from tests.siege.views import Adversary, Forms
from tests.siege.world import Site


@dataclass(slots=True)
class Records:
    """Turns messages into forms, for whoever can read them now or later."""

    site: Site
    forms: Forms
    adversary: Adversary
    _points: dict[bytes, Sequence[tuple[bytes, ...]]] = field(default_factory=dict)
    """Points of each key, by the hash of the dealing."""

    def dealing(self, index: int, key_ids: Sequence[KeyId], envelope: Envelope, packed: bytes) -> None:
        """A dealer's answer: its receivers learn sub-shares, a corrupted dealer knows what it drew."""
        dealing = decode(Dealing, envelope.payload)
        rows = unpack_points(packed, len(key_ids), len(packed) // len(key_ids) // 33)
        self._points[dealing.points_hash] = rows
        if index in self.site.liars:
            for key, points in zip(key_ids, rows, strict=True):
                for point in points:
                    self.adversary.learn({key: {point: 1}})
            return
        for target in dealing.targets:
            told = {
                key: self.forms.sub_share(dealing.from_version, key, index, points, target.index)
                for key, points in zip(key_ids, rows, strict=True)
            }
            self.adversary.record(target.index, target.sealing_key_id, told)

    def plan(self, payload: bytes, key_ids: Sequence[KeyId], dealings: Sequence[Envelope]) -> Plan:
        """A plan: the forms of its version follow from its dealers' points."""
        plan, version = parse_plan(payload), plan_version(payload)
        if (version, key_ids[0]) not in self.forms.rows:
            found = [decode(Dealing, envelope.payload) for envelope in dealings]
            for position, key in enumerate(key_ids):
                dealt: Mapping[int, Sequence[bytes]] = {
                    dealing.index: self._points[dealing.points_hash][position] for dealing in found
                }
                self.forms.planned(version, plan.from_version, key, dealt, plan.threshold)
        return plan
