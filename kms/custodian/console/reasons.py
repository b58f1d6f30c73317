"""What stable reasons and HTTP statuses mean to an approver, in sentences that `words` translates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kms.custodian.console.words import N_

CODES: Final[Mapping[str, int]] = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 403,
    "PERMISSION_DENIED": 403,
    "FAILED_PRECONDITION": 409,
    "ALREADY_EXISTS": 409,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 503,
}
"""gRPC status -> HTTP status."""

STATUSES: Final[Mapping[int, tuple[str, str]]] = {
    400: (N_("That could not be read"), N_("Go back, load the page again, and repeat what you did.")),
    403: (N_("Not allowed"), N_("Nothing was done. Load the page again from the console's own address.")),
    404: (N_("There is nothing here"), N_("What you look for may have been answered or may have run out.")),
    405: (N_("That could not be read"), N_("Go back, load the page again, and repeat what you did.")),
    408: (N_("That took too long"), N_("Nothing was done. Please try again.")),
    409: (N_("That no longer fits"), N_("Something changed in the meantime. Load the page again and look.")),
    413: (N_("That is too much"), N_("The console takes short forms only.")),
    415: (N_("That could not be read"), N_("Go back, load the page again, and repeat what you did.")),
    421: (
        N_("Wrong address"),
        N_("This console answers under its own address only. Check the link you used."),
    ),
    429: (N_("Too many tries"), N_("Wait a minute, then try again.")),
    500: (
        N_("Something broke"),
        N_("This is the node's fault, not yours. Its log says where. Nothing was signed."),
    ),
    503: (N_("The node does not answer now"), N_("It may be locked or busy. Try again in a moment.")),
}
"""Title and advice of an error's page."""

