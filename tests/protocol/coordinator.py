"""A coordinator that relays as the product's workflow tells it, and the ways in which one may cheat.

A bend takes what an honest coordinator would send to a client, and gives what a lying one sends instead.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping

from kms.coordinator.workflow import ReleaseCase, threshold_in_use
from kms.custodian.node import CustodianNode
from kms.errors import KmsError
from kms.statements.ceremony import Status
from kms.statements.envelope import open_signed
from kms.statements.keys import parse_descriptor
from kms.statements.manifest import Keyring
from kms.wire.v1 import coordinator_pb2, keyring_pb2
from kms_client.requesting import Prepared

Event = coordinator_pb2.ReleaseEvent
Events = list[Event]
Bend = Callable[[Events], Events]


class Coordinator:
    """Drives `ReleaseCase` over nodes in this process, one custodian after the other."""

    def __init__(self, keyring: Keyring, nodes: Mapping[int, CustodianNode]) -> None:
        self._keyring, self._nodes = keyring, nodes

    def release(self, prepared: Prepared) -> Events:
        """Both phases of one request; every event that a client is sent."""
        case = ReleaseCase(self._keyring, prepared.opened, self._old_threshold())
        events = [self._descriptors(prepared)]
        for blob in prepared.message.blobs:
            node = self._nodes.get(blob.index)
            if node is None:
                events.append(failure(blob.index, "UNAVAILABLE"))
                continue
            try:
                decided = node.decide(prepared.message.request, blob.sealed_evidence)
            except KmsError as error:
                case.add_failure(blob.index)
                events.append(failure(blob.index, error.reason))
                continue
            envelope = keyring_pb2.Envelope.FromString(decided.envelope)
            case.add_decision(blob.index, envelope)
            events.append(Event(decision=envelope))
        return events + self._shares(case)

    def _old_threshold(self) -> int:
        statuses = {
            i: open_signed(Status, node.status(), node.context.identity.public).statement
            for i, node in self._nodes.items()
        }
        return threshold_in_use(statuses, self._keyring.threshold)

    def _shares(self, case: ReleaseCase) -> Events:
        if not case.certified():
            return []
        certificate = case.certificate()
        events = [Event(certificate=certificate)]
        for index in sorted(case.decisions):
            if case.due(index):
                try:
                    events.append(delivery(*self._nodes[index].release(case.opened.hash, certificate)))
                except KmsError as error:
                    events.append(failure(index, error.reason))
        return events

    def _descriptors(self, prepared: Prepared) -> Event:
        found: dict[bytes, bytes] = {}
        for node in self._nodes.values():
            for payload in node.descriptors(prepared.opened.request.key_ids):
                found[parse_descriptor(payload).key_id] = payload
        return Event(descriptors=coordinator_pb2.Descriptors(descriptors=found.values()))


def delivery(envelope: bytes, sealed: bytes) -> Event:
    """A custodian's shares as a client gets them."""
    share_release = keyring_pb2.Envelope.FromString(envelope)
    return Event(shares=coordinator_pb2.SealedShares(share_release=share_release, sealed=sealed))


def failure(index: int, reason: str) -> Event:
    return Event(failure=coordinator_pb2.CustodianFailure(index=index, status="INTERNAL", reason=reason))


def kind(event: Event) -> str:
    return event.WhichOneof("event") or ""


# -- bends ---------------------------------------------------------------------------------------------------


def honest(events: Events) -> Events:
    return events


def only(*kinds: str) -> Bend:
    """Forward these kinds of events, withhold the others."""
    return lambda events: [event for event in events if kind(event) in kinds]


def without(*kinds: str) -> Bend:
    return lambda events: [event for event in events if kind(event) not in kinds]


def withholding(rng: random.Random, chance: float = 0.3) -> Bend:
    return lambda events: [event for event in events if rng.random() >= chance]


def repeated(times: int = 3) -> Bend:
    return lambda events: [event for event in events for _ in range(times)]


def shuffled(rng: random.Random) -> Bend:
    return lambda events: rng.sample(events, len(events))


def altered(rng: random.Random, *kinds: str) -> Bend:
    """One bit of one event (of these kinds, if any are given) flipped, somewhere in its bytes."""

    def bend(events: Events) -> Events:
        bent = [Event.FromString(event.SerializeToString()) for event in events]
        candidates = [n for n, event in enumerate(bent) if not kinds or kind(event) in kinds]
        at = rng.choice(candidates)
        data = bytearray(bent[at].SerializeToString())
        while True:
            position, mask = rng.randrange(len(data)), 1 << rng.randrange(8)
            data[position] ^= mask
            try:
                bent[at] = Event.FromString(bytes(data))
                return bent
            except Exception:  # not an event any more: an RPC would have failed; try another bit
                data[position] ^= mask

    return bend


def in_turn(*bends: Bend) -> Bend:
    """One bend after the other."""

    def bend(events: Events) -> Events:
        for step in bends:
            events = step(events)
        return events

    return bend


def mixed_in(others: Iterable[Event]) -> Bend:
    """Events of another request, before the right ones."""
    extra = list(others)
    return lambda events: extra + events
