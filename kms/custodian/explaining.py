"""Why this node decided as it did, for the people who sit before it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from kms.custodian.case import Case, attributes, build_case
from kms.custodian.context import NodeContext
from kms.custodian.decisions import latest_decision, reopen
from kms.custodian.store import StoredRequest
from kms.errors import KmsError, NotFound
from kms.policy.attributes import ReleaseAttributes
from kms.policy.explain import Explanation, explain
from kms.policy.reasons import in_words
from kms.policy.rule_words import rules_in_words
from kms.statements.evidence import Evidence
from kms.statements.ids import RequestHash


@dataclass(frozen=True, slots=True)
class ExplainedKeys:
    """Keys of a request that are alike: what was decided, in words too, and what this node would answer now.

    There is no explanation where the evidence is not kept any more, and of keys that are not here.
    """

    positions: tuple[int, ...]
    verdict: str
    reason: str
    text: str
    explanation: Explanation | None


def explain_request(node: NodeContext, digits: str) -> tuple[RequestHash, tuple[ExplainedKeys, ...]]:
    """Of the one request whose hash starts with these hex digits; NotFound if none or several do."""
    found = node.store.find_requests(digits)
    if len(found) != 1:
        raise NotFound(f"{len(found)} requests start with {digits}", reason="NOT_DECIDED")
    stored = found[0]
    rules = rules_in_words(node.policy.text)
    by_position = {
        position: attrs for attrs, positions in _attributes(node, stored).items() for position in positions
    }
    groups: dict[tuple[str, str, ReleaseAttributes | None], list[int]] = defaultdict(list)
    for position, ruling in latest_decision(node, stored).statement.by_position().items():
        groups[ruling.verdict.name.lower(), ruling.reason, by_position.get(position)].append(position)
    return stored.request_hash, tuple(
        ExplainedKeys(
            tuple(sorted(positions)),
            verdict,
            reason,
            in_words(reason, rules),
            None if attrs is None else explain(node.policy, attrs),
        )
        for (verdict, reason, attrs), positions in groups.items()
    )


def _attributes(node: NodeContext, stored: StoredRequest) -> dict[ReleaseAttributes, list[int]]:
    """What the policy would see now; nothing if that cannot be known any more."""
    now = node.now()
    case: Case | None = node.recent.get(stored.request_hash)
    if case is None and stored.evidence and stored.envelope:
        try:
            evidence = Evidence.parse(node.vault.open_erasable("evidence", stored.evidence))
            case = build_case(node, reopen(node, stored), evidence, stored.received_at, now)
        except KmsError:  # of an earlier manifest, or a credential that counts no more
            return {}
    return {} if case is None else attributes(node, case, now)
