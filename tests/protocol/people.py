"""A custodian's approvers at work: they invite, join, sign and take each other off, by key or by passkey."""

from __future__ import annotations

from kms.crypto.signing import SigningKey
from kms.custodian.approvers import Invited, Revoking
from kms.statements.approver import ToSign
from kms.statements.codec import decode
from kms.statements.envelope import Envelope, sign, sign_payload
from kms.statements.ids import Thumbprint
from kms.statements.invitations import (
    Acceptance,
    ApproverRevocation,
    Invitation,
    InvitationTerms,
    InvitationWithdrawal,
    new_token,
    token_hash,
)
from kms.statements.registry import Approver
from tests.protocol.world import World
from tests.reference.authenticator import Authenticator


def invite(
    world: World, at: int, email: str, *, by: SigningKey | None = None, name: str = "Invited", days: int = 7
) -> str:
    """An approver of custodian `at` invites somebody; the token."""
    token, key = new_token(), by or world.approvers[at]
    word = world.nodes[at].invitation_to_sign(
        Thumbprint(key.thumbprint), name, email, "en", token_hash(token), days=days
    )
    world.nodes[at].invite(signed_invitation(word, key))
    return token


def signed_invitation(word: ToSign, key: SigningKey) -> Envelope:
    return sign_payload(decode(Invitation, word.payload), word.payload, key).message


def cosign(world: World, at: int, token: str, by: SigningKey) -> Invited:
    """A further approver signs the same invitation."""
    terms = world.nodes[at].invitation(token).terms
    word = world.nodes[at].cosign_to_sign(Thumbprint(by.thumbprint), terms.hash)
    return world.nodes[at].invite(signed_invitation(word, by))


def withdrawal(world: World, at: int, token: str, by: SigningKey) -> Envelope:
    """What an approver signs to call an invitation off."""
    word = world.nodes[at].withdrawal_to_sign(
        Thumbprint(by.thumbprint), world.nodes[at].invitation(token).terms.hash
    )
    return sign_payload(decode(InvitationWithdrawal, word.payload), word.payload, by).message


def withdraw(world: World, at: int, token: str, by: SigningKey) -> InvitationTerms:
    """One approver calls an open invitation off."""
    return world.nodes[at].withdraw_invitation(withdrawal(world, at, token, by))


def acceptance(world: World, at: int, token: str, key: SigningKey) -> Acceptance:
    """What the invited one's key would sign."""
    return Acceptance(
        world.keyring.keyring_id,
        world.keyring.manifest_hash,
        at,
        Thumbprint(key.thumbprint),
        world.nodes[at].invitation(token).terms.hash,
        world.clock(),
    )


def join_by_key(world: World, at: int, token: str, key: SigningKey) -> Approver:
    return world.nodes[at].redeem(token, sign(acceptance(world, at, token, key), key).message)


def join_by_passkey(world: World, at: int, token: str, device: Authenticator, origin: str) -> Approver:
    challenge = world.nodes[at].invitation(token).challenge
    return world.nodes[at].redeem_by_passkey(token, device.register(challenge, origin))


def admit_key(
    world: World, at: int, key: SigningKey, email: str, *, by: SigningKey | None = None
) -> Approver:
    """Invited by one approver and joined."""
    return join_by_key(world, at, invite(world, at, email, by=by), key)


def revoke(world: World, at: int, revoked: SigningKey, by: SigningKey) -> Revoking:
    """One approver signs another one (or themself) off."""
    word = world.nodes[at].revocation_to_sign(
        Thumbprint(by.thumbprint), Thumbprint(revoked.thumbprint), "left"
    )
    statement = decode(ApproverRevocation, word.payload)
    return world.nodes[at].revoke_approver(sign_payload(statement, word.payload, by).message)
