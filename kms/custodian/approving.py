"""What an approver's commands say to their node, through its local socket."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from kms.crypto.signing import SigningKey
from kms.custodian.approvals import ANSWER_SECONDS
from kms.errors import NotFound
from kms.statements.envelope import sign
from kms.statements.evidence import Approval, approval_text_hash
from kms.statements.ids import KeyringId, ManifestHash, RequestHash, Thumbprint
from kms.statements.release import Purpose, Verdict
from kms.transport.client import Channel
from kms.wire.v1 import custodian_pb2

SERVICE = "kms.v1.ApprovalService"
_TIMEOUT = 10.0


async def list_waiting(socket: Path, language: str = "en") -> Sequence[custodian_pb2.WaitingRequest]:
    """Requests that wait at the node behind this socket."""
    channel = Channel(f"unix:{socket}", None)
    try:
        answer = await channel.call(
            SERVICE,
            "ListWaiting",
            custodian_pb2.ListWaitingRequest(language=language),
            custodian_pb2.ListWaitingResponse,
            timeout=_TIMEOUT,
        )
        return answer.waiting
    finally:
        await channel.close()


async def find_waiting(socket: Path, digits: str, language: str = "en") -> custodian_pb2.ShowWaitingResponse:
    """The one request whose hash starts with these digits; NotFound if none or several do."""
    matching = [w for w in await list_waiting(socket) if w.request_hash.hex().startswith(digits.lower())]
    if len(matching) != 1:
        raise NotFound(f"{len(matching)} waiting requests start with {digits}", reason="NOT_WAITING")
    channel = Channel(f"unix:{socket}", None)
    try:
        return await channel.call(
            SERVICE,
            "ShowWaiting",
            custodian_pb2.ShowWaitingRequest(request_hash=matching[0].request_hash, language=language),
            custodian_pb2.ShowWaitingResponse,
            timeout=_TIMEOUT,
        )
    finally:
        await channel.close()


async def answer(socket: Path, shown: custodian_pb2.ShowWaitingResponse, key: SigningKey, allow: bool) -> str:
    """Sign the text that was shown and hand the answer in; what the node decides now."""
    approval = Approval(
        KeyringId(shown.keyring_id),
        ManifestHash(shown.manifest_hash),
        shown.index,
        RequestHash(shown.waiting.request_hash),
        Thumbprint(key.thumbprint),
        Verdict.ALLOW if allow else Verdict.DENY,
        Purpose(shown.purpose),
        shown.waiting.count,
        approval_text_hash(shown.waiting.text),
        min(shown.waiting.expires_at, int(time.time()) + ANSWER_SECONDS),
    )
    channel = Channel(f"unix:{socket}", None)
    try:
        response = await channel.call(
            SERVICE,
            "Answer",
            custodian_pb2.AnswerRequest(approval=sign(approval, key).message),
            custodian_pb2.AnswerResponse,
            timeout=_TIMEOUT,
        )
        return response.outcome
    finally:
        await channel.close()
