"""Which grant a release uses up, and whether so many uses are left of it."""

from __future__ import annotations

from kms.custodian.case import Case, kinds, use_name
from kms.custodian.context import NodeContext
from kms.statements.evidence import Grant
from kms.statements.ids import GrantId


def needed_grant(case: Case, position: int) -> Grant | None:
    """The grant that a release of this key uses up; None if it goes out by right, or no grant covers it."""
    return None if case.by_right(position) else case.grant_for(position)


def beyond_grants(node: NodeContext, case: Case, positions: set[int]) -> set[int]:
    """Those of the positions that their grant's count no longer covers."""
    grants: dict[int, tuple[GrantId, Grant]] = {}
    for _, _, alike in kinds(case):
        grant = needed_grant(case, alike[0])
        if grant is not None:
            grants |= dict.fromkeys(alike, (use_name(grant), grant))
    uses = {name: node.store.grant_uses(name) for name in {name for name, _ in grants.values()}}
    beyond: set[int] = set()
    for position in sorted(positions & grants.keys()):
        name, grant = grants[position]
        if uses[name] >= grant.max_count:
            beyond.add(position)
        else:
            uses[name] += 1
    return beyond