REASONS: Final[Mapping[str, str]] = {
    "NOT_WAITING": N_("This request no longer waits: it was answered, withdrawn, or ran out of time."),
    "SELF_APPROVAL": N_("Nobody approves their own request."),
    "ANSWERED_ALREADY": N_("You have answered this request already. Another approver must answer too."),
    "WRONG_TEXT": N_(
        "What this node shows has changed since you opened the page. Read it again before you sign."
    ),
    "WRONG_COUNT": N_(
        "What this node shows has changed since you opened the page. Read it again before you sign."
    ),
    "APPROVAL_EXPIRED": N_("You took too long between opening the page and signing. Read it again and sign."),
    "REQUEST_EXPIRED": N_("The request ran out of time, and was denied."),
    "NOT_AN_APPROVER": N_("This passkey belongs to no approver of this custodian."),
    "APPROVER_REVOKED": N_("This approver was revoked."),
    "APPROVER_KNOWN": N_("This passkey or name is registered already."),
    "BAD_PASSKEY": N_("The passkey's answer does not fit what this node asked."),
    "NOT_VERIFIED": N_("Your device did not check that it is you (fingerprint, face or PIN). Turn that on."),
    "COUNTER_WENT_BACK": N_(
        "This passkey may have been copied: its counter went back. Ask a colleague to revoke it."
    ),
    "NO_PASSKEYS_HERE": N_("This node takes no passkeys."),
    "INVITATION_UNKNOWN": N_("There is no such invitation. Check that the link is complete."),
    "INVITATION_EXPIRED": N_("This invitation has run out. Ask for a new one."),
    "INVITATION_INCOMPLETE": N_("More approvers must sign this invitation before it can be used."),
    "INVITATION_SPENT": N_(
        "This invitation was used already. If that was not you, tell your colleagues now."
    ),
    "INVITATION_WITHDRAWN": N_("This invitation was called off. Ask for a new one."),
    "INVITATION_CLOSED": N_(
        "This invitation is open no more: it was used, called off, or ran out. Look who is on the list."
    ),
    "LAST_APPROVER": N_("The last approver cannot be revoked: nobody could invite another."),
    "LOCKED": N_("This node is locked: its officers must open it."),
    "STARTING": N_("This node is asking the other custodians about its log first. Try again in a moment."),
    "RECOVERY": N_(
        "This node stands still: its log lacks entries that it has signed, and must be brought back."
    ),
    "NEEDS_HUMAN": N_("No rule allows it by itself, but people may."),
    "HUMAN_APPROVED": N_("People approve it."),
    "OWNER_READS_OWN": N_("The owner reads their own records."),
    "GRANTEE_READS": N_("The owner granted it."),
    "PROFESSIONAL_BY_TWO_ISSUERS": N_("Two independent issuers vouch for a health professional."),
    "NO_CLINICAL_FOR_SERVICES": N_("Services and operators never read health data."),
    "NOTHING_FOR_OPERATORS": N_("Operators read nothing."),
    "LEGAL_WANTS_A_HUMAN": N_("A legal demand always needs people."),
    "BRAKE": N_("Too many keys in an hour without people."),
    "STOP": N_("Too many keys in a day."),
    "NO_RULE_ALLOWS": N_("No rule allows it."),
    "HUMAN_DENIED": N_("An approver said no."),
    "TIMED_OUT": N_("Nobody answered in time."),
    "CANCELLED": N_("Whoever asked took it back."),
    "MANIFEST_CHANGED": N_("The keyring's rules changed while it waited."),
    "GUARDIAN_READS": N_("A guardian whom the owner named reads."),
    "BREAK_THE_GLASS": N_("An emergency: people at two custodians must say yes."),
    "MAY_ASK_HUMANS": N_("People may be asked."),
    "DEPOSIT_BY_KNOWN_HOLDER": N_("Somebody whom an issuer knows hands in keys."),
    "OWNER_DESTROYS": N_("The owner ends their own keys."),
    "RULE": N_("A rule without a name allows it."),
    "EMERGENCY_FOR_PROFESSIONALS": N_("An emergency is for health professionals alone."),
    "POLICY_ERROR": N_("The rules could not be evaluated, so the answer is no."),
    "BUDGET_HELD": N_("A rule allows it, but a budget is used up: people must say yes."),
    "BUDGET_EXCEEDED": N_("A rule allows it, but a budget is used up."),
    "REQUEST_TOO_OLD": N_("A rule allows it, but the request is too old for a rule."),
    "WRONG_JUSTIFICATION": N_("The reason given is not the one that was signed."),
    "ISSUER_SWITCHED": N_("An issuer shows other keys than before: nothing of it counts until people look."),
    "ISSUER_KEYS_STALE": N_("An issuer's keys could not be fetched for too long."),
    "CREDENTIAL_ALGORITHM": N_("A credential is signed in a way that does not fit its issuer's key."),
    "CREDENTIAL_AUDIENCE": N_("A credential is meant for somebody else than this keyring."),
    "CREDENTIAL_CERTIFICATE": N_(
        "A service's certificate is not of an authority that counts here, or not that service's."
    ),
    "CREDENTIAL_CLASS": N_("An issuer vouches for more than it may."),
    "CREDENTIAL_EXPIRED": N_("A credential has run out."),
    "CREDENTIAL_HEADER": N_("A credential's header holds more than it may."),
    "CREDENTIAL_KEY_TOO_NEW": N_("A credential is signed with an issuer's key that is too new to count."),
    "CREDENTIAL_KILLED": N_("This key, person or credential was ended by its holder or by the admins."),
    "CREDENTIAL_LIFETIME": N_("A credential lives longer than it may."),
    "CREDENTIAL_MALFORMED": N_("A credential is not what it must be."),
    "CREDENTIAL_NOT_YET_VALID": N_("A credential is not valid yet."),
    "CREDENTIAL_REPEATED": N_("Two credentials are of one issuer."),
    "CREDENTIAL_SIGNATURE": N_("A credential's signature does not hold."),
    "CREDENTIAL_TOO_LARGE": N_("A credential is too large."),
    "CREDENTIAL_UNKNOWN_ISSUER": N_("A credential is by an issuer that the keyring does not name."),
    "CREDENTIAL_UNKNOWN_KEY": N_("A credential is signed with a key that its issuer does not have."),
    "CREDENTIAL_WRONG_KEY": N_("A credential is bound to another key than the one that asked."),
    "KEY_DESTROYED": N_("The key is destroyed."),
    "KEY_DESTROY_SCHEDULED": N_("The key is about to be destroyed, and is not read meanwhile."),
    "NOT_DUE": N_("The record has not been kept for as long as the rules say."),
    "NO_CATEGORY": N_("The record names no category, and is kept for good."),
    "LENGTH_UNSAID": N_("A rule that applies says no length, and the record is kept for good."),
    "UNKNOWN_KEY": N_("This custodian has no such key."),
    "GRANT_EXPIRED": N_("A grant is not valid now."),
    "GRANT_REVOKED": N_("A grant was revoked by its owner."),
    "GRANT_EXHAUSTED": N_("A grant is used up."),
    "GRANT_INVALID": N_("A grant is not what it claims to be."),
    "GRANT_WRONG_GRANTEE": N_("A grant is to somebody else."),
    "GRANT_WRONG_KEYRING": N_("A grant is for another keyring."),
}
"""Stable reason -> what it means."""
