"""Cedar decides; this asks it so that every doubt is a deny.

Cedar skips a rule whose evaluation errs and lets the others decide, so a `forbid` that errs would vanish and
the answer would be Allow. Validation does not save it: `Holder::"x".class` fits the schema and errs all the
same. Any diagnostic is therefore a deny here, requests are validated against the schema, and a policy that
does not validate is refused when the engine is made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, Literal

import cedarpy

from kms.errors import ConfigError
from kms.policy.attributes import CLASSES, DepositAttributes, ReleaseAttributes
from kms.statements.manifest import forbids_hash, policy_hash

VerdictName = Literal["allow", "deny", "pending"]
POLICY_ERROR: Final = "POLICY_ERROR"
EMERGENCY: Final = "emergency"
"""A purpose, and the action of its own that it is."""
_HOLDER: Final = {"type": "Holder", "id": "holder"}
_KEY: Final = {"type": "Key", "id": "key"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict, a stable reason (the deciding rule's id, or why there is none), and all deciding rules."""

    verdict: VerdictName
    reason: str
    rules: tuple[str, ...] = ()


_ERROR: Final = Outcome("deny", POLICY_ERROR)


def default_policy() -> str:
    """The policy that a new keyring starts from."""
    return (resources.files("kms.policy") / "default.cedar").read_text()


def default_schema() -> str:
    """What policies may ask about."""
    return (resources.files("kms.policy") / "schema.cedarschema").read_text()


class PolicyEngine:
    """A manifest's policy, and the node's own `forbid` rules, ready to be asked. Immutable."""

    def __init__(self, policy: str, schema: str, extra_forbids: str = "") -> None:
        """ConfigError unless both texts fit the schema and `extra_forbids` are nothing but `forbid` rules."""
        # Apart before together: two texts that only parse as one could finish each other's rules.
        _check_fits(policy, schema)
        if extra_forbids:
            _check_fits(extra_forbids, schema)
            _check_only_forbids(extra_forbids)
        self.policy_hash = policy_hash(policy, schema)
        self.forbids_hash = forbids_hash(self.policy_hash, extra_forbids)
        self.text = policy + "\n" + extra_forbids
        """All rules, the node's own included."""
        self._policies = cedarpy.PolicySet.from_str(self.text)
        self._schema = cedarpy.Schema.from_str(schema)
        self._holders = {klass: _holder(klass, self._schema) for klass in CLASSES}

    def decide_release(self, attributes: ReleaseAttributes) -> Outcome:
        """Allow by rule, else pending if humans may be asked, else deny."""
        if attributes.purpose == EMERGENCY:
            return self._decide_emergency(attributes)
        context = attributes.context()
        released = self._ask("release", attributes.principal_class, context)
        if released.verdict == "allow" or released.reason == POLICY_ERROR or attributes.approvals:
            return released
        asked = self._ask("request", attributes.principal_class, context)
        if asked.verdict == "allow":
            return Outcome("pending", "NEEDS_HUMAN", asked.rules)
        # A rule that forbids even asking is the one that nothing will change: it is the reason.
        return asked if asked.rules or asked.reason == POLICY_ERROR else released

    def decide(self, action: str, attributes: ReleaseAttributes | DepositAttributes) -> Outcome:
        """What this node answers to an action: `release` may be pending, any other is allow or deny."""
        if action == "release" and isinstance(attributes, ReleaseAttributes):
            return self.decide_release(attributes)
        return self._ask(action, attributes.principal_class, attributes.context())

    def _decide_emergency(self, attributes: ReleaseAttributes) -> Outcome:
        """Breaking the glass: for professionals, and never by a rule alone."""
        outcome = self._ask("emergency", attributes.principal_class, attributes.context())
        if outcome.verdict == "deny" and (outcome.rules or outcome.reason == POLICY_ERROR):
            return outcome
        if attributes.principal_class != "professional":  # a policy may be laxer than it should
            return Outcome("deny", "EMERGENCY_FOR_PROFESSIONALS")
        if outcome.verdict == "allow" and not attributes.approvals:
            return Outcome("pending", "NEEDS_HUMAN", outcome.rules)
        return outcome

    def decide_deposit(self, attributes: DepositAttributes) -> Outcome:
        """Allow or deny."""
        return self._ask("deposit", attributes.principal_class, attributes.context())

    def decide_destroy(self, attributes: ReleaseAttributes) -> Outcome:
        """Allow or deny."""
        return self._ask("destroy", attributes.principal_class, attributes.context())

    def _ask(self, action: str, principal_class: str, context: dict[str, Any]) -> Outcome:
        request = {
            "principal": _HOLDER,
            "action": {"type": "Action", "id": action},
            "resource": _KEY,
            "context": context,
        }
        try:
            holder = self._holders[principal_class]
            result = cedarpy.is_authorized(request, self._policies, holder, self._schema)
        except Exception:
            return _ERROR
        if result.diagnostics.errors or result.decision is cedarpy.Decision.NoDecision:
            return _ERROR
        rules = tuple(sorted(result.diagnostics.id_annotations_by_reason.values()))
        if result.decision is cedarpy.Decision.Allow:
            return Outcome("allow", reason_code(rules[0]) if rules else "RULE", rules)
        return Outcome("deny", reason_code(rules[0]) if rules else "NO_RULE_ALLOWS", rules)


def reason_code(rule_id: str) -> str:
    """A rule's `@id` as a stable reason: `no-clinical-for-services` is NO_CLINICAL_FOR_SERVICES."""
    return rule_id.upper().replace("-", "_")[:64]


def _holder(klass: str, schema: cedarpy.Schema) -> cedarpy.Entities:
    entity = {"uid": _HOLDER, "attrs": {"class": klass}, "parents": []}
    try:
        return cedarpy.Entities.from_json_str(json.dumps([entity]), schema)
    except ValueError as error:
        raise ConfigError(f"the policy's schema has no Holder with a class: {error}") from None


def _check_fits(policy: str, schema: str) -> None:
    try:
        checked = cedarpy.validate_policies(policy, schema)
    except ValueError as error:
        raise ConfigError(f"the policy's schema does not parse: {error}") from None
    if not checked.validation_passed:
        raise ConfigError("the policy does not fit its schema: " + "; ".join(map(str, checked.errors)))


def _check_only_forbids(text: str) -> None:
    parsed = json.loads(cedarpy.policies_to_json_str(text))
    # A template is never linked here: a forbid written as one would forbid nothing.
    if parsed["templates"]:
        raise ConfigError("a node's own rules must not hold templates: write the rule without slots")
    # A node may be stricter than the keyring, never laxer: a permit of its own would bypass the manifest.
    if any(rule["effect"] != "forbid" for rule in parsed["staticPolicies"].values()):
        raise ConfigError("a node's own rules must all be forbid")
