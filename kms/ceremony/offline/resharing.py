"""Whether plans add up: their dealings, their points, and how many custodians hold what came of them."""

from __future__ import annotations

from kms.ceremony.offline import messages as m
from kms.ceremony.offline.account import Broken, Tell, listing, silent
from kms.ceremony.offline.attachments import POINT_SIZE, rows
from kms.ceremony.offline.transcript import Transcript
from kms.crypto import labels
from kms.crypto.hashing import H
from kms.errors import ConfigError, Invalid


def check_resharing(transcript: Transcript, tell: Tell = silent) -> list[str]:
    """What the dealings, plans and promises add up to, a line for each version; Broken if they do not."""
    for version, (line, _) in transcript.attachments.plan_points.items():
        if version not in transcript.attachments.plans:
            raise Broken(line, "these are points of a plan that is not in the file")
    outcomes, plans = [], transcript.attachments.plans
    for version, (line, plan) in plans.items():
        outcomes.append(_check_plan(transcript, version, line, plan))
        tell("plans", len(outcomes), len(plans))
    for line, said in transcript.installed:
        if said.version not in transcript.attachments.plans:
            raise Broken(line, "it installed a plan that is not in the file")
    return outcomes


def _check_plan(transcript: Transcript, version: bytes, line: int, plan: m.Plan) -> str:
    order = transcript.orders.get(plan.order_hash)
    link = next((link for link in transcript.links if link.hash == plan.to_manifest_hash), None)
    if (
        order is None
        or link is None
        or plan.suite != labels.SUITE_1
        or plan.keyring_id != transcript.keyring_id
        or plan.to_manifest_hash != order.manifest_hash
        or plan.sequence != order.sequence
        or plan.threshold != link.manifest.threshold
    ):
        raise Broken(line, "the plan is not what its order demands")
    keys = transcript.attachments.keys.get(plan.batch_root)
    if keys is not None and keys != plan.count:
        raise Broken(line, f"the plan counts {plan.count} keys, its list has {keys}")
    dealt = _dealt(transcript, line, plan)
    _check_points(transcript, version, line, plan, dealt)
    holders = _holders(transcript, version, plan, link.manifest)
    need = 2 * plan.threshold - 1
    _check_erased(transcript, version, plan, len(holders), need)
    state = "it lasts" if len(holders) >= need else "NOT ENOUGH, older shares must stay"
    return (
        f"version {version.hex()[:16]}: {plan.count} keys, dealt on by custodians "
        f"{listing([d.index for d in plan.dealings])}; the new commitments follow from theirs; "
        f"on the disks of custodians {listing(holders)} ({len(holders)}, {need} are needed: {state})"
    )


def _dealt(transcript: Transcript, line: int, plan: m.Plan) -> dict[int, m.Dealing]:
    indices = [planned.index for planned in plan.dealings]
    if indices != sorted(set(indices)) or len(indices) < 2:
        raise Broken(line, "the plan's dealers are not sorted, or one is there twice")
    # Fewer dealers than the old threshold would give shares of another secret.
    old = transcript.attachments.plans.get(plan.from_version)
    thresholds = {old[1].threshold} if old else transcript.attachments.thresholds.get(plan.batch_root)
    if thresholds is not None and thresholds != {len(indices)}:
        raise Broken(line, f"{len(indices)} dealers are not as many as the old threshold")
    found = {}
    for planned in plan.dealings:
        dealing = transcript.dealings.get(planned.dealing_hash)
        if (
            dealing is None
            or dealing.index != planned.index
            or dealing.order_hash != plan.order_hash
            or dealing.manifest_hash != plan.to_manifest_hash
            or dealing.from_version != plan.from_version
            or dealing.batch_root != plan.batch_root
            or dealing.count != plan.count
        ):
            raise Broken(line, f"the dealing of custodian {planned.index} that it names is not in the file")
        found[planned.index] = dealing
    return found


def _check_points(
    transcript: Transcript, version: bytes, line: int, plan: m.Plan, dealt: dict[int, m.Dealing]
) -> None:
    try:
        from kms.ceremony.offline.curve import is_weighted_sum, weights
    except ModuleNotFoundError:
        raise ConfigError(
            "points are checked on py_ecc, which is not installed: pip install 'threshold-kms[verify]'"
        ) from None
    held = transcript.attachments
    per_key = plan.threshold - 1
    at, data = held.plan_points.get(version, (line, held.points.get(plan.points_hash, b"")))
    new = rows(data, per_key)
    if len(data) != plan.count * per_key * POINT_SIZE or H(labels.POINTS, *new) != plan.points_hash:
        raise Broken(at, "the points are not those that the plan names")
    old = []
    for index, dealing in dealt.items():
        points = held.points.get(dealing.points_hash, b"")
        if len(points) != len(data):
            raise Broken(line, f"the points of custodian {index}'s dealing are not in the file")
        old.append(points)
    factors = weights(list(dealt))
    for position in range(plan.count * per_key):
        place = slice(position * POINT_SIZE, (position + 1) * POINT_SIZE)
        try:
            holds = is_weighted_sum(data[place], [points[place] for points in old], factors)
        except Invalid as error:
            raise Broken(line, error.message) from None
        if not holds:
            raise Broken(
                line, f"the commitments of key {position // per_key} do not follow from the dealings"
            )


def _holders(transcript: Transcript, version: bytes, plan: m.Plan, manifest: m.Manifest) -> list[int]:
    holders = set()
    for line, said in transcript.installed:
        if said.version != version:
            continue
        if (
            said.manifest_hash != plan.to_manifest_hash
            or said.sequence != plan.sequence
            or said.count != plan.count
            or said.index not in manifest.indices
        ):
            raise Broken(line, "it installed something else than the plan")
        holders.add(said.index)
    return sorted(holders)


def _check_erased(transcript: Transcript, version: bytes, plan: m.Plan, holders: int, need: int) -> None:
    for line, said in transcript.erased:
        if said.version == version and holders < need:
            raise Broken(line, f"it erased shares when {holders} had installed the new ones, not {need}")
