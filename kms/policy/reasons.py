"""Reason codes in words: the one table for whoever reads a decision.

A code is either listed here or names a rule (`kms.policy.engine.reason_code` of its `@id`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from kms.policy.engine import reason_code
from kms.policy.rule_words import RuleInWords

REASONS: Final[Mapping[str, str]] = {
    # A policy's answers that no rule gives.
    "NO_RULE_ALLOWS": "no rule of the policy allows it",
    "EMERGENCY_FOR_PROFESSIONALS": "an emergency is for professionals alone",
    "NEEDS_HUMAN": "no rule alone allows it; a custodian's people are asked",
    "POLICY_ERROR": "the policy could not be evaluated, and any error is a deny",
    "RULE": "a rule without a name allows it",
    # How long records are kept.
    "NOT_DUE": "the record has not been kept for as long as the policy says",
    "NO_CATEGORY": "the record names no category, and is kept for good",
    "LENGTH_UNSAID": "a rule that applies says no length, and the record is kept for good",
    # What became of a request.
    "UNKNOWN_KEY": "this custodian holds no such key",
    "KEY_DESTROYED": "the key is destroyed",
    "KEY_DESTROY_SCHEDULED": "the key is about to be destroyed, and is not read meanwhile",
    "REQUEST_TOO_OLD": "a rule allows it, but the request is older than a rule may answer",
    "REQUEST_EXPIRED": "the request has expired",
    "TIMED_OUT": "the custodian's people did not answer in time",
    "HUMAN_DENIED": "one of the custodian's people refused it",
    "BUDGET_HELD": "a rule allows it, a budget is used up, and the custodian's people are asked",
    "BUDGET_EXCEEDED": "a rule allows it, and a budget is used up",
    "CANCELLED": "who asked withdrew the request",
    "MANIFEST_CHANGED": "another manifest came into force while it waited",
    "WRONG_JUSTIFICATION": "the justification is not the one that was signed",
    "APPROVAL_EXPIRED": "the approval came after its own end",
    "INVITATION_EXPIRED": "an approver's invitation came after its own end",
    # Grants that would have covered a key.
    "GRANT_INVALID": "the owner's grant is not what a grant must be",
    "GRANT_EXPIRED": "the owner's grant is not valid at this time",
    "GRANT_REVOKED": "the owner took the grant back",
    "GRANT_EXHAUSTED": "the grant has been used as often as it allows",
    "GRANT_WRONG_GRANTEE": "the grant is for another device",
    "GRANT_WRONG_KEYRING": "the grant is for another keyring",
    # Credentials. One bad credential refuses the request.
    "CREDENTIAL_ALGORITHM": "a credential is signed by an algorithm that does not fit its issuer's key",
    "CREDENTIAL_AUDIENCE": "a credential is for another audience",
    "CREDENTIAL_CERTIFICATE": "a service's certificate is not one of a pinned authority, or not of that service",
    "CREDENTIAL_CLASS": "an issuer vouches for a class that it may not vouch for",
    "CREDENTIAL_EXPIRED": "a credential has expired",
    "CREDENTIAL_HEADER": "a credential's header holds more than it may",
    "CREDENTIAL_KEY_TOO_NEW": "a credential is signed by an issuer's key that is too new to count",
    "CREDENTIAL_KILLED": "its holder or the admins ended this key, person or credential",
    "CREDENTIAL_LIFETIME": "a credential lives longer than it may",
    "CREDENTIAL_MALFORMED": "a credential is not what it must be",
    "CREDENTIAL_NOT_YET_VALID": "a credential is not valid yet",
    "CREDENTIAL_REPEATED": "two credentials are of one issuer",
    "CREDENTIAL_SIGNATURE": "a credential's signature does not verify",
    "CREDENTIAL_TOO_LARGE": "a credential is too large",
    "CREDENTIAL_UNKNOWN_ISSUER": "a credential is by an issuer that the manifest does not name",
    "CREDENTIAL_UNKNOWN_KEY": "a credential is signed by a key that its issuer does not have",
    "CREDENTIAL_WRONG_KEY": "a credential is bound to another key than the one that signed the request",
    "ISSUER_SWITCHED": "an issuer shows other keys than those that counted, and its word counts for nothing",
    "ISSUER_KEYS_STALE": "an issuer's keys could not be fetched for too long",
}


def in_words(reason: str, rules: Iterable[RuleInWords] = ()) -> str:
    """A reason code in words; `rules` are those of the policy that decided. An unknown code is shown as it is."""
    known = REASONS.get(reason)
    if known is not None:
        return known
    for rule in rules:
        if reason_code(rule.name) == reason:
            return f"the rule {rule.name} {rule.text}"
    return reason
