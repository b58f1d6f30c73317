"""The approvers' own list at a running node: its local door, and what the commands say through it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from google.protobuf.message import Message

from kms.crypto.signing import SigningKey
from kms.custodian.approvers import Invited, Revoking
from kms.custodian.history import HistoryRow
from kms.custodian.node import CustodianNode
from kms.custodian.store import HistoryFilter
from kms.custodian.turns import Run
from kms.errors import NotFound
from kms.statements.codec import encode
from kms.statements.envelope import sign
from kms.statements.ids import KeyringId, ManifestHash, RequestHash, Thumbprint
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
from kms.statements.release import Purpose
from kms.transport.client import Channel
from kms.transport.server import Call, Method
from kms.wire.v1 import approver_pb2
from kms.wire.v1 import approver_service_pb2 as pb

SERVICE: Final = "kms.v1.ApproverService"
_TIMEOUT: Final = 10.0
_PAGE: Final = 500
M = TypeVar("M", bound=Message)
List = pb.ListApproversResponse


class ApproverService:
    """No rule lives here: messages in, steps of the node, messages out."""

    def __init__(self, node: Callable[[], CustodianNode], run: Run) -> None:
        self._node, self._run = node, run

    def methods(self) -> tuple[Method, ...]:
        """Methods of the local socket."""
        return (
            Method("ListApprovers", pb.ListApproversRequest, self.list_approvers),
            Method("InviteApprover", pb.InviteApproverRequest, self.invite),
            Method("InviteFirstApprover", pb.InviteFirstApproverRequest, self.invite_first),
            Method("ShowInvitation", pb.ShowInvitationRequest, self.show_invitation),
            Method("AcceptInvitation", pb.AcceptInvitationRequest, self.accept),
            Method("WithdrawInvitation", pb.WithdrawInvitationRequest, self.withdraw),
            Method("RevokeApprover", pb.RevokeApproverRequest, self.revoke),
            Method("ListHistory", pb.ListHistoryRequest, self.list_history),
        )

    async def list_approvers(self, request: pb.ListApproversRequest, call: Call) -> List:
        return await self._run(_list, self._node())

    async def invite(self, request: pb.InviteApproverRequest, call: Call) -> pb.InviteApproverResponse:
        invited = await self._run(self._node().invite, request.invitation)
        return pb.InviteApproverResponse(invitation=_invitation(invited))

    async def invite_first(
        self, request: pb.InviteFirstApproverRequest, call: Call
    ) -> pb.InviteFirstApproverResponse:
        token = await self._run(self._node().invite_first, request.name, request.email, request.language)
        return pb.InviteFirstApproverResponse(token=token)

    async def show_invitation(
        self, request: pb.ShowInvitationRequest, call: Call
    ) -> pb.ShowInvitationResponse:
        joining = await self._run(self._node().invitation, request.token)
        shown = pb.ShowInvitationResponse(
            terms_hash=joining.terms.hash, organisation=joining.organisation, complete=joining.complete
        )
        shown.terms.MergeFromString(encode(joining.terms))
        return shown

    async def accept(self, request: pb.AcceptInvitationRequest, call: Call) -> pb.AcceptInvitationResponse:
        approver = await self._run(self._node().redeem, request.token, request.acceptance)
        return pb.AcceptInvitationResponse(approver=_approver(approver))

    async def withdraw(
        self, request: pb.WithdrawInvitationRequest, call: Call
    ) -> pb.WithdrawInvitationResponse:
        terms = await self._run(self._node().withdraw_invitation, request.withdrawal)
        answer = pb.WithdrawInvitationResponse()
        answer.terms.MergeFromString(encode(terms))
        return answer

    async def revoke(self, request: pb.RevokeApproverRequest, call: Call) -> pb.RevokeApproverResponse:
        revoking = await self._run(self._node().revoke_approver, request.revocation)
        return pb.RevokeApproverResponse(revocation=_revocation(revoking))

    async def list_history(self, request: pb.ListHistoryRequest, call: Call) -> pb.ListHistoryResponse:
        wanted = HistoryFilter(
            request.since,
            request.until,
            frozenset(request.outcomes),
            request.purpose,
            request.principal,
            request.approver,
            request.request_hash,
        )
        page = await self._run(self._node().history, wanted, request.before, request.limit or _PAGE)
        return pb.ListHistoryResponse(rows=map(_row, page.rows), next=page.next)


def _list(node: CustodianNode) -> List:
    keyring, quorum = node.context.keyring, node.quorums()
    return List(
        keyring_id=keyring.keyring_id,
        manifest_hash=keyring.manifest_hash,
        index=node.context.me.index,
        approvers=map(_approver, node.approvers()),
        invitations=map(_invitation, node.invitations()),
        revocations=map(_revocation, node.revocations()),
        problems=node.registry_problems(),
        approvals_needed=quorum.approvals,
        invitations_needed=quorum.invitations,
    )


def _approver(approver: Approver) -> pb.ApproverEntry:
    return pb.ApproverEntry(
        thumbprint=approver.thumbprint,
        name=approver.name,
        email=approver.email,
        language=approver.language,
        kind=approver.key.kind.name.lower(),
        added_at=approver.added_at,
        added_by=approver.added_by,
        first=approver.first,
        revoked_at=approver.revoked_at,
    )


def _invitation(invited: Invited) -> pb.InvitationEntry:
    entry = pb.InvitationEntry(terms_hash=invited.terms.hash, signers=invited.signers, needed=invited.needed)
    entry.terms.MergeFromString(encode(invited.terms))
    return entry


def _revocation(revoking: Revoking) -> pb.RevocationEntry:
    return pb.RevocationEntry(
        revoked_thumbprint=revoking.revoked,
        signers=revoking.signers,
        needed=revoking.needed,
        done=revoking.done,
    )


def _row(row: HistoryRow) -> pb.HistoryEntry:
    return pb.HistoryEntry(
        number=row.number,
        at=row.at,
        request_hash=row.request_hash,
        outcome=row.outcome,
        reason=row.reason,
        allowed=row.allowed,
        denied=row.denied,
        pending=row.pending,
        categories=[pb.HistoryCategory(category=name, count=n) for name, n in row.categories],
        purpose=int(row.purpose),
        principal=row.principal,
        approver=row.approver,
        seconds=row.seconds,
    )


# -- the other side of the door ----------------------------------------------------------------------------


async def _call(socket: Path, method: str, request: Message, answer: type[M]) -> M:
    channel = Channel(f"unix:{socket}", None)
    try:
        return await channel.call(SERVICE, method, request, answer, timeout=_TIMEOUT)
    finally:
        await channel.close()


async def list_approvers(socket: Path) -> List:
    """Everybody on the list, what is open, and what was refused."""
    return await _call(socket, "ListApprovers", pb.ListApproversRequest(), List)


async def invite_first(socket: Path, name: str, email: str, language: str) -> str:
    """The token of the very first invitation."""
    request = pb.InviteFirstApproverRequest(name=name, email=email, language=language)
    return (await _call(socket, "InviteFirstApprover", request, pb.InviteFirstApproverResponse)).token


async def invite(
    socket: Path, key: SigningKey, name: str, email: str, language: str, subjects: Sequence[str], days: int
) -> tuple[str, pb.InvitationEntry]:
    """Sign an invitation; (token, how far it is). The node never sees the token before the invited one brings it."""
    token = new_token()
    until = int(time.time()) + days * 86400
    terms = InvitationTerms(name, email, language, tuple(subjects), token_hash(token), until)
    return token, await _sign_terms(socket, key, terms)


async def cosign(socket: Path, key: SigningKey, digits: str) -> pb.InvitationEntry:
    """Sign an open invitation too: the one whose hash starts with these digits."""
    shown = (await find_invitation(socket, digits)).terms
    terms = InvitationTerms(
        shown.name, shown.email, shown.language, tuple(shown.subjects), shown.token_hash, shown.not_after
    )
    return await _sign_terms(socket, key, terms)


async def find_invitation(socket: Path, digits: str) -> pb.InvitationEntry:
    """The open invitation whose hash starts with these digits."""
    listed = (await list_approvers(socket)).invitations
    found = [each for each in listed if each.terms_hash.hex().startswith(digits.lower())]
    if len(found) != 1:
        raise NotFound(f"{len(found)} open invitations start with {digits}", reason="INVITATION_UNKNOWN")
    return found[0]


async def withdraw(socket: Path, key: SigningKey, terms_hash: bytes) -> approver_pb2.InvitationTerms:
    """Call an open invitation off."""
    listed = await list_approvers(socket)
    statement = InvitationWithdrawal(
        KeyringId(listed.keyring_id),
        ManifestHash(listed.manifest_hash),
        listed.index,
        Thumbprint(key.thumbprint),
        terms_hash,
        int(time.time()),
    )
    request = pb.WithdrawInvitationRequest(withdrawal=sign(statement, key).message)
    return (await _call(socket, "WithdrawInvitation", request, pb.WithdrawInvitationResponse)).terms


async def _sign_terms(socket: Path, key: SigningKey, terms: InvitationTerms) -> pb.InvitationEntry:
    listed = await list_approvers(socket)
    statement = Invitation(
        KeyringId(listed.keyring_id),
        ManifestHash(listed.manifest_hash),
        listed.index,
        Thumbprint(key.thumbprint),
        terms,
        int(time.time()),
    )
    request = pb.InviteApproverRequest(invitation=sign(statement, key).message)
    return (await _call(socket, "InviteApprover", request, pb.InviteApproverResponse)).invitation


async def accept(socket: Path, token: str, key: SigningKey) -> pb.ApproverEntry:
    """Join with a key of one's own."""
    shown = await _call(
        socket, "ShowInvitation", pb.ShowInvitationRequest(token=token), pb.ShowInvitationResponse
    )
    listed = await list_approvers(socket)
    statement = Acceptance(
        KeyringId(listed.keyring_id),
        ManifestHash(listed.manifest_hash),
        listed.index,
        Thumbprint(key.thumbprint),
        shown.terms_hash,
        int(time.time()),
    )
    request = pb.AcceptInvitationRequest(token=token, acceptance=sign(statement, key).message)
    return (await _call(socket, "AcceptInvitation", request, pb.AcceptInvitationResponse)).approver


