"""What custodians say that they hold: versions of keys, and the plans that these came of."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence

from kms.coordinator.relay import Relay
from kms.coordinator.resharing import Held
from kms.crypto.hashing import equal
from kms.errors import KmsError
from kms.statements.ceremony import open_version, plan_version
from kms.statements.ids import KeyId, Version
from kms.wire.v1 import ceremony_service_pb2 as pb


async def holdings(relay: Relay, key_ids: Sequence[KeyId]) -> dict[int, list[Held]]:
    """What each custodian that is up says it holds of these keys, in every version."""
    found: dict[int, list[Held]] = {}

    async def ask(index: int) -> None:
        with contextlib.suppress(KmsError):
            request = pb.ListKeysRequest(limit=1, key_ids=key_ids)
            answer = await relay.ceremony(index, "ListKeys", request, pb.ListKeysResponse)
            found[index] = [
                (Version(group.version), group.threshold, KeyId(key_id))
                for group in answer.versions
                for key_id in group.key_ids
            ]

    await asyncio.gather(*(ask(index) for index in relay.reachable))
    return found


async def planned_version(relay: Relay, holders: Iterable[int], version: Version) -> pb.PlannedVersion | None:
    """What the plan of a version says, from whichever of these holds it; None if nobody does, as of a dealt version."""
    for index in holders:
        with contextlib.suppress(KmsError):
            request = pb.ListInstalledRequest(limit=1, versions=[version])
            answer = await relay.ceremony(
                index, "ListInstalled", request, pb.ListInstalledResponse, reader=True
            )
            for held in answer.versions:
                if equal(plan_version(held.plan), version):
                    open_version(held.plan, [KeyId(k) for k in held.key_ids], held.points)
                    return pb.PlannedVersion(plan=held.plan, key_ids=held.key_ids, points=held.points)
    return None
