"""Cedar decides; this asks it so that every doubt is a deny.

Cedar skips a rule whose evaluation errs and lets the others decide, so a `forbid` that errs would vanish and
the answer would be Allow. Validation does not save it: `Holder::"x".class` fits the schema and errs all the
same. Any diagnostic is therefore a deny here, requests are validated against the schema, and a policy that
does not validate is refused when the engine is made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any, Final, Literal

import cedarpy

from kms.errors import ConfigError
from kms.policy.attributes import (
    CLASSES,
    DepositAttributes,
    ExpiryAttributes,
    ReleaseAttributes,
    is_clinical,
)
from kms.policy.lengths import lengths_of
from kms.policy.reading import check_nesting
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


@dataclass(frozen=True, slots=True)
class Lifespan:
    """For how many seconds a category's records are kept (None: for good), the deciding rules, and the reason."""

    seconds: int | None
    reason: str
    rules: tuple[str, ...] = ()


def default_policy() -> str:
    """The policy that a new keyring starts from."""
    return (resources.files("kms.policy") / "default.cedar").read_text()


def default_schema() -> str:
    """What policies may ask about."""
    return (resources.files("kms.policy") / "schema.cedarschema").read_text()


def former_schema() -> str:
    """What they could ask about before records ended by age: manifests from then go on under it."""
    return (resources.files("kms.policy") / "former.cedarschema").read_text()


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
        self._policy = policy
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

    def decide(
        self, action: str, attributes: ReleaseAttributes | DepositAttributes | ExpiryAttributes
    ) -> Outcome:
        """What this node answers to an action: `release` may be pending, any other is allow or deny."""
        if isinstance(attributes, ExpiryAttributes):
            return self._decide_expiry(attributes)
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

    def lifespan(self, category: str) -> Lifespan:
        """How long records of a category are kept. Of several lengths the longest; for good where there is a doubt."""
        if not category:
            return Lifespan(None, "NO_CATEGORY")
        if not self._lengths:
            return Lifespan(None, "NO_RULE_ALLOWS")
        asked = ExpiryAttributes(category, 0)
        matched: list[str] = []
        outcome = self._ask("expire", asked.principal_class, asked.context(), matched)
        if outcome.verdict != "allow":
            return Lifespan(None, outcome.reason, outcome.rules)
        lengths = [self._lengths.get(name) for name in matched]
        known = [length for length in lengths if length is not None]
        if not known or len(known) < len(lengths):
            return Lifespan(None, "LENGTH_UNSAID", outcome.rules)
        # Rules permit destroying on evidence, and here there is none; but what one of them forbids is not done.
        barred = self.decide_destroy(_destroyed_by_age(asked))
        if barred.verdict != "allow" and barred.reason != "NO_RULE_ALLOWS":
            return Lifespan(None, barred.reason, barred.rules)
        return Lifespan(max(known), outcome.reason, outcome.rules)

    def shortest(self) -> int:
        """Seconds before which no record ends by its age."""
        return min((length for length in self._lengths.values() if length is not None), default=2**62)

    @cached_property
    def _lengths(self) -> dict[str, int | None]:
        # Own rules permit nothing. And they may be nested deeper than what Cedar takes apart, though not than it asks.
        return lengths_of(self._policy)

    def _decide_expiry(self, attributes: ExpiryAttributes) -> Outcome:
        span = self.lifespan(attributes.category)
        if span.seconds is None:
            return Outcome("deny", span.reason, span.rules)
        if attributes.age < span.seconds:
            return Outcome("deny", "NOT_DUE", span.rules)
        return Outcome("allow", span.reason, span.rules)

    def _ask(
        self, action: str, principal_class: str, context: dict[str, Any], matched: list[str] | None = None
    ) -> Outcome:
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
        if matched is not None:
            matched += result.diagnostics.reasons
        if result.decision is cedarpy.Decision.Allow:
            return Outcome("allow", reason_code(rules[0]) if rules else "RULE", rules)
        return Outcome("deny", reason_code(rules[0]) if rules else "NO_RULE_ALLOWS", rules)


def _destroyed_by_age(asked: ExpiryAttributes) -> ReleaseAttributes:
    return ReleaseAttributes(
        principal_class=asked.principal_class,
        controllers=frozenset(),
        is_owner=False,
        granted=False,
        approvals=0,
        category=asked.category,
        clinical=is_clinical(asked.category),
        purpose="unspecified",
        batch_count=1,
        released_last_hour_principal=0,
        released_last_hour_owner=0,
        released_last_day_principal=0,
    )


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
        check_nesting(policy)
    except ValueError as error:
        raise ConfigError(f"the policy cannot be read: {error}") from None
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
