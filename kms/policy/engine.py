"""Cedar decides; this asks it so that every doubt is a deny.

Cedar skips a rule whose evaluation errs and lets the others decide, so a `forbid` that errs would vanish and
the answer would be Allow. Any diagnostic is therefore a deny here, requests are validated against the
schema, and a policy that does not validate is refused when the engine is made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, Literal

import cedarpy

from kms.crypto import labels
from kms.crypto.hashing import H
from kms.errors import ConfigError
from kms.policy.attributes import DepositAttributes, ReleaseAttributes

VerdictName = Literal["allow", "deny", "pending"]
_CACHE: Final = 256


@dataclass(frozen=True, slots=True)
class Outcome:
    """allow, deny or pending; a stable reason (the deciding rule's id, or why there is none)."""

    verdict: VerdictName
    reason: str


def default_policy() -> str:
    """The policy that a new keyring starts from."""
    return (resources.files("kms.policy") / "default.cedar").read_text()


def default_schema() -> str:
    """What policies may ask about."""
    return (resources.files("kms.policy") / "schema.cedarschema").read_text()


class PolicyEngine:
    """A manifest's policy, and the node's own `forbid` rules, ready to be asked."""

    def __init__(self, policy: str, schema: str, extra_forbids: str = "") -> None:
        if extra_forbids:
            _check_only_forbids(extra_forbids)
        text = policy + "\n" + extra_forbids
        checked = cedarpy.validate_policies(text, schema)
        if not checked.validation_passed:
            raise ConfigError("the policy does not fit its schema: " + "; ".join(map(str, checked.errors)))
        self.policy_hash = H(labels.POLICY, policy.encode(), schema.encode())
        self._policies = cedarpy.PolicySet.from_str(text)
        self._schema = cedarpy.Schema.from_str(schema)

    def decide_release(self, attributes: ReleaseAttributes) -> Outcome:
        """Allow by rule, else pending if humans may be asked, else deny."""
        released = self._ask("release", attributes.principal_class, attributes.context())
        if released.verdict == "allow" or released.reason == "POLICY_ERROR":
            return released
        asked = self._ask("request", attributes.principal_class, attributes.context())
        if asked.verdict == "allow" and attributes.approvals == 0:
            return Outcome("pending", "NEEDS_HUMAN")
        return released

    def decide_deposit(self, attributes: DepositAttributes) -> Outcome:
        """Allow or deny."""
        return self._ask("deposit", attributes.principal_class, attributes.context())

    def _ask(self, action: str, principal_class: str, context: dict[str, Any]) -> Outcome:
        request = {
            "principal": {"type": "Holder", "id": "holder"},
            "action": {"type": "Action", "id": action},
            "resource": {"type": "Key", "id": "key"},
            "context": context,
        }
        entities = [
            {"uid": {"type": "Holder", "id": "holder"}, "attrs": {"class": principal_class}, "parents": []}
        ]
        try:
            result = cedarpy.is_authorized(request, self._policies, entities, self._schema)
        except Exception:
            return Outcome("deny", "POLICY_ERROR")
        if result.diagnostics.errors or result.decision is cedarpy.Decision.NoDecision:
            return Outcome("deny", "POLICY_ERROR")
        names = sorted(result.diagnostics.id_annotations_by_reason.values())
        rule = _code(names[0]) if names else ""
        if result.decision is cedarpy.Decision.Allow:
            return Outcome("allow", rule or "RULE")
        return Outcome("deny", rule or "NO_RULE_ALLOWS")


def _code(rule_id: str) -> str:
    return rule_id.upper().replace("-", "_")[:64]


def _check_only_forbids(text: str) -> None:
    try:
        policies = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]
    except (ValueError, KeyError) as error:
        raise ConfigError(f"the local rules do not parse: {error}") from None
    # A node may be stricter than the keyring, never laxer: a permit of its own would bypass the manifest.
    if any(policy["effect"] != "forbid" for policy in policies.values()):
        raise ConfigError("a node's own rules must all be forbid")
