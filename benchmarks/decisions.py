"""What one custodian's decision costs it: 256 keys, two credentials, a grant, a context for each key."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from kms.statements.envelope import sign
from kms.statements.release import Purpose
from tests.protocol.world import World, evidence_for

KEYS = 256


def measure(folder: Path, quick: bool) -> tuple[dict[str, float | None], dict[str, float]]:
    """Processor time of one decision in milliseconds (median), evidence to signed answer on disk, without the network.

    Every request has evidence of its own, so none is remembered from the one before; all contexts differ, and all keys
    have equal attributes: one evaluation of the policy.
    """
    world = World.found(folder / "decisions", n=3, threshold=2)
    try:
        alice, doctor = world.device("alice"), world.device("doctor", "professional")
        contexts = [{"patient": "patient-1", "category": "encounter", "visit": f"v-{n}"} for n in range(KEYS)]
        keys = world.create(alice, contexts, at=[1])
        grant = sign(world.grant(alice, doctor, category="encounter", max_count=10**6), alice.key).envelope
        times, waits = [], []
        for _ in range(12 if quick else 42):
            prepared = world.prepare(doctor, keys, purpose=Purpose.TREATMENT, grants=[grant], to=[1])
            evidence = evidence_for(prepared, 1)
            start, waited = time.process_time(), time.perf_counter()
            world.nodes[1].decide(prepared.message.request, evidence)
            times.append((time.process_time() - start) * 1000)
            waits.append((time.perf_counter() - waited) * 1000)
    finally:
        world.close()
    figure = statistics.median(times[2:])
    return {"decision_256_keys_ms": figure}, {
        "cpu_ms_least": min(times),
        "wall_ms": statistics.median(waits[2:]),
    }