async def find_approver(socket: Path, digits: str) -> pb.ApproverEntry:
    """The active approver whose thumbprint starts with these digits."""
    listed = (await list_approvers(socket)).approvers
    found = [a for a in listed if not a.revoked_at and a.thumbprint.hex().startswith(digits.lower())]
    if len(found) != 1:
        raise NotFound(f"{len(found)} approvers' thumbprints start with {digits}", reason="NOT_AN_APPROVER")
    return found[0]


async def revoke(socket: Path, key: SigningKey, revoked: bytes, reason: str) -> pb.RevocationEntry:
    """Sign an approver off the list."""
    listed = await list_approvers(socket)
    statement = ApproverRevocation(
        KeyringId(listed.keyring_id),
        ManifestHash(listed.manifest_hash),
        listed.index,
        Thumbprint(key.thumbprint),
        Thumbprint(revoked),
        reason,
        int(time.time()),
    )
    request = pb.RevokeApproverRequest(revocation=sign(statement, key).message)
    return (await _call(socket, "RevokeApprover", request, pb.RevokeApproverResponse)).revocation


async def history(socket: Path, wanted: HistoryFilter, most: int) -> AsyncIterator[HistoryRow]:
    """Up to `most` rows that fit, the newest first."""
    before = 0
    while most > 0:
        request = pb.ListHistoryRequest(
            since=wanted.since,
            until=wanted.until,
            outcomes=sorted(wanted.outcomes),
            purpose=wanted.purpose,
            principal=wanted.principal,
            approver=wanted.approver,
            request_hash=wanted.request,
            before=before,
            limit=min(most, _PAGE),
        )
        page = await _call(socket, "ListHistory", request, pb.ListHistoryResponse)
        for row in page.rows:
            yield HistoryRow(
                row.number,
                row.at,
                RequestHash(row.request_hash),
                row.outcome,
                row.reason,
                row.allowed,
                row.denied,
                row.pending,
                tuple((each.category, each.count) for each in row.categories),
                Purpose(row.purpose),
                Thumbprint(row.principal),
                row.approver,
                row.seconds,
            )
        most -= len(page.rows)
        before = page.next
        if not before:
            return
