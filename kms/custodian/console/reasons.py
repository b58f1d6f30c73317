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
    "UNKNOWN_KEY": N_("This custodian has no such key."),
    "GRANT_EXPIRED": N_("A grant is not valid now."),
    "GRANT_REVOKED": N_("A grant was revoked by its owner."),
    "GRANT_EXHAUSTED": N_("A grant is used up."),
    "GRANT_INVALID": N_("A grant is not what it claims to be."),
    "GRANT_WRONG_GRANTEE": N_("A grant is to somebody else."),
    "GRANT_WRONG_KEYRING": N_("A grant is for another keyring."),
}
"""Stable reason -> what it means."""
